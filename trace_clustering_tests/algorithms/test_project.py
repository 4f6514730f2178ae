"""The map has a place for every trace and for the centre of every cluster."""

import numpy as np
import pytest

from trace_clustering.algorithms.project import compute_2d_coordinates, mean_coordinates
from trace_clustering_tests.examples import themed_vectors


def points(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, 6)).astype(np.float32)


@pytest.mark.parametrize("n", [3, 5, 19, 20, 21])
def test_every_point_has_a_finite_place(n: int) -> None:
    coordinates = compute_2d_coordinates(points(n))
    assert (coordinates.shape, coordinates.dtype) == ((n, 2), np.float32)
    assert np.isfinite(coordinates).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_points_are_all_at_the_origin(n: int) -> None:
    assert compute_2d_coordinates(points(n)).tolist() == [[0, 0]] * n


@pytest.mark.parametrize("n", [3, 20])
def test_identical_points_have_finite_places(n: int) -> None:
    assert np.isfinite(compute_2d_coordinates(np.zeros((n, 6), dtype=np.float32))).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = points(20)
    broken[3, 1] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        compute_2d_coordinates(broken)


def test_the_same_seed_gives_the_same_map_and_another_seed_another() -> None:
    first, again, other = (compute_2d_coordinates(points(25), random_state=seed) for seed in (42, 42, 43))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_what_lies_together_in_space_lies_together_on_the_map() -> None:
    coordinates = compute_2d_coordinates(themed_vectors(themes=3, per_theme=20, outliers=0))
    themes = np.repeat([0, 1, 2], 20)
    centres = mean_coordinates(coordinates, themes, [0, 1, 2])
    to_centres = np.linalg.norm(coordinates[:, None] - centres, axis=2)
    assert to_centres.argmin(axis=1).tolist() == themes.tolist()


def test_a_centre_is_the_mean_of_its_members_for_noise_too() -> None:
    coordinates = np.array([[0, 0], [2, 4], [10, 10], [-1, -3], [-3, -5]], dtype=np.float32)
    labels = np.array([0, 0, 1, -1, -1])
    centres = mean_coordinates(coordinates, labels, [0, 1, -1])
    assert centres.tolist() == [[1, 2], [10, 10], [-2, -4]]


def test_without_clusters_there_are_no_centres() -> None:
    assert mean_coordinates(np.zeros((4, 2), dtype=np.float32), np.zeros(4, dtype=np.int64), []).shape == (
        0,
        2,
    )
