"""Summarizes traces: by extract, or by a language model within hard limits, several at once."""

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from trace_clustering.documents.extract import extract_summary
from trace_clustering.documents.llm_worker import Shared, Worker, open_endpoint
from trace_clustering.documents.redaction import redact_trace
from trace_clustering.documents.summary_options import (
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
    from trace_clustering.llm.endpoint.client import Endpoint
    from trace_clustering.llm.resource import LLM

# So many traces per thread wait for their turn, so that no thread waits for a slow answer of another.
_WAITING_PER_THREAD = 4
_LOG: Final = logging.getLogger(__name__)


def summarize_traces(
    traces: Iterable[Trace],
    options: SummaryOptions,
    llm: "LLM | None",
    *,
    report: SummaryReport | None = None,
    log: logging.Logger = _LOG,
) -> Iterator[Summarized]:
    """Yield the summary of each trace, in their order.

    A trace that has a summary keeps it. With `options.method` of `llm` a model writes the others; those that
    it does not write, because a limit is reached, the endpoint fails or nothing in its answer can be read,
    are extracts, and say why.

    Parameters
    ----------
    traces : iterable of Trace
        If it is a sequence, the log tells first what the model would take for it.
    options : SummaryOptions
    llm : LLM or None
        Asked only if `options.method` is `llm`.
    report : SummaryReport, optional
        Counts what is yielded.
    log : logging.Logger
        Gets no text of a trace.

    Raises
    ------
    InvalidSettingsError
        If address or key are malformed, or there is a limit on the money and no price.
    """
    connection = llm.connection() if llm and options.method == "llm" else None
    if connection is not None and llm is not None:
        budget = _make_budget(options, llm, connection)
        _tell_start(traces, options, connection, log)
        found = _ask_model(_prepare(traces, options), options, connection, budget, log)
    else:
        why = ""
        if options.method == "llm":
            why = llm.explain_absence() if llm else "no language model was asked: there is none"
            log.warning(f"Summaries: {why}; all are extracts")
        found = (_extract(trace, why) for trace in _prepare(traces, options))
    for summarized in found:
        if report is not None:
            report.add(summarized)
        yield summarized


def estimate_summaries(
    traces: Iterable[Trace], options: SummaryOptions, llm: "LLM | None"
) -> SummaryEstimate | None:
    """Return what a model would take for these traces; None if none would be asked."""
    connection = llm.connection() if llm and options.method == "llm" else None
    return _estimate(traces, options, connection) if connection else None


def _estimate(traces: Iterable[Trace], options: SummaryOptions, connection: Connection) -> SummaryEstimate:
    from trace_clustering.documents.llm_prompt import SUMMARY_TOOL, write_rules

    rules_length = len(write_rules(options.instructions)) + len(str(SUMMARY_TOOL))
    return estimate_usage(traces, options, rules_length, connection.price)


def _prepare(traces: Iterable[Trace], options: SummaryOptions) -> Iterator[Trace]:
    return (redact_trace(trace, options.redact) if options.redact else trace for trace in traces)


def _extract(trace: Trace, fallback: str = "") -> Summarized:
    if trace.summary is not None:
        return Summarized(extract_summary(trace), "given")
    return Summarized(extract_summary(trace), "extract", Usage(), fallback if trace.turns else "")


def _make_budget(options: SummaryOptions, llm: "LLM", connection: Connection) -> Budget:
    limits = options.build_limits(llm.max_request_characters, llm.max_cost_usd)
    if limits.max_cost_usd is not None and connection.price is None:
        raise InvalidSettingsError(
            f"max_cost_usd = {limits.max_cost_usd:g} needs the price of {connection.model!r} in prices of "
            'the llm resource, for example {"prompt": 1.25, "completion": 10}, in US dollars per million '
            "tokens"
        )
    return Budget(limits, Usage(), limits.timeout_seconds)


def _tell_start(
    traces: Iterable[Trace], options: SummaryOptions, connection: Connection, log: logging.Logger
) -> None:
    names = ("max_requests", "max_prompt_tokens", "max_completion_tokens", "max_cost_usd")
    limits = ", ".join(f"{name} = {getattr(options, name)}" for name in names)
    what = "traces one by one"
    if isinstance(traces, Sequence):
        what = _estimate(traces, options, connection).describe()
    log.info(f"Summaries: {connection.model} is asked for {what}; limits: {limits}")


def _ask_model(
    traces: Iterable[Trace],
    options: SummaryOptions,
    connection: Connection,
    budget: Budget,
    log: logging.Logger,
) -> Iterator[Summarized]:
    """Yield the summaries in the order of the traces, while some more are under way."""
    shared = Shared(budget, log)
    local = threading.local()
    opened: list[Endpoint] = []
    stack = ExitStack()

    def start_thread() -> None:
        endpoint = open_endpoint(connection, budget, log).__enter__()
        stack.push(endpoint.__exit__)
        opened.append(endpoint)
        local.worker = Worker(endpoint, connection.model, options, shared)

    def summarize(trace: Trace) -> Summarized:
        worker: Worker = local.worker
        return worker.summarize(trace)

    pool = ThreadPoolExecutor(options.parallel, "summaries", start_thread)
    waiting: deque[Summarized | Future[Summarized]] = deque()
    try:
        for trace in traces:
            needs_model = trace.summary is None and bool(trace.turns)
            waiting.append(pool.submit(summarize, trace) if needs_model else _extract(trace))
            while len(waiting) > options.parallel * _WAITING_PER_THREAD:
                yield _wait(waiting.popleft())
        while waiting:
            yield _wait(waiting.popleft())
    finally:
        # If the caller stops in the middle, what is under way is ended and not waited for.
        budget.stop("it was stopped")
        for endpoint in opened:
            endpoint.cancel()
        pool.shutdown(cancel_futures=True)
        stack.close()


def _wait(found: Summarized | Future[Summarized]) -> Summarized:
    return found.result() if isinstance(found, Future) else found
