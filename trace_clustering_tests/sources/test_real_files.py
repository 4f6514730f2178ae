"""The same conversations, in the shapes that people have and in every container."""

from pathlib import Path

import pytest

from trace_clustering.sources.containers import read_rows
from trace_clustering_tests.sources.formats.expected import describe_trace, read_expected
from trace_clustering_tests.sources.trace_files import CONTAINERS, PACKINGS, read_all

# How many traces are in each shape.
SHAPES = {
    "openai_chat.jsonl": 60,
    "sharegpt.json": 60,
    "langfuse_observations.jsonl.gz": 60,
    "otlp_genai.jsonl.gz": 60,
    "openinference_spans.jsonl.gz": 60,
    "langsmith_runs.jsonl.gz": 60,
    "posthog_events.jsonl.gz": 60,
    "claude_code": 40,  # 20 sessions, each with a sub-agent
    "chatgpt_conversations.json": 60,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_recognised_and_says_the_same(real_data: Path, shape: str) -> None:
    traces, report = read_all(real_data / "conversations" / shape)
    assert (len(traces), report.bad_count) == (SHAPES[shape], 0)
    expected = {row["first_user_text"] for row in read_expected(real_data).values()}
    said = {trace.list_texts("user")[0] for trace in traces.values() if not trace.is_automation}
    assert said <= expected
    assert shape == "claude_code" or said == expected


@pytest.mark.slow
@pytest.mark.parametrize("container", ["array.json", "wrapped.json", "table.csv", "table.parquet"])
@pytest.mark.parametrize("shape", [name for name in SHAPES if name != "claude_code"])
def test_every_shape_is_the_same_in_every_container(
    real_data: Path, tmp_path: Path, shape: str, container: str
) -> None:
    if shape.startswith("chatgpt") and container == "table.parquet":
        pytest.skip("the objects of ChatGPT's export have ids for names, which no table has as columns")
    source = real_data / "conversations" / shape
    rows = [row for _, row in read_rows(source) if isinstance(row, dict)]
    path = tmp_path / f"{container}.zst"
    path.write_bytes(PACKINGS[".zst"](CONTAINERS[container](rows)))
    expected, _ = read_all(source)
    found, report = read_all(path)
    assert report.bad_count == 0
    assert {key: describe_trace(trace) for key, trace in found.items()} == {
        key: describe_trace(trace) for key, trace in expected.items()
    }


def test_a_folder_of_all_shapes_is_read_at_once(real_data: Path) -> None:
    traces, report = read_all(real_data / "conversations")
    assert report.unknown_files == ["expected.jsonl"]
    assert report.bad_count == 0
    assert {trace.trace_id for trace in traces.values()} >= set(read_expected(real_data))
