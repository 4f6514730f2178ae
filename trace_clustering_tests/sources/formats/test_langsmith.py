import gzip
import json
from dataclasses import replace
from pathlib import Path

from trace_clustering.sources.formats.langsmith import LANGSMITH
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)

FILE = "langsmith_runs.jsonl.gz"


def test_conversations(real_data: Path) -> None:
    with gzip.open(real_data / "conversations" / FILE, "rt", encoding="utf-8") as lines:
        metadata = {run["id"]: run["extra"]["metadata"] for run in map(json.loads, lines)}
    traces = build_conversations(LANGSMITH, real_data, FILE)
    assert len(traces) == CONVERSATIONS
    # The trace keeps the id by which LangSmith finds it.
    renamed = [replace(t, trace_id=metadata[t.trace_id]["external_trace_id"]) for t in traces]
    assert list_differences(renamed, real_data, has_last_word=True) == {}
