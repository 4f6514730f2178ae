"""Every statement reads tables of other types than PostHog's; what cannot be read is named first."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.cluster_metrics import measure_clusters
from trace_clustering.clickhouse.compared_figures import SplitProperty, fetch_split_figures
from trace_clustering.clickhouse.embeddings import fetch_trace_embeddings_for_clustering
from trace_clustering.clickhouse.json_columns import hold_same_values
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_runs import StoredRun
from trace_clustering.clickhouse.summaries import fetch_trace_summaries, fetch_trace_times
from trace_clustering.errors import ClickHouseSetupError
from trace_clustering.posthog.filters import parse_filters
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.window import Window
from trace_clustering_tests.clickhouse.assigned import RUN, VERSION, assign
from trace_clustering_tests.posthog.cluster_events import make_cluster_event

pytestmark = pytest.mark.slow

WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))
# The types of the columns that the pipeline uses, as PostHog has them.
DOCUMENTS = {
    "team_id": "Int64",
    "product": "LowCardinality(String)",
    "document_type": "LowCardinality(String)",
    "model_name": "LowCardinality(String)",
    "rendering": "LowCardinality(String)",
    "document_id": "String",
    "timestamp": "DateTime64(3, 'UTC')",
    "inserted_at": "DateTime64(3, 'UTC')",
    "embedding": "Array(Float64)",
}
EVENTS = {
    "team_id": "Int64",
    "uuid": "UUID",
    "event": "String",
    "properties": "String",
    "timestamp": "DateTime64(6, 'UTC')",
    "distinct_id": "String",
    "created_at": "DateTime64(6, 'UTC')",
}
UUIDS = [str(uuid.UUID(int=2**127 + number)) for number in range(6)]
NUMBERS = [str(10 + number) for number in range(6)]
TYPE = "llm-trace-summary-detailed"


def make_place(place: ClickHouse, documents: dict[str, str], events: dict[str, str]) -> ClickHouse:
    """Create two tables with some columns of other types."""
    with place.open_session(1, timeout_seconds=60) as session:
        for name, usual, other in (("own_documents", DOCUMENTS, documents), ("own_events", EVENTS, events)):
            columns = ", ".join(f"{column} {kind}" for column, kind in (usual | other).items() if kind)
            session._client.command(
                f"CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY tuple() "
                "SETTINGS allow_nullable_key = 1"
            )
    return ClickHouse(dsn=place.dsn, events_table="own_events", embeddings_table="own_documents")


def fill(session: TeamSession, ids: list[str], timestamp: str = "2025-01-20 12:00:00") -> None:
    """Insert traces as a program would that knows the tables; ClickHouse casts the texts."""
    client = session._client
    moment = f"toDateTime64('{timestamp}', 6, 'UTC')"
    for number, trace in enumerate(ids):
        client.command(
            "INSERT INTO own_documents (team_id, product, document_type, rendering, document_id, timestamp, "
            f"inserted_at, embedding) SELECT 1, 'llm-analytics', '{TYPE}', 'batch-1', '{trace}', {moment}, "
            f"{moment}, [{number}, 1, 2]"
        )
        for name, properties in (
            ("$ai_trace_summary", {"$ai_summary_title": f"title {number}", "$ai_batch_run_id": "batch-1"}),
            ("$ai_generation", {"$ai_model": "small" if number < 4 else "large", "$ai_latency": 1.5}),
        ):
            text = json.dumps(
                {"$ai_trace_id": trace, "trace_timestamp": "2025-01-19T23:00:00Z", **properties}
            )
            client.command(
                "INSERT INTO own_events (team_id, uuid, event, properties, timestamp, created_at) "
                f"SELECT 1, '{uuid.uuid4()}', '{name}', '{text}', {moment}, {moment}"
            )


CASES: dict[str, tuple[dict[str, str], dict[str, str], list[str]]] = {
    "PostHog's": ({}, {}, NUMBERS),
    "UUID ids": ({"document_id": "UUID"}, {"distinct_id": "UUID"}, UUIDS),
    "integer ids": ({"document_id": "UInt64", "team_id": "UInt32"}, {"team_id": "UInt32"}, NUMBERS),
    "nullable": (
        {
            "document_id": "Nullable(String)",
            "rendering": "LowCardinality(Nullable(String))",
            "timestamp": "Nullable(DateTime64(3, 'UTC'))",
            "inserted_at": "Nullable(DateTime)",
            "embedding": "Array(Nullable(Float32))",
            "product": "Nullable(String)",
        },
        {
            "uuid": "Nullable(UUID)",
            "properties": "Nullable(String)",
            "timestamp": "Nullable(DateTime64(6, 'UTC'))",
            "created_at": "Nullable(DateTime64(6, 'UTC'))",
            "event": "LowCardinality(Nullable(String))",
        },
        UUIDS,
    ),
    "times to the second": (
        {"timestamp": "DateTime", "inserted_at": "DateTime('UTC')"},
        {"timestamp": "DateTime('UTC')", "created_at": "DateTime"},
        NUMBERS,
    ),
    "JSON": ({}, {"properties": "JSON"}, UUIDS),
    "text": (
        {"timestamp": "String", "inserted_at": "String"},
        {"uuid": "String", "timestamp": "String", "created_at": "String"},
        UUIDS,
    ),
    "nanoseconds and few columns": (
        {"timestamp": "DateTime64(9)", "model_name": "", "embedding": "Array(Float32)"},
        {"timestamp": "DateTime64(9)", "created_at": "DateTime64(3)", "distinct_id": ""},
        NUMBERS,
    ),
    "enumerations": (
        {
            "product": "Enum8('llm-analytics' = 1)",
            "document_type": f"Enum8('{TYPE}' = 1, 'other' = 2)",
            "document_id": "FixedString(40)",
            "embedding": "Array(Decimal(9, 3))",
        },
        {"event": "Enum8('$ai_trace_summary' = 1, '$ai_generation' = 2, '$ai_trace_clusters' = 3)"},
        UUIDS,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_statement_reads_tables_of_other_types(place: ClickHouse, case: str) -> None:
    documents, events, ids = CASES[case]
    own = make_place(place, documents, events)
    with own.open_session(1, timeout_seconds=60) as session:
        fill(session, ids)
        fill(
            session, ["00000000-0000-0000-0000-000000000001" if ids is UUIDS else "99"], "2025-01-23 00:00:00"
        )
        filters = parse_filters(
            [
                {"key": "$ai_model", "value": "small"},
                {"key": "timestamp", "value": "-1d", "operator": "is_date_before", "type": "event_metadata"},
                {"key": "event", "value": "$ai_generation", "type": "event_metadata"},
            ]
        )
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
        assert found.trace_ids.tolist() == ids
        assert found.embeddings[:, 0].tolist() == list(range(6))
        assert set(found.timestamps.astype(str)) == {"2025-01-20T12:00:00.000"}
        assert set(found.batch_run_ids) == {"batch-1"}
        some = fetch_trace_embeddings_for_clustering(session, WINDOW, filters=filters)
        assert some.trace_ids.tolist() == ids[:4]
        rules = SampleRules(one_per_session=True, fold_duplicates=True)
        folded = fetch_trace_embeddings_for_clustering(session, WINDOW, rules=rules)
        assert (folded.weights.tolist(), folded.same_session, folded.folded) == ([6], 0, 5)
        summaries = fetch_trace_summaries(session, WINDOW, ids, ["batch-1"] * 6)
        assert [summaries[trace]["title"] for trace in ids] == [f"title {n}" for n in range(6)]
        times = fetch_trace_times(session, WINDOW, found.trace_ids, found.batch_run_ids)
        assert set(times.astype(str)) == {"2025-01-19T23:00:00.000000"}
        assign(session, dict.fromkeys(ids, 0))
        (metrics,) = measure_clusters(session, RUN, VERSION, WINDOW).values()
        assert (metrics["latency_count"], metrics["avg_latency"], metrics["cost_count"]) == (6, 1.5, 0)
        models = SplitProperty(["$ai_model"], "small", "large")
        sides = fetch_split_figures(session, StoredRun(RUN, WINDOW, VERSION, {}), models)
        assert {name: side.traces for name, side in sides.items()} == {"before": 4, "after": 2}


@pytest.mark.parametrize("case", CASES)
def test_an_event_is_emitted_replaced_and_read_back_from_tables_of_other_types(
    place: ClickHouse, case: str
) -> None:
    documents, events, _ = CASES[case]
    own = make_place(place, documents, events)
    with own.open_session(1, timeout_seconds=60) as session:
        for days in (-1, 0):
            assert emit_cluster_events(session, make_cluster_event(title="one", days=days)) == "emitted"
        assert emit_cluster_events(session, make_cluster_event(title="one")) == "unchanged"
        notes: list[str] = []
        assert emit_cluster_events(session, make_cluster_event(title="two"), notes.append) == "replaced"
        assert notes == []
        stored = fetch_cluster_event(session)
        assert stored is not None
        assert [cluster["title"] for cluster in stored["$ai_clusters"]][1] == "two"
        assert stored["$ai_window_end"] == "2025-01-23T00:00:00Z"
        earlier = fetch_cluster_event(session, "1_trace_20250122_000000")
        assert earlier is not None
        assert earlier["$ai_clusters"][1]["title"] == "one"
        assert session.query("SELECT count() AS n FROM own_events") == [{"n": 2}]


WRONG: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({"document_id": "Array(String)"}, {}, r"document_id of the table .*own_documents is Array\(String\)"),
    ({"timestamp": "Int64"}, {}, r"timestamp of the table .*own_documents is Int64.*DateTime64\(3, 'UTC'\)"),
    ({"embedding": "String"}, {}, r"embedding of the table .* is String.*must be an Array\(Float32\)"),
    ({"embedding": "Array(String)"}, {}, r"embedding of the table .* is Array\(String\)"),
    ({"inserted_at": ""}, {}, "no column inserted_at, which must be a DateTime64"),
    ({"team_id": "String"}, {}, r"team_id of the table .*own_documents is String.*must be an Int64"),
    (
        {},
        {"properties": "Map(String, String)"},
        r"properties of the table .*own_events is Map\(String, String\)",
    ),
    ({}, {"uuid": "UInt64"}, "uuid of the table .*own_events is UInt64.*must be a UUID"),
    ({}, {"created_at": ""}, "own_events has no column created_at"),
    ({}, {"team_id": ""}, "own_events has no column team_id"),
]


@pytest.mark.parametrize(("documents", "events", "words"), WRONG)
def test_what_cannot_be_read_is_named_before_anything_is_read(
    clickhouse: ClickHouse, documents: dict[str, str], events: dict[str, str], words: str
) -> None:
    own = make_place(clickhouse, documents, events)
    with (
        own.open_session(1, timeout_seconds=60) as session,
        pytest.raises(ClickHouseSetupError, match=words),
    ):
        fetch_trace_embeddings_for_clustering(session, WINDOW)


def test_a_number_that_is_null_makes_its_vector_unusable(clickhouse: ClickHouse) -> None:
    own = make_place(clickhouse, {"embedding": "Array(Nullable(Float64))"}, {})
    with own.open_session(1, timeout_seconds=60) as session:
        fill(session, [str(100 + number) for number in range(20)])
        session._client.command(
            "INSERT INTO own_documents (team_id, product, document_type, document_id, timestamp, embedding) "
            f"VALUES (1, 'llm-analytics', '{TYPE}', 'null', '2025-01-20', [1, NULL, 2])"
        )
        found = fetch_trace_embeddings_for_clustering(session, WINDOW)
    assert (len(found.trace_ids), found.unusable, list(found.examples)) == (20, 1, ["'null'"])


@pytest.mark.parametrize(
    ("stored", "written", "same"),
    [
        ("2025-01-20 12:00:00.250000000", "2025-01-20T12:00:00.25Z", True),
        ("2025-01-20 12:00:00", "2025-01-20T14:00:00+02:00", True),
        ("2025-01-20 12:00:01", "2025-01-20T12:00:00Z", False),
        ("2025-13-20 12:00:00", "2025-13-20T12:00:00", False),
        ({"a": {"b": 1, "c": None}, "d": {}}, {"a.b": 1.0}, True),
        ([{"a": "2025-01-20 12:00:00"}], [{"a": "2025-01-20T12:00:00Z"}], True),
    ],
)
def test_what_a_json_column_gives_back_is_compared_by_its_values(
    stored: object, written: object, same: bool
) -> None:
    assert hold_same_values(stored, written) is same


class TestInvalidUtf8:
    """Bytes that are not UTF-8 are repaired in every text; nothing is lost for them."""

    BROKEN = "concat('a', unhex('FF'), 'b')"
    REPAIRED = "a\ufffdb"

    def test_ids_renderings_and_summaries_are_repaired_alike(self, place: ClickHouse) -> None:
        with place.open_session(1, timeout_seconds=60) as session:
            client = session._client
            client.command(
                "INSERT INTO document_embeddings (team_id, product, document_type, model_name, rendering, "
                f"document_id, timestamp, embedding) SELECT 1, 'llm-analytics', '{TYPE}', {self.BROKEN}, "
                f"{self.BROKEN}, {self.BROKEN}, '2025-01-20 12:00:00', [1, 2]"
            )
            for event in ("$ai_trace_summary", "$ai_generation"):
                names = ("$ai_trace_id", "$ai_batch_run_id", "$ai_summary_title", "p")
                text = "{" + ",".join(f'"{name}":"BROKEN"' for name in names) + "}"
                client.command(
                    "INSERT INTO events (team_id, uuid, event, timestamp, properties) "
                    f"SELECT 1, generateUUIDv4(), '{event}', '2025-01-20 12:00:00', "
                    f"replaceAll('{text}', 'BROKEN', {self.BROKEN})"
                )
            filters = parse_filters([{"key": "p", "value": self.REPAIRED}])
            found = fetch_trace_embeddings_for_clustering(session, WINDOW, filters=filters)
            assert found.trace_ids.tolist() == found.batch_run_ids.tolist() == [self.REPAIRED]
            summaries = fetch_trace_summaries(session, WINDOW, found.trace_ids, found.batch_run_ids)
        assert summaries[self.REPAIRED]["title"] == self.REPAIRED
