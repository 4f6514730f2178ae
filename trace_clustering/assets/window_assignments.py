import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities, WindowAssignments
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.window_assignments import assign_window
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.processes.clock import StepClock
from trace_clustering.traces.sampling import SampleRules

_NAMES_OF_SELECTION = ("document_type", "rendering", "embedding_model", "job_id")


@clustering_asset(
    makes=WindowAssignments,
    kinds={"clickhouse"},
    code_version="1",
    retry_policy=THREE_ATTEMPTS,
)
def window_assignments(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    cluster_assignments: ClusterAssignments,
    cluster_identities: ClusterIdentities,
) -> dg.MaterializeResult[WindowAssignments]:
    """Every trace of the window in the cluster whose centroid is nearest, or in none; in ClickHouse."""
    provenance = cluster_identities.provenance.with_settings(settings.of_stage("window_assignments"))
    clock = StepClock(settings.compute_timeout(cluster_assignments.coverage.get("in_window", 0)))
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        assigned = assign_window(
            session,
            cluster_assignments,
            cluster_identities,
            # As they were when the sample was drawn, whatever the launchpad says now.
            DocumentSelection(**{name: provenance.settings[name] for name in _NAMES_OF_SELECTION}),
            parse_filters(provenance.settings["trace_filters"]),
            SampleRules(provenance.settings.get("automation", SampleRules().automation)),
        )
    window = assigned.window
    coverage = cluster_assignments.coverage | {"assigned": assigned.assigned}
    context.log.info(f"{assigned.assigned} of {window.matching} traces belong to a cluster")
    return dg.MaterializeResult(
        value=WindowAssignments(
            provenance=provenance,
            cluster_ids=np.array(assigned.cluster_ids, dtype=np.int64),
            days=np.array(assigned.days, dtype="datetime64[ms]"),
            traces=np.array(assigned.traces, dtype=np.int64),
            version=assigned.version,
            coverage=coverage,
        ),
        metadata={
            **coverage,
            "version": assigned.version,
            "traces": window.matching,
            "written": window.matching if assigned.is_new else 0,
            "assignment_seconds": round(assigned.seconds, 3),
            "traces_per_second": round(window.matching / assigned.seconds) if assigned.is_new else None,
        },
    )
