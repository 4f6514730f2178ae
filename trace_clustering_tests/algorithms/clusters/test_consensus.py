"""The consensus is what enough clusterings agree on."""

import numpy as np
import pytest

from trace_clustering.algorithms.clusters import consensus_labels as consensus_module
from trace_clustering.algorithms.clusters.consensus import ConsensusResult, perform_consensus_clustering
from trace_clustering.algorithms.clusters.consensus_labels import find_consensus_labels
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors
from trace_clustering.errors import InvalidEmbeddingsError, InvalidSettingsError
from trace_clustering_tests.examples import themed_vectors


def parse_clusterings(*written: str) -> np.ndarray:
    """Return clusterings written as one letter per point, a dot for noise."""
    return np.array([[".abc".index(letter) - 1 for letter in letters] for letters in written])


def find_consensus(*written: str, min_size: int = 2) -> list[int]:
    return find_consensus_labels(parse_clusterings(*written), min_size).tolist()


def test_clusterings_that_agree_are_the_consensus_whatever_they_call_their_clusters() -> None:
    assert find_consensus("aabbcc", "ccbbaa", "bbaacc") == [0, 0, 1, 1, 2, 2]


def test_more_than_half_of_the_clusterings_must_have_groups_together() -> None:
    apart, joined = [0, 0, 0, 0, 1, 1, 1, 1], [0] * 8
    assert find_consensus("aaaabbbb", "aaaaaaaa") == apart
    assert find_consensus("aaaabbbb", "aaaabbbb", "aaaaaaaa") == apart
    assert find_consensus("aaaabbbb", "aaaaaaaa", "aaaaaaaa") == joined
    assert find_consensus(*["aaaabbbb"] * 5, *["aaaaaaaa"] * 5) == apart
    assert find_consensus(*["aaaabbbb"] * 4, *["aaaaaaaa"] * 6) == joined


def find_with_votes(*written: str, votes: str, min_size: int = 2) -> list[int]:
    clusterings = parse_clusterings(*written)
    return find_consensus_labels(clusterings, min_size, parse_clusterings(votes)).tolist()


def test_groups_stay_as_they_were_unless_all_layouts_say_otherwise() -> None:
    apart, joined = [0, 0, 0, 0, 1, 1, 1, 1], [0] * 8
    divided = ["aaaabbbb"] * 5 + ["aaaaaaaa"] * 5
    assert find_with_votes(*divided, votes="aaaabbbb") == apart
    assert find_with_votes(*divided, votes="aaaaaaaa") == joined
    assert find_with_votes(*["aaaabbbb"] * 9, "aaaaaaaa", votes="aaaaaaaa") == joined
    assert find_with_votes(*["aaaabbbb"] * 10, votes="aaaaaaaa") == apart
    assert find_with_votes(*["aaaaaaaa"] * 9, "aaaabbbb", votes="aaaabbbb") == apart
    assert find_with_votes(*["aaaaaaaa"] * 10, votes="aaaabbbb") == joined


def test_points_without_a_vote_are_as_if_there_were_no_votes() -> None:
    written = [*["aaaabbbbcccc"] * 5, *["aaaaaaaacccc"] * 5]
    alone = find_consensus_labels(parse_clusterings(*written), 2).tolist()
    assert find_with_votes(*written, votes="." * 12) == alone
    # What is new is found beside what was there before.
    assert find_with_votes(*written, votes="aaaaaaaa....") == [0] * 8 + [1] * 4


def test_earlier_clusters_hold_nothing_together_that_is_noise_now() -> None:
    assert find_with_votes(*["aaaa...."] * 10, votes="aaaabbbb") == [0, 0, 0, 0, -1, -1, -1, -1]


def test_points_left_over_join_the_cluster_they_were_with_if_not_too_seldom() -> None:
    assert find_consensus("aaaabbbba", *["aaaabbbb."] * 4, min_size=3) == [0, 0, 0, 0, 1, 1, 1, 1, 0]
    assert find_consensus("aaaabbbba", *["aaaabbbb."] * 6, min_size=3) == [0, 0, 0, 0, 1, 1, 1, 1, -1]
    assert find_consensus("aaaabbbbaa", "aaaabbbbbb", *["aaaabbbbcc"] * 3, min_size=3)[8:] == [0, 0]  # a tie


def test_noise_shares_no_cluster() -> None:
    assert find_consensus(*["aaaa.."] * 9, "aaaaaa") == [0, 0, 0, 0, -1, -1]
    assert find_consensus("....", "....") == [-1] * 4


def test_with_too_many_distinct_columns_rare_ones_join_the_cluster_they_were_with_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(consensus_module, "_MAX_LINKED_COLUMNS", 2)
    written = ["aaaabbbb" + "aab.", "aaaabbbb" + "bab.", "aaaabbbb" + "a.a.", "aaaabbbb" + "..b."]
    assert find_consensus(*written) == [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1, -1]


def test_clusters_are_numbered_by_their_first_points() -> None:
    assert find_consensus("cbacba", "cbacba") == [0, 1, 2, 0, 1, 2]


def test_groups_that_are_too_small_are_noise() -> None:
    assert find_consensus("aaabb", "aaabb", min_size=3) == [0, 0, 0, -1, -1]


