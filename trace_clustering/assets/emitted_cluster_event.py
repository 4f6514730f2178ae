import json

import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import event_reads_back
from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.json_columns import hold_same_values
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import EMIT_ACTIVITY_TIMEOUT
from trace_clustering.orchestration.settings import ClusteringSettings, select_reported
from trace_clustering.posthog.cluster_event import build_cluster_event
from trace_clustering.processes.clock import StepClock
from trace_clustering.processes.stopping import require_live_run


@clustering_asset(
    makes=EventReceipt,
    kinds={"clickhouse"},
    code_version="5",
    retry_policy=THREE_ATTEMPTS,
    checks=[event_reads_back],
)
def emitted_cluster_event(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    cluster_assignments: ClusterAssignments,
    projection_2d: Projection2D,
    cluster_labels: ClusterLabels,
) -> dg.MaterializeResult[EventReceipt]:
    """The `$ai_trace_clusters` event in ClickHouse: one per run, however often it is emitted.

    What is stored is a receipt of what was written.
    """
    clock = StepClock(EMIT_ACTIVITY_TIMEOUT)
    provenance = projection_2d.provenance.with_settings(settings.of_stage("emitted_cluster_event"))
    event = build_cluster_event(
        cluster_assignments,
        projection_2d,
        cluster_labels,
        params=select_reported(provenance.settings),
        max_traces_per_cluster=settings.max_traces_per_cluster,
    )
    notes: list[str] = []
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        require_live_run(context.instance, context.run.run_id)
        outcome = emit_cluster_events(session, event, notes.append)
        stored = fetch_cluster_event(session, provenance.run_id)
    for text in notes:
        context.log.warning(text)
    payload_bytes = len(event.json_text.encode())
    context.log.info(f"Event {event.event_uuid} of run {provenance.run_id}: {outcome}, {payload_bytes} bytes")
    return dg.MaterializeResult(
        value=EventReceipt(
            provenance=provenance,
            event_uuids=np.array([str(event.event_uuid)], dtype=object),
            run_ids=np.array([provenance.run_id], dtype=object),
            outcomes=np.array([outcome], dtype=object),
            payload_bytes=np.array([payload_bytes]),
            reads_back=hold_same_values(stored, json.loads(event.json_text)),
        ),
        metadata={
            "event_uuid": str(event.event_uuid),
            "outcome": outcome,
            "payload_bytes": payload_bytes,
            "clusters": cluster_labels.n_clusters,
            "traces": len(cluster_assignments),
            "labeler": event.labeler,
            **({"not_cleaned_up": notes} if notes else {}),
        },
    )
