import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from trace_clustering.sources.formats.openinference import OPENINFERENCE
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.trace import ToolCall, Trace
from trace_clustering_tests.sources.formats.building import build_one, build_traces
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)

CALL = {"tool_call.id": "c1", "tool_call.function.name": "find", "tool_call.function.arguments": "{}"}
ASK = [{"message.role": "user", "message.content": "Where is my parcel?"}]
ANSWER = [{"message.role": "assistant", "message.content": "It is here.", "message.tool_calls": [CALL]}]
MODEL = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "small",
    "llm.input_messages": ASK,
    "llm.output_messages": ANSWER,
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 6,
    "llm.cost.total": 0.25,
    "session.id": "s1",
}


def make_row(
    span_id: str = "b2", parent: str | None = None, attributes: dict[str, Any] = MODEL, **fields: Any
) -> dict[str, Any]:
    """Return a row of the data frame."""
    return {
        "context.trace_id": "a1",
        "context.span_id": span_id,
        "parent_id": parent,
        "name": "llm",
        "span_kind": attributes.get("openinference.span.kind"),
        "start_time": "2026-03-01T09:00:00+00:00",
        "end_time": "2026-03-01T09:00:02+00:00",
        "status_code": "OK",
        "status_message": "",
        **{f"attributes.{name}": value for name, value in attributes.items()},
        **fields,
    }


