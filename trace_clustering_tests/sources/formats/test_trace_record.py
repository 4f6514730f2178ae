"""Trace records, made up by hand, and the real ones."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.containers import read_rows
from trace_clustering.sources.formats.trace_record import TRACE_RECORD
from trace_clustering.traces.trace import ModelCall
from trace_clustering_tests.sources.formats.building import build_one

ROW: dict[str, Any] = {
    "trace_id": "t1",
    "timestamp": "2026-08-01T09:00:00Z",
    "title": "Where is my parcel?",
    "flow_diagram": "find_parcel -> notify",
    "bullets": ["And the other one?"],
    "interesting_notes": [{"text": "The tool failed once"}],
    "properties": {"$ai_model": "m-small", "$ai_input_tokens": 12, "$ai_total_cost_usd": 0.5, "plan": "free"},
    "embedding": [0.5, 1.0],
}


def test_summary_vector_and_properties_are_taken_as_they_are() -> None:
    trace = build_one(TRACE_RECORD, ROW)
    assert trace.summary == {
        "title": "Where is my parcel?",
        "flow_diagram": "find_parcel -> notify",
        "bullets": ["And the other one?"],
        "interesting_notes": ["The tool failed once"],
        "trace_timestamp": "2026-08-01T09:00:00Z",
        "trace_id": "t1",
    }
    assert trace.embedding is not None
    assert trace.embedding.dtype == np.float32
    assert trace.embedding.tolist() == [0.5, 1.0]
    assert trace.properties == ROW["properties"]
    assert (trace.turns, trace.start, trace.end) == ((), datetime(2026, 8, 1, 9, tzinfo=UTC), None)


def test_posthogs_names_among_the_properties_are_a_model_call() -> None:
    trace = build_one(TRACE_RECORD, ROW)
    call = ModelCall(model="m-small", start=trace.start, input_tokens=12, cost=0.5)
    assert trace.calls == (call,)
    assert (trace.input_tokens, trace.output_tokens, trace.cost, trace.is_error) == (12, None, 0.5, None)


def test_everything_but_the_id_may_be_missing() -> None:
    trace = build_one(TRACE_RECORD, {"trace_id": "t1", "title": "Where is my parcel?"})
    assert trace.summary is not None
    assert (trace.embedding, trace.start, trace.calls, trace.properties) == (None, None, (), {})
    bare = build_one(TRACE_RECORD, {"trace_id": "t1", "embedding": [1.0]})
    assert bare.summary is None


def test_lists_may_be_json_in_a_text() -> None:
    row = {"trace_id": "t1", "bullets": '["One", "Two"]', "embedding": "[0.5, 1.0]", "interesting_notes": ""}
    trace = build_one(TRACE_RECORD, row)
    assert trace.summary is not None
    assert trace.summary["bullets"] == ["One", "Two"]
    assert trace.embedding is not None
    assert trace.embedding.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"trace_id": ""}, "trace_id must be a text that is not empty"),
        ({"timestamp": "yesterday"}, "timestamp must be ISO 8601"),
        ({"title": 7}, "title must be a text, not 7"),
        ({"bullets": "One"}, "bullets must be a list of texts"),
        ({"embedding": [0.5, None]}, "embedding must be a list of numbers"),
        ({"properties": [1]}, "properties must be a JSON object"),
        ({"properties": {"$ai_input_tokens": "many"}}, r"\$ai_input_tokens must be a number, not 'many'"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        build_one(TRACE_RECORD, {**ROW, **more})


def test_an_event_is_no_trace_record() -> None:
    assert not TRACE_RECORD.recognizes({"trace_id": "t1", "event": "$ai_trace", "properties": {}})
    assert not TRACE_RECORD.recognizes({"trace_id": "t1", "timestamp": "2026-08-01T09:00:00Z"})


def test_real_records(real_data: Path) -> None:
    rows = [row for _, row in read_rows(real_data / "tau_airline_200.parquet") if isinstance(row, dict)]
    assert len(rows) == 200
    for row in rows:
        assert TRACE_RECORD.recognizes(row)
        trace = build_one(TRACE_RECORD, row)
        assert trace.summary is not None
        assert (trace.summary["title"], trace.summary["bullets"]) == (row["title"], row["bullets"])
        assert (trace.models, trace.start) == (("gpt-4o",), row["timestamp"])
        assert trace.embedding is not None
        assert len(trace.embedding) == 384
