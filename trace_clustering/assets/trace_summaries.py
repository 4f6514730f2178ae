import dagster as dg

from trace_clustering.artifacts.ingestion import IngestedTraces, TraceSummaries
from trace_clustering.assets.asset import TWO_ATTEMPTS, clustering_asset
from trace_clustering.assets.day import list_traces, take_columns
from trace_clustering.assets.source import choose_fetch, open_source
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.documents.llm_summaries import Summarizer
from trace_clustering.ingestion.summarize import summarize_traces
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.jobs import INGESTION_GROUP
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.team_settings import load_llm_of_team


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
    llm: LLM,
) -> dg.MaterializeResult[TraceSummaries]:
    """A summary of each trace of the day: what the person asked for, the tools, and what went wrong.

    Traces that have one, and those that the setting `automation` leaves out, are not summarized.
    """
    provenance = ingested_traces.provenance.with_settings(settings.of_stage("trace_summaries"))
    team_id, kinds = provenance.team_id, settings.redaction_kinds()
    source = open_source(clickhouse, team_id, provenance.window, kinds)
    options = settings.summary_options()
    summarizer = Summarizer(options, llm.resolve(load_llm_of_team(team_id)), log=context.log)
    report = summarize_traces(
        clickhouse,
        team_id,
        list_traces(ingested_traces),
        summarizer,
        fetch=choose_fetch(source),
        with_automation=settings.automation != "leave_out",
    )
    taken = summarizer.report
    context.log.info(f"Wrote {sum(report.written.values())} summaries; {report.unchanged} were there")
    return dg.MaterializeResult(
        value=TraceSummaries(provenance=provenance, **take_columns(ingested_traces)),
        metadata={
            "traces": len(ingested_traces),
            "summarized": sum(report.written.values()),
            "summarized_by": report.written,
            "fallbacks": dict(taken.fallbacks),
            "requests": taken.usage.requests,
            "prompt_tokens": taken.usage.prompt_tokens,
            "completion_tokens": taken.usage.completion_tokens,
            "cost_usd": taken.usage.cost_usd,
            "unchanged": report.unchanged,
            "automation": report.automation,
            "missing": report.missing,
        },
    )
