"""Rows of Langfuse as its exports and its API write them, and the traces that the format makes of them."""

import json
from collections.abc import Iterable
from typing import Any

from trace_clustering.sources.formats.contract import Record
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering.traces.trace import Trace

QUESTION = "Where is my parcel?"
ANSWER = "It is on its way."


def build_all(records: Iterable[Record]) -> list[Trace]:
    """Return the traces of records, put together as a reader of files does it."""
    parts: dict[str, list[Record]] = {}
    for record in records:
        assert LANGFUSE.recognizes(record)
        for trace_id, part in LANGFUSE.split(record):
            assert json.loads(json.dumps(part)) == part
            parts.setdefault(trace_id, []).append(part)
    return [trace for trace_id, own in parts.items() for trace in LANGFUSE.build(trace_id, own)]


def build_one(*records: Record) -> Trace:
    """Return the one trace of these records."""
    [trace] = build_all(records)
    return trace


def make_observation(**changes: Any) -> dict[str, Any]:
    """Return a row of the export of `observations_v2`: a model call, changed as asked."""
    return {
        "id": "o1",
        "trace_id": "t1",
        "project_id": "p1",
        "is_root_observation": True,
        "parent_observation_id": None,
        "type": "GENERATION",
        "start_time": "2026-08-01T09:00:00.000Z",
        "end_time": "2026-08-01T09:00:02.100Z",
        "name": "answer",
        "trace_name": "shop",
        "session_id": "s1",
        "user_id": "u1",
        "environment": "production",
        "tags": ["shop"],
        "prompt_name": "support",
        "prompt_version": 7,
        "provided_model_name": "m-small",
        "input": json.dumps([{"role": "user", "content": QUESTION}]),
        "output": json.dumps({"role": "assistant", "content": ANSWER}),
        "usage_details": {"input": 12, "output": 6},
        "cost_details": {"input": 0.00003, "output": 0.00001, "total": 0.00004},
        "total_cost": 0.00004,
        "level": "DEFAULT",
        "status_message": None,
        **changes,
    }


def make_trace(**changes: Any) -> dict[str, Any]:
    """Return a row of the export of `traces`, changed as asked."""
    return {
        "id": "t1",
        "timestamp": "2026-08-01T09:00:00.000Z",
        "name": "shop",
        "environment": "production",
        "project_id": "p1",
        "metadata": {},
        "user_id": "u1",
        "session_id": "s1",
        "release": None,
        "version": None,
        "public": False,
        "bookmarked": False,
        "tags": ["shop"],
        "input": json.dumps({"messages": [{"role": "user", "content": QUESTION}]}),
        "output": ANSWER,
        "created_at": "2026-08-01T09:00:03.000Z",
        "updated_at": "2026-08-01T09:00:03.000Z",
        **changes,
    }
