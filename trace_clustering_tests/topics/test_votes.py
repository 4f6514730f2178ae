"""An earlier run says where traces were, and where new ones would belong."""

from dataclasses import replace

import numpy as np
import pytest

from trace_clustering.topics.votes import list_votes
from trace_clustering_tests.topics.histories import make_run, name_traces, point_at

BEFORE = make_run(1, {"billing": range(3), "travel": range(3, 6)}, noise=[6])


def vote(numbers: list[int], directions: list[int]) -> list[int]:
    embeddings = np.stack([7 * point_at(direction) for direction in directions])
    return list_votes(name_traces(numbers), embeddings, BEFORE).tolist()


def test_a_trace_is_where_it_was_wherever_it_lies_now() -> None:
    assert vote([0, 3, 6], directions=[1, 0, 0]) == [0, 1, -1]


def test_a_new_trace_belongs_to_the_nearest_centroid_if_it_is_near_enough() -> None:
    assert vote([10, 11, 12], directions=[1, 0, 5]) == [1, 0, -1]


def test_the_border_belongs_to_the_cluster() -> None:
    between = (point_at(0) + np.sqrt(3) * point_at(5))[None]  # its cosine similarity is one half
    lower = [replace(cluster, radius=0.49) for cluster in BEFORE.clusters]
    upper = [replace(cluster, radius=0.51) for cluster in BEFORE.clusters]
    assert list_votes(name_traces([10]), between, replace(BEFORE, clusters=lower)).tolist() == [0]
    assert list_votes(name_traces([10]), between, replace(BEFORE, clusters=upper)).tolist() == [-1]


def test_many_traces_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    directions = [0, 1, 5, 1, 0, 0, 1]
    numbers = list(range(10, 17))
    at_once = vote(numbers, directions)
    monkeypatch.setattr("trace_clustering.topics.votes._MAX_ROWS", 2)
    assert vote(numbers, directions) == at_once == [0, 1, -1, 1, 0, 0, 1]


def test_a_run_of_noise_says_nothing() -> None:
    nothing = make_run(1, {}, noise=range(3))
    assert list_votes(name_traces([0, 9]), np.eye(2, dtype=np.float32), nothing).tolist() == [-1, -1]


def test_a_vector_of_zeros_belongs_to_nothing() -> None:
    assert list_votes(name_traces([10]), np.zeros((1, 8), dtype=np.float32), BEFORE).tolist() == [-1]
