"""A centroid among the embeddings is a direction, and its radius is that of traces that did not make it."""

import numpy as np
import pytest

from trace_clustering.algorithms.embedding_centroids import calculate_embedding_centroids

BASE = np.random.default_rng(3).normal(size=16)


def draw(n: int, seed: int) -> np.ndarray:
    return (BASE + np.random.default_rng(seed).normal(size=(n, 16))).astype(np.float32)


def measure(vectors: np.ndarray, centroid: np.ndarray) -> np.ndarray:
    return vectors @ centroid / np.linalg.norm(vectors, axis=1)


def test_a_centroid_is_the_mean_direction_of_the_members_whatever_their_length() -> None:
    embeddings = np.array([[3, 0, 0], [0, 5, 0], [0, 0, 1], [1, 1, 1]], dtype=np.float32)
    centroids, _ = calculate_embedding_centroids(embeddings, np.array([0, 0, 1, -1]))
    np.testing.assert_allclose(centroids, [[0.5**0.5, 0.5**0.5, 0], [0, 0, 1]], atol=1e-6)
    assert centroids.dtype == np.float32


def test_the_radius_is_the_similarity_to_the_centroid_of_the_others() -> None:
    members = draw(12, seed=1)
    _, (radius,) = calculate_embedding_centroids(members, np.zeros(12, dtype=np.int64))
    unit = members / np.linalg.norm(members, axis=1, keepdims=True)
    alone = [measure(unit[[i]], np.delete(unit, i, axis=0).sum(axis=0))[0] for i in range(12)]
    norms = [np.linalg.norm(np.delete(unit, i, axis=0).sum(axis=0)) for i in range(12)]
    expected = np.quantile(np.array(alone) / norms, 0.01)
    assert radius == pytest.approx(expected, abs=1e-5)


def test_few_further_traces_of_the_same_kind_are_outside_even_of_a_small_cluster() -> None:
    shares = []
    for seed in range(20):
        members = draw(10, seed=seed)
        (centroid,), (radius,) = calculate_embedding_centroids(members, np.zeros(10, dtype=np.int64))
        shares.append((measure(draw(500, seed=100 + seed), centroid) >= radius).mean())
    assert np.mean(shares) > 0.85  # one of ten members is the farthest, so nine of ten is what to expect


def test_members_that_cannot_be_compared_are_no_fault() -> None:
    embeddings = np.array([[1, 2], [0, 0], [0, 0], [1, 0], [-1, 0]], dtype=np.float32)
    centroids, radii = calculate_embedding_centroids(embeddings, np.array([0, 1, 1, 2, 2]))
    assert np.isfinite(centroids).all()
    assert np.isfinite(radii).all()
    assert radii[0] == 1


def test_noise_has_no_centroid() -> None:
    centroids, radii = calculate_embedding_centroids(draw(3, seed=1), np.full(3, -1))
    assert centroids.shape == (0, 16)
    assert radii.shape == (0,)
