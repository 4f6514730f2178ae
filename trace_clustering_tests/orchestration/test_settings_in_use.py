"""Settings in use: what each asset records of them, the time limits, and the config of a run."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.settings import ClusteringSettings


def test_each_stage_records_the_settings_that_take_effect_in_it() -> None:
    settings = ClusteringSettings(lookback_days=14, clustering_method_params={"min_samples": 9})
    stages = (
        "ingested_traces",
        "trace_summaries",
        "embeddings",
        "reduced_embeddings",
        "cluster_assignments",
        "projection_2d",
        "cluster_labels",
        "emitted_cluster_event",
    )
    recorded: dict[str, Any] = {}
    for stage in stages:
        recorded |= settings.of_stage(stage)
    unrecorded = set(ClusteringSettings.model_fields) - set(recorded)
    assert unrecorded == {"min_k", "max_k", "compute_timeout_seconds"}
    assert json.loads(json.dumps(recorded)) == recorded
    assert recorded["lookback_days"] == 14
    assert recorded["clustering_method_params"] == {"min_cluster_size_fraction": 0.01, "min_samples": 9}


def test_for_kmeans_the_numbers_of_clusters_are_recorded_as_its_parameters() -> None:
    settings = ClusteringSettings(clustering_method="kmeans", max_k=7)
    assert settings.of_stage("cluster_assignments")["clustering_method_params"] == {"min_k": 2, "max_k": 7}


@pytest.mark.parametrize(
    ("reduction", "clustering", "used"),
    [("umap", "hdbscan", 6), ("umap", "kmeans", 1), ("pca", "hdbscan", 1), ("none", "hdbscan", 1)],
)
def test_an_ensemble_is_recorded_where_it_has_an_effect(reduction: str, clustering: str, used: int) -> None:
    settings = ClusteringSettings(
        dimensionality_reduction_method=reduction, clustering_method=clustering, ensemble_size=6
    )
    assert settings.used_ensemble_size() == used
    assert settings.of_stage("reduced_embeddings")["ensemble_size"] == used


@pytest.mark.parametrize(
    ("traces", "seconds"), [(20, 120), (1000, 120), (2000, 132), (10_000, 228), (100_000, 1308)]
)
def test_the_time_limit_grows_with_the_number_of_traces(traces: int, seconds: float) -> None:
    assert ClusteringSettings().compute_timeout(traces) == pytest.approx(seconds)


def test_a_time_limit_that_is_set_holds_for_any_number_of_traces() -> None:
    settings = ClusteringSettings(compute_timeout_seconds=90)
    assert [settings.compute_timeout(traces) for traces in (20, 100_000)] == [90, 90]


class TestInARun:
    """The launchpad's config reaches the assets, and bad config never does."""

    @pytest.fixture
    def received(self) -> list[ClusteringSettings]:
        return []

    def run(self, received: list[ClusteringSettings], config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        @dg.asset
        def toy(settings: ClusteringSettings) -> None:
            received.append(settings)

        return dg.materialize(
            [toy],
            resources={"settings": ClusteringSettings()},
            run_config={"resources": {"settings": {"config": config}}},
        )

    def test_the_config_of_the_run_is_what_the_asset_gets(self, received: list[ClusteringSettings]) -> None:
        params = {"min_samples": 9}
        assert self.run(received, {"lookback_days": 14, "clustering_method_params": params}).success
        assert [(s.lookback_days, s.clustering_method_params, s.max_samples) for s in received] == [
            (14, params, 1000)
        ]

    @pytest.mark.parametrize("seconds", [30, 0.5e3, None])
    def test_a_time_limit_may_be_any_number_or_none(
        self, seconds: float | None, received: list[ClusteringSettings]
    ) -> None:
        assert self.run(received, {"compute_timeout_seconds": seconds}).success
        assert [s.compute_timeout_seconds for s in received] == [seconds]

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"lookback_days": 0}, "settings: lookback_days = 0: "),
            ({"run_label": "a b"}, "settings: run_label = 'a b': "),
            ({"min_k": 11}, "settings: min_k = 11 is larger than max_k = 10"),
            ({"clustering_method_params": {"eps": 1}}, "settings: clustering_method_params.eps = 1: "),
        ],
    )
    def test_a_bad_value_fails_the_run_with_our_message_before_any_asset_runs(
        self, config: dict[str, Any], message: str, received: list[ClusteringSettings]
    ) -> None:
        with pytest.raises(dg.DagsterError) as caught:
            self.run(received, config)
        [ours] = [error for error in list_causes(caught.value) if isinstance(error, InvalidSettingsError)]
        assert str(ours).startswith(message)
        assert received == []

    @pytest.mark.parametrize(
        ("config", "name"),
        [
            ({"look_back_days": 7}, "look_back_days"),
            ({"lookback_days": "7"}, "lookback_days"),
            ({"clustering_method": "dbscan"}, "clustering_method"),
        ],
    )
    def test_what_dagster_itself_refuses_is_named_too(
        self, config: dict[str, Any], name: str, received: list[ClusteringSettings]
    ) -> None:
        with pytest.raises(dg.DagsterInvalidConfigError, match=name):
            self.run(received, config)
        assert received == []


def list_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__
