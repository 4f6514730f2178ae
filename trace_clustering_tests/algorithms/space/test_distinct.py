"""Embeddings that are equal but for rounding are copies, and other embeddings are not."""

import numpy as np
import pytest

from trace_clustering.algorithms.space.distinct import find_near_copies
from trace_clustering.algorithms.steps import reduce_embeddings
from trace_clustering.errors import InvalidEmbeddingsError

TEXTS = 200


def make_embeddings(n: int = TEXTS, d: int = 384, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)


def embed_again(embeddings: np.ndarray, how: str) -> np.ndarray:
    random = np.random.default_rng(5)
    if how == "half precision":
        return embeddings.astype(np.float16).astype(np.float32)
    if how == "another batch":
        return (embeddings * (1 + random.normal(0, 1e-5, embeddings.shape))).astype(np.float32)
    if how == "noise":
        return (embeddings + random.normal(0, 1e-4, embeddings.shape)).astype(np.float32)
    return embeddings.copy()


@pytest.mark.parametrize("how", ["equal", "half precision", "another batch", "noise"])
@pytest.mark.parametrize("length", [1e-20, 1, 1000])
def test_the_same_text_embedded_twice_is_one_kind(how: str, length: float) -> None:
    once = make_embeddings()
    copies = find_near_copies(np.vstack([once, embed_again(once, how)]) * np.float32(length))
    assert copies.kinds.tolist() == [*range(TEXTS), *range(TEXTS)]


@pytest.mark.parametrize("d", [8, 64, 1536])
def test_different_embeddings_are_no_copies_even_if_they_are_near(d: int) -> None:
    centres = make_embeddings(10, d)
    noise = make_embeddings(1000, d, seed=2) * np.float32(0.05)
    assert not find_near_copies(np.repeat(centres, 100, axis=0) + noise).exist


def test_the_order_of_the_rows_does_not_matter() -> None:
    random = np.random.default_rng(3)
    heaps = np.repeat(make_embeddings(), 20, axis=0)
    for noise in (1e-5, 1.2e-4, 1.7e-4, 3e-4):  # the middle ones put pairs on both sides of the limit
        vectors = (heaps + random.normal(0, noise, heaps.shape)).astype(np.float32)
        order = random.permutation(len(vectors))
        straight, shuffled = find_near_copies(vectors).kinds, find_near_copies(vectors[order]).kinds
        pairs = set(zip(straight[order].tolist(), shuffled.tolist(), strict=True))
        assert len(pairs) == len(set(straight.tolist())) == len(set(shuffled.tolist()))


def test_a_chain_of_embeddings_each_near_the_next_is_not_one_kind() -> None:
    angles = np.linspace(0, np.pi, 2000)
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    copies = find_near_copies(chain)
    assert len(copies.first_rows) > 200
    assert np.linalg.norm(chain - chain[copies.first_rows][copies.kinds], axis=1).max() < 0.011


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["umap", "pca", "none"])
def test_values_that_are_not_finite_are_refused_whatever_the_method(value: float, method: str) -> None:
    broken = make_embeddings(30)
    broken[3, 1] = value
    with pytest.raises(InvalidEmbeddingsError, match="NaN or infinity"):
        reduce_embeddings(broken, normalization="none", method=method, n_components=5, random_state=1)


def test_embeddings_too_long_for_distances_are_refused_but_their_directions_are_not() -> None:
    settings = {"method": "umap", "n_components": 4, "random_state": 1}
    for length in (1e38, 3e38):
        long = make_embeddings(30, 4) * np.float32(length)
        with pytest.raises(InvalidEmbeddingsError, match="set embedding_normalization to l2"):
            reduce_embeddings(long, normalization="none", **settings)
        assert np.isfinite(reduce_embeddings(long, normalization="l2", **settings).points).all()
