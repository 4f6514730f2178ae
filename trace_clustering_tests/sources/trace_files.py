"""Small files of traces in every container, for tests."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.trace import Trace

Row = dict[str, Any]


def make_chat(trace_id: str, *texts: str) -> Row:
    """Return a chat as OpenAI has it, of the person and the model in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]
    return {"id": trace_id, "messages": messages}


def make_observation(trace_id: str, number: int, text: str) -> Row:
    """Return a row of Langfuse's export: a call of a model."""
    return {
        "id": f"{trace_id}-{number}",
        "trace_id": trace_id,
        "type": "GENERATION",
        "parent_observation_id": None,
        "start_time": f"2026-08-01T09:00:{number:02d}.000Z",
        "end_time": f"2026-08-01T09:00:{number + 1:02d}.000Z",
        "name": "answer",
        "input": json.dumps([{"role": "user", "content": text}]),
        "output": json.dumps({"role": "assistant", "content": f"About {text}"}),
        "level": "DEFAULT",
    }


def _list_names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def write_csv(rows: Sequence[Row], delimiter: str = ",") -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, _list_names(rows), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(
        {name: json.dumps(cell) if isinstance(cell, list | dict) else cell for name, cell in row.items()}
        for row in rows
    )
    return file.getvalue().encode()


def write_parquet(rows: Sequence[Row]) -> bytes:
    file = io.BytesIO()
    names = _list_names(rows)
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), file)
    return file.getvalue()


def write_lines(rows: Sequence[Row]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


# By the name of a file, how rows are written in it.
CONTAINERS: dict[str, Callable[[Sequence[Row]], bytes]] = {
    "lines.jsonl": write_lines,
    "lines.ndjson": write_lines,
    "lines.json": write_lines,
    "array.json": lambda rows: json.dumps(rows).encode(),
    "array.jsonl": lambda rows: json.dumps(rows).encode(),
    "spread.json": lambda rows: json.dumps(rows, indent=2).encode(),
    "objects.json": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows).encode(),
    "wrapped.json": lambda rows: json.dumps({"meta": {"page": 1}, "data": rows}).encode(),
    "wrapped_twice.json": lambda rows: json.dumps({"result": {"traces": rows}}, indent=1).encode(),
    "table.csv": write_csv,
    "semicolons.csv": lambda rows: b"\xef\xbb\xbf" + write_csv(rows, ";"),
    "excel.csv": lambda rows: b"sep=;\r\n" + write_csv(rows, ";"),
    "pandas.csv": lambda rows: pd.DataFrame(rows).to_csv().encode(),
    "tabs.tsv": lambda rows: write_csv(rows, "\t"),
    "table.parquet": write_parquet,
}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": lambda content: b"".join(  # files that were put together have several frames
        pa.compress(part, codec="zstd", asbytes=True) for part in (content[:100], content[100:])
    ),
}


def read_all(*paths: Path, format_name: str = "") -> tuple[dict[str, Trace], ReadReport]:
    """Return the traces by id, and the report."""
    report = ReadReport()
    traces = list(read_traces(paths, report, format_name=format_name))
    assert report.traces == len(traces)
    return {trace.trace_id: trace for trace in traces}, report
