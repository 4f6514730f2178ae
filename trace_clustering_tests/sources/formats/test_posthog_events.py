from pathlib import Path

from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(POSTHOG, real_data, "posthog_events.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    assert list_differences(traces, real_data) == {}
