"""Too little data is no failure: explicit empty results, the reason, and no event."""

import dagster as dg
import pytest

from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, themed_records


@pytest.mark.parametrize("traces", [0, 1, 2, 3, 5, 19])
def test_fewer_than_twenty_traces_end_as_a_success_without_an_event(graph: Graph, traces: int) -> None:
    if traces:
        graph.load(1, themed_records()[:traces])
    result = graph.materialize(f"{DAY}|1")
    assert result.success
    for asset in ASSETS:
        metadata = read_metadata(result, asset)
        assert metadata["status"] == "insufficient_data"
        assert metadata["reason"].startswith(f"{traces} traces in the window, fewer than the 20")
    assert graph.event_properties() == []
    assert all(e.passed for e in result.get_asset_check_evaluations())


def test_a_trace_with_many_rows_counts_once(graph: Graph) -> None:
    for batch in ("batch-1", "batch-2"):
        graph.load(1, themed_records()[:19], batch)
    result = graph.materialize(f"{DAY}|1")
    assert read_metadata(result, "embeddings")["traces"] == 19
    assert read_metadata(result, "embeddings")["status"] == "insufficient_data"


def test_a_window_that_lost_its_traces_leaves_no_stale_artifact(graph: Graph) -> None:
    graph.load(1, themed_records()[:19])
    assert graph.materialize(f"{DAY}|1").success
    assert graph.materialize("2025-03-01|1").success
    later = graph.materialize("2025-03-01|1", ["cluster_labels"])
    assert later.success
    assert read_metadata(later, "cluster_labels")["status"] == "insufficient_data"


def test_another_teams_traces_do_not_count(graph: Graph) -> None:
    graph.load(2, themed_records())
    result = graph.materialize(f"{DAY}|1", ["embeddings"])
    assert read_metadata(result, "embeddings")["traces"] == 0


def test_a_team_outside_the_allowlist_has_no_partition(graph: Graph) -> None:
    with pytest.raises(dg.DagsterUnknownPartitionError, match=r"2025-01-22\|99"):
        graph.materialize(f"{DAY}|99")
