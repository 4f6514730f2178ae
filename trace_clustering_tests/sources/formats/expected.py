"""What every shape of the 60 real conversations must say."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from trace_clustering.traces.trace import Trace


def read_expected(real_data: Path) -> dict[str, dict[str, Any]]:
    """Return what is expected of each conversation, by its id."""
    lines = (real_data / "conversations" / "expected.jsonl").read_text().splitlines()
    return {row["trace_id"]: row for row in map(json.loads, lines)}


def describe_trace(trace: Trace) -> dict[str, Any]:
    """Return a trace in the words of the expectation."""
    users, answers = trace.list_texts("user"), trace.list_texts("assistant")
    return {
        "trace_id": trace.trace_id,
        "session_id": trace.session_id,
        "user_id": trace.user_id,
        "first_user_text": users[0] if users else "",
        "user_turns": len(users),
        "last_assistant_text": answers[-1] if answers else "",
        "tool_calls": [call.name for call in trace.tool_calls],
        "model_calls": len(trace.calls),
        "input_tokens": trace.input_tokens,
        "output_tokens": trace.output_tokens,
        "total_cost_usd": trace.cost,
        "start": trace.start,
        "end": trace.end,
        "model": trace.models[0] if trace.models else "",
        "is_error": trace.is_error,
    }


def find_differences(trace: Trace, expected: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return the fields among these names in which a trace is not what is expected."""
    wanted = {n: datetime.fromisoformat(v) if n in ("start", "end") else v for n, v in expected.items()}
    found = describe_trace(trace)
    return {n: (found[n], wanted[n]) for n in names if found[n] != wanted[n]}
