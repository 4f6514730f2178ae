from pathlib import Path

from trace_clustering.sources.formats.posthog_events import POSTHOG
from trace_clustering_tests.sources.formats.reading import (
    build_all,
    describe,
    expect_from_calls,
    read_gzip,
)


def test_conversations(real_data: Path) -> None:
    folder = real_data / "conversations"
    traces = build_all(POSTHOG, read_gzip(folder / "posthog_events.jsonl.gz"))
    assert {trace.trace_id: describe(trace) for trace in traces} == expect_from_calls(folder)
