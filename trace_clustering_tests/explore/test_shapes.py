"""The same conversations in nine shapes: each is summarized alike, as far as the shape tells it."""

from pathlib import Path

import pytest

from trace_clustering.documents.extract import extract_summary
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering.traces.summary import TraceSummary

WITH_TOOLS = (
    "openai_chat.jsonl",
    "langfuse_observations.jsonl.gz",
    "otlp_genai.jsonl.gz",
    "openinference_spans.jsonl.gz",
    "langsmith_runs.jsonl.gz",
    "posthog_events.jsonl.gz",
    "claude_code",
)
WITHOUT_TOOLS = ("sharegpt.json", "chatgpt_conversations.json")


def summarize(path: Path) -> dict[str, TraceSummary]:
    """Return the summaries by what the person said first."""
    report = ReadReport()
    found = [trace for trace in read_traces([path], report) if not trace.is_automation]
    assert report.bad_count == 0
    return {trace.list_texts("user")[0]: extract_summary(trace) for trace in found}


@pytest.mark.parametrize("shape", [*WITH_TOOLS, *WITHOUT_TOOLS])
def test_every_shape_is_summarized_alike(shape: str, real_data: Path) -> None:
    folder = real_data / "conversations"
    expected, found = summarize(folder / "otlp_genai.jsonl.gz"), summarize(folder / shape)
    assert len(found) == (20 if shape == "claude_code" else 60)
    for first, summary in found.items():
        assert summary["title"] == expected[first]["title"]
        if shape in WITH_TOOLS:
            assert summary["flow_diagram"] == expected[first]["flow_diagram"]
