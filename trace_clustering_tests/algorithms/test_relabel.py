"""Clusters whose members were changed by hand: distances follow, and what nobody measured is unknown."""

import numpy as np

from trace_clustering.algorithms.distances import calculate_distances_to_cluster_means
from trace_clustering.algorithms.steps import ClusteringSpace, cluster_points, relabel_points
from trace_clustering_tests.benchmarks.vectors import make_groups

POINTS = make_groups(60, 5)
CLUSTERED = cluster_points(
    ClusteringSpace.without_ensemble(POINTS), method="kmeans", params={"min_k": 4, "max_k": 4}, random_state=1
)
NOWHERE = np.zeros(60, dtype=bool)


def test_the_same_labels_give_the_same_clusters() -> None:
    same = relabel_points(POINTS, CLUSTERED, CLUSTERED.cluster_ids, origins=range(4), is_placed=NOWHERE)
    np.testing.assert_allclose(same.centroids, CLUSTERED.centroids, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        same.distances_to_centroid, CLUSTERED.distances_to_centroid, rtol=1e-3, atol=1e-4
    )
    np.testing.assert_array_equal(same.nearest_cluster_ids, CLUSTERED.nearest_cluster_ids)
    np.testing.assert_array_equal(same.probabilities, CLUSTERED.probabilities)
    assert same.chosen_params == CLUSTERED.chosen_params


def test_what_was_changed_is_measured_anew_or_unknown() -> None:
    known = np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32)
    before = CLUSTERED.__class__(**{**vars(CLUSTERED), "stabilities": known})
    merged = np.array([0, 1, 0, 2])[CLUSTERED.cluster_ids]
    is_placed = np.arange(60) < 3
    after = relabel_points(POINTS, before, merged, origins=[-1, 1, 3], is_placed=is_placed)
    np.testing.assert_array_equal(after.stabilities, np.array([np.nan, 0.8, 0.6], dtype=np.float32))
    assert np.isnan(after.probabilities[:3]).all()
    assert (after.probabilities[3:] == 1).all()
    distances = calculate_distances_to_cluster_means(POINTS, merged)
    np.testing.assert_array_equal(after.distances_to_centroid, distances[np.arange(60), merged])


def test_without_any_cluster_nothing_has_a_distance() -> None:
    noise = np.full(60, -1)
    after = relabel_points(POINTS, CLUSTERED, noise, origins=[], is_placed=NOWHERE)
    assert len(after.centroids) == len(after.stabilities) == 0
    assert set(after.nearest_cluster_ids.tolist()) == {-1}
