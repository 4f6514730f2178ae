"""Too little data is no failure: explicit empty results, the reason, and no event."""

import click
import pytest

from trace_clustering.reports.table import build_clustering_table, fetch_clustering
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
    with pytest.raises(click.ClickException, match=r"2025-01-22\|99"):
        graph.materialize(f"{DAY}|99")


@pytest.mark.slow
class TestEarlierEvents:
    @pytest.mark.parametrize("left", [0, 11])
    def test_an_event_whose_traces_are_gone_is_replaced_by_one_without_clusters(
        self, graph: Graph, left: int
    ) -> None:
        graph.load(1, themed_records())
        assert graph.materialize(f"{DAY}|1").success
        (before,) = graph.event_properties()
        with graph.clickhouse.open_session(1, timeout_seconds=60) as session:
            for table, name in (
                ("document_embeddings", "document_id"),
                ("events", "JSONExtractString(properties, '$ai_trace_id')"),
            ):
                session._client.command(f"DELETE FROM {table} WHERE {name} > 'trace-{left - 1:03d}'")
        emptied = graph.materialize(f"{DAY}|1")
        assert emptied.success
        metadata = read_metadata(emptied, "emitted_cluster_event")
        assert metadata["status"] == "insufficient_data"
        assert (metadata["outcome"], metadata["clusters"], metadata["traces"]) == ("replaced", 0, 0)
        (after,) = graph.event_properties()
        assert after["$ai_clustering_run_id"] == before["$ai_clustering_run_id"]
        assert after["$ai_clusters"] == []
        assert after["$ai_total_items_analyzed"] == 0
        assert after["$ai_clustering_shortage"] == metadata["reason"]
        assert "trace-0" not in str(after)
        shown = build_clustering_table(fetch_clustering(graph.clickhouse, 1))
        assert "No clusters: " in str(shown.caption)
        again = graph.materialize(f"{DAY}|1")
        assert read_metadata(again, "emitted_cluster_event")["outcome"] == "unchanged"
        assert all(e.passed for e in again.get_asset_check_evaluations())
        graph.load(1, themed_records(), "batch-2")
        assert graph.materialize(f"{DAY}|1").success
        (restored,) = graph.event_properties()
        assert len(restored["$ai_clusters"]) == len(before["$ai_clusters"])
        assert "$ai_clustering_shortage" not in restored

    def test_events_of_other_runs_stay(self, graph: Graph) -> None:
        graph.load(1, themed_records())
        assert graph.materialize(f"{DAY}|1").success
        stored = graph.event_properties()
        result = graph.materialize(f"{DAY}|1", run_label="trial", rendering="nothing")
        assert read_metadata(result, "emitted_cluster_event")["status"] == "insufficient_data"
        assert "outcome" not in read_metadata(result, "emitted_cluster_event")
        assert graph.event_properties() == stored
