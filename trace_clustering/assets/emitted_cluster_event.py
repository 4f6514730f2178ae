import json
from dataclasses import asdict, replace

import dagster as dg
import numpy as np

from trace_clustering.alerts.notify import notify
from trace_clustering.alerts.resource import Alerts
from trace_clustering.alerts.watch import find_alerts_of_event
from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.io_manager import ArtifactIOManager
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.assets.alert_checks import (
    errors_within_limit,
    growth_within_limit,
    new_topics_within_limit,
)
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.checks import event_reads_back
from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event, is_emitted
from trace_clustering.clickhouse.json_columns import hold_same_values
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.run_clusters import delete_older_versions
from trace_clustering.clickhouse.topic_runs import fetch_topic_runs
from trace_clustering.constants import EMIT_ACTIVITY_TIMEOUT, NOISE_CLUSTER_ID
from trace_clustering.orchestration.settings import ClusteringSettings, select_reported
from trace_clustering.posthog.build_cluster_event import Topics, build_cluster_event
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering.processes.clock import StepClock
from trace_clustering.processes.stopping import require_live_run
from trace_clustering.topics.alerts import Alert, Thresholds


def replace_former_event(
    context: dg.AssetExecutionContext,
    receipt: EventReceipt,
    *,
    settings: ClusteringSettings,  # noqa: ARG001 - all resources of the asset are given
    clickhouse: ClickHouse,
    alerts: Alerts,  # noqa: ARG001
    io_manager: ArtifactIOManager,  # noqa: ARG001
) -> dg.MaterializeResult[EventReceipt]:
    """Replace an earlier event of the run by one without clusters, because there is nothing to cluster now.

    Without an earlier event, none is written.
    """
    provenance = receipt.provenance
    event = ClusterEvent(provenance, select_reported(provenance.settings), clusters=[], labeling={})
    clock = StepClock(EMIT_ACTIVITY_TIMEOUT)
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        if not is_emitted(session, event):
            return dg.MaterializeResult(value=receipt)
    result = _emit(context, clickhouse, event, clock)
    if result.value.outcomes[0] != "unchanged":
        context.log.warning(
            f"The earlier event of run {provenance.run_id} is replaced by one without clusters: "
            f"{provenance.shortage}"
        )
    return result


@clustering_asset(
    makes=EventReceipt,
    kinds={"clickhouse"},
    code_version="8",
    retry_policy=THREE_ATTEMPTS,
    checks=[event_reads_back, new_topics_within_limit, growth_within_limit, errors_within_limit],
    on_shortage=replace_former_event,
)
def emitted_cluster_event(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    alerts: Alerts,
    io_manager: dg.ResourceParam[ArtifactIOManager],
    cluster_assignments: ClusterAssignments,
    projection_2d: Projection2D,
    cluster_identities: ClusterIdentities,
    cluster_labels: ClusterLabels,
    window_assignments: WindowAssignments,
    cluster_metrics: ClusterMetrics,
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
        Topics(cluster_identities, window_assignments, cluster_metrics),
        params=select_reported(provenance.settings),
        max_traces_per_cluster=settings.max_traces_per_cluster,
    )
    event = replace(event, provenance=provenance)
    result = _emit(context, clickhouse, event, clock)
    found = _find_alerts(clickhouse, event, settings.thresholds(), clock)
    seconds = clock.seconds_left() / 2  # the receipt must be stored in time, too
    done = notify(
        found, provenance, resource=alerts, base=io_manager.base, total_seconds=seconds, log=context.log
    )
    context.log.info(f"Alerts: {len(found)}; {done}")
    receipt = replace(
        result.value,
        alerts=[asdict(alert) for alert in found],
        alerts_as_errors=settings.alerts_as_errors,
        notification=done,
    )
    return result._replace(value=receipt, metadata={**(result.metadata or {}), "notification": done})


def _find_alerts(
    clickhouse: ClickHouse, event: ClusterEvent, thresholds: Thresholds, clock: StepClock
) -> list[Alert]:
    """Return the alerts of an event, compared with the newest whose window has no trace in common."""
    provenance = event.provenance
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        before = fetch_topic_runs(
            session, runs=1, run_label=provenance.run_label, until=provenance.window.start
        )
    return find_alerts_of_event(json.loads(event.json_text), before[0] if before else None, thresholds)


def _emit(
    context: dg.AssetExecutionContext, clickhouse: ClickHouse, event: ClusterEvent, clock: StepClock
) -> dg.MaterializeResult[EventReceipt]:
    """Write an event, read it back, and return the receipt."""
    provenance = event.provenance
    notes: list[str] = []
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        require_live_run(context.instance, context.run.run_id)
        outcome = emit_cluster_events(session, event, notes.append)
        stored = fetch_cluster_event(session, provenance.run_id)
        if reason := delete_older_versions(session, provenance.run_id, event.version):
            notes.append(f"Older versions of the clusters of {provenance.run_id} stay: {reason}")
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
            "clusters": sum(cluster.cluster_id != NOISE_CLUSTER_ID for cluster in event.clusters),
            "traces": sum(cluster.size for cluster in event.clusters),
            "labeler": event.labeler,
            **({"not_cleaned_up": notes} if notes else {}),
        },
    )
