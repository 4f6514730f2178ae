"""A small cluster event for tests, made from artifacts with all that is awkward to write."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.orchestration.settings import select_reported
from trace_clustering.posthog.build_cluster_event import Topics, build_cluster_event
from trace_clustering.posthog.cluster_event import ClusterEvent
from trace_clustering.traces.window import Window

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
PROVENANCE = Provenance(
    team_id=1,
    window=WINDOW,
    settings={
        "run_label": "",
        "lookback_days": 7,
        "clustering_method": "hdbscan",
        "clustering_method_params": {"min_samples": 5, "min_cluster_size_fraction": 0.01},
        "embedding_normalization": "l2",
        "dimensionality_reduction_method": "umap",
        "dimensionality_reduction_ndims": 3,
        "visualization_method": "umap",
        "max_samples": 1000,
        "max_traces_per_cluster": 0,
        "trace_filters": [{"key": "$ai_model", "value": "it's {a} \\ 🦔"}],
    },
)
IDENTITY = {
    "trace_ids": np.array(["a", "b", "c", "d", "e", "f"], dtype=object),
    "timestamps": np.array(["2025-01-20T12:00:00.250"] * 6, dtype="datetime64[ms]"),
    "trace_times": np.full(6, "NaT", dtype="datetime64[us]"),
    "batch_run_ids": np.array(["batch-1"] * 6, dtype=object),
    "weights": np.array([1, 5, 1, 7, 1, 1]),
}
CLUSTER_IDS = np.array([1, -1, 0, 1, -1, 1])
ASSIGNMENTS = ClusterAssignments(
    provenance=PROVENANCE,
    **IDENTITY,
    cluster_ids=CLUSTER_IDS,
    probabilities=np.ones(6, dtype=np.float32),
    nearest_cluster_ids=np.array([1, 0, 0, 1, 1, 1]),
    distances_to_nearest=np.array([0.3, 5, 0, 0.1, 7, 0.2], dtype=np.float32),
    distances_to_centroid=np.array([0.3, 5, 0, 0.1, 7, 0.2], dtype=np.float32),
    centroids=np.array([[0.1, 0.2, 0.3], [-1, 0, 1]], dtype=np.float32),
    stabilities=np.array([np.nan, 0.9375], dtype=np.float32),
)
PROJECTION = Projection2D(
    provenance=PROVENANCE,
    **IDENTITY,
    cluster_ids=CLUSTER_IDS,
    coordinates=np.array([[0, 1], [9, 9], [2, 3], [0, 2], [-9, 9], [0, 3]], dtype=np.float32),
    clusters=[0, 1, -1],
    centroid_coordinates=np.array([[2, 3], [0, 2], [0, 9]], dtype=np.float32),
)
NASTY = 'He said "näh" \\ it\'s {x}\n\t\0 🦔 \u2028 </script>'
CLUSTER_LABELS = ClusterLabels(
    provenance=PROVENANCE,
    # In an order of their own: labels are matched by id.
    cluster_ids=np.array([-1, 1, 0]),
    sizes=np.array([2, 3, 1]),
    titles=np.array(["Outliers", "Refunds", NASTY], dtype=object),
    descriptions=np.array(["Fit nowhere.", "About money.", NASTY], dtype=object),
    labelers=np.array(["fallback", "keywords", "keywords"], dtype=object),
    accuracies=np.array([np.nan, 0.75, 1], dtype=np.float32),
    labeling={"model": "small", "cost_usd": None},
    label_from_runs=["", "1_trace_20250120_000000", ""],
    label_terms=[[], ["money"], []],
    parents=[
        {
            "id": "p1",
            "level": 1,
            "title": "Money",
            "description": "- Of all kinds",
            "labeler": "agent",
            "clusters": [0, 1],
            "traces": 4,
        }
    ],
)


TOPICS = Topics(
    ClusterIdentities(
        provenance=PROVENANCE,
        cluster_ids=np.array([0, 1]),
        topic_ids=np.array(["t0", "t1"], dtype=object),
        relations=np.array(["new", "continued"], dtype=object),
        earlier_run_ids=np.array(["", "1_trace_20250122_000000"], dtype=object),
        earlier_cluster_ids=np.array([-1, 4]),
        shared_traces=np.array([0, 2]),
        earlier_titles=np.array(["", "Refunds"], dtype=object),
        earlier_descriptions=np.array(["", ""], dtype=object),
        earlier_labelers=np.array(["", "keywords"], dtype=object),
        obeyed=[["ignore"], ["merge", "pin"]],
        edits={"digest": "1f", "unknown_topics": ["3f2a9c1e"]},
        gone=[{"topic_id": "t9", "title": "Gone"}],
    ),
    WindowAssignments(
        provenance=PROVENANCE,
        cluster_ids=np.array([0, 1]),
        days=np.array(["2025-01-20"] * 2, dtype="datetime64[ms]"),
        traces=np.array([1, 4]),
        coverage={"in_window": 9, "sampled": 6, "assigned": 5},
    ),
    ClusterMetrics(
        provenance=PROVENANCE,
        cluster_ids=np.array([0, 1]),
        metrics=[{"item_count": 1}, {"item_count": 4}],
        changes=[{"kind": "new"}, {}],
    ),
)


def make_cluster_event(
    *,
    team_id: int = 1,
    days: int = 0,
    run_label: str = "",
    title: str = "Refunds",
    trace_times: np.ndarray | None = None,
) -> ClusterEvent:
    provenance = replace(
        PROVENANCE,
        team_id=team_id,
        window=Window(WINDOW.start + timedelta(days=days), WINDOW.end + timedelta(days=days)),
        settings=PROVENANCE.settings | {"run_label": run_label},
    )
    titles = np.array(["Outliers", title, NASTY], dtype=object)
    times = ASSIGNMENTS.trace_times if trace_times is None else trace_times
    return build_cluster_event(
        replace(ASSIGNMENTS, trace_times=times),
        replace(PROJECTION, provenance=provenance),
        replace(CLUSTER_LABELS, titles=titles),
        TOPICS,
        select_reported(provenance.settings),
    )
