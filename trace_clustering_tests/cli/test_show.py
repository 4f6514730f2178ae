"""`show`: what it prints of stored clusterings, and what it never prints."""

import dataclasses
import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.orchestration.settings import ClusteringSettings, select_reported
from trace_clustering.posthog.build_cluster_event import build_cluster_event
from trace_clustering_tests.cli.command import RED, engine, output, refusal
from trace_clustering_tests.examples import WINDOW, themed_records
from trace_clustering_tests.posthog.cluster_events import TOPICS


def emit(session: TeamSession, title: str = "Refunds", prefix: str = "", **chosen: Any) -> None:
    """Emit a clustering of six traces, with chosen settings: two clusters and noise."""
    records = themed_records(per_theme=2, outliers=0)
    ids = np.array([prefix + record.trace_id for record in records], dtype=object)
    settings = ClusteringSettings(**chosen)
    stages = ("embeddings", "reduced_embeddings", "cluster_assignments", "projection_2d")
    used = {name: value for stage in stages for name, value in settings.of_stage(stage).items()}
    used |= settings.of_stage("emitted_cluster_event")
    provenance = Provenance(session.team_id, WINDOW, used)
    identity = {
        "provenance": provenance,
        "trace_ids": ids,
        "timestamps": np.full(6, "2025-01-20T12:00", dtype="datetime64[ms]"),
        "trace_times": np.full(6, "NaT", dtype="datetime64[us]"),
        "batch_run_ids": np.full(6, "", dtype=object),
        "weights": np.ones(6, dtype=np.int64),
        "cluster_ids": np.array([0, 0, 0, 1, 1, -1]),
    }
    assignments = ClusterAssignments(
        **identity,
        probabilities=np.ones(6, dtype=np.float32),
        nearest_cluster_ids=np.array([0, 0, 0, 1, 1, 0]),
        distances_to_nearest=np.arange(6, dtype=np.float32),
        distances_to_centroid=np.arange(6, dtype=np.float32),
        centroids=np.eye(2, dtype=np.float32),
        stabilities=np.array([0.9, np.nan], dtype=np.float32),
    )
    projection = Projection2D(
        **identity,
        coordinates=np.zeros((6, 2), dtype=np.float32),
        clusters=[0, 1, -1],
        centroid_coordinates=np.zeros((3, 2), dtype=np.float32),
    )
    labels = ClusterLabels(
        provenance=provenance,
        cluster_ids=np.array([0, 1, -1]),
        sizes=np.array([3, 2, 1]),
        titles=np.array([title, "Passwords", "Outliers"], dtype=object),
        descriptions=np.array(["", "", ""], dtype=object),
        labelers=np.array(["agent", "agent", "fallback"], dtype=object),
        accuracies=np.array([0.75, np.nan, 0], dtype=np.float32),
        labeling={
            "model": "small",
            "ended": "finalized by the agent",
            "requests": 6,
            "prompt_tokens": 5000,
            "completion_tokens": 700,
            "cost_usd": 0.0123,
        },
    )
    topics = replace(TOPICS, identities=replace(TOPICS.identities, obeyed=[]))
    event = build_cluster_event(assignments, projection, labels, topics, select_reported(used))
    emit_cluster_events(session, event)


def emit_raw(session: TeamSession, properties: dict[str, Any]) -> None:
    """Write an event as another program would."""
    session.insert(
        "events",
        [[uuid.uuid4(), EVENT_NAME, json.dumps(properties), WINDOW.end, "someone", WINDOW.end]],
        ["uuid", "event", "properties", "timestamp", "distinct_id", "created_at"],
    )


