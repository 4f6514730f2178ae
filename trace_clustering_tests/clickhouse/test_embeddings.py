"""Which vectors of a window are read, and in which form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.embeddings import (
    TraceEmbeddings,
    fetch_trace_embeddings_for_clustering,
)
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import ClickHouseQueryError, InvalidEmbeddingsError
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
MILLISECOND = timedelta(milliseconds=1)


def write(place: ClickHouse, *rows: dict[str, Any], team_id: int = 1) -> None:
    with place.open_session(team_id, timeout_seconds=60) as session:
        insert_embeddings(session, *rows)


def fetch(place: ClickHouse, team_id: int = 1, **options: Any) -> TraceEmbeddings:
    with place.open_session(team_id, timeout_seconds=60) as session:
        return fetch_trace_embeddings_for_clustering(session, WINDOW, **options)


def test_the_traces_of_a_window_come_sorted_by_id_with_float32_vectors(place: ClickHouse) -> None:
    write(
        place,
        {"document_id": "zoë", "embedding": [0.1, 0.2, 0.3], "timestamp": NOON + MILLISECOND},
        {"document_id": "it's \\ 1", "embedding": [1.0, 2.0, 3.0], "rendering": "1_2025-01-20"},
        {"document_id": "Zoe", "embedding": [-1.0, 0.0, 1e-30]},
    )
    found = fetch(place)
    assert found.trace_ids.tolist() == ["Zoe", "it's \\ 1", "zoë"]
    assert found.batch_run_ids.tolist() == ["batch-1", "1_2025-01-20", "batch-1"]
    assert found.timestamps.dtype == "datetime64[ms]"
    assert found.timestamps.astype(str).tolist() == [
        *["2025-01-20T12:00:00.000"] * 2,
        "2025-01-20T12:00:00.001",
    ]
    assert found.embeddings.dtype == np.float32
    np.testing.assert_array_equal(
        found.embeddings, np.array([[-1, 0, 1e-30], [1, 2, 3], [0.1, 0.2, 0.3]], dtype=np.float32)
    )
    assert found.traces_in_window == 3


def test_the_window_holds_its_start_and_not_its_end(place: ClickHouse) -> None:
    write(
        place,
        {"document_id": "before", "timestamp": WINDOW.start - MILLISECOND},
        {"document_id": "first", "timestamp": WINDOW.start},
        {"document_id": "last", "timestamp": WINDOW.end - MILLISECOND},
        {"document_id": "after", "timestamp": WINDOW.end},
    )
    assert fetch(place).trace_ids.tolist() == ["first", "last"]


def test_a_window_without_rows_is_empty(place: ClickHouse) -> None:
    write(place, {"timestamp": WINDOW.end})
    found = fetch(place)
    assert found.trace_ids.tolist() == found.batch_run_ids.tolist() == []
    assert found.timestamps.shape == (0,)
    assert found.embeddings.shape == (0, 0)
    assert found.embeddings.dtype == np.float32
    assert found.traces_in_window == 0


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        (None, ["legacy", "plain", "rendering"]),
        (DocumentSelection(rendering="batch-2"), ["rendering"]),
        (DocumentSelection(rendering="llma_trace_detailed"), ["legacy"]),
        (DocumentSelection(embedding_model="other-3"), ["model"]),
        (DocumentSelection(rendering="batch-2", embedding_model="other-3"), []),
        (DocumentSelection(document_type="llm-trace-summary"), ["legacy", "legacy-minimal"]),
        (DocumentSelection(document_type="llm-generation-summary-detailed"), ["type"]),
        (DocumentSelection(document_type="' OR 1 --"), []),
    ],
)
def test_only_the_chosen_documents_count(
    clickhouse: ClickHouse, documents: DocumentSelection | None, expected: list[str]
) -> None:
    write(
        clickhouse,
        {"document_id": "plain"},
        {"document_id": "rendering", "rendering": "batch-2"},
        *([{"document_id": "model", "model_name": "other-3"}] if documents else []),
        {"document_id": "product", "product": "error-tracking"},
        {"document_id": "type", "document_type": "llm-generation-summary-detailed"},
        {"document_id": "legacy", "document_type": "llm-trace-summary", "rendering": "llma_trace_detailed"},
        {
            "document_id": "legacy-minimal",
            "document_type": "llm-trace-summary",
            "rendering": "llma_trace_minimal",
        },
    )
    found = fetch(clickhouse, documents=documents)
    assert found.trace_ids.tolist() == expected
    assert found.traces_in_window == len(expected)


@pytest.mark.parametrize(
    ("rendering", "batch_run_id"),
    [
        ("1_2025-01-20T00:00:00+00:00", "1_2025-01-20T00:00:00+00:00"),
        ("1_2025-01-20T00:00:00+00:00_job", "1_2025-01-20T00:00:00+00:00_job"),
        ("", ""),
        ("detailed", ""),
        ("minimal", ""),
        ("llma_trace_detailed", ""),
        ("llma_trace_minimal", ""),
    ],
)
def test_a_rendering_is_the_batch_run_unless_it_names_a_mode(
    clickhouse: ClickHouse, rendering: str, batch_run_id: str
) -> None:
    write(clickhouse, {"rendering": rendering})
    assert fetch(clickhouse).batch_run_ids.tolist() == [batch_run_id]


@pytest.mark.parametrize(
    "rows",
    [
        # Rows that are never merged, as they differ in rendering, day or model.
        [{"rendering": "old"}, {"rendering": "new", "timestamp": NOON - timedelta(days=2)}],
        [{"rendering": "old", "timestamp": NOON + timedelta(days=1)}, {"rendering": "new"}],
        [{"rendering": "old", "model_name": "z"}, {"rendering": "new", "model_name": "a"}],
        [{"rendering": "old"}, {"rendering": "old"}, {"rendering": "new"}],
        [{"rendering": "new"}, {"rendering": "new"}],
    ],
)
@pytest.mark.parametrize("newest_first", [False, True])
def test_of_several_rows_the_newest_counts_and_a_trace_counts_once(
    clickhouse: ClickHouse, rows: list[dict[str, Any]], newest_first: bool
) -> None:
    rows = [
        {**row, "inserted_at": NOON + number * MILLISECOND, "embedding": [float(number)] * 3}
        for number, row in enumerate(rows)
    ]
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        for row in reversed(rows) if newest_first else rows:
            insert_embeddings(session, row)
    found = fetch(clickhouse)
    newest = rows[-1]
    assert found.trace_ids.tolist() == ["trace"]
    assert found.batch_run_ids.tolist() == ["new"]
    assert found.embeddings.tolist() == [newest["embedding"]]
    assert found.timestamps.tolist() == [newest.get("timestamp", NOON).replace(tzinfo=None)]
    assert found.traces_in_window == 1


def test_a_row_that_was_delivered_twice_counts_once(place: ClickHouse) -> None:
    for _ in range(2):
        write(place, {"document_id": "a"}, {"document_id": "b"})
    found = fetch(place)
    assert found.trace_ids.tolist() == ["a", "b"]
    assert found.embeddings.tolist() == [[1.0, 0.0, 0.0]] * 2


@pytest.mark.parametrize("dimensions", [1, 127, 128, 3072, 20_000])
def test_vectors_may_have_any_length(place: ClickHouse, dimensions: int) -> None:
    vector = np.linspace(-1, 1, dimensions)
    write(place, {"embedding": vector.tolist()})
    np.testing.assert_array_equal(fetch(place).embeddings, vector.astype(np.float32)[None])


def test_an_empty_vector_never_hides_an_older_one(clickhouse: ClickHouse) -> None:
    write(clickhouse, {}, {"rendering": "batch-2", "embedding": [], "inserted_at": NOON + MILLISECOND})
    assert fetch(clickhouse).batch_run_ids.tolist() == ["batch-1"]


def test_rows_that_are_replaced_while_they_are_read_are_a_fault_and_never_a_gap(
    clickhouse: ClickHouse,
) -> None:
    write(clickhouse, *({"document_id": f"trace-{number}"} for number in range(100)))
    changing = "* REPLACE inserted_at + toIntervalMillisecond(rand() % 2) AS inserted_at"
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        session._client.command(f"CREATE VIEW changing AS SELECT {changing} FROM document_embeddings")
    with pytest.raises(ClickHouseQueryError, match=r"\d+ of 100 traces were replaced while they were read"):
        fetch(ClickHouse(dsn=clickhouse.dsn, embeddings_table="changing"))


# So many that the engine gives them back in no order of its own.
TRACES = [f"trace-{number:04d}" for number in range(3000)]


@pytest.fixture(scope="module")
def many(shared_place: ClickHouse) -> ClickHouse:
    """The same traces for two teams, for the second in another order and each of them twice."""
    numbered = enumerate(TRACES)
    write(
        shared_place,
        *({"document_id": trace, "embedding": [float(number), 1.0, 0.0]} for number, trace in numbered),
    )
    again = [
        {"document_id": trace_id, "rendering": rendering}
        for trace_id in reversed(TRACES)
        for rendering in ("a", "b")
    ]
    write(shared_place, *again[:2500], team_id=2)
    write(shared_place, *again[2500:], team_id=2)
    return shared_place


def test_every_trace_of_a_sample_has_its_own_vector(many: ClickHouse) -> None:
    sample = fetch(many, max_samples=2000)
    assert [TRACES[round(float(vector[0]))] for vector in sample.embeddings] == sample.trace_ids.tolist()


def test_a_sample_depends_on_the_traces_and_the_seed_alone(many: ClickHouse) -> None:
    sample = fetch(many, max_samples=2000)
    same = fetch(many, max_samples=2000, team_id=2)
    other = fetch(many, max_samples=2000, random_state=43)
    assert sample.trace_ids.tolist() == sorted(sample.trace_ids)
    assert same.trace_ids.tolist() == sample.trace_ids.tolist()
    assert set(other.trace_ids) != set(sample.trace_ids)


@pytest.mark.parametrize(("max_samples", "expected"), [(1, 1), (2999, 2999), (3000, 3000), (3001, 3000)])
def test_a_sample_never_holds_more_than_asked_and_tells_how_many_there_were(
    many: ClickHouse, max_samples: int, expected: int
) -> None:
    for team_id in (1, 2):
        sample = fetch(many, max_samples=max_samples, team_id=team_id)
        assert len(set(sample.trace_ids)) == len(sample.trace_ids) == len(sample.embeddings) == expected
        assert sample.traces_in_window == 3000


def test_a_larger_sample_holds_the_smaller_one(many: ClickHouse) -> None:
    small, large = (set(fetch(many, max_samples=n).trace_ids) for n in (1000, 2000))
    assert small < large < set(TRACES)


def test_vectors_of_two_lengths_are_refused_until_a_model_is_chosen(place: ClickHouse) -> None:
    write(
        place,
        {"document_id": "a", "model_name": "small-2", "embedding": [1.0, 2.0]},
        {"document_id": "b", "model_name": "large-3", "embedding": [1.0, 2.0, 3.0]},
        {"document_id": "c", "model_name": "huge-3", "embedding": [1.0, 2.0, 3.0]},
    )
    with pytest.raises(InvalidEmbeddingsError) as caught:
        fetch(place)
    assert "2 (small-2); 3 (huge-3, large-3)" in str(caught.value)
    assert "setting embedding_model" in str(caught.value)
    chosen = fetch(place, documents=DocumentSelection(embedding_model="small-2"))
    assert chosen.embeddings.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_a_vector_with_a_number_that_is_not_finite_in_float32_is_refused_by_name(
    place: ClickHouse, number: float
) -> None:
    write(place, {"document_id": "fine"}, {"document_id": "it's broken", "embedding": [0.0, number, 0.0]})
    with pytest.raises(InvalidEmbeddingsError) as caught:
        fetch(place)
    assert repr("it's broken") in str(caught.value)
    assert "'fine'" not in str(caught.value)


def test_a_team_never_gets_the_vectors_of_another(place: ClickHouse) -> None:
    write(place, {"document_id": "shared"}, {"document_id": "own"})
    write(
        place,
        {"document_id": "shared", "embedding": [9.0, 9.0], "inserted_at": NOON + MILLISECOND},
        {"document_id": "other", "embedding": [9.0, 9.0]},
        team_id=2,
    )
    found = fetch(place)
    assert found.trace_ids.tolist() == ["own", "shared"]
    assert found.embeddings.tolist() == [[1.0, 0.0, 0.0]] * 2
    assert found.traces_in_window == 2
