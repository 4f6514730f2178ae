"""The local model: real weights, on this machine, and nothing is downloaded."""

import subprocess
import sys

import numpy as np
import pytest

from trace_clustering.documents.embedder import Embedder
from trace_clustering.documents.text_embedder import TextEmbedder

FLIGHTS = ["I want to cancel my flight", "please cancel the flight that I booked"]
COOKING = ["how long do I boil an egg", "for how many minutes should eggs boil?"]


@pytest.fixture(scope="module")
def embedder() -> TextEmbedder:
    return Embedder().load()


def test_texts_about_the_same_are_near_each_other(embedder: TextEmbedder) -> None:
    similar = embedder.embed([*FLIGHTS, *COOKING])
    likeness = similar @ similar.T
    assert min(likeness[0, 1], likeness[2, 3]) > 0.7 > 0.3 > likeness[:2, 2:].max()


def test_vectors_are_of_length_one_and_in_the_order_of_the_texts(embedder: TextEmbedder) -> None:
    texts = ["a long text comes first " * 30, *FLIGHTS, "short"]
    together = embedder.embed(texts)
    assert together.shape == (4, embedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_array_equal(embedder.embed([text])[0], vector)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_size_of_batches_does_not_matter(embedder: TextEmbedder, batch_size: int) -> None:
    texts = [f"question {number} " * (1 + number % 9) for number in range(70)]
    np.testing.assert_array_equal(Embedder(batch_size=batch_size).load().embed(texts), embedder.embed(texts))


def test_all_of_a_long_text_counts(embedder: TextEmbedder) -> None:
    start = "the weather is fine today " * 60
    alone, with_end = embedder.embed([start, start + FLIGHTS[0] * 60])
    assert alone @ with_end < 0.9
    assert embedder.embed([FLIGHTS[0]])[0] @ with_end > 0.3


def test_no_text_gives_no_vectors(embedder: TextEmbedder) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_empty_texts_are_alike(embedder: TextEmbedder) -> None:
    vectors = embedder.embed(["", " \n\t", "\u2003"])
    assert np.isfinite(vectors).all()
    assert (vectors == vectors[0]).all()


def test_equal_texts_come_together_with_all_their_rows(embedder: TextEmbedder) -> None:
    batches = list(embedder.embed_batches([FLIGHTS[0], COOKING[0], FLIGHTS[0]]))
    assert sorted(row for batch in batches for row in batch.rows) == [0, 1, 2]
    assert all(len(batch.rows) == len(batch.vectors) for batch in batches)


def test_the_name_tells_model_dimension_and_version(embedder: TextEmbedder) -> None:
    assert embedder.model_name.startswith("all-MiniLM-L6-v2-int8/384/")
    assert Embedder(batch_size=5).load().model_name == embedder.model_name


def test_what_is_no_character_or_very_long_is_embedded_too(embedder: TextEmbedder) -> None:
    hostile = ["\ud800", "\x00\x1b[31m", "a" * 300_000, "🙂" * 500, "字" * 500]
    assert np.isfinite(embedder.embed(hostile)).all()


def test_nothing_is_connected_to() -> None:
    code = """
import sys
def refuse(event, arguments):
    if event.startswith("socket."):
        raise SystemExit(f"{event}{arguments}")
sys.addaudithook(refuse)
from trace_clustering.documents.embedder import Embedder
print(Embedder().load().embed(["a text"]).shape)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("(1, 384)", "")


def test_what_is_counted_is_told() -> None:
    fresh = Embedder().load()
    fresh.embed(["x " * 20_000, "short"])
    assert fresh.list_figures() == {"without_vector": 0, "texts_cut": 1}
