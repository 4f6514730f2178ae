"""Artifacts become files, and come back as they were."""

import dataclasses

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.traces import ReducedEmbeddings
from trace_clustering_tests.artifacts.every_kind import (
    EVERY,
    PROVENANCE,
    assert_same,
    make_assignments,
    make_embeddings,
    make_many_traces,
    read,
    write,
)


@pytest.mark.parametrize("artifact", EVERY)
def test_an_artifact_comes_back_as_it_was(artifact: Artifact) -> None:
    assert_same(artifact, read(write(artifact)))


def test_an_artifact_of_many_traces_comes_back_as_it_was_and_can_be_written_to() -> None:
    back = read(write(make_many_traces()))
    assert_same(make_many_traces(), back)
    assert isinstance(back, ReducedEmbeddings)
    assert back.points.flags.writeable
    assert back.points.flags.c_contiguous


def test_clusters_of_nothing_but_noise_come_back_without_centroids() -> None:
    back = read(write(make_assignments([-1, -1, -1], np.empty((0, 2), dtype=np.float32))))
    assert isinstance(back, ClusterAssignments)
    assert len(back.centroids) == 0
    assert back.clusters() == [-1]


@pytest.mark.parametrize("artifact", EVERY)
def test_the_same_artifact_is_the_same_file_byte_by_byte(artifact: Artifact) -> None:
    settings = dict(reversed(artifact.provenance.settings.items()))
    same = dataclasses.replace(
        artifact, provenance=dataclasses.replace(artifact.provenance, settings=settings)
    )
    assert write(artifact) == write(same) == write(read(write(artifact)))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_header_never_holds_what_is_no_json(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(make_embeddings(provenance=PROVENANCE.with_settings({"share": number})))
