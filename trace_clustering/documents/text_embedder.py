"""Texts in, vectors out: what is the same for the local model and for an endpoint."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trace_clustering.errors import EmbeddingFailedError
from trace_clustering.traces.arrays import FloatArray, IntArray

# Endpoints refuse an empty text. Documents without text are alike, and so are their vectors.
TEXT_OF_EMPTY = "(no text)"


class TextModel(Protocol):
    """A model as `TextEmbedder` uses it.

    Attributes
    ----------
    name : str
        Different for any two models whose vectors cannot be compared.
    dimension : int or None
        None until the first vectors are known.
    """

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def dimension(self) -> int | None:
        """Length of its vectors."""
        ...

    def plan_batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Return which texts are embedded together, as positions in `texts`; each stands in one batch."""
        ...

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return one vector per text, shape (n, dimension)."""
        ...


@dataclass(frozen=True)
class EmbeddedBatch:
    """Vectors of some of the texts.

    Attributes
    ----------
    rows : IntArray, shape (n,)
        Positions of the texts among those that were given; equal texts come together.
    vectors : FloatArray, shape (n, dimension)
        Finite and of length 1.
    """

    rows: IntArray
    vectors: FloatArray


TrackBatches = Callable[[Iterable[list[int]], int, str], Iterable[list[int]]]


class TextEmbedder:
    """Embeds texts with one model; the vectors are finite and of length 1.

    Parameters
    ----------
    model : TextModel
    """

    def __init__(self, model: TextModel) -> None:
        self._model = model

    @property
    def model_name(self) -> str:
        """Name of the model, which differs for any two whose vectors cannot be compared."""
        return self._model.name

    @property
    def dimension(self) -> int | None:
        """Length of the vectors; None if an endpoint has not told it yet, with its first answer."""
        return self._model.dimension

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return the vectors of texts, shape (n, dimension), in their order.

        Raises
        ------
        EmbeddingFailedError
            If the model gives no usable vector.
        """
        batches = list(self.embed_batches(texts))
        if not batches:
            return np.zeros((0, self.dimension or 0), dtype=np.float32)
        vectors = np.empty((len(texts), batches[0].vectors.shape[1]), dtype=np.float32)
        for batch in batches:
            vectors[batch.rows] = batch.vectors
        return vectors

    def embed_batches(
        self,
        texts: Sequence[str],
        track: TrackBatches = lambda batches, total, description: batches,  # noqa: ARG005
    ) -> Iterator[EmbeddedBatch]:
        """Yield the vectors of texts batch by batch, so that what a fault leaves behind can be kept.

        Parameters
        ----------
        texts : sequence of str
            Equal ones are embedded once. Empty ones count as `TEXT_OF_EMPTY`.
        track : callable
            Shows progress: given the batches, their number and a description, returns the batches.

        Raises
        ------
        EmbeddingFailedError
            If the model gives no usable vector.
        """
        rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            rows_of.setdefault(_clean(text), []).append(row)
        distinct = list(rows_of)
        batches = self._model.plan_batches(distinct)
        for batch in track(batches, len(batches), "Embedding"):
            vectors = self._embed_checked([distinct[position] for position in batch])
            rows = [rows_of[distinct[position]] for position in batch]
            repeats = [len(same) for same in rows]
            flat = np.array([row for same in rows for row in same], dtype=np.int64)
            yield EmbeddedBatch(flat, np.repeat(vectors, repeats, axis=0))

    def _embed_checked(self, texts: Sequence[str]) -> FloatArray:
        vectors = self._model.embed_batch(texts)
        expected = (len(texts), self.dimension)
        if vectors.shape != expected:
            raise EmbeddingFailedError(
                f"The model {self.model_name} gave vectors of shape {vectors.shape} where {expected} was "
                "expected; choose another model in the embedder resource"
            )
        # In double precision, so that large components do not become infinite when they are squared.
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            bad = int(np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] == 0))[0])
            raise EmbeddingFailedError(
                f"The model {self.model_name} gave a vector that is zero or not finite, for a text of "
                f"{len(texts[bad])} characters; choose another model in the embedder resource"
            )
        normalized: FloatArray = (vectors / lengths).astype(np.float32)
        return normalized


def _clean(text: str) -> str:
    """Return a text as models take it: not empty, and without halves of characters, which UTF-8 lacks."""
    return text.encode("utf-8", "replace").decode() if text.strip() else TEXT_OF_EMPTY
