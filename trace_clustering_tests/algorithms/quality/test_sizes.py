import numpy as np
import pytest

from trace_clustering.algorithms.quality.sizes import measure_size_deviations

LABELS = np.repeat([0, 1, -1], [10, 20, 5])


def test_a_cluster_that_all_layouts_find_alike_does_not_deviate() -> None:
    assert measure_size_deviations(np.stack([LABELS] * 3), LABELS).tolist() == [0, 0]


def test_larger_and_smaller_clusters_deviate_by_their_part() -> None:
    larger = np.where(np.arange(35) >= 30, 1, LABELS)
    smaller = np.where((LABELS == 1) & (np.arange(35) < 15), -1, LABELS)

    found = measure_size_deviations(np.stack([larger, smaller]), LABELS)

    assert found[0] == 0
    assert found[1] == pytest.approx(0.25)


def test_a_cluster_that_a_layout_does_not_find_deviates_by_all_of_it() -> None:
    without = np.where(LABELS == 0, -1, LABELS)

    assert measure_size_deviations(np.stack([without]), LABELS).tolist() == [1, 0]
    assert measure_size_deviations(np.full((2, 35), -1), LABELS).tolist() == [1, 1]


def test_numbers_of_clusters_mean_nothing() -> None:
    renamed = np.array([1, 0, -1])[np.where(LABELS < 0, 2, LABELS)]

    assert measure_size_deviations(np.stack([renamed]), LABELS).tolist() == [0, 0]


def test_without_clusters_there_are_no_deviations() -> None:
    assert measure_size_deviations(np.zeros((3, 4), dtype=np.int64), np.full(4, -1)).shape == (0,)
