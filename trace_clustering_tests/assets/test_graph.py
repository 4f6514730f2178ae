"""From a team's traces to the emitted event, through Dagster, on themes that are easy to tell apart."""

import dataclasses
import io
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.parquet import from_parquet
from trace_clustering.clickhouse.cluster_metrics import METRIC_NAMES
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.artifacts.every_kind import write
from trace_clustering_tests.assets.conftest import Graph, list_event_types, read_failure, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, THEMES, themed_records

PARTITION = f"{DAY}|1"


@pytest.fixture(scope="module")
def run(module_graph: Graph) -> tuple[Graph, dg.ExecuteInProcessResult]:
    module_graph.load(1, themed_records(outliers=0))
    return module_graph, module_graph.materialize(PARTITION)


def test_all_six_assets_are_materialized_for_the_partition(
    run: tuple[Graph, dg.ExecuteInProcessResult],
) -> None:
    graph, result = run
    assert result.success
    for asset in ASSETS:
        assert graph.instance.get_materialized_partitions(dg.AssetKey(asset)) == {PARTITION}
        metadata = read_metadata(result, asset)
        assert metadata["status"] == "ok"
        assert metadata["run_id"] == "1_trace_20250123_000000"
        assert metadata["seconds"] >= 0
        assert metadata["settings"]["lookback_days"] == 7
        assert (graph.folder / "artifacts" / asset / DAY / "1.parquet").is_file()


