from pathlib import Path

from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering_tests.sources.formats.conversations import (
    CONVERSATIONS,
    build_conversations,
    list_differences,
)


def test_conversations(real_data: Path) -> None:
    traces = build_conversations(OTLP, real_data, "otlp_genai.jsonl.gz")
    assert len(traces) == CONVERSATIONS
    assert list_differences(traces, real_data, without=["total_cost_usd"]) == {}
