"""Settings have the documented defaults, keep to their bounds, and are refused in words that help."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.settings import ClusteringSettings

# The table of the design, and the name in constants.py if there is one.
DEFAULTS = {
    "lookback_days": (7, "DEFAULT_LOOKBACK_DAYS"),
    "max_samples": (1000, "DEFAULT_MAX_SAMPLES"),
    "document_type": ("llm-trace-summary-detailed", "LLMA_TRACE_DOCUMENT_TYPE"),
    "rendering": ("", None),
    "embedding_model": ("", None),
    "trace_filters": ([], None),
    "run_label": ("", None),
    "embedding_normalization": ("l2", "DEFAULT_EMBEDDING_NORMALIZATION"),
    "dimensionality_reduction_method": ("umap", "DEFAULT_DIMENSIONALITY_REDUCTION_METHOD"),
    "dimensionality_reduction_ndims": (100, "DEFAULT_UMAP_N_COMPONENTS"),
    "ensemble_size": (10, "DEFAULT_ENSEMBLE_SIZE"),
    "clustering_method": ("hdbscan", "DEFAULT_CLUSTERING_METHOD"),
    "clustering_method_params": ({}, None),
    "min_k": (2, "DEFAULT_MIN_K"),
    "max_k": (10, "DEFAULT_MAX_K"),
    "visualization_method": ("umap", "DEFAULT_VISUALIZATION_METHOD"),
    "random_state": (42, "DEFAULT_RANDOM_STATE"),
    "max_traces_per_cluster": (0, None),
    "compute_timeout_seconds": (None, None),
}
OTHER_CONSTANTS = {
    "WORKFLOW_NAME": "llma-trace-clustering",
    "COORDINATOR_WORKFLOW_NAME": "llma-trace-clustering-coordinator",
    "MIN_TRACES_FOR_CLUSTERING": 20,
    "COMPUTE_ACTIVITY_TIMEOUT": 120,
    "LLM_ACTIVITY_TIMEOUT": 600,
    "EMIT_ACTIVITY_TIMEOUT": 60,
    "NOISE_CLUSTER_ID": -1,
    "ALLOWED_TEAM_IDS": [1, 2, 112495],
    "DEFAULT_HDBSCAN_MIN_SAMPLES": 5,
    "DEFAULT_MIN_CLUSTER_SIZE_FRACTION": 0.01,
    "DEFAULT_UMAP_N_NEIGHBORS": 15,
    "DEFAULT_UMAP_MIN_DIST": 0.0,
    "EVENT_NAME": "$ai_trace_clusters",
}
BOUNDS = {
    "lookback_days": (1, 90),
    "max_samples": (20, 100_000),
    "dimensionality_reduction_ndims": (2, 500),
    "ensemble_size": (1, 20),
    "random_state": (0, 2**32 - 1),
    "min_k": (2, 50),
    "max_k": (2, 100),
    "max_traces_per_cluster": (0, 100_000),
    "compute_timeout_seconds": (1, 86_400),
}
PARAMS_BOUNDS = {"min_cluster_size_fraction": (0.01, 0.5), "min_samples": (1, 100)}
CHOICES = {
    "embedding_normalization": ("none", "l2"),
    "dimensionality_reduction_method": ("none", "umap", "pca"),
    "clustering_method": ("hdbscan", "kmeans"),
    "visualization_method": ("umap", "pca", "tsne"),
}


def test_every_setting_has_a_default_in_the_design() -> None:
    assert set(DEFAULTS) == set(ClusteringSettings.model_fields)


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_is_that_of_the_design_and_of_its_constant(name: str) -> None:
    value, constant = DEFAULTS[name]
    assert getattr(ClusteringSettings(), name) == value
    assert constant is None or getattr(constants, constant) == value


@pytest.mark.parametrize("name", OTHER_CONSTANTS)
def test_a_constant_has_the_value_of_the_design(name: str) -> None:
    assert getattr(constants, name) == OTHER_CONSTANTS[name]


def test_the_parameters_of_hdbscan_have_the_defaults_of_the_design() -> None:
    params = ClusteringSettings().method_params()
    assert params.model_dump() == {"min_cluster_size_fraction": 0.01, "min_samples": 5}


@pytest.mark.parametrize(
    ("name", "value"), [(name, bound) for name, both in BOUNDS.items() for bound in both]
)
def test_a_value_on_a_bound_is_accepted(name: str, value: int) -> None:
    other = {"min_k": {"max_k": 100}}.get(name, {})
    assert getattr(ClusteringSettings(**{name: value}, **other), name) == value


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in CHOICES for value in CHOICES[name]])
def test_every_choice_is_available(name: str, value: str) -> None:
    assert getattr(ClusteringSettings(**{name: value}), name) == value


@pytest.mark.parametrize("name", CHOICES)
def test_any_other_choice_is_refused_with_those_that_exist(name: str) -> None:
    with pytest.raises(InvalidSettingsError, match=f"{name} = 'best': .*{CHOICES[name][-1]}"):
        ClusteringSettings(**{name: "best"})


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, (low, high) in BOUNDS.items() for value in (low - 1, high + 1)]
    + [("document_type", "")],
)
def test_a_value_past_a_bound_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        ClusteringSettings(**{name: value})
    assert str(caught.value).startswith(f"settings: {name} = {value!r}: ")


@pytest.mark.parametrize("value", ["many", 7.5, None, [7]])
def test_a_value_of_the_wrong_type_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        ClusteringSettings(lookback_days=value)
    assert str(caught.value).startswith(f"settings: lookback_days = {value!r}: ")


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(InvalidSettingsError, match="look_back_days"):
        ClusteringSettings(look_back_days=14)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidSettingsError, match=r"lookback_days = 0: .*; max_samples = 3: "):
        ClusteringSettings(lookback_days=0, max_samples=3)


@pytest.mark.parametrize("label", ["", "a", "trial-2_b.1", "x" * 50])
def test_a_run_label_of_letters_digits_and_marks_is_accepted(label: str) -> None:
    assert ClusteringSettings(run_label=label).run_label == label


@pytest.mark.parametrize("label", ["a b", "a/b", "../x", "a|b", "a\n", "\n", "ä", "a'", "x" * 51])
def test_any_other_run_label_is_refused(label: str) -> None:
    with pytest.raises(InvalidSettingsError, match="run_label = "):
        ClusteringSettings(run_label=label)


@pytest.mark.parametrize(
    ("name", "value"), [(name, bound) for name, both in PARAMS_BOUNDS.items() for bound in both]
)
def test_a_parameter_on_a_bound_is_accepted(name: str, value: float) -> None:
    settings = ClusteringSettings(clustering_method_params={name: value})
    assert getattr(settings.method_params(), name) == value


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, (2, 10)),
        ({"min_k": 3, "max_k": 12}, (3, 12)),
        ({"clustering_method_params": {"max_k": 20}}, (2, 20)),
        ({"min_k": 3, "clustering_method_params": {"min_k": 4, "max_k": 4}}, (4, 4)),
    ],
)
def test_parameters_of_kmeans_go_before_the_settings_of_the_same_name(
    given: dict[str, Any], used: tuple[int, int]
) -> None:
    params = ClusteringSettings(clustering_method="kmeans", **given).method_params()
    assert params.model_dump() == {"min_k": used[0], "max_k": used[1]}


@pytest.mark.parametrize("method", CHOICES["clustering_method"])
def test_a_min_k_above_max_k_is_refused_whatever_the_method(method: str) -> None:
    with pytest.raises(InvalidSettingsError, match="min_k = 12 is larger than max_k = 10"):
        ClusteringSettings(clustering_method=method, min_k=12)


def test_a_min_k_above_max_k_is_refused_among_the_parameters_too() -> None:
    with pytest.raises(InvalidSettingsError, match="max_k = 1: "):
        ClusteringSettings(clustering_method="kmeans", clustering_method_params={"max_k": 1})
    with pytest.raises(InvalidSettingsError, match="min_k = 11 is larger than max_k = 10"):
        ClusteringSettings(clustering_method="kmeans", clustering_method_params={"min_k": 11})


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("hdbscan", {"min_k": 3}, "hdbscan has no such setting, only min_cluster_size_fraction, min_samples"),
        ("kmeans", {"min_samples": 3}, "kmeans has no such setting, only min_k, max_k"),
        ("kmeans", {"min_k": "3"}, "clustering_method_params.min_k = '3': "),
        ("kmeans", {"max_k": 101}, "clustering_method_params.max_k = 101: "),
    ],
)
def test_parameters_are_those_of_the_method(method: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        ClusteringSettings(clustering_method=method, clustering_method_params=params)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("min_cluster_size_fraction", 0.0099),
        ("min_cluster_size_fraction", 0.51),
        ("min_cluster_size_fraction", float("nan")),
        ("min_cluster_size_fraction", "0.1"),
        ("min_samples", 0),
        ("min_samples", 101),
        ("min_samples", 5.0),
        ("min_samples", "5"),
        ("min_samples", True),
        ("min_samples", None),
        ("min_cluster_size", 5),
        ("", 5),
    ],
)
def test_an_unknown_or_wrong_parameter_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        ClusteringSettings(clustering_method_params={key: value})
    assert f"settings: clustering_method_params.{key} = {value!r}: " in str(caught.value)


def test_each_stage_records_the_settings_that_take_effect_in_it() -> None:
    settings = ClusteringSettings(lookback_days=14, clustering_method_params={"min_samples": 9})
    stages = (
        "embeddings",
        "reduced_embeddings",
        "cluster_assignments",
        "projection_2d",
        "emitted_cluster_event",
    )
    recorded: dict[str, Any] = {}
    for stage in stages:
        recorded |= settings.of_stage(stage)
    assert set(DEFAULTS) - set(recorded) == {"min_k", "max_k", "compute_timeout_seconds"}
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
    def seen(self) -> list[ClusteringSettings]:
        return []

    def run(self, seen: list[ClusteringSettings], config: dict[str, Any]) -> dg.ExecuteInProcessResult:
        @dg.asset
        def toy(settings: ClusteringSettings) -> None:
            seen.append(settings)

        return dg.materialize(
            [toy],
            resources={"settings": ClusteringSettings()},
            run_config={"resources": {"settings": {"config": config}}},
        )

    def test_the_config_of_the_run_is_what_the_asset_gets(self, seen: list[ClusteringSettings]) -> None:
        params = {"min_samples": 9}
        assert self.run(seen, {"lookback_days": 14, "clustering_method_params": params}).success
        assert [(s.lookback_days, s.clustering_method_params, s.max_samples) for s in seen] == [
            (14, params, 1000)
        ]

    @pytest.mark.parametrize("seconds", [30, 0.5e3, None])
    def test_a_time_limit_may_be_any_number_or_none(
        self, seconds: float | None, seen: list[ClusteringSettings]
    ) -> None:
        assert self.run(seen, {"compute_timeout_seconds": seconds}).success
        assert [s.compute_timeout_seconds for s in seen] == [seconds]

    @pytest.mark.parametrize(
        ("config", "message"),
        [
            ({"lookback_days": 0}, "settings: lookback_days = 0: "),
            ({"run_label": "a b"}, "settings: run_label = 'a b': "),
            ({"min_k": 11}, "settings: min_k = 11 is larger than max_k = 10"),
            ({"clustering_method_params": {"eps": 1}}, "settings: clustering_method_params.eps = 1: "),
        ],
    )
    def test_a_bad_value_fails_the_run_with_our_words_before_any_asset_runs(
        self, config: dict[str, Any], message: str, seen: list[ClusteringSettings]
    ) -> None:
        with pytest.raises(dg.DagsterError) as caught:
            self.run(seen, config)
        [ours] = [error for error in causes(caught.value) if isinstance(error, InvalidSettingsError)]
        assert str(ours).startswith(message)
        assert seen == []

    @pytest.mark.parametrize(
        ("config", "name"),
        [
            ({"look_back_days": 7}, "look_back_days"),
            ({"lookback_days": "7"}, "lookback_days"),
            ({"clustering_method": "dbscan"}, "clustering_method"),
        ],
    )
    def test_what_dagster_itself_refuses_is_named_too(
        self, config: dict[str, Any], name: str, seen: list[ClusteringSettings]
    ) -> None:
        with pytest.raises(dg.DagsterInvalidConfigError, match=name):
            self.run(seen, config)
        assert seen == []


def causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__
