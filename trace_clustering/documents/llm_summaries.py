"""Summarizes traces: by extract, or by a language model within hard limits, several at once."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from trace_clustering.documents.extract import extract_summary
from trace_clustering.documents.llm_rules import SUMMARY_TOOL, write_rules
from trace_clustering.documents.llm_worker import Shared, Worker
from trace_clustering.documents.redaction import redact_trace
from trace_clustering.documents.summary_options import (
    EXTRACT,
    Summarized,
    SummaryEstimate,
    SummaryOptions,
    SummaryReport,
    estimate_usage,
)
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.endpoint.budget import Budget, Usage
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.traces.trace import Trace

if TYPE_CHECKING:
    from trace_clustering.llm.resource import LLM

# So many traces per thread wait for their turn, so that no thread waits for a slow answer of another.
_WAITING_PER_THREAD = 4
_LOG: Final = logging.getLogger(__name__)


class Summarizer:
    """Summarizes traces, batch by batch; the limits hold for all batches together.

    Parameters
    ----------
    options : SummaryOptions
    llm : LLM or None
        Asked only if `options.method` is `llm`.
    log : logging.Logger
        Gets no text of a trace.

    Attributes
    ----------
    report : SummaryReport
        Of all summaries that `summarize` has yielded.

    Raises
    ------
    InvalidSettingsError
        If address or key are malformed, or there is a limit on the money and no price.
    """

    def __init__(self, options: SummaryOptions, llm: "LLM | None", log: logging.Logger = _LOG) -> None:
        self.report = SummaryReport()
        self._options, self._log = options, log
        self._connection = llm.connection() if llm and options.method == "llm" else None
        self._why_extracts = ""
        self._shared: Shared | None = None
        if llm and self._connection:
            self._shared = Shared(_make_budget(options, llm, self._connection), self._connection, log)
        elif options.method == "llm":
            self._why_extracts = (
                llm.explain_absence() if llm else "no language model was asked: there is none"
            )
            log.warning(f"Summaries: {self._why_extracts}; all are extracts")

    @property
    def asks_model(self) -> bool:
        """Whether a language model writes summaries."""
        return self._shared is not None

    def tell_start(self, traces: Iterable[Trace]) -> SummaryEstimate | None:
        """Log what a model would take for these traces, and the limits; None if none is asked."""
        if self._connection is None:
            return None
        told = len(write_rules(self._options.instructions)) + len(str(SUMMARY_TOOL))
        estimate = estimate_usage(traces, self._options, told, self._connection.price)
        names = ("max_requests", "max_prompt_tokens", "max_completion_tokens", "max_cost_usd")
        limits = ", ".join(f"{name} = {getattr(self._options, name)}" for name in names)
        self._log.info(
            f"Summaries: {self._connection.model} is asked for {estimate.describe()}; limits: {limits}"
        )
        return estimate

    def summarize(self, traces: Iterable[Trace]) -> Iterator[Summarized]:
        """Yield the summary of each trace, in their order.

        A trace that has a summary keeps it. A model writes the others, if one is asked; those that it does
        not write, because a limit is reached, the endpoint fails or nothing in its answer can be read, are
        extracts, and say why.
        """
        kinds = self._options.redact
        prepared = (redact_trace(trace, kinds) if kinds else trace for trace in traces)
        for summarized in self._write(prepared):
            self.report.add(summarized)
            yield summarized

    def _write(self, traces: Iterable[Trace]) -> Iterator[Summarized]:
        if self._shared is None:
            return (_extract(trace, self._why_extracts) for trace in traces)
        return _ask_model(traces, self._options, self._shared)


def summarize_traces(
    traces: Iterable[Trace],
    options: SummaryOptions,
    llm: "LLM | None",
    *,
    log: logging.Logger = _LOG,
) -> Iterator[Summarized]:
    """Yield the summary of each trace, in their order; see `Summarizer`.

    If the traces are a sequence, the log tells first what a model would take for them.
    """
    summarizer = Summarizer(options, llm, log)
    if isinstance(traces, Sequence):
        summarizer.tell_start(traces)
    yield from summarizer.summarize(traces)


def _extract(trace: Trace, fallback: str = "") -> Summarized:
    if trace.summary is not None:
        return Summarized(extract_summary(trace), "given")
    return Summarized(extract_summary(trace), EXTRACT, Usage(), fallback if trace.turns else "")


def _make_budget(options: SummaryOptions, llm: "LLM", connection: Connection) -> Budget:
    limits = options.build_limits(llm.max_request_characters, llm.max_cost_usd)
    if limits.max_cost_usd is not None and connection.price is None:
        raise InvalidSettingsError(
            f"max_cost_usd = {limits.max_cost_usd:g} needs the price of {connection.model!r} in prices of "
            'the llm resource, for example {"prompt": 1.25, "completion": 10}, in US dollars per million '
            "tokens"
        )
    return Budget(limits, Usage(), limits.timeout_seconds)


def _ask_model(traces: Iterable[Trace], options: SummaryOptions, shared: Shared) -> Iterator[Summarized]:
    """Yield the summaries in the order of the traces, while some more are under way."""
    local = threading.local()

    def start_thread() -> None:
        local.worker = Worker(shared, options)

    def summarize(trace: Trace) -> Summarized:
        worker: Worker = local.worker
        return worker.summarize(trace)

    pool = ThreadPoolExecutor(options.parallel, "summaries", start_thread)
    waiting: deque[Summarized | Future[Summarized]] = deque()
    is_done = False
    try:
        for trace in traces:
            needs_model = trace.summary is None and bool(trace.turns)
            waiting.append(pool.submit(summarize, trace) if needs_model else _extract(trace))
            while len(waiting) > options.parallel * _WAITING_PER_THREAD:
                yield _wait(waiting.popleft())
        while waiting:
            yield _wait(waiting.popleft())
        is_done = True
    finally:
        if not is_done:  # the caller stops in the middle: what is under way is ended and not waited for
            shared.stop()
        pool.shutdown(cancel_futures=True)
        shared.close_endpoints()


def _wait(found: Summarized | Future[Summarized]) -> Summarized:
    return found.result() if isinstance(found, Future) else found
