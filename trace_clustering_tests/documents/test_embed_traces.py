"""Vectors of an endpoint on their way into ClickHouse: a fault loses nothing, a bad text stops no other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np
import pytest

from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.documents.embedder import Embedder
from trace_clustering.documents.llm_summaries import Summarizer
from trace_clustering.documents.summary_options import SummaryOptions
from trace_clustering.documents.text_embedder import TextEmbedder
from trace_clustering.errors import EmbeddingFailedError
from trace_clustering.ingestion.embed import MAX_TRACES_PER_BATCH, embed_traces
from trace_clustering.ingestion.ingest import IngestedTrace, ingest_traces
from trace_clustering.ingestion.summarize import summarize_traces
from trace_clustering.llm.resource import LLM
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.trace import Trace, Turn
from trace_clustering_tests.documents.embedding_server import (
    EmbeddingServer,
    Reply,
    Request,
    answer,
    refuse,
)
from trace_clustering_tests.examples import WINDOW

START = datetime(2025, 1, 20, 9, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


def load(server: EmbeddingServer) -> TextEmbedder:
    return Embedder(kind="endpoint", base_url=server.base_url, model="ours", max_retries=0).load()


def ingest(clickhouse: ClickHouse, number: int) -> list[IngestedTrace]:
    """Store traces with their summaries, and return them."""
    traces = [
        Trace(
            trace_id=f"trace-{row:04d}",
            start=START + timedelta(seconds=row),
            end=START + timedelta(seconds=row + 1),
            turns=(Turn("user", f"Please mend the lamp number {row}"), Turn("assistant", "It is mended.")),
        )
        for row in range(number)
    ]
    stored = ingest_traces(clickhouse, 1, traces, START).traces
    summarize_traces(clickhouse, 1, stored, Summarizer(SummaryOptions(), LLM()))
    return stored


def read_vectors(clickhouse: ClickHouse) -> np.ndarray:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        rows = session.query(
            "SELECT embedding FROM {embeddings:Identifier} FINAL "
            "WHERE team_id = {team_id:Int64} AND notEmpty(embedding) ORDER BY document_id"
        )
    return np.array([row["embedding"] for row in rows])


def test_what_no_person_started_is_stored_and_counted_and_embedded_only_on_request(
    clickhouse: ClickHouse, server: EmbeddingServer
) -> None:
    lamps = [
        Trace(f"lamp-{n}", end=START, turns=(Turn("user", "Mend the lamp"),), is_automation=n == 2)
        for n in range(3)
    ]
    stored, summarizer = (
        ingest_traces(clickhouse, 1, lamps, START).traces,
        Summarizer(SummaryOptions(), LLM()),
    )

    def make(with_automation: bool) -> tuple[int, int]:
        summarize_traces(clickhouse, 1, stored, summarizer, with_automation=with_automation)
        embed_traces(clickhouse, 1, stored, load(server), with_automation=with_automation)
        with clickhouse.open_session(1, timeout_seconds=60) as session:
            found, every = (
                fetch_trace_embeddings_for_clustering(session, WINDOW, rules=SampleRules(automation))
                for automation in ("leave_out", "include")
            )
        assert found.trace_ids.tolist() == ["lamp-0", "lamp-1"]
        assert (found.traces_in_window, found.automation.total) == (3, 1)
        return len(every.trace_ids), found.automation.without_document

    assert make(with_automation=False) == (2, 1)
    assert make(with_automation=True) == (3, 0)


def test_the_next_run_goes_on_where_a_fault_ended_the_last(
    clickhouse: ClickHouse, server: EmbeddingServer
) -> None:
    numbers = count()
    server.script = lambda request: answer(request) if next(numbers) < 1 else refuse("down", 503)
    traces = ingest(clickhouse, MAX_TRACES_PER_BATCH + 10)
    with pytest.raises(EmbeddingFailedError, match="goes on from here"):
        embed_traces(clickhouse, 1, traces, load(server))
    server.script = answer
    report = embed_traces(clickhouse, 1, traces, load(server))
    assert (report.unchanged, report.embedded) == (MAX_TRACES_PER_BATCH, 10)
    assert len(read_vectors(clickhouse)) == len(traces)
    assert len({text for request in server.requests for text in request.texts}) == len(traces)


def test_a_text_that_is_refused_stops_no_other_and_is_asked_for_again(
    clickhouse: ClickHouse, server: EmbeddingServer
) -> None:
    def script(request: Request) -> Reply:
        is_bad = any("number 3\n" in f"{text}\n" for text in request.texts)
        return refuse("The content is filtered") if is_bad else answer(request)

    server.script = script
    traces, embedder = ingest(clickhouse, 8), load(server)
    report = embed_traces(clickhouse, 1, traces, embedder)
    assert (report.embedded, report.without_vector, embedder.without_vector) == (7, 1, 1)
    assert np.isfinite(read_vectors(clickhouse)).all()
    server.script = answer
    again = embed_traces(clickhouse, 1, traces, load(server))
    assert (again.embedded, again.without_vector, again.unchanged) == (1, 0, 7)
    assert len(read_vectors(clickhouse)) == 8
