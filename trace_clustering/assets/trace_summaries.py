import dagster as dg

from trace_clustering.artifacts.ingestion import IngestedTraces, TraceSummaries
from trace_clustering.assets.asset import TWO_ATTEMPTS, clustering_asset
from trace_clustering.assets.day import list_traces, take_columns
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.ingestion.summarize import summarize_traces
from trace_clustering.orchestration.jobs import INGESTION_GROUP
from trace_clustering.orchestration.settings import ClusteringSettings


@clustering_asset(
    makes=TraceSummaries,
    kinds={"clickhouse"},
    code_version="1",
    retry_policy=TWO_ATTEMPTS,
    group=INGESTION_GROUP,
)
def trace_summaries(
    context: dg.AssetExecutionContext,
    ingested_traces: IngestedTraces,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
) -> dg.MaterializeResult[TraceSummaries]:
    """A summary of each trace of the day: what the person asked for, the tools, and what went wrong.

    Only traces that have none, or have changed since, are summarized. Those that no person started are not.
    """
    provenance = ingested_traces.provenance.with_settings(settings.of_stage("trace_summaries"))
    report = summarize_traces(clickhouse, provenance.team_id, list_traces(ingested_traces))
    context.log.info(f"Wrote {sum(report.written.values())} summaries; {report.unchanged} were there")
    return dg.MaterializeResult(
        value=TraceSummaries(provenance=provenance, **take_columns(ingested_traces)),
        metadata={
            "traces": len(ingested_traces),
            "summarized": sum(report.written.values()),
            "summarized_by": report.written,
            "unchanged": report.unchanged,
            "automation": report.automation,
            "missing": report.missing,
        },
    )
