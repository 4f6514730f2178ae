"""Small files of trace records for tests, and what is read from them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trace_clustering.sources.files import read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering.traces.record import TraceRecord

GOOD = {
    "trace_id": "trace",
    "timestamp": "2025-01-22T13:45:00Z",
    "title": "Refund of a kettle",
    "embedding": [0.5, -1.25],
}
MOMENT = datetime(2025, 1, 22, 13, 45, tzinfo=UTC)


def write_json_lines(path: Path, *lines: dict[str, Any] | str | bytes) -> Path:
    """Write one line each: a record as JSON, a text or bytes as they are."""
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    path.write_bytes(b"".join((t.encode() if isinstance(t, str) else t) + b"\n" for t in texts))
    return path


def write_parquet(path: Path, rows: int = 2, **columns: Any) -> Path:
    """Write good rows, with some columns replaced; None leaves a column out."""
    good = {
        "trace_id": [f"trace-{row}" for row in range(rows)],
        "timestamp": [MOMENT] * rows,
        "embedding": [[0.5, -1.25]] * rows,
    }
    table = {name: values for name, values in (good | columns).items() if values is not None}
    pq.write_table(pa.table(table), path)
    return path


def list_contents(records: Iterable[TraceRecord | BadRecord]) -> list[dict[str, Any]]:
    return [vars(record) | {"embedding": record.embedding.tolist()} for record in records]


def list_bad_lines(records: Iterable[TraceRecord | BadRecord]) -> list[int]:
    return [record.line for record in records if isinstance(record, BadRecord)]


def read_only_bad_reason(path: Path, line: int) -> str:
    """Return why the record of that line is bad, and no other."""
    records = list(read_records(path))
    assert list_bad_lines(records) == [line]
    return records[line - 1].reason
