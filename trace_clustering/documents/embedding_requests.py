"""Requests for vectors to an OpenAI-compatible endpoint, within a budget; failed ones are tried again."""

import re
from collections.abc import Sequence
from typing import Any

import httpx
import openai

from trace_clustering.documents.embedding_answer import read_vectors
from trace_clustering.errors import TextsRefusedError
from trace_clustering.llm.endpoint.budget import CHARACTERS_PER_TOKEN
from trace_clustering.llm.endpoint.channel import Channel
from trace_clustering.llm.endpoint.faults import Fault, explain_fault, hide_key
from trace_clustering.traces.arrays import FloatArray

# Statuses with which endpoints refuse what a request holds, and not who sends it.
_REFUSALS = frozenset({400, 413, 422})
_TOO_LONG = re.compile(
    r"\btokens?\b|context|too (?:long|large|big|many)|length|exceed|maximum|larger than|batch size"
)
# With this status, servers tell their own faults too.
_TOO_LARGE_TO_PROCESS = re.compile(r"too (?:long|large|big)|batch size|context (?:length|size)")
_ENCODING = "encoding_format"


class EmbeddingChannel(Channel):
    """Asks one endpoint for vectors; use it as a context."""

    left_out: frozenset[str] = frozenset()

    def request(self, texts: Sequence[str], dimensions: int | None) -> FloatArray:
        """Return the vectors of texts, shape (n, d); failed requests are tried again within the budget.

        Raises
        ------
        LimitReachedError
            If a limit does not allow a first or another request.
        TextsRefusedError
            If the endpoint refuses what the request holds.
        EndpointDownError
            If the endpoint still fails at the last attempt, refuses who asks, or cannot be reached.
        """
        client = self._open_client()
        estimate = sum(map(len, texts)) // CHARACTERS_PER_TOKEN + len(texts)
        price = self._connection.price
        attempt = 0
        while True:
            self.budget.allow(estimate, price)
            self.budget.count_request()
            try:
                vectors, tokens = self._send(client, texts, dimensions)
            except Exception as error:  # any error on a malformed answer, or of a library below
                fault = explain_fault(error, self._key)
            else:
                counted = estimate if tokens is None else tokens
                self.budget.count_tokens(counted, 0, price, estimated=tokens is None)
                return vectors
            if fault.may_be_billed:
                self.budget.count_tokens(estimate, 0, price, estimated=True)
            if self._leave_out_encoding(fault):
                continue
            _require_other_fault(fault)
            self._wait_or_give_up(fault, attempt)
            attempt += 1

    def _send(
        self, client: openai.AsyncOpenAI, texts: Sequence[str], dimensions: int | None
    ) -> tuple[FloatArray, int | None]:
        # The library's own method would always name an encoding, which some servers refuse.
        body: dict[str, Any] = {"model": self._connection.model, "input": list(texts)}
        if _ENCODING not in self.left_out:
            body[_ENCODING] = "base64"  # a quarter of the size of numbers in decimals
        if dimensions:
            body["dimensions"] = dimensions
        seconds = min(self._connection.request_timeout_seconds, self.budget.seconds_left())
        response = self._run_on_loop(client.post("/embeddings", cast_to=httpx.Response, body=body), seconds)
        return read_vectors(hide_key(response.text, self._key), len(texts))

    def _leave_out_encoding(self, fault: Fault) -> bool:
        """Return whether the next request will name no encoding, because the endpoint refuses it."""
        if fault.status not in _REFUSALS or _ENCODING in self.left_out or _ENCODING not in fault.refusal:
            return False
        self._log.warning(f"{self._task}: {fault.reason}; it gets no {_ENCODING}")
        self.left_out = self.left_out | {_ENCODING}
        return True


def _require_other_fault(fault: Fault) -> None:
    """Raise if the endpoint refused the texts; any other fault is left to the caller."""
    said = fault.refusal.lower()
    if fault.status in _REFUSALS and "dimensions" not in said:
        raise TextsRefusedError(fault.reason, too_long=bool(_TOO_LONG.search(said)) or fault.status == 413)
    if fault.status == 500 and _TOO_LARGE_TO_PROCESS.search(said):
        raise TextsRefusedError(fault.reason, too_long=True)
