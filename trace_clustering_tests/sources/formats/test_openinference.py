from pathlib import Path

from trace_clustering.sources.formats.openinference import OPENINFERENCE
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(OPENINFERENCE, real_data, "openinference_spans.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    assert list_differences(traces, real_data) == {}