@pytest.mark.parametrize("n", [1, 2, 9])
def test_nothing_but_noise_has_no_clusters(n: int) -> None:
    assert find_consensus_labels(np.full((3, n), -1), 1).tolist() == [-1] * n


def make_layouts(*heaps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return 40 points per group in several layouts, each given by the heap that every group is in."""
    random = np.random.default_rng(1)
    columns = [
        10 * np.eye(4)[np.repeat(of_groups, 40)] + random.normal(0, 0.1, (40 * len(of_groups), 4))
        for of_groups in heaps
    ]
    groups = np.repeat(np.eye(len(heaps[0]), dtype=np.float32), 40, axis=0)
    return np.hstack(columns).astype(np.float32), find_nearest_neighbors(groups, 40).indices


def cluster_layouts(*heaps: list[int]) -> ConsensusResult:
    points, neighbors = make_layouts(*heaps)
    return perform_consensus_clustering(points, len(heaps), neighbors)


def test_layouts_that_agree_give_clusters_of_probability_one() -> None:
    found = cluster_layouts([0, 1, 2], [2, 0, 1], [3, 1, 0])
    assert found.labels.tolist() == np.repeat([0, 1, 2], 40).tolist()
    assert (found.probabilities == 1).all()
    assert found.stabilities.tolist() == [1, 1, 1]
    assert found.centroids.shape == (3, 12)
    assert (found.selection.method, found.selection.max_cluster_size) == ("eom", None)


def test_a_layout_that_joins_two_groups_is_outvoted() -> None:
    found = cluster_layouts([0, 1, 2, 3], [0, 1, 2, 3], [0, 0, 1, 2])
    assert found.labels.tolist() == np.repeat([0, 1, 2, 3], 40).tolist()
    joined = 1 / (0.4 / ((1 + 1 + 1 / 2) / 3) + 0.6)  # in the third layout they are half of a cluster
    assert found.stabilities == pytest.approx([joined, joined, 1, 1], abs=0.02)


def test_groups_that_most_layouts_join_are_one_cluster_and_less_certain() -> None:
    found = cluster_layouts([0, 0, 1, 2], [0, 0, 1, 2], [0, 1, 2, 3])
    assert found.labels.tolist() == np.repeat([0, 0, 1, 2], 40).tolist()
    expected = (39 + 40 * 2 / 3) / 79  # always with 39, in two of three layouts with 40 more
    assert found.probabilities[:80] == pytest.approx(expected)
    recurrence = (1 + 1 + 1 / 2) / 3  # in the third layout it is two halves
    assert found.stabilities == pytest.approx([1 / (0.4 / recurrence + 0.6), 1, 1], abs=0.02)


def test_earlier_clusters_have_a_say_and_without_votes_nothing_differs() -> None:
    heaps = [0, 0, 1, 2], [0, 0, 1, 2], [0, 1, 2, 3]
    points, neighbors = make_layouts(*heaps)
    alone = cluster_layouts(*heaps)
    silent = perform_consensus_clustering(points, 3, neighbors, votes=np.full((1, 160), -1))
    for name, value in vars(alone).items():
        np.testing.assert_array_equal(getattr(silent, name), value, err_msg=name)
    apart = np.repeat([0, 1, 2, 3], 40)
    found = perform_consensus_clustering(points, 3, neighbors, votes=apart[None])
    assert found.labels.tolist() == apart.tolist()
    assert found.centroids.shape == (4, 12)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_fewer_identical_points_than_a_cluster_has_are_noise(n: int) -> None:
    found = perform_consensus_clustering(
        np.ones((n, 6), dtype=np.float32), 3, np.zeros((n, 1), dtype=np.int32)
    )
    assert found.labels.tolist() == [-1] * n
    assert found.probabilities.tolist() == [0] * n
    assert (found.centroids.shape, found.stabilities.shape) == ((0, 6), (0,))


def test_no_points_and_shares_out_of_bounds_are_refused_as_by_hdbscan() -> None:
    nothing = np.empty((0, 6), dtype=np.float32)
    with pytest.raises(InvalidEmbeddingsError, match="Cannot cluster empty embeddings array"):
        perform_consensus_clustering(nothing, 3, np.empty((0, 1), dtype=np.int32))
    with pytest.raises(InvalidSettingsError, match=r"min_cluster_size_fraction = 0\.9"):
        perform_consensus_clustering(
            themed_vectors(), 2, np.zeros((96, 1), dtype=np.int32), min_cluster_size_fraction=0.9
        )


def test_groups_that_were_apart_stay_apart_if_all_layouts_pile_them_up_but_the_embeddings_do_not() -> None:
    points, neighbors = make_layouts([0, 0, 1], [1, 1, 0], [2, 2, 1])
    apart = np.repeat([0, 1, 2], 40)
    piled_up = perform_consensus_clustering(points, 3, neighbors)
    assert piled_up.labels.tolist() == np.repeat([0, 0, 1], 40).tolist()
    found = perform_consensus_clustering(points, 3, neighbors, votes=apart[None])
    assert found.labels.tolist() == apart.tolist()
    assert len(found.centroids) == len(found.stabilities) == 3
