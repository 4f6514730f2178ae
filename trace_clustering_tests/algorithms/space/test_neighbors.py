"""Neighbours are those that comparing all pairs finds, in a fixed order."""

import numpy as np
import pytest

from trace_clustering.algorithms.space.neighbors import compress_for_search, find_nearest_neighbors


def find_by_comparing_all(points: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    exact = points.astype(np.float64)
    distances = np.array([np.sqrt(((exact - row) ** 2).sum(axis=1)) for row in exact])
    order = [
        sorted(range(len(points)), key=lambda other: (other != row, distances[row, other], other))[:k]
        for row in range(len(points))
    ]
    return np.array(order), np.take_along_axis(distances, np.array(order), axis=1)


def assert_exact(points: np.ndarray, k: int) -> None:
    indices, distances = find_nearest_neighbors(points, k)
    expected, expected_distances = find_by_comparing_all(points, k)
    assert (indices.dtype, distances.dtype) == (np.int32, np.float32)
    assert indices.tolist() == expected.tolist()
    assert distances == pytest.approx(expected_distances, rel=1e-6, abs=1e-12)
    assert (distances[:, 0] == 0).all()


@pytest.mark.parametrize(("n", "d", "k"), [(1, 3, 1), (2, 1, 2), (40, 5, 15), (60, 384, 15), (60, 2, 60)])
def test_scattered_points(n: int, d: int, k: int) -> None:
    assert_exact(np.random.default_rng(n).normal(5, 1, (n, d)).astype(np.float32), k)


def test_on_ties_points_come_in_the_order_of_their_rows() -> None:
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2).astype(np.float32)
    assert_exact(grid, 9)


def test_a_point_comes_before_its_copies_and_all_of_them_are_at_distance_zero() -> None:
    points = np.random.default_rng(2).normal(3, 1, (4, 384)).astype(np.float32)
    copies = points[np.arange(40) % 4]
    assert_exact(copies, 12)
    assert (find_nearest_neighbors(copies, 10).distances == 0).all()


@pytest.mark.parametrize("value", [0.0, 1e-6, 1e6])
def test_points_that_are_all_equal(value: float) -> None:
    assert_exact(np.full((20, 8), value, dtype=np.float32), 5)


def test_more_points_than_one_block_holds() -> None:
    points = np.random.default_rng(3).normal(size=(3000, 6)).astype(np.float32)
    indices, distances = find_nearest_neighbors(points, 4)
    for row in (0, 1, 1397, 1398, 2999):
        all_distances = np.linalg.norm(points.astype(np.float64) - points[row], axis=1)
        assert indices[row].tolist() == np.argsort(all_distances)[:4].tolist()
        assert distances[row] == pytest.approx(np.sort(all_distances)[:4], rel=1e-6)


@pytest.mark.parametrize("k", [0, 6])
def test_more_neighbours_than_points_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k = {k}: must be from 1 to the 5 points"):
        find_nearest_neighbors(np.zeros((5, 2), dtype=np.float32), k)


@pytest.mark.parametrize(("n", "d"), [(5000, 300), (6000, 256), (0, 300)])
def test_few_or_narrow_rows_are_not_compressed(n: int, d: int) -> None:
    given = np.zeros((n, d), dtype=np.float32)
    assert compress_for_search(given) is given


def test_many_wide_rows_are_compressed_and_keep_their_neighbours() -> None:
    random = np.random.default_rng(1)
    broad = random.normal(size=(6000, 40)) @ random.normal(size=(40, 300))
    given = (broad + 0.01 * random.normal(size=broad.shape)).astype(np.float32)
    before = given.tobytes()
    compressed = compress_for_search(given)
    assert (compressed.shape, compressed.dtype) == ((6000, 256), np.float32)
    assert (
        find_nearest_neighbors(compressed, 5).indices == find_nearest_neighbors(given, 5).indices
    ).mean() > 0.99
    assert given.tobytes() == before
