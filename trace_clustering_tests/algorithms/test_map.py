"""The map has a place for every point and for the centre of every cluster."""

import numpy as np
import pytest

from trace_clustering.algorithms.map import calculate_mean_coordinates, compute_2d_coordinates
from trace_clustering.errors import InvalidEmbeddingsError
from trace_clustering_tests.examples import themed_vectors

METHODS = ("umap", "pca", "tsne")


def make_points(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [3, 5, 19, 20, 21])
def test_every_point_has_a_finite_place(n: int, method: str) -> None:
    coordinates = compute_2d_coordinates(make_points(n), method)
    assert (coordinates.shape, coordinates.dtype) == ((n, 2), np.float32)
    assert np.isfinite(coordinates).all()


@pytest.mark.parametrize(
    ("method", "n"),
    [
        ("umap", 0),
        ("umap", 1),
        ("umap", 2),
        ("pca", 0),
        ("pca", 1),
        ("tsne", 0),
        ("tsne", 1),
        ("tsne", 5),
    ],
)
def test_fewer_points_than_the_method_needs_are_all_at_the_origin(method: str, n: int) -> None:
    assert compute_2d_coordinates(make_points(n), method).tolist() == [[0, 0]] * n


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [3, 20])
def test_identical_points_have_finite_places(n: int, method: str) -> None:
    assert np.isfinite(compute_2d_coordinates(np.ones((n, 6), dtype=np.float32), method)).all()


@pytest.mark.parametrize("method", METHODS)
def test_points_on_a_line_have_finite_places(method: str) -> None:
    coordinates = compute_2d_coordinates(np.arange(25, dtype=np.float32)[:, None], method)
    assert coordinates.shape == (25, 2)
    assert np.isfinite(coordinates).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float, method: str) -> None:
    broken = make_points(20)
    broken[3, 1] = value
    with pytest.raises((ValueError, InvalidEmbeddingsError), match=r"NaN|infinity"):
        compute_2d_coordinates(broken, method)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map(method: str) -> None:
    first, again = (compute_2d_coordinates(make_points(200), method) for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_another_seed_gives_another_map() -> None:
    first, other = (compute_2d_coordinates(make_points(25), random_state=seed) for seed in (42, 43))
    assert first.tolist() != other.tolist()


def test_the_map_of_principal_components_keeps_what_is_far_apart_far_apart() -> None:
    line = np.outer(np.arange(30), np.ones(6)).astype(np.float32)
    x = compute_2d_coordinates(line, "pca")[:, 0]
    assert np.abs(np.diff(x)) == pytest.approx(np.sqrt(6), rel=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_what_lies_together_in_space_lies_together_on_the_map(method: str) -> None:
    coordinates = compute_2d_coordinates(themed_vectors(themes=3, per_theme=20, outliers=0), method)
    themes = np.repeat([0, 1, 2], 20)
    centres = calculate_mean_coordinates(coordinates, themes, [0, 1, 2])
    to_centres = np.linalg.norm(coordinates[:, None] - centres, axis=2)
    assert to_centres.argmin(axis=1).tolist() == themes.tolist()


def test_a_centre_is_the_mean_of_its_members_for_noise_too() -> None:
    coordinates = np.array([[0, 0], [2, 4], [10, 10], [-1, -3], [-3, -5]], dtype=np.float32)
    labels = np.array([0, 0, 1, -1, -1])
    centres = calculate_mean_coordinates(coordinates, labels, [0, 1, -1])
    assert centres.tolist() == [[1, 2], [10, 10], [-2, -4]]


def test_without_clusters_there_are_no_centres() -> None:
    assert calculate_mean_coordinates(
        np.zeros((4, 2), dtype=np.float32), np.zeros(4, dtype=np.int64), []
    ).shape == (
        0,
        2,
    )
