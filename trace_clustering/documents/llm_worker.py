"""One thread of summarizing: an endpoint of its own, a budget that all threads share."""

import copy
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from trace_clustering.documents.extract import extract_summary
from trace_clustering.documents.llm_rules import SUMMARY_TOOL, write_rules
from trace_clustering.documents.summary_options import Summarized, SummaryOptions
from trace_clustering.errors import (
    EndpointDownError,
    LimitReachedError,
    RequestTooLongError,
    UnreadableAnswerError,
)
from trace_clustering.llm.endpoint.budget import Budget, Limits, Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.dialect import Dialect
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from trace_clustering.llm.endpoint.client import Endpoint

# An endpoint is down that fails for so many traces in a row, with all retries of each.
MAX_FAILURES_IN_A_ROW: Final = 3
# A model whose answer cannot be read is asked once more.
MAX_ANSWERS_PER_TRACE: Final = 2
NO_ANSWER: Final = "the endpoint gave no answer"
UNREADABLE: Final = "the answer of the model held no summary"
_OVERHEAD_CHARACTERS: Final = 1_500  # what a request holds beside its two messages


class Shared:
    """What the threads share: the budget, what the endpoint was found to take, and when to stop."""

    def __init__(self, budget: Budget, connection: Connection, log: logging.Logger) -> None:
        self.connection = connection
        self.takes_tools = True
        self._budget, self._log = budget, log
        self._dialect = Dialect()
        self._endpoints: list[Endpoint] = []
        self._failures = 0
        self._lock = threading.Lock()

    @property
    def limits(self) -> Limits:
        """The limits that hold for all threads together."""
        return self._budget.limits

    def open_endpoint(self) -> "Endpoint":
        """Return an endpoint for one thread, open until `close_endpoints`."""
        from trace_clustering.llm.endpoint.client import Endpoint

        with self._lock:
            dialect = copy.deepcopy(self._dialect)
            endpoint = Endpoint(self.connection, self._budget, self._log, dialect, task="Summaries")
            self._endpoints.append(endpoint.__enter__())
        return endpoint

    def close_endpoints(self) -> None:
        """Close all endpoints, and keep what the one that had to adapt most has found out."""
        for endpoint in self._endpoints:
            endpoint.__exit__(None, None, None)
        dialects = [self._dialect, *(endpoint.dialect for endpoint in self._endpoints)]
        self._dialect = max(dialects, key=lambda dialect: dialect.changes)
        self._endpoints = []

    def stop(self) -> None:
        """End the requests that are under way, and allow no other."""
        self._budget.stop("it was stopped")
        with self._lock:
            for endpoint in self._endpoints:
                endpoint.cancel()

    def note_success(self) -> None:
        """Note that the endpoint answers."""
        with self._lock:
            self._failures = 0

    def note_failure(self, reason: str) -> None:
        """Note that the endpoint gave no answer for a trace; after some in a row, nothing more is sent."""
        with self._lock:
            self._failures += 1
            is_down = self._failures == MAX_FAILURES_IN_A_ROW
        self._log.warning(f"Summaries: {reason}")
        if is_down:
            self._budget.stop(f"{NO_ANSWER} for {MAX_FAILURES_IN_A_ROW} traces in a row")

    def note_refused_tools(self, reason: str) -> bool:
        """Return whether a refusal is about tools, which are then left out."""
        if "tool" not in reason.lower():
            return False
        with self._lock:
            if self.takes_tools:
                self._log.warning(f"Summaries: {reason}; it gets no tools, for the rest of the run")
            self.takes_tools = False
        return True


class Worker:
    """Summarizes traces one after the other; make it and use it in one thread."""

    def __init__(self, shared: Shared, options: SummaryOptions) -> None:
        self._shared, self._options = shared, options
        self._endpoint = shared.open_endpoint()
        self._method = f"llm:{shared.connection.model}"

    def summarize(self, trace: Trace) -> Summarized:
        """Return the summary of a trace by the model; by extract if it gives none."""
        self._endpoint.usage = Usage()
        fallback = ""
        try:
            summary = self._ask(trace)
            self._shared.note_success()
        except LimitReachedError as limit:
            fallback = str(limit)
        except UnreadableAnswerError:
            self._shared.note_success()
            fallback = UNREADABLE
        except EndpointDownError as down:
            self._shared.note_failure(str(down))
            fallback = NO_ANSWER
        if fallback:
            return Summarized(extract_summary(trace), "extract", self._endpoint.usage, fallback)
        return Summarized(summary, self._method, self._endpoint.usage)

    def _ask(self, trace: Trace) -> TraceSummary:
        from trace_clustering.documents.llm_prompt import read_summary

        unreadable = 0
        while True:
            tools = [SUMMARY_TOOL] if self._shared.takes_tools else []
            try:
                return read_summary(self._endpoint.ask(self._write_messages(trace), tools), trace)
            except RequestTooLongError:
                continue  # there is less room now
            except EndpointDownError as down:
                if not (tools and down.refused and self._shared.note_refused_tools(str(down))):
                    raise
            except UnreadableAnswerError:
                unreadable += 1
                if unreadable == MAX_ANSWERS_PER_TRACE:
                    raise

    def _write_messages(self, trace: Trace) -> "Sequence[BaseMessage]":
        from langchain_core.messages import HumanMessage, SystemMessage

        from trace_clustering.documents.llm_prompt import write_question
        from trace_clustering.llm.endpoint.request_size import measure_text

        rules = write_rules(self._options.instructions)
        room = self._endpoint.max_request_characters - measure_text(rules) - _OVERHEAD_CHARACTERS
        length = min(room, self._options.max_transcript_characters)
        return [SystemMessage(rules), HumanMessage(write_question(trace, length))]
