from datetime import UTC, datetime

import dagster as dg

from trace_clustering.artifacts.ingestion import IngestedTraces
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.day import build_columns
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.trace_source import is_own_table
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT
from trace_clustering.documents.redaction import redact_trace
from trace_clustering.ingestion.ingest import ingest_traces
from trace_clustering.orchestration.jobs import INGESTION_GROUP
from trace_clustering.orchestration.partitions import parse_partition_key
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.team_settings import load_source_of_team
from trace_clustering.sources.bad_records import BadRecordCount
from trace_clustering.sources.tables import read_table_traces


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
    """The traces to which something happened on a day, taken from the team's source and stored as events.

    What is stored unchanged is not written again. A trace that ended after its day was read is found by the
    next night. A team without a source has none to ingest.
    """
    team_id, day = parse_partition_key(context.partition_key, lookback_days=1)
    provenance = Provenance(team_id, day, settings.of_stage("ingested_traces"))
    source = load_source_of_team(team_id)
    if source is None:
        context.log.info(f"Team {team_id} has no source: its rows are in the tables already")
        return dg.MaterializeResult(value=IngestedTraces.empty(provenance), metadata={"status": "no_source"})
    kinds = settings.redaction_kinds()
    bad = BadRecordCount()
    read = read_table_traces(
        clickhouse,
        source,
        team_id,
        day,
        timeout_seconds=INGESTION_STATEMENT_TIMEOUT,
        tell_left_out=bad.add_bad_trace,
    )
    report = ingest_traces(
        clickhouse,
        team_id,
        (redact_trace(trace, kinds) for trace in read),
        datetime.now(UTC),
        is_stored=is_own_table(source, team_id, clickhouse.database, clickhouse.events_table),
    )
    if report.not_deleted:
        context.log.warning(f"Older versions of traces stay beside the new ones: {report.not_deleted}")
    if bad.bad_count:
        context.log.warning(f"Team {team_id}: left out {bad.describe_bad_records()}")
    context.log.info(f"Read {len(report.traces)} traces of team {team_id}, {report.new} of them new")
    return dg.MaterializeResult(
        value=IngestedTraces(provenance=provenance, **build_columns(report.traces)),
        metadata={
            "source": source.kind,
            "traces": len(report.traces),
            "new": report.new,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "automation": report.automation,
            "left_out": bad.bad_count,
        },
    )