HOSTILE = f"{RED}\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\n[bold]"
RUN = "1_trace_20250123_000000"
FILTERS = [
    {"key": "$ai_model", "value": ["gpt-5", "gpt-5-mini"]},
    {"key": "$ai_is_error", "operator": "is_not", "value": True},
    {"key": "plan", "operator": "is_set"},
]
TEAM, HOSTILE_TEAM, FORGED_TEAM, POSTHOG_TEAM = 1, 2, 3, 4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose embedded engine holds clusterings of four teams."""
    home = tmp_path_factory.mktemp("home")
    with engine(home).open_session(TEAM, timeout_seconds=60) as session:
        records = themed_records(per_theme=2, outliers=0)
        insert_records(session, records, batch_run_id="batch", model_name="made-up")
        emit(session)
        emit(session, run_label="second", title="Newer refunds", trace_filters=FILTERS)
        properties = fetch_cluster_event(session, RUN)
    with engine(home).open_session(HOSTILE_TEAM, timeout_seconds=60) as session:
        hostile = [
            dataclasses.replace(record, trace_id=HOSTILE + record.trace_id, title=HOSTILE)
            for record in records[:2]
        ]
        insert_records(session, hostile, batch_run_id="batch", model_name="made-up")
        emit(session, title=HOSTILE, prefix=HOSTILE)
    with engine(home).open_session(FORGED_TEAM, timeout_seconds=60) as session:
        forged = {
            "$ai_clustering_run_id": HOSTILE,
            "$ai_clustering_labeler": HOSTILE,
            "$ai_clustering_params": {"trace_filters": [{"key": HOSTILE, "value": [HOSTILE]}, HOSTILE]},
            "$ai_clustering_labeling": {"requests": 1, "model": HOSTILE, "ended": HOSTILE},
        }
        emit_raw(session, properties | forged)
    with engine(home).open_session(POSTHOG_TEAM, timeout_seconds=60) as session:
        own = {name: value for name, value in properties.items() if "labeling" not in name}
        del own["$ai_clustering_labeler"]
        emit_raw(session, own)
    return home


def test_without_a_clustering_show_explains_what_to_do() -> None:
    message = refusal("show", "--team-id", 5)
    assert "Team 5 has no clustering yet" in message
    assert "dagster asset materialize" in message


def test_the_newest_clustering_is_shown_with_sizes_shares_and_nearest_traces(home: Path) -> None:
    printed = output("show", "--team-id", TEAM, DAGSTER_HOME=home)
    assert f"{RUN}_second: 6 traces" in printed
    lines = {line.split("│")[2].strip(): line for line in printed.splitlines() if line.count("│") > 4}
    assert list(lines)[:1] == ["Newer refunds"]
    assert "│ 3 │ 50.0% │ 90% │ 75% │ refund of a broken kettle 0" in " ".join(lines["Newer refunds"].split())
    assert "│ 2 │ 33.3% │ │ │" in " ".join(lines["Passwords"].split())
    assert "│ 1 │ 16.7% │ │ 0% │" in " ".join(lines["Outliers"].split())


def test_the_source_and_the_cost_of_the_titles_are_shown(home: Path) -> None:
    text = " ".join(output("show", "--team-id", TEAM, DAGSTER_HOME=home).split())
    assert "Titles by agent, 1 by fallback (small: 6 requests, 5000 prompt and 700 completion tokens" in text
    assert "0.0123 US dollars; finalized by the agent)" in text


def test_the_filters_of_a_clustering_are_shown(home: Path) -> None:
    with_filters = output("show", "--team-id", TEAM, DAGSTER_HOME=home)
    without = output("show", "--team-id", TEAM, "--run-id", RUN, DAGSTER_HOME=home)
    sentence = (
        "Only traces with an event where $ai_model exact gpt-5, gpt-5-mini "
        "and $ai_is_error is_not true and plan is_set."
    )
    assert sentence in " ".join(with_filters.split())
    assert "Only traces" not in without


def test_a_run_is_shown_by_its_id(home: Path) -> None:
    printed = output("show", "--team-id", TEAM, "--run-id", RUN, DAGSTER_HOME=home)
    assert f"{RUN}: 6 traces" in printed
    assert "Newer" not in printed


def test_the_event_is_shown_as_json(home: Path) -> None:
    event = json.loads(output("show", "--team-id", TEAM, "--json", DAGSTER_HOME=home))
    assert event["$ai_clustering_run_id"] == f"{RUN}_second"
    assert [cluster["size"] for cluster in event["$ai_clusters"]] == [3, 2, 1]


@pytest.mark.parametrize("run_id", ["2_trace_20250123_000000", RED])
def test_a_run_that_a_team_does_not_have_is_refused(home: Path, run_id: str) -> None:
    message = refusal("show", "--team-id", TEAM, "--run-id", run_id, DAGSTER_HOME=home)
    assert "Team 1 has no run" in message
    assert "\x1b" not in message


@pytest.mark.parametrize("team_id", [HOSTILE_TEAM, FORGED_TEAM], ids=["titles", "event"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_what_a_terminal_would_obey_is_never_printed(home: Path, team_id: int, form: list[str]) -> None:
    printed = output("show", "--team-id", team_id, *form, DAGSTER_HOME=home)
    assert "evil" in printed
    assert all(character.isprintable() or character == "\n" for character in printed)


def test_an_event_of_posthog_itself_is_shown(home: Path) -> None:
    assert "Refunds" in output("show", "--team-id", POSTHOG_TEAM, DAGSTER_HOME=home)


def test_tables_that_exist_can_be_created_again(home: Path) -> None:
    printed = output("create-tables", DAGSTER_HOME=home)
    tables = ("events", "document_embeddings", "trace_cluster_centroids", "trace_cluster_assignments")
    assert printed.splitlines() == [f"default.{table} exists" for table in tables]
    assert "Refunds" in output("show", "--team-id", TEAM, "--json", "--run-id", RUN, DAGSTER_HOME=home)
