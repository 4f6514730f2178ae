"""A collapsed clustering is replaced if the data hold more clusters, and kept if they do not."""

import numpy as np
import pytest

from trace_clustering.algorithms.clusters.collapse import choose_labels, is_collapsed
from trace_clustering.algorithms.clusters.hdbscan import ClusterSelection, perform_hdbscan_clustering
from trace_clustering.algorithms.space.reduce import reduce_dimensions_for_clustering
from trace_clustering.errors import InvalidEmbeddingsError


def make_labels(*of_clusters: int, noise: int = 0) -> np.ndarray:
    return np.repeat([*range(len(of_clusters)), -1], [*of_clusters, noise])


def make_blobs(centres: list[list[float]], size: int, spread: float = 0.3) -> np.ndarray:
    random = np.random.default_rng(4)
    return np.vstack([random.normal(c, spread, (size, len(c))) for c in centres]).astype(np.float32)


@pytest.mark.parametrize(
    ("labels", "collapsed"),
    [
        (make_labels(50, 50), True),
        (make_labels(100), True),
        (make_labels(noise=100), True),
        (make_labels(40, 40, noise=20), True),
        (make_labels(70, 20, 10), True),
        (make_labels(80, 10, 5, noise=5), True),
        (make_labels(69, 21, 10), False),
        (make_labels(40, 30, 30), False),
        (make_labels(10, 10, 10, noise=70), False),
    ],
)
def test_fewer_than_three_clusters_or_one_of_seventy_percent_is_a_collapse(
    labels: np.ndarray, collapsed: bool
) -> None:
    assert is_collapsed(labels) is collapsed


class TestTheChoice:
    """Four blobs on a line, in two close pairs."""

    POINTS = make_blobs([[0, 0], [4, 0], [10, 0], [14, 0]], 25)
    FOUR = np.repeat([0, 1, 2, 3], 25)
    LOPSIDED = np.repeat([0, 0, 0, 1], 25)
    SCATTERED = np.arange(100) % 4

    def test_the_remedy_with_the_better_separated_clusters_is_used(self) -> None:
        assert choose_labels(self.POINTS, self.LOPSIDED, [self.SCATTERED, self.FOUR], 0) == 1

    def test_on_ties_the_first_remedy_is_used(self) -> None:
        assert choose_labels(self.POINTS, self.LOPSIDED, [self.FOUR, self.FOUR], 0) == 0

    def test_a_remedy_without_structure_is_not_used(self) -> None:
        assert choose_labels(self.POINTS, self.LOPSIDED, [self.SCATTERED], 0) is None

    def test_a_remedy_that_is_collapsed_too_is_not_used(self) -> None:
        assert choose_labels(self.POINTS, self.LOPSIDED, [np.repeat([0, 1], 50)], 0) is None

    def test_clearly_separated_clusters_stay_however_few_they_are(self) -> None:
        points = make_blobs([[0, 0], [1, 0], [100, 0], [101, 0]], 25, spread=0.05)
        assert choose_labels(points, np.repeat([0, 1], 50), [self.FOUR], 0) is None

    def test_noise_speaks_against_a_remedy(self) -> None:
        mostly_noise = np.where(np.arange(100) % 3 == 0, self.FOUR, -1)
        assert choose_labels(self.POINTS, self.LOPSIDED, [mostly_noise, self.FOUR], 0) == 1


class TestInHDBSCAN:
    def test_a_giant_next_to_a_small_group_is_taken_apart(self) -> None:
        # Five groups touch, and one is far away: excess of mass makes one cluster of the five.
        close = [[0, 0], [2.2, 0], [0, 2.2], [2.2, 2.2], [1.1, 4]]
        points = np.vstack([make_blobs(close, 40, spread=0.5), make_blobs([[6, 6]], 20, spread=0.5)])
        result = perform_hdbscan_clustering(points)
        assert result.selection in (ClusterSelection("leaf"), ClusterSelection("eom", 110))
        assert not is_collapsed(result.labels)
        starts = range(0, 220, 40)
        dominant = [np.bincount(result.labels[s : s + 40] + 1)[1:].argmax() for s in starts]
        assert len(set(dominant)) == 6

    @pytest.mark.parametrize("n", [60, 200, 1000])
    @pytest.mark.parametrize("share", [0.5, 0.85])
    @pytest.mark.parametrize("dimensions", [2, 10, 384])
    def test_two_clean_blobs_stay_two(self, n: int, share: float, dimensions: int) -> None:
        random = np.random.default_rng(n)
        points = random.normal(0, 0.3, (n, dimensions)).astype(np.float32)
        first = int(n * share)
        points[first:, 0] += 30
        result = perform_hdbscan_clustering(points)
        assert result.selection == ClusterSelection()
        members = result.labels >= 0
        assert members.mean() > 0.9
        assert set(result.labels[:first][members[:first]]).isdisjoint(result.labels[first:][members[first:]])
        assert len(result.centroids) == 2

    @pytest.mark.parametrize(("n", "dimensions"), [(80, 384), (300, 50), (1000, 384)])
    def test_two_clean_blobs_stay_two_in_the_space_that_umap_makes(self, n: int, dimensions: int) -> None:
        random = np.random.default_rng(n)
        vectors = random.normal(0, 0.3, (n, dimensions)).astype(np.float32)
        vectors[n // 2 :, 0] += 30
        result = perform_hdbscan_clustering(reduce_dimensions_for_clustering(vectors))
        assert result.selection == ClusterSelection()
        halves = [set(result.labels[: n // 2].tolist()), set(result.labels[n // 2 :].tolist())]
        assert sorted(halves, key=min) == [{0}, {1}]

    def test_nothing_but_noise_stays_noise(self) -> None:
        points = np.random.default_rng(0).normal(size=(200, 16)).astype(np.float32)
        result = perform_hdbscan_clustering(points)
        assert result.num_noise_points == 200
        assert result.selection == ClusterSelection()


def test_values_that_are_not_finite_are_refused_before_anything_is_chosen() -> None:
    with pytest.raises(InvalidEmbeddingsError):
        perform_hdbscan_clustering(np.full((30, 70), np.nan, dtype=np.float32))
