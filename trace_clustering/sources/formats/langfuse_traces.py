"""Puts the rows of a trace of Langfuse together: its observations, its own row, and its scores."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

from trace_clustering.sources.formats.langfuse_rows import (
    Row,
    read_observation,
    read_properties,
    read_row_messages,
    read_tags,
)
from trace_clustering.sources.formats.langfuse_usage import read_cost
from trace_clustering.sources.history import build_turns, merge_histories
from trace_clustering.sources.messages import MessageReader, parse_json_text
from trace_clustering.sources.spans import build_traces
from trace_clustering.sources.values import read_name, read_number, read_time
from trace_clustering.traces.trace import Trace

# Langfuse keeps environments of this beginning for what it runs itself: judges and experiments.
_OWN_ENVIRONMENTS: Final = "langfuse"


def build_langfuse_traces(trace_id: str, rows: Sequence[Row], source: str) -> list[Trace]:
    """Return the traces of these rows, which `cut_row` made; a row that was exported again counts once.

    The first is the trace itself; the others are agents that its tools started. Scores alone are no trace.

    Raises
    ------
    BadValueError
        For a time or a number that is none.
    """
    by_kind: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_kind[row["kind"]].append(row)
    headers = sorted(by_kind["trace"], key=lambda row: (read_name(row.get("updated_at")), repr(row)))
    reader = MessageReader()
    spans = (read_observation(row, reader) for row in sorted(by_kind["observation"], key=_get_start))
    traces = build_traces(trace_id, spans, source)
    if not traces and not headers:
        return []
    names = sorted({read_name(row["trace_name"]) for row in rows if "trace_name" in row})
    main, *agents = traces or [Trace(trace_id, source=source)]
    main = replace(main, name=names[0] if names else main.name)
    if headers:
        main = _add_header(main, headers[-1])
    main = replace(main, properties={**main.properties, **_read_scores([*rows, *_list_scores(headers)])})
    return [_mark_automation(main), *(_hand_down(main, agent) for agent in agents)]


def _add_header(trace: Trace, header: Row) -> Trace:
    """Return a trace with what its own row says; of times, cost and content, the observations know more."""
    latency = read_number(header.get("latency"), "latency")
    return replace(
        trace,
        name=read_name(header.get("name")) or trace.name,
        session_id=read_name(header.get("session_id")) or trace.session_id,
        user_id=read_name(header.get("user_id")) or trace.user_id,
        environment=read_name(header.get("environment")) or trace.environment,
        tags=tuple(dict.fromkeys((*read_tags(header.get("tags")), *trace.tags))),
        start=trace.start or read_time(header.get("timestamp"), "timestamp", "ms"),
        turns=trace.turns or build_turns(merge_histories([read_row_messages(header, MessageReader())])),
        cost=read_cost(header) if trace.cost is None else trace.cost,
        latency=latency if trace.latency is None else trace.latency,
        properties={**trace.properties, **read_properties(header)},
    )


def _get_start(row: Row) -> str:
    """Return what brings rows nearly into the order of time, so that each begins as one before."""
    return read_name(row.get("start_time"))


def _hand_down(main: Trace, agent: Trace) -> Trace:
    return _mark_automation(
        replace(
            agent,
            session_id=agent.session_id or main.session_id,
            user_id=agent.user_id or main.user_id,
            environment=agent.environment or main.environment,
            tags=tuple(dict.fromkeys((*main.tags, *agent.tags))),
        )
    )


def _mark_automation(trace: Trace) -> Trace:
    return replace(
        trace, is_automation=trace.is_automation or trace.environment.startswith(_OWN_ENVIRONMENTS)
    )


def _list_scores(headers: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the scores that the API and the export button give with a trace, as rows."""
    rows: list[dict[str, Any]] = []
    for header in headers:
        scores = parse_json_text(header.get("scores"))
        if isinstance(scores, Mapping):
            scores = [{"name": name, "value": value} for name, value in scores.items()]
        for score in scores if isinstance(scores, list) else []:
            if isinstance(score, Mapping):
                rows.append({**score, "kind": "score", "string_value": score.get("stringValue")})
    return rows


def _read_scores(rows: Iterable[Row]) -> dict[str, Any]:
    """Return the mean of each score, or its text where it is one."""
    numbers: defaultdict[str, dict[str, float]] = defaultdict(dict)
    texts: dict[str, str] = {}
    for position, row in enumerate(rows):
        name = read_name(row.get("name"))
        if row["kind"] != "score" or not name:
            continue
        value, text = row.get("value"), read_name(row.get("string_value"))
        if isinstance(value, int | float) and not text:
            numbers[name][read_name(row.get("id")) or str(position)] = float(value)
        elif text or isinstance(value, str):
            texts[name] = max(texts.get(name, ""), text or read_name(value))
    means = {f"score.{name}": fmean(values.values()) for name, values in sorted(numbers.items())}
    return {**{f"score.{name}": text for name, text in sorted(texts.items())}, **means}
