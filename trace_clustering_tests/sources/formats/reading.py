"""Reads records with one format, as loading does."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.values import read_time
from trace_clustering.traces.trace import Trace


def build_all(known: Format, records: Iterable[Record]) -> list[Trace]:
    """Return the traces of the records; every part goes through JSON, as it may be kept in a file."""
    parts: dict[str, list[Record]] = {}
    for record in records:
        assert known.recognizes(record)
        for trace_id, part in known.split(record):
            parts.setdefault(trace_id, []).append(json.loads(json.dumps(part)))
    return [trace for trace_id, group in parts.items() for trace in known.build(trace_id, group)]


def read_gzip(path: Path) -> list[dict[str, Any]]:
    """Return the objects of JSON Lines."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_expected(folder: Path) -> list[dict[str, Any]]:
    """Return what every reader must find in the 60 conversations."""
    return [json.loads(line) for line in (folder / "expected.jsonl").read_text().splitlines()]


def expect_from_calls(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is expected, by trace id, from a shape that has model calls only.

    Where the person said the last word, no call was told it.
    """
    lines = (folder / "openai_chat.jsonl").read_text().splitlines()
    last = {chat["id"]: chat["messages"][-1]["role"] for chat in map(json.loads, lines)}
    return {
        row["trace_id"]: expect(row, user_turns=row["user_turns"] - (last[row["trace_id"]] == "user"))
        for row in read_expected(folder)
    }


def describe(trace: Trace) -> dict[str, Any]:
    """Return a trace in the words of `expected.jsonl`."""
    users, answers = trace.list_texts("user"), trace.list_texts("assistant")
    return {
        "trace_id": trace.trace_id,
        "session_id": trace.session_id,
        "user_id": trace.user_id,
        "first_user_text": users[0],
        "user_turns": len(users),
        "last_assistant_text": answers[-1],
        "tool_calls": [call.name for call in trace.tool_calls],
        "model_calls": len(trace.calls),
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "total_cost_usd": None if trace.cost is None else round(trace.cost, 9),
        "start": trace.start,
        "end": trace.end,
        "model": ", ".join(trace.models),
        "is_error": trace.is_error,
    }


def expect(row: dict[str, Any], **without: object) -> dict[str, Any]:
    """Return a row of `expected.jsonl`, with times, and with what the shape has otherwise."""
    return {**row, "start": read_time(row["start"], "start"), "end": read_time(row["end"], "end"), **without}
