"""Texts in, vectors out: what is the same for the local model and for an endpoint."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from trace_clustering.errors import EmbeddingFailedError
from trace_clustering.llm.endpoint.budget import Usage
from trace_clustering.traces.arrays import FloatArray, IntArray

# Endpoints refuse an empty text. Documents without text are alike, and so are their vectors.
TEXT_OF_EMPTY: Final = "(no text)"
# What stands further behind says little about a document, and would take most of the time.
MAX_TEXT_CHARACTERS: Final = 20_000


class TextModel(Protocol):
    """A model as `TextEmbedder` uses it."""

    @property
    def name(self) -> str:
        """Name of the model, which differs for any two whose vectors cannot be compared."""
        ...

    @property
    def dimension(self) -> int | None:
        """Length of its vectors; None until the first are there."""
        ...

    @property
    def texts_cut(self) -> int:
        """Number of texts that were too long for it so far."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What was used so far; None if nothing is counted."""
        ...

    def open(self) -> AbstractContextManager[None]:
        """Keep what batches share, such as a connection, while a block runs."""
        ...

    def plan_batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Return which texts are embedded together, as positions in `texts`; each stands in one batch."""
        ...

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return one vector per text, shape (n, dimension); NaN stands for a vector that is not to be had."""
        ...


@dataclass(frozen=True)
class EmbeddedBatch:
    """Vectors of some of the texts.

    Attributes
    ----------
    rows : IntArray, shape (n,)
        Positions of the texts among those that were given; equal texts come together.
    vectors : FloatArray, shape (n, dimension)
        Of length 1; NaN for a text of which the model gives no vector.
    """

    rows: IntArray
    vectors: FloatArray


TrackBatches = Callable[[Iterable[list[int]], int, str], Iterable[list[int]]]


class TextEmbedder:
    """Embeds texts with one model; the vectors are of length 1.

    A text of which the model gives no vector gets NaN, as it would be the same again and must not stop all
    others. It is counted, and the clustering leaves it out.

    Parameters
    ----------
    model : TextModel

    Attributes
    ----------
    without_vector : int
        Number of texts that got no vector so far.
    """

    def __init__(self, model: TextModel) -> None:
        self._model = model
        self._texts_cut = 0
        self._has_worked = False
        self.without_vector = 0

    @property
    def model_name(self) -> str:
        """Name of the model, which differs for any two whose vectors cannot be compared."""
        return self._model.name

    @property
    def dimension(self) -> int | None:
        """Length of the vectors; None if an endpoint has not told it yet, with its first answer."""
        return self._model.dimension

    @property
    def texts_cut(self) -> int:
        """Number of texts so far of which only the beginning was embedded."""
        return self._texts_cut + self._model.texts_cut

    @property
    def usage(self) -> Usage | None:
        """Requests, tokens and cost so far; None for the local model, which costs nothing."""
        return self._model.usage

    def list_figures(self) -> dict[str, int | float | bool]:
        """Return what was counted so far, by name; what is unknown or does not apply is left out."""
        figures: dict[str, int | float | bool] = {
            "without_vector": self.without_vector,
            "texts_cut": self.texts_cut,
        }
        if usage := self.usage:
            figures |= {
                "requests": usage.requests,
                "prompt_tokens": usage.prompt_tokens,
                "tokens_estimated": usage.tokens_estimated,
            }
            if usage.cost_usd is not None:
                figures["cost_usd"] = usage.cost_usd
        return figures

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """Return the vectors of texts, shape (n, dimension), in their order; NaN where there is none.

        Raises
        ------
        EmbedderSetupError, EmbeddingLimitError, EmbeddingFailedError
            As `embed_batches` does.
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
            Equal ones are embedded once. Empty ones count as `TEXT_OF_EMPTY`, and of long ones the first
            `MAX_TEXT_CHARACTERS` characters.
        track : callable
            Shows progress: given the batches, their number and a description, returns the batches.

        Raises
        ------
        EmbedderSetupError
            If the endpoint refuses the settings or the key.
        EmbeddingLimitError
            If a limit of the embedder is reached.
        EmbeddingFailedError
            If the endpoint does not answer, or the model gives nothing that can be used.
        """
        rows_of: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            rows_of.setdefault(_clean(text), []).append(row)
        self._texts_cut += sum(len(text) > MAX_TEXT_CHARACTERS for text in texts)
        distinct = list(rows_of)
        batches = self._model.plan_batches(distinct)
        with self._model.open():
            for batch in track(batches, len(batches), "Embedding"):
                vectors = self._embed_normalized([distinct[position] for position in batch])
                rows = [rows_of[distinct[position]] for position in batch]
                repeated = np.repeat(vectors, [len(same) for same in rows], axis=0)
                self.without_vector += int(np.isnan(repeated[:, 0]).sum())
                yield EmbeddedBatch(np.concatenate(rows), repeated)

    def _embed_normalized(self, texts: Sequence[str]) -> FloatArray:
        vectors = self._model.embed_batch(texts)
        # In double precision, so that large components do not become infinite when they are squared.
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        usable = np.isfinite(lengths) & (lengths > 0)
        self._has_worked |= bool(usable.any())
        if not self._has_worked:
            raise EmbeddingFailedError(
                f"The model {self.model_name} gave only vectors that are zero or not finite; choose another "
                "model in the embedder resource"
            )
        normalized = np.full(vectors.shape, np.nan, dtype=np.float32)
        np.divide(vectors, lengths, out=normalized, where=usable, casting="same_kind")
        return normalized


def _clean(text: str) -> str:
    """Return a text as models take it: not empty, and without halves of characters, which UTF-8 lacks."""
    text = text[:MAX_TEXT_CHARACTERS]
    return text.encode("utf-8", "replace").decode() if text.strip() else TEXT_OF_EMPTY
