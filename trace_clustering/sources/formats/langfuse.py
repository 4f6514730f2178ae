"""Langfuse: the exports of traces and observations to a bucket, the export button, and traces of the API.

All are one format, because the rows of a trace and those of its observations come in files of their own and
belong together.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.langfuse_rows import FIELDS, cut_row
from trace_clustering.sources.formats.langfuse_traces import build_langfuse_traces
from trace_clustering.sources.values import quote_value, read_mapping, read_name
from trace_clustering.traces.trace import Trace

_NAME: Final = "langfuse"
_TRACE_IDS: Final = FIELDS["trace_id"]
_STARTS: Final = FIELDS["start_time"]
# One of these tells an observation from a row of another tool that also has a trace id and a start.
_OF_OBSERVATIONS: Final = frozenset(
    (
        *("parent_observation_id", "parentObservationId", "is_root_observation", "isRootObservation"),
        *("provided_model_name", "providedModelName", "usage_details", "usageDetails", "traceName"),
        *("completion_start_time", "completionStartTime", "latencyMs", "timeToFirstTokenMs"),
    )
)
_OF_TRACES: Final = frozenset(("bookmarked", "release", "htmlPath"))
_OF_SCORES: Final = frozenset(("data_type", "dataType", "string_value", "stringValue"))


def recognize_langfuse(record: Record) -> bool:
    """Return whether a record is a row of Langfuse's exports, or an answer of its API."""
    if "trace" in record and "observations" in record:
        return True
    if "data" in record and "meta" in record:
        rows = record["data"]
        return isinstance(rows, list) and bool(rows) and isinstance(rows[0], dict) and _is_row(rows[0])
    return _is_row(record)


def split_langfuse(record: Record) -> Iterator[tuple[str, Record]]:
    """Yield the rows of a record, each with the id of its trace.

    Raises
    ------
    BadValueError
        If an observation belongs to no trace.
    """
    if "data" in record and "meta" in record:
        for row in _list_rows(record["data"]):
            yield from split_langfuse(row)
    elif "trace" in record and "observations" in record:
        trace = read_mapping(record["trace"])
        yield from _split_whole(
            {**trace, "observations": record["observations"] or trace.get("observations")}
        )
    elif _is_observation(record):
        yield read_name(_get(record, _TRACE_IDS)), cut_row(record, "observation")
    elif _is_trace(record):
        yield from _split_whole(record)
    elif _is_score(record):
        yield read_name(_get(record, _TRACE_IDS)), cut_row(record, "score")


def build_langfuse(trace_id: str, parts: Sequence[Record]) -> Iterable[Trace]:
    """Return the trace of these rows, and those of the agents that its tools started; none of scores alone.

    Raises
    ------
    BadValueError
        For a time or a number that is none.
    """
    return build_langfuse_traces(trace_id, parts, _NAME)


def _split_whole(trace: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
    trace_id = read_name(trace.get("id"))
    if trace_id:
        yield trace_id, cut_row(trace, "trace")
    for row in _list_rows(trace.get("observations")):
        own_id = trace_id or read_name(_get(row, _TRACE_IDS))
        if not own_id:
            raise BadValueError(f"the trace must have an id, not {quote_value(trace.get('id'))}")
        yield own_id, cut_row(row, "observation")


def _list_rows(value: object) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _is_row(record: Record) -> bool:
    return _is_observation(record) or _is_trace(record) or _is_score(record)


def _is_observation(record: Record) -> bool:
    return (
        _get(record, _TRACE_IDS) is not None
        and any(name in record for name in _STARTS)
        and not _OF_OBSERVATIONS.isdisjoint(record)
    )


def _is_trace(record: Record) -> bool:
    if "id" not in record:
        return False
    is_row = "timestamp" in record and not _OF_TRACES.isdisjoint(record)
    return is_row or bool(_list_rows(record.get("observations")))


def _is_score(record: Record) -> bool:
    return "value" in record and _get(record, _TRACE_IDS) is not None and not _OF_SCORES.isdisjoint(record)


def _get(record: Record, names: Iterable[str]) -> object:
    return next((record[name] for name in names if record.get(name) is not None), None)


LANGFUSE: Final = Format(
    name=_NAME,
    title="Langfuse",
    recognizes=recognize_langfuse,
    split=split_langfuse,
    build=build_langfuse,
    is_spread=True,
)