def check_call(trace: Trace) -> None:
    assert [turn.text for turn in trace.turns] == ["Where is my parcel?", "It is here."]
    assert trace.tool_calls == (ToolCall("find", "{}", call_id="c1"),)
    assert (trace.models, trace.input_tokens, trace.output_tokens) == (("small",), 12, 6)
    assert (trace.cost, trace.session_id, trace.latency) == (0.25, "s1", 2.0)
    assert trace.start == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert trace.is_error is False


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(OPENINFERENCE, real_data, "openinference_spans.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    assert list_differences(traces, real_data) == {}


def nest(flat: dict[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *path, last = name.split(".")
        inner = nested
        for step in path:
            inner = inner.setdefault(step, {})
        inner[last] = [nest(item) for item in value] if isinstance(value, list) else value
    return nested


FLAT = make_row()
NESTED = {
    "context": {"trace_id": "a1", "span_id": "b2"},
    **{name: value for name, value in FLAT.items() if "." not in name},
}
FORMS: dict[str, dict[str, Any]] = {
    "columns": FLAT,
    "lists as JSON": {n: json.dumps(v) if isinstance(v, list) else v for n, v in FLAT.items()},
    "lists as Python": {n: repr(v) if isinstance(v, list) else v for n, v in FLAT.items()},
    "texts of a CSV file": {n: "" if v is None else str(v) for n, v in FLAT.items()},
    "flat attributes": NESTED | {"attributes": MODEL},
    "nested attributes": NESTED | {"attributes": nest(MODEL)},
    "attributes as JSON": {
        **NESTED,
        "attributes": json.dumps(nest(MODEL)),
        "context": json.dumps(NESTED["context"]),
    },
    "milliseconds": FLAT | {"start_time": 1772355600000, "end_time": 1772355602000},
}


@pytest.mark.parametrize("form", FORMS)
def test_attributes_are_read_in_every_form(form: str) -> None:
    assert OPENINFERENCE.recognizes(FORMS[form])
    check_call(build_one(OPENINFERENCE, FORMS[form]))


def test_what_opentelemetry_prints_is_read() -> None:
    span = {
        "name": "llm",
        "context": {"trace_id": "0xa1", "span_id": "0xb2", "trace_state": "[]"},
        "kind": "SpanKind.INTERNAL",
        "parent_id": None,
        "start_time": "2026-03-01T09:00:00.000000Z",
        "end_time": "2026-03-01T09:00:02.000000Z",
        "status": {"status_code": "UNSET"},
        "attributes": {n: json.dumps(v) if isinstance(v, list) else v for n, v in MODEL.items()},
        "events": [],
        "resource": {"attributes": {"service.name": "shop"}, "schema_url": ""},
    }
    trace = build_one(OPENINFERENCE, span)
    check_call(trace)
    assert (trace.trace_id, trace.properties) == ("a1", {"service.name": "shop"})


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    rows = [make_row(), make_row("c3", "b2", {"openinference.span.kind": "CHAIN", "metadata": '{"a": 1}'})]
    times = {name: datetime.fromisoformat(rows[0][name]) for name in ("start_time", "end_time")}
    pq.write_table(pa.Table.from_pylist([row | times for row in rows]), tmp_path / "spans.parquet")
    check_call(read_one(tmp_path / "spans.parquet"))


def test_a_csv_file_is_read(tmp_path: Path) -> None:
    row = {n: str(v) if isinstance(v, list) else v for n, v in FLAT.items()}
    pyarrow.csv.write_csv(pa.Table.from_pylist([row]), tmp_path / "spans.csv")
    check_call(read_one(tmp_path / "spans.csv"))


def read_one(path: Path) -> Trace:
    report = ReadReport()
    (trace,) = read_traces([path], report)
    assert report.bad_count == 0
    return trace


def test_a_page_of_the_api_is_read(tmp_path: Path) -> None:
    page = {"data": [NESTED | {"attributes": MODEL}], "next_cursor": None}
    (tmp_path / "page.json").write_text(json.dumps(page))
    check_call(read_one(tmp_path / "page.json"))


def test_the_error_of_a_span_is_told_by_its_message_or_event() -> None:
    raised = [
        {
            "name": "exception",
            "timestamp": "2026-03-01T09:00:01Z",
            "attributes": {"exception": {"message": "no"}},
        }
    ]
    for fields in ({"status_message": "no"}, {"events": raised}, {"events": json.dumps(raised)}):
        trace = build_one(OPENINFERENCE, make_row(status_code="ERROR", **fields))
        assert (trace.is_error, trace.error) == (True, "no")


def test_what_goes_into_the_root_is_the_conversation_without_content_of_the_calls() -> None:
    root = {
        "openinference.span.kind": "AGENT",
        "input.value": "Where?",
        "output.value": '{"answer": "Here."}',
    }
    call = {"openinference.span.kind": "LLM", "llm.model_name": "small"}
    trace = build_one(OPENINFERENCE, make_row("a", attributes=root), make_row("b", "a", call))
    assert [(turn.role, turn.text) for turn in trace.turns] == [("user", "Where?"), ("assistant", "Here.")]


def test_a_tool_of_openinference_has_its_result() -> None:
    tool = {
        "openinference.span.kind": "TOOL",
        "tool.name": "find",
        "input.value": '{"id": 1}',
        "output.value": "shelf 7",
    }
    trace = build_one(OPENINFERENCE, make_row(), make_row("c3", "b2", tool))
    assert trace.tool_calls == (ToolCall("find", "{}", "shelf 7", call_id="c1"),)


def test_retrievals_and_embeddings_are_no_calls() -> None:
    kinds = ("RETRIEVER", "EMBEDDING", "RERANKER", "CHAIN")
    rows = [make_row(kind, "b2", {"openinference.span.kind": kind, "input.value": "x"}) for kind in kinds]
    check_call(build_one(OPENINFERENCE, make_row(), *rows))


def test_metadata_are_properties_and_tags_are_tags() -> None:
    attributes = MODEL | {"metadata": json.dumps({"plan": "pro"}), "tag.tags": ["vip", "eu"]}
    trace = build_one(OPENINFERENCE, make_row(attributes=attributes))
    assert (trace.properties, trace.tags) == ({"plan": "pro"}, ("vip", "eu"))


def test_spans_without_ids_are_each_one() -> None:
    rows = [{n: v for n, v in make_row().items() if n != "context.span_id"} for _ in range(2)]
    assert len(build_one(OPENINFERENCE, *rows).calls) == 2


@pytest.mark.parametrize("trace_id", [None, "", "0x0"])
def test_a_row_of_no_trace_is_left_out(trace_id: str | None) -> None:
    assert build_traces(OPENINFERENCE, [make_row(**{"context.trace_id": trace_id})]) == []
