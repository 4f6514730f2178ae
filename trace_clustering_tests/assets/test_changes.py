from datetime import UTC, datetime

import numpy as np

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.topics import ClusterIdentities, WindowAssignments
from trace_clustering.assets.changes import count_window, describe_changes
from trace_clustering.traces.window import Window

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
PROVENANCE = Provenance(1, WINDOW, {})
TOPICS = {0: "one", 1: "other", -1: ""}


def assign(*rows: tuple[int, str, int]) -> WindowAssignments:
    clusters, days, traces = zip(*rows, strict=True)
    return WindowAssignments(
        provenance=PROVENANCE,
        cluster_ids=np.array(clusters),
        days=np.array(days, dtype="datetime64[ms]"),
        traces=np.array(traces),
    )


def identify(*topics: str) -> ClusterIdentities:
    n = len(topics)
    texts = {
        name: np.full(n, "", dtype=object)
        for name in ("earlier_run_ids", "earlier_titles", "earlier_descriptions", "earlier_labelers")
    }
    return ClusterIdentities(
        provenance=PROVENANCE,
        cluster_ids=np.arange(n),
        topic_ids=np.array(topics, dtype=object),
        relations=np.full(n, "new", dtype=object),
        earlier_cluster_ids=np.full(n, -1),
        shared_traces=np.zeros(n, dtype=np.int64),
        **texts,
    )


def test_days_without_traffic_are_counted_too() -> None:
    counted = count_window(assign((0, "2025-01-17", 3), (-1, "2025-01-22", 2), (0, "2025-01-22", 1)), TOPICS)

    assert [str(day) for day in counted.days[[0, -1]]] == ["2025-01-16", "2025-01-22"]
    assert counted.totals.tolist() == [0, 3, 0, 0, 0, 0, 3]
    assert {topic: traces.tolist() for topic, traces in counted.traces.items()} == {
        "one": [0, 3, 0, 0, 0, 0, 1],
        "other": [0] * 7,
        "": [0, 0, 0, 0, 0, 0, 2],
    }


def test_the_first_night_tells_shares_and_no_kind() -> None:
    changes = describe_changes(
        identify("one", "other"), assign((0, "2025-01-17", 30), (1, "2025-01-18", 60), (-1, "2025-01-18", 10))
    )

    assert list(changes) == [-1, 0, 1]
    assert {name: changes[0][name] for name in ("kind", "since", "share", "traces", "share_before")} == {
        "kind": None,
        "since": "2025-01-16",
        "share": 0.3,
        "traces": 30,
        "share_before": None,
    }
    assert changes[0]["daily"][1] == {
        "day": "2025-01-17",
        "share": 1.0,
        "share_low": changes[0]["daily"][1]["share_low"],
        "share_high": 1.0,
        "traces": 30,
    }
    assert changes[1]["daily"][0]["share"] is None


def test_a_run_without_traces_of_the_window_says_nothing() -> None:
    nothing = WindowAssignments(
        provenance=PROVENANCE,
        cluster_ids=np.array([], dtype=np.int64),
        days=np.array([], dtype="datetime64[ms]"),
        traces=np.array([], dtype=np.int64),
    )

    changes = describe_changes(identify("one"), nothing)

    assert changes[0]["share"] is None
    assert changes[0]["kind"] is None
