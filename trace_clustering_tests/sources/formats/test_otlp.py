from pathlib import Path

from trace_clustering.sources.formats.otlp import OTLP
from trace_clustering_tests.sources.formats.reading import (
    build_all,
    describe,
    expect_from_calls,
    read_gzip,
)


def test_conversations(real_data: Path) -> None:
    folder = real_data / "conversations"
    traces = build_all(OTLP, read_gzip(folder / "otlp_genai.jsonl.gz"))
    without_cost = {"total_cost_usd": None}  # The conventions have none.
    expected = {key: row | without_cost for key, row in expect_from_calls(folder).items()}
    assert {trace.trace_id: describe(trace) for trace in traces} == expected
