"""The parameters of a clustering method have defaults and bounds of their own, and are refused by key."""

from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.settings import ClusteringSettings

BOUNDS = {"min_cluster_size_fraction": (0.00005, 0.5), "min_samples": (1, 100)}


def test_the_parameters_of_hdbscan_have_the_defaults_of_the_design() -> None:
    params = ClusteringSettings().method_params()
    assert params.model_dump() == {"min_cluster_size_fraction": 0.01, "min_samples": 5}


@pytest.mark.parametrize(
    ("name", "value"), [(name, bound) for name, both in BOUNDS.items() for bound in both]
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
def test_parameters_of_kmeans_override_the_settings_of_the_same_name(
    given: dict[str, Any], used: tuple[int, int]
) -> None:
    params = ClusteringSettings(clustering_method="kmeans", **given).method_params()
    assert params.model_dump() == {"min_k": used[0], "max_k": used[1]}


@pytest.mark.parametrize("method", ["hdbscan", "kmeans"])
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
        ("min_cluster_size_fraction", 0.000049),
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