def test_the_metadata_holds_what_was_found(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    _, result = run
    assert read_metadata(result, "embeddings")["traces"] == 90
    assert read_metadata(result, "reduced_embeddings")["dimensions"] == 100
    assert read_metadata(result, "reduced_embeddings")["ensemble_size"] == 10
    assert read_metadata(result, "cluster_assignments")["clusters"] == 3
    assert read_metadata(result, "cluster_assignments")["noise_share"] == 0
    assert str(read_metadata(result, "projection_2d")["map"]).startswith(
        "![Map of 1_trace_20250123_000000](data:image/png"
    )
    assert read_metadata(result, "cluster_labels")["labelers"] == {"keywords": 3}
    assert read_metadata(result, "cluster_labels")["labeling"]["ended"].startswith("no language model")
    assert read_metadata(result, "emitted_cluster_event")["outcome"] == "emitted"


def test_all_checks_pass(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    _, result = run
    evaluations = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert evaluations == {
        "clusters_found": True,
        "titles_distinct": True,
        "clusters_named": True,
        "event_reads_back": True,
        "new_topics_within_limit": True,
        "growth_within_limit": True,
        "errors_within_limit": True,
    }


def test_the_statement_of_the_design_reads_the_event(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, _ = run
    event = graph.newest_event()
    assert event["run_id"] == "1_trace_20250123_000000"
    assert event["timestamp"] == datetime(2025, 1, 23, tzinfo=UTC)
    assert [cluster["cluster_id"] for cluster in event["clusters"]] == [0, 1, 2]
    assert sum(cluster["size"] for cluster in event["clusters"]) == 90


def test_the_clusters_are_the_themes_with_titles_of_their_words(
    run: tuple[Graph, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = run
    clusters = graph.newest_event()["clusters"]
    themes = {
        min(int(trace.removeprefix("trace-")) // 30 for trace in cluster["traces"]) for cluster in clusters
    }
    assert themes == {0, 1, 2}
    for cluster in clusters:
        theme = THEMES[min(int(trace.removeprefix("trace-")) // 30 for trace in cluster["traces"])]
        assert any(word.lower() in theme for word in cluster["title"].replace(",", "").split())


def test_every_cluster_has_figures_over_all_its_traces(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, result = run
    for cluster in graph.newest_event()["clusters"]:
        metrics = cluster["metrics"]
        assert (metrics["item_count"], metrics["latency_count"], metrics["avg_latency"]) == (30, 30, 1.5)
        assert (metrics["cost_count"], metrics["avg_cost"], metrics["error_rate"]) == (0, None, None)
    assert "not_measured" not in read_metadata(result, "cluster_metrics")


def test_a_run_does_not_fail_for_want_of_figures(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, _ = run
    without = ClickHouse(dsn=graph.clickhouse.dsn, assignments_table="of_another_program")
    with without.open_session(1, timeout_seconds=60) as session:
        session._client.command("ALTER TABLE of_another_program DROP COLUMN topic_id")
    usual, graph.clickhouse = graph.clickhouse, without
    again = graph.materialize(PARTITION, ["cluster_metrics"])
    graph.clickhouse = usual
    assert again.success
    assert "STEP_UP_FOR_RETRY" not in list_event_types(again)
    assert "topic_id" in read_metadata(again, "cluster_metrics")["not_measured"]
    stored = (graph.folder / "artifacts" / "cluster_metrics" / DAY / "1.parquet").read_bytes()
    assert from_parquet(io.BytesIO(stored)).metrics[0] == {
        **dict.fromkeys(METRIC_NAMES),
        "item_count": 30,
    }
    assert graph.materialize(PARTITION, ["cluster_metrics"]).success


def test_themes_that_are_well_apart_are_stable(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, result = run
    stabilities = {str(c["cluster_id"]): c["stability"] for c in graph.newest_event()["clusters"]}
    assert len(stabilities) == 3
    assert min(stabilities.values()) > 0.9
    assert read_metadata(result, "cluster_assignments")["stabilities"] == stabilities
    table: Any = read_metadata(result, "cluster_labels")["labels"]
    in_table = {str(record.data["cluster"]): record.data["stability"] for record in table.records}
    assert in_table == {cluster: f"{stability:.0%}" for cluster, stability in stabilities.items()}


def test_the_same_traces_and_settings_make_the_same_files_in_another_home(
    run: tuple[Graph, dg.ExecuteInProcessResult], graph: Graph
) -> None:
    first, _ = run
    graph.load(1, list(reversed(themed_records(outliers=0))))
    # A time limit is no part of what is stored.
    assert graph.materialize(PARTITION, compute_timeout_seconds=600).success
    for asset in ASSETS:
        one, other = (
            from_parquet(io.BytesIO((home.folder / "artifacts" / asset / DAY / "1.parquet").read_bytes()))
            for home in (first, graph)
        )
        assert one.digest == other.digest, asset
        # The files differ only in the id of the run of Dagster.
        assert write(replace_run_id(one, "run")) == write(replace_run_id(other, "run")), asset
    assert graph.event_properties() == first.event_properties()


def replace_run_id(artifact: Artifact, run_id: str) -> Artifact:
    assert artifact.provenance.dagster_run_id not in ("", run_id)
    provenance = dataclasses.replace(artifact.provenance, dagster_run_id=run_id)
    return dataclasses.replace(artifact, provenance=provenance)


def test_a_retry_of_the_last_steps_adds_no_event(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, _ = run
    again = graph.materialize(PARTITION, ["cluster_assignments", "cluster_labels", "emitted_cluster_event"])
    assert again.success
    assert read_metadata(again, "emitted_cluster_event")["outcome"] == "unchanged"
    assert len(graph.event_properties()) == 1


def test_one_asset_alone_works_from_what_is_stored_and_never_rewrites_history(
    run: tuple[Graph, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = run
    (before,) = graph.event_properties()
    again = graph.materialize(
        PARTITION, ["cluster_labels", "emitted_cluster_event"], max_samples=50, lookback_days=1
    )
    assert again.success
    assert graph.event_properties() == [before]
    assert before["$ai_clustering_params"] == {
        "clustering_method": "hdbscan",
        "clustering_method_params": {
            "min_cluster_size_fraction": 0.01,
            "min_samples": 5,
            "cluster_selection_method": "eom",
            "max_cluster_size": None,
            "ensemble_size": 10,
        },
        "embedding_normalization": "l2",
        "dimensionality_reduction_method": "umap",
        "dimensionality_reduction_ndims": 100,
        "visualization_method": "umap",
        "max_samples": 1000,
        "trace_filters": [],
    }


def test_another_number_of_listed_traces_replaces_the_event(
    run: tuple[Graph, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = run
    (before,) = graph.event_properties()
    shorter = graph.materialize(PARTITION, ["emitted_cluster_event"], max_traces_per_cluster=3)
    assert read_metadata(shorter, "emitted_cluster_event")["outcome"] == "replaced"
    (event,) = graph.event_properties()
    assert [len(cluster["traces"]) for cluster in event["$ai_clusters"]] == [3, 3, 3]
    assert [cluster["size"] for cluster in event["$ai_clusters"]] == [30, 30, 30]
    assert event["$ai_clustering_params"]["max_traces_per_cluster"] == 3
    again = graph.materialize(PARTITION, ["emitted_cluster_event"])
    assert read_metadata(again, "emitted_cluster_event")["outcome"] == "replaced"
    assert graph.event_properties() == [before]


def test_a_setting_of_one_run_reaches_the_assets_and_the_event(
    run: tuple[Graph, dg.ExecuteInProcessResult],
) -> None:
    graph, _ = run
    params = {"min_cluster_size_fraction": 0.2, "min_samples": 3}
    result = graph.materialize(PARTITION, max_samples=80, run_label="try-1", clustering_method_params=params)
    assert result.success
    labelled = [e for e in graph.event_properties() if e["$ai_clustering_run_id"].endswith("_try-1")]
    assert len(labelled) == 1
    assert labelled[0]["$ai_total_items_analyzed"] == 80
    used = labelled[0]["$ai_clustering_params"]["clustering_method_params"]
    chosen = {"cluster_selection_method": "eom", "max_cluster_size": None, "ensemble_size": 10}
    assert used == params | chosen
    assert len(graph.event_properties()) == 2


def test_assets_of_different_runs_are_never_mixed(run: tuple[Graph, dg.ExecuteInProcessResult]) -> None:
    graph, _ = run
    coarse = {"min_cluster_size_fraction": 0.45}
    assert graph.materialize(PARTITION, ["cluster_assignments"], clustering_method_params=coarse).success
    mixed = graph.materialize(PARTITION, ["cluster_labels"])
    assert not mixed.success
    assert "hold different clusters" in read_failure(mixed)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(mixed)
