"""The clustering space has the promised size, is finite, and is the same every time."""

import numpy as np
import pytest

from trace_clustering.algorithms.space.reduce import (
    reduce_dimensions_for_clustering,
    reduce_dimensions_pca,
)
from trace_clustering.errors import InvalidEmbeddingsError


def make_embeddings(n: int, d: int = 8) -> np.ndarray:
    return np.random.default_rng(n).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "d", "wanted", "made"),
    [
        (3, 8, 100, 2),  # max(2, n - 2)
        (5, 8, 100, 3),
        (5, 200, 100, 3),
        (19, 200, 100, 17),
        (20, 200, 100, 18),
        (21, 200, 100, 19),
        (21, 8, 100, 8),  # d
        (60, 30, 15, 15),
        (10, 1, 100, 1),
    ],
)
def test_as_many_dimensions_are_made_as_wanted_and_possible(n: int, d: int, wanted: int, made: int) -> None:
    points = reduce_dimensions_for_clustering(make_embeddings(n, d), wanted)
    assert (points.shape, points.dtype) == ((n, made), np.float32)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("wanted", [3, 100])
def test_fewer_than_three_rows_are_only_cut_to_the_wanted_columns(n: int, wanted: int) -> None:
    points = reduce_dimensions_for_clustering(make_embeddings(n), wanted)
    assert points.tolist() == make_embeddings(n)[:, :wanted].tolist()


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("n", [3, 20])
def test_identical_vectors_have_finite_places(n: int, value: float) -> None:
    points = reduce_dimensions_for_clustering(np.full((n, 8), value, dtype=np.float32))
    assert len(points) == n
    assert np.isfinite(points).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    broken = make_embeddings(20)
    broken[3, 1] = value
    with pytest.raises(InvalidEmbeddingsError, match="NaN or infinity"):
        reduce_dimensions_for_clustering(broken)


def test_the_same_seed_gives_the_same_points_and_another_seed_others() -> None:
    first, again, other = (
        reduce_dimensions_for_clustering(make_embeddings(25), 5, random_state=seed) for seed in (42, 42, 43)
    )
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("n", "d", "wanted", "made"), [(100, 500, 100, 100), (30, 50, 100, 30), (50, 30, 100, 30), (20, 1, 5, 1)]
)
def test_as_many_components_are_made_as_wanted_and_possible(n: int, d: int, wanted: int, made: int) -> None:
    points = reduce_dimensions_pca(make_embeddings(n, d), wanted)
    assert (points.shape, points.dtype) == ((n, made), np.float32)


def test_components_keep_distances_if_there_are_as_many_as_dimensions() -> None:
    given = make_embeddings(40, 6)
    points = reduce_dimensions_pca(given, 6)
    assert np.linalg.norm(points[0] - points[1:], axis=1) == pytest.approx(
        np.linalg.norm(given[0] - given[1:], axis=1), rel=1e-4
    )
    variances = points.var(axis=0)
    assert (np.diff(variances) <= 0).all()


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_are_only_cut_to_the_wanted_components(n: int) -> None:
    assert reduce_dimensions_pca(make_embeddings(n), 3).tolist() == make_embeddings(n)[:, :3].tolist()


def test_identical_vectors_have_all_components_zero() -> None:
    assert (reduce_dimensions_pca(np.ones((20, 8), dtype=np.float32)) == 0).all()


def test_the_components_of_large_matrices_are_the_same_every_time() -> None:
    large = make_embeddings(600, 600)  # decomposed by a randomized method
    first, again = (reduce_dimensions_pca(large, 20, random_state=7) for _ in range(2))
    assert first.tobytes() == again.tobytes()
