"""PostHog's rows since June 2026: a job in the document id and in `metadata`, one table per model."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.embeddings import TraceEmbeddings, fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.summaries import fetch_trace_summaries
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.filtered import insert_trace_events
from trace_clustering_tests.clickhouse.rows import NOON, insert_embeddings, insert_summaries

pytestmark = pytest.mark.slow

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
JOB, OTHER_JOB = "0197a3c2-5a1e-7b3c-9d54-1c2f3a4b5c6d", "0197a3c2-0000-7b3c-9d54-000000000000"
BATCH = f"1_2025-01-20T12:00:00+00:00_{JOB}"


def make_row(document_id: str, job: str | None = JOB, **changes: Any) -> dict[str, Any]:
    metadata = {} if job is None else {"job_id": job, "batch_run_id": f"1_2025-01-20T12:00:00+00:00_{job}"}
    return {
        "document_id": document_id,
        "rendering": "detailed",
        "metadata": json.dumps(metadata),
        "embedding": [1.0, 2.0],
        **changes,
    }


def with_metadata(place: ClickHouse, kind: str = "String DEFAULT '{}'") -> ClickHouse:
    """Give the table of documents the columns of a table of one model."""
    with place.open_session(1, timeout_seconds=60) as session:
        session._client.command(
            "CREATE TABLE of_one_model AS document_embeddings ENGINE = MergeTree ORDER BY timestamp"
        )
        session._client.command("ALTER TABLE of_one_model DROP COLUMN model_name")
        session._client.command(f"ALTER TABLE of_one_model ADD COLUMN metadata {kind}")
    return ClickHouse(dsn=place.dsn, embeddings_table="of_one_model")


def fetch(place: ClickHouse, *rows: dict[str, Any], **options: Any) -> TraceEmbeddings:
    with place.open_session(1, timeout_seconds=60) as session:
        default = {"product": "llm-analytics", "document_type": "llm-trace-summary-detailed"}
        times = {"timestamp": NOON, "inserted_at": NOON}
        filled = [default | times | row for row in rows]
        session.insert("embeddings", [list(row.values()) for row in filled], list(filled[0]))
        return fetch_trace_embeddings_for_clustering(session, WINDOW, **options)


@pytest.mark.parametrize(
    ("row", "trace_id"),
    [
        (make_row(f"trace::{JOB}"), "trace"),
        (make_row("trace::nightly", "nightly"), "trace"),
        (make_row(f"a::b::{JOB}"), "a::b"),
        (make_row(f"::a::::{JOB}"), "::a::"),
        (make_row(f"{JOB}::{JOB}"), JOB),
        (make_row(f"é\n::{JOB}"), "é\n"),
        # No job follows the last ::, so the trace id is the whole text.
        (make_row("a::b"), "a::b"),
        (make_row("a::b", None), "a::b"),
        (make_row("a::b", ""), "a::b"),
        (make_row("a::"), "a::"),
        (make_row(f"trace::{OTHER_JOB}"), f"trace::{OTHER_JOB}"),
        (make_row(f"trace::{OTHER_JOB}", None), f"trace::{OTHER_JOB}"),
        (make_row(f"::{JOB}"), f"::{JOB}"),
        (make_row(JOB), JOB),
        (make_row("trace", None, metadata="not JSON"), "trace"),
        # Rows from before `metadata`: the batch run of the rendering ends with the job.
        (make_row(f"trace::{JOB}", None, rendering=BATCH), "trace"),
        (make_row("trace::b", None, rendering="1_2025_b"), "trace::b"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_document_id_ends_before_its_job_and_nowhere_else(
    clickhouse: ClickHouse, row: dict[str, Any], trace_id: str
) -> None:
    found = fetch(with_metadata(clickhouse), row)
    assert found.trace_ids.tolist() == [trace_id]


@pytest.mark.parametrize(
    ("row", "batch_run_id"),
    [
        (make_row(f"trace::{JOB}"), BATCH),
        (make_row("trace", None), ""),
        (make_row("trace", None, rendering="batch-7"), "batch-7"),
        (make_row("trace", None, metadata='{"batch_run_id": "batch-8"}', rendering="batch-7"), "batch-8"),
    ],
)
def test_the_batch_run_is_in_the_metadata_else_in_the_rendering(
    clickhouse: ClickHouse, row: dict[str, Any], batch_run_id: str
) -> None:
    assert fetch(with_metadata(clickhouse), row).batch_run_ids.tolist() == [batch_run_id]


@pytest.mark.parametrize("kind", ["String DEFAULT '{}'", "Nullable(String)", "Map(String, String)", "JSON"])
def test_metadata_may_be_of_any_type_that_holds_an_object(clickhouse: ClickHouse, kind: str) -> None:
    place = with_metadata(clickhouse, kind)
    with place.open_session(1, timeout_seconds=60) as session:
        metadata = {
            "Map(String, String)": f"map('job_id', '{JOB}', 'batch_run_id', 'batch-9')",
        }.get(kind, f"""'{{"job_id": "{JOB}", "batch_run_id": "batch-9"}}'""")
        session._client.command(
            "INSERT INTO of_one_model (team_id, product, document_type, rendering, document_id, timestamp, "
            "embedding, metadata) SELECT 1, 'llm-analytics', 'llm-trace-summary-detailed', 'detailed', "
            f"'trace::{JOB}', '2025-01-20 12:00:00', [1, 2], {metadata}"
        )
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
    assert (found.trace_ids.tolist(), found.batch_run_ids.tolist()) == (["trace"], ["batch-9"])


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_trace_in_two_jobs_has_one_vector_and_the_summary_of_its_batch(
    place: ClickHouse, newest_first: bool
) -> None:
    own = with_metadata(place)
    later = NOON + timedelta(minutes=1)
    rows = [
        make_row(f"trace::{JOB}", embedding=[1.0, 1.0], inserted_at=NOON),
        make_row(f"trace::{OTHER_JOB}", OTHER_JOB, embedding=[2.0, 2.0], inserted_at=later),
    ]
    with own.open_session(1, timeout_seconds=60) as session:
        insert_summaries(
            session,
            *({"id": "trace", "batch": json.loads(r["metadata"])["batch_run_id"], "title": t}
              for r, t in zip(rows, ("first job", "second job"), strict=True)),
            {"id": "trace", "batch": "later", "title": "newest"},
        )  # fmt: skip
        insert_trace_events(session, "trace", {"properties": {"p": "v"}})
    found = fetch(own, *(reversed(rows) if newest_first else rows))
    assert (found.trace_ids.tolist(), found.embeddings.tolist()) == (["trace"], [[2.0, 2.0]])
    assert found.traces_in_window == 1
    filters = parse_filters([{"key": "p", "value": "v"}])
    with own.open_session(1, timeout_seconds=60) as session:
        for job, vector, title in ((JOB, 1.0, "first job"), (OTHER_JOB, 2.0, "second job")):
            chosen = fetch_trace_embeddings_for_clustering(
                session, WINDOW, documents=DocumentSelection(job_id=job), filters=filters
            )
            assert chosen.embeddings.tolist() == [[vector, vector]]
            summaries = fetch_trace_summaries(session, WINDOW, chosen.trace_ids, chosen.batch_run_ids)
            assert summaries["trace"]["title"] == title
        none = fetch_trace_embeddings_for_clustering(
            session, WINDOW, documents=DocumentSelection(job_id="' OR 1 --")
        )
        assert none.traces_in_window == 0


def test_rows_of_two_jobs_that_were_inserted_at_once_give_the_same_vector_in_any_order(
    clickhouse: ClickHouse,
) -> None:
    rows = [
        make_row(f"trace::{job}", job, embedding=[number, 0.0]) for number, job in enumerate((JOB, OTHER_JOB))
    ]
    own = with_metadata(clickhouse)
    first = fetch(own, *rows).embeddings.tolist()
    assert fetch(own, *reversed(rows)).embeddings.tolist() == first


@pytest.mark.parametrize("job", [JOB, "nightly"])
def test_a_job_is_also_chosen_by_the_end_of_a_rendering(clickhouse: ClickHouse, job: str) -> None:
    with clickhouse.open_session(1, timeout_seconds=60) as session:
        insert_embeddings(
            session,
            {"document_id": "of the job", "rendering": f"1_2025-01-20_{job}"},
            {"document_id": "of another", "rendering": "1_2025-01-20_x"},
        )
        found = fetch_trace_embeddings_for_clustering(
            session, WINDOW, documents=DocumentSelection(job_id=job)
        )
    assert found.trace_ids.tolist() == ["of the job"]


def test_a_model_cannot_be_chosen_from_a_table_of_one_model(clickhouse: ClickHouse) -> None:
    with pytest.raises(InvalidSettingsError, match=r"embedding_model = 'm': .*of_one_model has no column"):
        fetch(with_metadata(clickhouse), make_row("a"), documents=DocumentSelection(embedding_model="m"))
