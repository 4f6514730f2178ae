"""The case `assignment` measures what it says, on small windows."""

from pathlib import Path

import numpy as np
import pytest

from trace_clustering_tests.benchmarks.assignment import (
    assign_like_clickhouse,
    make_centroids,
    measure_agreement,
    measure_speed,
)
from trace_clustering_tests.examples import themed_vectors


@pytest.mark.slow
def test_speed_is_that_of_traces_that_were_assigned_to_their_groups(tmp_path: Path) -> None:
    row = measure_speed(4_000, 64, runs=1, folder=tmp_path)
    assert (row.traces, row.dimensions, row.clusters) == (4_000, 64, 40)
    assert row.seconds > 0
    assert row.peak_mib > 100
    assert len(row.format_cells()) == len(row.COLUMNS)


def test_groups_that_are_well_apart_are_found_by_a_sample_too() -> None:
    (row,) = measure_agreement("of 90", themed_vectors(outliers=0), [60])
    assert row.sampled == row.of_two == 1
    assert row.assigned > 0.8
    assert row.format_cells()[-2:] == (">= 0.9", f"{row.belong:.2f}")


def test_a_vector_that_is_near_no_centroid_is_in_no_cluster() -> None:
    centroids = make_centroids(16)
    radii = np.full(40, 0.99, dtype=np.float32)
    found = assign_like_clickhouse(np.array([3 * centroids[7], -centroids[7]]), centroids, radii)
    assert found[0] == 7
    assert found[1] == -1
