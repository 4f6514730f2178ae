"""Bad input fails at once, with the reason; faults are retried."""

from dataclasses import replace

import numpy as np
import pytest

from trace_clustering_tests.assets.conftest import Graph, list_event_types, read_failure, read_metadata
from trace_clustering_tests.examples import DAY, themed_records

PARTITION = f"{DAY}|1"


def test_mixed_dimensions_fail_at_once_and_name_the_setting(graph: Graph) -> None:
    records = themed_records()
    graph.load(1, records[:40])
    graph.load(1, [replace(r, embedding=np.ones(8, dtype=np.float32)) for r in records[40:]])
    result = graph.materialize(PARTITION)
    assert not result.success
    assert "differ in length: 8" in read_failure(result)
    assert "embedding_model" in read_failure(result)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(result)


@pytest.mark.parametrize(
    ("broken", "traces"), [(np.full(16, np.nan), 36), (np.ones(3), 36), (np.full(16, 1e300), 36)]
)
def test_a_few_unusable_vectors_are_left_out_and_named(graph: Graph, broken: np.ndarray, traces: int) -> None:
    records = themed_records()
    graph.load(1, records[:traces])
    graph.load(1, [replace(r, embedding=broken) for r in records[traces : traces + 4]])
    result = graph.materialize(PARTITION, ["embeddings"], max_samples=1000)
    assert result.success
    metadata = read_metadata(result, "embeddings")
    assert (metadata["traces"], metadata["traces_in_window"], metadata["unusable"]) == (36, 40, 4)
    assert metadata["left_out_examples"] == [f"'trace-{number:03d}'" for number in range(36, 40)]
    assert metadata["without_vector"] == metadata["not_matching"] == metadata["not_sampled"] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_many_unusable_vectors_fail_at_once_with_counts_and_ids(graph: Graph, value: float) -> None:
    records = themed_records()
    broken = np.full(16, value, dtype=np.float32)
    graph.load(1, [*records[:30], *(replace(record, embedding=broken) for record in records[30:34])])
    result = graph.materialize(PARTITION)
    assert "4 traces with NaN or infinity in the vector: 12% of the 34 traces" in read_failure(result)
    assert "'trace-030'" in read_failure(result)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(result)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lookback_days": 0}, "lookback_days = 0"),
        ({"min_k": 12}, "min_k = 12 is larger than max_k = 10"),
        ({"trace_filters": [{"key": "a", "operator": "like"}]}, "trace_filters[0].operator = 'like'"),
        ({"clustering_method_params": {"min_size": 3}}, "clustering_method_params.min_size"),
    ],
)
def test_a_wrong_setting_fails_before_any_asset_runs(
    graph: Graph, settings: dict[str, object], message: str
) -> None:
    result = graph.materialize(PARTITION, **settings)
    assert not result.success
    assert "STEP_START" not in list_event_types(result)
    (refusal,) = [e for e in result.all_events if e.event_type_value == "RESOURCE_INIT_FAILURE"]
    assert message in refusal.engine_event_data.error.message


def test_a_step_without_its_upstream_says_what_to_materialize(graph: Graph) -> None:
    result = graph.materialize(PARTITION, ["cluster_assignments"])
    assert not result.success
    assert "materialize embeddings of this partition first" in read_failure(result)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(result)


def test_an_unreachable_server_is_tried_three_times(graph: Graph) -> None:
    graph.clickhouse = type(graph.clickhouse)(dsn="http://reader:secret@127.0.0.1:9/db")
    result = graph.materialize(PARTITION, ["embeddings"])
    assert not result.success
    assert list_event_types(result).count("STEP_UP_FOR_RETRY") == 2
    assert "cannot be reached" in read_failure(result)
    assert "secret" not in read_failure(result)


@pytest.mark.parametrize("engine", ["Log", "TinyLog"])
def test_what_could_not_be_cleaned_up_is_in_the_metadata_and_fails_nothing(graph: Graph, engine: str) -> None:
    graph.load(1, themed_records(per_theme=8))
    with graph.clickhouse.open_session(1, timeout_seconds=60) as session:
        session._client.command(f"CREATE TABLE undeletable ENGINE = {engine} AS SELECT * FROM events")
    graph.clickhouse = type(graph.clickhouse)(dsn=graph.clickhouse.dsn, events_table="undeletable")
    first = graph.materialize(PARTITION)
    assert "not_cleaned_up" not in read_metadata(first, "emitted_cluster_event")
    second = graph.materialize(PARTITION, ["emitted_cluster_event"], max_traces_per_cluster=2)
    assert second.success
    metadata = read_metadata(second, "emitted_cluster_event")
    assert metadata["outcome"] == "replaced"
    (note,) = metadata["not_cleaned_up"]
    assert "1 older rows of the event" in note
    assert "the table's engine cannot delete" in note
