"""The mean silhouette is the same for every method, and noise counts as 0."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples, silhouette_score

from trace_clustering.algorithms.quality.silhouette import MAX_POINTS, Silhouette
from trace_clustering_tests.examples import themed_vectors

LABELS = np.repeat([0, 1, 2], 20)


def test_without_noise_it_is_the_mean_silhouette_of_all_points() -> None:
    points = themed_vectors(per_theme=20, outliers=0)
    assert Silhouette(points, 0).compute_mean(LABELS) == pytest.approx(
        silhouette_score(points, LABELS), abs=1e-6
    )


def test_a_point_of_noise_counts_as_zero() -> None:
    points = themed_vectors(per_theme=20, outliers=0)
    labels = np.where(np.arange(60) % 4 == 0, -1, LABELS)
    members = labels >= 0
    expected = silhouette_samples(points[members], labels[members]).sum() / 60
    assert Silhouette(points, 0).compute_mean(labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "labels", [[0, 0, 0, 0], [-1, -1, -1, -1], [-1, 0, 0, -1], [0, 1, 2, 3], [0, 1, -1, -1]]
)
def test_where_it_is_not_defined_it_is_none(labels: list[int]) -> None:
    points = np.eye(4, dtype=np.float32)
    assert Silhouette(points, 0).compute_mean(np.array(labels)) is None


def test_many_points_are_judged_by_a_sample_that_the_seed_fixes() -> None:
    random = np.random.default_rng(1)
    points = random.normal(size=(MAX_POINTS + 500, 2)).astype(np.float32)
    labels = (points[:, 0] > 0).astype(np.int64)
    first, again, other = (Silhouette(points, seed).compute_mean(labels) for seed in (1, 1, 2))
    assert first == again != other
    assert first == pytest.approx(silhouette_score(points, labels), abs=0.02)
