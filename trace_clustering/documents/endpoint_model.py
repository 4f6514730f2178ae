"""A model behind an OpenAI-compatible endpoint; what it refuses is sent in smaller requests, or shorter."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from urllib.parse import urlsplit

import numpy as np

from trace_clustering.documents.embedding_requests import EmbeddingChannel
from trace_clustering.errors import (
    EmbedderSetupError,
    EmbeddingFailedError,
    EmbeddingLimitError,
    EndpointDownError,
    LimitReachedError,
    TextsRefusedError,
)
from trace_clustering.llm.endpoint.budget import Budget, Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.traces.arrays import FloatArray

_SHARE_OF_REFUSED = 0.6
_MIN_CHARACTERS = 200  # a text that is shorter is not refused for its length
_PLAIN_TEXT = "hello"


class EndpointModel:
    """Vectors of one model behind an endpoint, charged to one budget.

    Parameters
    ----------
    connection : Connection
    budget : Budget
    log : logging.Logger
    dimensions : int or None
        Length of the vectors that is asked for; None for the model's own.
    prefix : str
        Put before each text; some models want to know what the vectors are for.
    batch_size, max_request_characters : int
        Limits of one request.
    """

    def __init__(
        self,
        connection: Connection,
        budget: Budget,
        log: logging.Logger,
        *,
        dimensions: int | None,
        prefix: str,
        batch_size: int,
        max_request_characters: int,
    ) -> None:
        self._channel = EmbeddingChannel(connection, budget, log, "Embedding")
        self._budget = budget
        self._log = log
        self._dimensions = dimensions
        self._prefix = prefix
        self._max_texts = batch_size
        self._max_request_characters = max_request_characters
        self._max_characters = max_request_characters
        self._refusals = 0
        self.name = _name_model(connection, dimensions, prefix)
        self.dimension: int | None = None
        self.texts_cut = 0

    @property
    def usage(self) -> Usage:
        """What was used so far."""
        return self._budget.usage

    @contextmanager
    def open(self) -> Iterator[None]:
        """Keep the connection open while the block runs."""
        with self._channel:
            yield

    def plan_batches(self, texts: Sequence[str]) -> list[list[int]]:
        """Return batches within the limits of one request, in the order of the texts."""
        batches: list[list[int]] = []
        characters = 0
        for position, text in enumerate(texts):
            characters += len(text)
            is_full = batches and len(batches[-1]) >= self._max_texts
            if not batches or is_full or characters > self._max_request_characters:
                batches.append([])
                characters = len(text)
            batches[-1].append(position)
        return batches

    def embed_batch(self, texts: Sequence[str]) -> FloatArray:
        """Return the vectors of texts, shape (n, d); NaN stands for those of texts that are refused."""
        try:
            return self._embed(texts)
        except LimitReachedError as error:
            raise EmbeddingLimitError(
                f"Embedding with {self.name} stopped, because {error}; what was stored before stays. Raise "
                "the limit of the embedder resource, and run it again"
            ) from None
        except EndpointDownError as error:
            if error.refused:
                raise EmbedderSetupError(
                    f"The model {self.name} cannot embed: {error}; look at the settings of the embedder "
                    "resource, and at the key"
                ) from None
            raise EmbeddingFailedError(
                f"The model {self.name} did not embed: {error}; run it again later, it goes on from here"
            ) from None

    def _embed(self, texts: Sequence[str]) -> FloatArray:
        if len(texts) > self._max_texts:
            return self._embed_parts(texts, self._max_texts)
        sent = [self._prefix + text[: self._max_characters] for text in texts]
        try:
            vectors = self._channel.request(sent, self._dimensions)
        except TextsRefusedError as refusal:
            self._refusals += 1
            return self._embed_less(texts, refusal)
        self._require_same_dimension(vectors.shape[1])
        self.texts_cut += sum(len(text) > self._max_characters for text in texts)
        return vectors

    def _embed_parts(self, texts: Sequence[str], size: int) -> FloatArray:
        parts = [texts[start : start + size] for start in range(0, len(texts), size)]
        return np.vstack([self._embed(part) for part in parts])

    def _embed_less(self, texts: Sequence[str], refusal: TextsRefusedError) -> FloatArray:
        """Embed texts that were refused: in two requests, and one text alone in a shorter form."""
        if len(texts) > 1:
            half, before = (len(texts) + 1) // 2, self._refusals
            vectors = self._embed_parts(texts, half)
            if self._refusals == before:  # so it was their number, or the size of the request
                self._max_texts = min(self._max_texts, half)
            return vectors
        length = min(len(texts[0]), self._max_characters)
        if refusal.too_long and length > _MIN_CHARACTERS:
            self._max_characters = max(int(length * _SHARE_OF_REFUSED), _MIN_CHARACTERS)
            self._log.warning(
                f"Embedding: {refusal}; texts are cut after {self._max_characters} characters from now on"
            )
            return self._embed(texts)
        self._log.warning(f"Embedding: {refusal}; a text of {length} characters gets no vector")
        return np.full((1, self._find_dimension(refusal)), np.nan, dtype=np.float32)

    def _find_dimension(self, refusal: TextsRefusedError) -> int:
        """Return the length of the vectors; an endpoint that embeds nothing else either is set up wrongly."""
        if self.dimension is None:
            try:
                vectors = self._channel.request([self._prefix + _PLAIN_TEXT], self._dimensions)
            except TextsRefusedError:
                raise refusal from None
            return self._require_same_dimension(vectors.shape[1])
        return self.dimension

    def _require_same_dimension(self, dimension: int) -> int:
        expected = self.dimension or self._dimensions or dimension
        if dimension != expected:
            raise EmbeddingFailedError(
                f"The model {self.name} gave vectors of {dimension} numbers where {expected} were expected; "
                "vectors of two models are not mixed. Choose another model or other dimensions in the "
                "embedder resource"
            )
        self.dimension = dimension
        return dimension


def _name_model(connection: Connection, dimensions: int | None, prefix: str) -> str:
    """Return a name that tells models apart; servers give one name to weights of different precision."""
    parts = [f"{connection.model}@{urlsplit(connection.base_url).netloc}"]
    if dimensions:
        parts.append(str(dimensions))
    if prefix:
        parts.append(sha256(prefix.encode()).hexdigest()[:8])
    return "/".join(parts)
