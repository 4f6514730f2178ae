from datetime import UTC, datetime

import dagster as dg

from trace_clustering.artifacts.ingestion import IngestedTraces
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.day import build_columns
from trace_clustering.assets.source import open_source
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.ingestion.ingest import ingest_traces
from trace_clustering.orchestration.jobs import INGESTION_GROUP
from trace_clustering.orchestration.partitions import parse_partition_key
from trace_clustering.orchestration.settings import ClusteringSettings


@clustering_asset(
    makes=IngestedTraces,
    kinds={"clickhouse"},
    code_version="1",
    retry_policy=THREE_ATTEMPTS,
    group=INGESTION_GROUP,
)
def ingested_traces(
    context: dg.AssetExecutionContext, settings: ClusteringSettings, clickhouse: ClickHouse
) -> dg.MaterializeResult[IngestedTraces]:
    """The traces to which something happened on a day, from the team's source, stored as events once.

    A trace that ended after its day was read is found by the next night.
    """
    team_id, day = parse_partition_key(context.partition_key, lookback_days=1)
    provenance = Provenance(team_id, day, settings.of_stage("ingested_traces"))
    source = open_source(clickhouse, team_id, day, settings.redaction_kinds())
    if source is None:
        context.log.info(f"Team {team_id} has no source: its rows are in the tables already")
        return dg.MaterializeResult(value=IngestedTraces.empty(provenance), metadata={"status": "no_source"})
    report = ingest_traces(
        clickhouse, team_id, source.read(), datetime.now(UTC), is_stored=source.is_own_table
    )
    if report.not_deleted:
        context.log.warning(f"Older versions of traces stay beside the new ones: {report.not_deleted}")
    if source.bad.bad_count:
        context.log.warning(f"Team {team_id}: left out {source.bad.describe_bad_records()}")
    context.log.info(f"Read {len(report.traces)} traces of team {team_id}, {report.new} of them new")
    return dg.MaterializeResult(
        value=IngestedTraces(provenance=provenance, **build_columns(report.traces)),
        metadata={
            "source": source.source.kind,
            "traces": len(report.traces),
            "new": report.new,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "automation": report.automation,
            "left_out": source.bad.bad_count,
        },
    )
