"""Builds traces of records in memory, as the reader of files does."""

import json
from collections.abc import Iterable
from typing import Any

from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.traces.trace import Trace


def build_traces(form: Format, records: Iterable[Record]) -> list[Trace]:
    """Return the traces of all records; parts go through JSON, as where they are kept for a while."""
    parts: dict[str, list[Any]] = {}
    for record in records:
        for trace_id, part in form.split(record):
            parts.setdefault(trace_id, []).append(json.loads(json.dumps(part, allow_nan=False)))
    return [trace for trace_id, found in parts.items() for trace in form.build(trace_id, found)]


def build_one(form: Format, *records: Record) -> Trace:
    """Return the only trace of these records."""
    (trace,) = build_traces(form, records)
    return trace
