"""What is left out of a run is counted: in metadata, in the event, in the reason if too little is left."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import ASSETS, themed_records

PARTITION = "2025-01-21|1"
REASONS = (
    *("without_vector", "unusable", "not_matching", "automation", "same_session", "folded"),
    "not_sampled",
)


@pytest.fixture(scope="module")
def graph(module_graph: Graph) -> Iterator[Graph]:
    """Three themes of 30 traces and 6 oddities, whose texts differ in numbers; every second is automation."""
    records = [
        replace(r, properties={"$ai_session_id": f"s{n % 40}"} if n < 80 else {})
        for n, r in enumerate(themed_records())
    ]
    module_graph.load(1, records)
    with module_graph.clickhouse.open_session(1, timeout_seconds=60) as session:
        rows: list[list[Any]] = []
        for n, record in enumerate(records):
            text = json.dumps({"$ai_trace_id": record.trace_id, "$ai_is_automation": n % 2 == 1})
            moment = record.timestamp
            rows.append([uuid.uuid4(), "$ai_trace", text, moment, "someone", moment])
        columns = ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"]
        session.insert("events", rows, columns)
    return module_graph


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({}, {"traces": 48, "automation": 48}),
        ({"automation": "include"}, {"traces": 96}),
        ({"automation": "only"}, {"traces": 48, "not_matching": 48}),
        ({"one_per_session": True}, {"traces": 28, "automation": 48, "same_session": 20}),
        ({"automation": "include", "one_per_session": True}, {"traces": 56, "same_session": 40}),
        ({"automation": "include", "max_samples": 20}, {"traces": 20, "not_sampled": 76}),
    ],
)
def test_every_trace_of_the_window_is_told_of(
    graph: Graph, settings: dict[str, Any], counts: dict[str, int]
) -> None:
    result = graph.materialize(PARTITION, ["embeddings"], **settings)
    metadata = read_metadata(result, "embeddings")
    assert {name: metadata[name] for name in ("traces", *REASONS) if metadata[name]} == counts
    assert metadata["traces_in_window"] == 96 == sum(counts.values())


def test_too_few_kinds_of_texts_are_insufficient_data_and_the_reason_tells_what_was_folded(
    graph: Graph,
) -> None:
    result = graph.materialize("2025-01-20|1", fold_duplicates=True, automation="include", run_label="folded")
    assert result.success
    for asset in ASSETS:
        assert read_metadata(result, asset)["reason"] == (
            "4 of 96 traces in the window are left (apart are 92 folded), "
            "fewer than the 20 that clustering needs"
        )


@pytest.mark.slow
def test_the_event_tells_the_counts_and_for_how_many_traces_a_cluster_stands(graph: Graph) -> None:
    others = [replace(r, trace_id=f"{r.trace_id}-again") for r in themed_records()]
    names = [f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(len(others))]
    graph.load(2, [replace(r, title=f"{r.title} {name}") for r, name in zip(others, names, strict=True)])
    graph.load(2, [replace(r, trace_id=f"{r.trace_id}-twin") for r in themed_records()], batch_run_id="b")
    result = graph.materialize("2025-01-21|2", fold_duplicates=True)
    assert result.success
    (event,) = graph.event_properties(2)
    coverage = event["$ai_clustering_coverage"]
    assert coverage["in_window"] == coverage["sampled"] + sum(coverage[reason] for reason in REASONS) == 192
    assert (coverage["folded"], coverage["sampled"]) == (92, 100)
    assert event["$ai_clustering_params"]["fold_duplicates"] is True
    assert event["$ai_total_items_analyzed"] == 100
    weights = {cluster["cluster_id"]: cluster["weight"] for cluster in event["$ai_clusters"]}
    assert sum(weights.values()) == 192
    assert any(cluster["weight"] > cluster["size"] for cluster in event["$ai_clusters"])
    assert "assigned" in coverage
