"""The 60 real conversations in the shapes of tracing tools, against what every shape must say."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trace_clustering.sources.formats.contract import Format
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.formats.building import build_traces
from trace_clustering_tests.sources.formats.expected import describe_trace, find_differences, read_expected

CONVERSATIONS = 60


def build_conversations(form: Format, real_data: Path, file: str) -> list[Trace]:
    """Return the traces of one of the files, each record of which the format must recognise."""
    with gzip.open(real_data / "conversations" / file, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    assert all(form.recognizes(record) for record in records)
    return build_traces(form, records)


def list_differences(
    traces: Sequence[Trace], real_data: Path, *, without: Sequence[str] = (), has_last_word: bool = False
) -> dict[str, dict[str, Any]]:
    """Return what is not as expected, by trace id.

    Parameters
    ----------
    without : sequence of str
        Fields that the shape cannot have.
    has_last_word : bool
        Whether the shape holds a last message to which no model answered.
    """
    lines = (real_data / "conversations" / "openai_chat.jsonl").read_text().splitlines()
    last_roles = {chat["id"]: chat["messages"][-1]["role"] for chat in map(json.loads, lines)}
    expected = read_expected(real_data)
    assert sorted(trace.trace_id for trace in traces) == sorted(expected)
    found = {}
    for trace in traces:
        wanted = expected[trace.trace_id]
        if last_roles[trace.trace_id] == "user" and not has_last_word:
            wanted["user_turns"] -= 1
        names = set(describe_trace(trace)) - set(without)
        found[trace.trace_id] = find_differences(trace, wanted, names)
    return {trace_id: differences for trace_id, differences in found.items() if differences}
