"""Settings have the documented defaults, keep to their bounds, and are refused by name."""

import pytest

from trace_clustering import constants
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.settings import ClusteringSettings

# The table of the design, and the name in constants.py if there is one.
DEFAULTS = {
    "alert_new_topic_share": (0.03, None),
    "alert_growth": (1.5, None),
    "alert_error_rate": (0.25, None),
    "alert_error_rise": (0.1, None),
    "alerts_as_errors": ([], None),
    "redact": ([], None),
    "summaries": ("extract", None),
    "summary_instructions": ("", None),
    "summary_max_requests": (10_000, None),
    "summary_max_cost_usd": (None, None),
    "automation": ("leave_out", None),
    "one_per_session": (False, None),
    "fold_duplicates": (False, None),
    "keep_topics_days": (60, "DEFAULT_KEEP_TOPICS_DAYS"),
    "lookback_days": (7, "DEFAULT_LOOKBACK_DAYS"),
    "max_samples": (1000, "DEFAULT_MAX_SAMPLES"),
    "document_type": ("llm-trace-summary-detailed", "LLMA_TRACE_DOCUMENT_TYPE"),
    "rendering": ("", None),
    "embedding_model": ("", None),
    "job_id": ("", None),
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
    "keep_labels": (True, None),
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
    "lookback_days": (1, 3660),
    "max_samples": (20, 100_000),
    "keep_topics_days": (0, 366),
    "dimensionality_reduction_ndims": (2, 500),
    "ensemble_size": (1, 20),
    "random_state": (0, 2**32 - 1),
    "min_k": (2, 50),
    "max_k": (2, 100),
    "max_traces_per_cluster": (0, 100_000),
    "compute_timeout_seconds": (1, 86_400),
}
CHOICES = {
    "automation": ("leave_out", "include", "only"),
    "summaries": ("extract", "llm"),
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


def test_all_faults_are_reported_at_once() -> None:
    with pytest.raises(InvalidSettingsError, match=r"lookback_days = 0: .*; max_samples = 3: "):
        ClusteringSettings(lookback_days=0, max_samples=3)


@pytest.mark.parametrize("label", ["", "a", "trial-2_b.1", "x" * 50])
def test_a_run_label_of_letters_digits_and_marks_is_accepted(label: str) -> None:
    assert ClusteringSettings(run_label=label).run_label == label


@pytest.mark.parametrize("label", ["a b", "a/b", "../x", "a|b", "a\n", "\n", "ä", "a'", "x" * 51])
def test_any_other_run_label_is_refused(label: str) -> None:
    with pytest.raises(InvalidSettingsError, match="run_label = "):
        ClusteringSettings(run_label=label)
