"""Clusters merge and divide only if the embeddings agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.algorithms.clusters.changes import confirm_changes
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors

N = 40
MIN_SIZE = 12


def place_groups(*centres: float) -> np.ndarray:
    """Return the nearest neighbours of round groups of 40 points each, on a line."""
    random = np.random.default_rng(3)
    places = np.zeros((N * len(centres), 2), dtype=np.float32)
    places[:, 0] = np.repeat(centres, N)
    return find_nearest_neighbors(places + random.normal(0, 1, places.shape).astype(np.float32), 51).indices


def name_groups(*clusters: int) -> np.ndarray:
    return np.repeat(np.array(clusters, dtype=np.int64), N)


def confirm(labels: np.ndarray, before: np.ndarray, neighbors: np.ndarray) -> list[int]:
    return confirm_changes(labels, before, neighbors, MIN_SIZE).tolist()


APART = place_groups(0, 20, 40)
# The first two groups are one: only chance says which point is in which.
ONE = place_groups(0, 0, 40)


def test_groups_that_lie_apart_do_not_merge() -> None:
    before = name_groups(0, 1, 2)
    assert confirm(name_groups(0, 0, 1), before, APART) == name_groups(0, 2, 1).tolist()


def test_groups_that_are_one_merge() -> None:
    merged = name_groups(0, 0, 1)
    assert confirm(merged, name_groups(0, 1, 2), ONE) == merged.tolist()


def test_parts_of_one_group_do_not_divide() -> None:
    assert confirm(name_groups(0, 1, 2), name_groups(0, 0, 1), ONE) == name_groups(0, 0, 2).tolist()


def test_groups_that_lie_apart_divide() -> None:
    divided = name_groups(0, 1, 2)
    assert confirm(divided, name_groups(0, 0, 1), APART) == divided.tolist()


def test_a_part_that_is_no_group_of_its_own_goes_with_the_other() -> None:
    scattered = place_groups(0, 20, 40)
    random = np.random.default_rng(5)
    scattered[N : 2 * N, 1:] = random.integers(0, 3 * N, (N, 50))
    assert confirm(name_groups(0, 1, 2), name_groups(0, 0, 1), scattered) == name_groups(0, 0, 2).tolist()
    merged = name_groups(0, 0, 1)
    assert confirm(merged, name_groups(0, 1, 2), scattered) == merged.tolist()


def test_points_that_were_nowhere_go_with_their_neighbours_when_groups_stay_apart() -> None:
    before = name_groups(0, 1, 2)
    before[N - 3 : N + 3] = -1
    assert confirm(name_groups(0, 0, 1), before, APART) == name_groups(0, 2, 1).tolist()


@pytest.mark.parametrize(
    ("labels", "before"),
    [
        ((0, 1, 2), (0, 1, 2)),
        ((0, 1, 2), (0, 1, -1)),  # what is new stays
        ((0, 1, -1), (0, 1, 2)),  # and what is gone stays away
        ((0, 0, 1), (0, -1, 1)),  # there was nothing to merge with
        ((0, 0, 0), (-1, -1, -1)),
        ((-1, -1, -1), (0, 1, 2)),
    ],
)
def test_nothing_else_changes(labels: tuple[int, ...], before: tuple[int, ...]) -> None:
    assert confirm(name_groups(*labels), name_groups(*before), APART) == name_groups(*labels).tolist()


def test_parts_that_are_too_small_decide_nothing() -> None:
    before = name_groups(0, -1, 1)
    before[N : N + MIN_SIZE - 1] = 2
    merged = name_groups(0, 0, 1)
    assert confirm(merged, before, APART) == merged.tolist()
    before[N : N + MIN_SIZE] = 2
    assert confirm(merged, before, APART) == name_groups(0, 2, 1).tolist()
    before[N : 2 * N] = -1
    before[N : N + 9] = 2
    assert confirm_changes(merged, before, APART, 2).tolist() == merged.tolist()


CLUSTERS = st.lists(st.integers(-1, 4), min_size=60, max_size=60)


@settings(deadline=None)
@given(labels=CLUSTERS, before=CLUSTERS, seed=st.integers(0, 2**32 - 1))
def test_noise_stays_noise_and_the_order_of_the_rows_does_not_matter(
    labels: list[int], before: list[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    places = random.normal(0, 1, (60, 3)).astype(np.float32)
    now, then = np.array(labels), np.array(before)
    found = confirm_changes(now, then, find_nearest_neighbors(places, 31).indices, 3)
    assert ((found == -1) == (now == -1)).all()
    order = random.permutation(60)
    other = confirm_changes(now[order], then[order], find_nearest_neighbors(places[order], 31).indices, 3)
    together = found[:, None] == found
    assert ((other[:, None] == other) == together[np.ix_(order, order)]).all()
