"""A few unusable vectors are left out, counted and named; many of them, or a second model, are an error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.embeddings import TraceEmbeddings, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import InvalidEmbeddingsError
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.filtered import insert_trace_events
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
EARLIER = NOON - timedelta(hours=1)
NAN, INFINITY = float("nan"), float("inf")


def fetch(place: ClickHouse, *rows: dict[str, Any], **options: Any) -> TraceEmbeddings:
    with place.open_session(1, timeout_seconds=60) as session:
        insert_embeddings(session, *rows)
        return fetch_trace_embeddings_for_clustering(session, WINDOW, **options)


def make_good(traces: int) -> list[dict[str, Any]]:
    return [{"document_id": f"good-{n:03d}", "embedding": [1.0, n, 0.0]} for n in range(traces)]


def make_bad(*vectors: list[float]) -> list[dict[str, Any]]:
    return [{"document_id": f"bad-{n}", "embedding": vector} for n, vector in enumerate(vectors)]


@pytest.mark.parametrize(
    ("vector", "without_vector"),
    [
        ([], 1),
        ([NAN], 0),
        ([1.0, 2.0], 0),
        ([1.0] * 1000, 0),
        ([0.0, NAN, 0.0], 0),
        ([0.0, INFINITY, -INFINITY], 0),
        ([1e300, 0.0, 0.0], 0),
    ],
    ids=str,
)
def test_one_unusable_vector_is_left_out_counted_and_named(
    place: ClickHouse, vector: list[float], without_vector: int
) -> None:
    found = fetch(place, *make_good(20), *make_bad(vector))
    assert found.trace_ids.tolist() == [f"good-{n:03d}" for n in range(20)]
    assert found.embeddings[:, 1].tolist() == list(range(20))
    assert found.embeddings.shape == (20, 3)
    assert (found.traces_in_window, found.without_vector, found.unusable) == (
        21,
        without_vector,
        1 - without_vector,
    )
    assert list(found.examples) == ["'bad-0'"]


def test_every_trace_that_is_not_used_is_in_one_count(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as session:
        for number in range(30):
            insert_trace_events(session, f"good-{number:03d}", {"properties": {"p": "v"}})
        insert_trace_events(session, "bad-2", {"properties": {"p": "v"}})
    found = fetch(
        place,
        *make_good(40),
        *make_bad([], [1.0], [NAN, 0.0, 0.0]),
        filters=parse_filters([{"key": "p", "value": "v"}]),
        max_samples=31,
    )
    assert len(found.trace_ids) == 30
    counts = found.without_vector, found.unusable, found.not_matching, found.not_sampled
    assert counts == (1, 2, 10, 0)
    assert found.traces_in_window == 30 + sum(counts)
    few = fetch(place, max_samples=20)
    assert (len(few.trace_ids), few.not_sampled, few.not_matching) in [(20, 21, 0), (19, 21, 0)]
    assert few.traces_in_window == len(few.trace_ids) + 1 + few.unusable + few.not_sampled


@pytest.mark.parametrize("vector", [[], [NAN], [0.0, NAN, 0.0]], ids=str)
@pytest.mark.parametrize(("good", "is_refused"), [(18, False), (17, True)])
def test_more_than_a_tenth_is_refused_with_the_counts_and_a_few_ids(
    clickhouse: ClickHouse, vector: list[float], good: int, is_refused: bool
) -> None:
    rows = [*make_good(good), *make_bad(vector, vector)]
    if not is_refused:
        assert len(fetch(clickhouse, *rows).trace_ids) == 18
        return
    with pytest.raises(InvalidEmbeddingsError) as caught:
        fetch(clickhouse, *rows)
    assert "2 traces with" in str(caught.value)
    assert f"of the {good + 2} traces of the window" in str(caught.value)
    assert "'bad-0', 'bad-1'" in str(caught.value)
    assert "good" not in str(caught.value)


def test_different_faults_add_up(clickhouse: ClickHouse) -> None:
    rows = [*make_good(24), *make_bad([], [1.0], [NAN, 0.0, 0.0])]
    with pytest.raises(InvalidEmbeddingsError) as caught:
        fetch(clickhouse, *rows)
    for text in (
        "1 trace without a vector",
        "1 trace with vectors of another length than 3",
        "1 trace with NaN",
    ):
        assert text in str(caught.value)


@pytest.mark.parametrize("vector", [[], [NAN], [1.0, 2.0]], ids=str)
def test_an_older_vector_of_the_right_length_stands_in(clickhouse: ClickHouse, vector: list[float]) -> None:
    newer = {"document_id": "good-000", "embedding": vector, "rendering": "batch-2"}
    found = fetch(clickhouse, *({**row, "inserted_at": EARLIER} for row in make_good(20)), newer)
    assert len(found.trace_ids) == found.traces_in_window == 20
    assert (found.without_vector, found.unusable, list(found.examples)) == (0, 0, [])


def test_a_window_without_any_vector_is_refused(clickhouse: ClickHouse) -> None:
    with pytest.raises(InvalidEmbeddingsError, match="3 traces without a vector: 100% of the 3 traces"):
        fetch(clickhouse, *make_bad([], [], []))


class TestModels:
    @pytest.mark.parametrize("other", [[0.5, 0.5, 0.5], [0.5, 0.5]])
    def test_two_models_in_a_window_are_refused_with_their_counts_until_one_is_chosen(
        self, place: ClickHouse, other: list[float]
    ) -> None:
        rows = [
            *make_good(30),
            {"document_id": "late", "embedding": other, "model_name": "new-3"},
            {"document_id": "later", "embedding": other, "model_name": "new-3"},
        ]
        with pytest.raises(InvalidEmbeddingsError) as caught:
            fetch(place, *rows)
        assert "2 models" in str(caught.value)
        assert "new-3: 2 traces; test-3: 30 traces" in str(caught.value)
        assert "Choose one model with the setting embedding_model" in str(caught.value)
        old = fetch(place, documents=DocumentSelection(embedding_model="test-3"))
        new = fetch(place, documents=DocumentSelection(embedding_model="new-3"))
        assert (len(old.trace_ids), new.trace_ids.tolist()) == (30, ["late", "later"])

    def test_where_every_trace_was_embedded_again_the_new_model_counts(self, clickhouse: ClickHouse) -> None:
        old = [{**row, "inserted_at": EARLIER, "model_name": "old-3"} for row in make_good(20)]
        again = [{**row, "embedding": [9.0, 9.0]} for row in make_good(20)]
        found = fetch(clickhouse, *old, *again)
        assert found.embeddings.tolist() == [[9.0, 9.0]] * 20

    @pytest.mark.parametrize("name", ["\x1b[31mred\x07\n", "\u202eright", "x" * 10_000])
    def test_what_a_terminal_would_obey_is_written_out_and_cut(
        self, clickhouse: ClickHouse, name: str
    ) -> None:
        rows = [{**row, "model_name": name} for row in make_good(2)]
        with pytest.raises(InvalidEmbeddingsError) as caught:
            fetch(clickhouse, *rows, {"document_id": "a"})
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000
        ids = [{"document_id": f"{name}{n}", "embedding": []} for n in range(9)]
        chosen = DocumentSelection(embedding_model="test-3")
        with pytest.raises(InvalidEmbeddingsError) as caught:
            fetch(clickhouse, *ids, documents=chosen)
        assert "9 traces without a vector" in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1500
