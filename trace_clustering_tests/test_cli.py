"""The command as it is typed: what it prints, what it refuses, and how it ends."""

import dataclasses
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.clickhouse.cluster_events import emit_cluster_events, fetch_cluster_event
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import EVENT_NAME
from trace_clustering.orchestration.settings import ClusteringSettings, select_reported
from trace_clustering.posthog.cluster_event import build_cluster_event
from trace_clustering_tests.examples import WINDOW, themed_records

COMMAND = Path(sys.executable).with_name("trace-clustering")
SERVER = "TRACE_CLUSTERING_CLICKHOUSE_DSN"
RED = "\x1b[31m"


def run(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run the command with the environment of this test, and some variables more."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=os.environ["DAGSTER_HOME"],
        env=os.environ | {name: str(value) for name, value in environment.items()},
    )


def output(*arguments: object, **environment: object) -> str:
    """Return what a command that ends well prints."""
    result = run(*arguments, **environment)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(*arguments: object, code: int = 1, **environment: object) -> str:
    """Return what a command says that fails in an orderly way."""
    result = run(*arguments, **environment)
    assert result.returncode == code, result.stdout
    assert result.stdout == ""
    assert "Error: " in result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def engine(home: str | Path) -> ClickHouse:
    """The embedded engine that a command with that home uses by default."""
    return ClickHouse(dsn=f"chdb://{home}/trace_clustering_data/clickhouse")


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "trace_id": f"trace-{n}",
            "timestamp": "2025-01-20T12:00:00Z",
            "title": f"title {n}",
            "embedding": [n, 1],
        }
        for n in range(count)
    ]


def json_lines(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


# Help and usage


@pytest.mark.parametrize("command", ["demo", "load", "show", "create-tables"])
def test_every_command_explains_itself(command: str) -> None:
    assert command in output("--help")
    assert output(command, "--help").startswith(f"Usage: trace-clustering {command}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "nonsense"),
        (["load", "--team-id", 1], "FILE"),
        (["load", "a.jsonl"], "--team-id"),
        (["load", "a.jsonl", "--team-id", "one"], "--team-id"),
        (["load", "a.jsonl", "--team-id", 1, "--on-error", "ignore"], "--on-error"),
        (["show"], "--team-id"),
        (["show", "--team-id", 0], "--team-id"),
        (["show", "--team-id", -1], "--team-id"),
        (["show", "--team-id", 2**63], "--team-id"),
        (["demo", "--team-id", 0], "--team-id"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_wrong_usage_is_refused_by_name(arguments: list[object], says: str) -> None:
    assert says in refusal(*arguments, code=2)


# load


def test_json_lines_and_parquet_are_loaded_into_the_default_folder(tmp_path: Path) -> None:
    lines = json_lines(tmp_path / "a.jsonl", *rows(3))
    pq.write_table(pa.Table.from_pylist(rows(4)), tmp_path / "b.parquet")
    assert output("load", lines, "--team-id", 5) == "Loaded 3 traces for team 5; 0 were there already.\n"
    assert output("load", tmp_path / "b.parquet", "--team-id", 5, "--embedding-model", "minilm") == (
        "Loaded 4 traces for team 5; 0 were there already.\n"
    )
    with engine(tmp_path).for_team(5, timeout_seconds=60) as session:
        models = session.query(
            "SELECT model_name, count() AS n FROM {embeddings:Identifier} GROUP BY model_name"
        )
    assert {row["model_name"]: row["n"] for row in models} == {"unknown-2": 3, "minilm": 4}


def test_bad_lines_stop_a_load_and_are_listed_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    good, spoiled = rows(1)[0], rows(1)[0] | {"embedding": None}
    path = json_lines(tmp_path / "a.jsonl", good, spoiled, "{oops", good | {"timestamp": RED})
    message = refusal("load", path, "--team-id", 5)
    assert "line 2: embedding is missing" in message
    assert "line 3: is not JSON" in message
    assert "line 4: timestamp" in message
    assert "\x1b" not in message


def test_bad_lines_are_left_out_and_listed_where_that_is_asked_for(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", *rows(2), "{oops")
    result = run("load", path, "--team-id", 5, "--on-error", "skip")
    assert result.returncode == 0
    assert result.stdout == "Loaded 2 traces for team 5; 0 were there already.\n"
    assert "Left out 1 bad record:\n  line 3: is not JSON" in result.stderr


@pytest.mark.parametrize("name", ["missing.jsonl", "text.parquet"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    if name != "missing.jsonl":
        (tmp_path / name).write_text("trace_id\n")
    assert name in refusal("load", tmp_path / name, "--team-id", 5)


# show


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
    emit_cluster_events(session, build_cluster_event(assignments, projection, labels, select_reported(used)))


def emit_as_it_is(session: TeamSession, properties: dict[str, Any]) -> None:
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
    with engine(home).for_team(TEAM, timeout_seconds=60) as session:
        records = themed_records(per_theme=2, outliers=0)
        insert_records(session, records, batch_run_id="batch", model_name="made-up")
        emit(session)
        emit(session, run_label="second", title="Newer refunds", trace_filters=FILTERS)
        properties = fetch_cluster_event(session, RUN)
    with engine(home).for_team(HOSTILE_TEAM, timeout_seconds=60) as session:
        hostile = [
            dataclasses.replace(record, trace_id=HOSTILE + record.trace_id, title=HOSTILE)
            for record in records[:2]
        ]
        insert_records(session, hostile, batch_run_id="batch", model_name="made-up")
        emit(session, title=HOSTILE, prefix=HOSTILE)
    with engine(home).for_team(FORGED_TEAM, timeout_seconds=60) as session:
        forged = {
            "$ai_clustering_run_id": HOSTILE,
            "$ai_clustering_labeler": HOSTILE,
            "$ai_clustering_params": {"trace_filters": [{"key": HOSTILE, "value": [HOSTILE]}, HOSTILE]},
            "$ai_clustering_labeling": {"requests": 1, "model": HOSTILE, "ended": HOSTILE},
        }
        emit_as_it_is(session, properties | forged)
    with engine(home).for_team(POSTHOG_TEAM, timeout_seconds=60) as session:
        own = {name: value for name, value in properties.items() if "labeling" not in name}
        del own["$ai_clustering_labeler"]
        emit_as_it_is(session, own)
    return home


def test_where_nothing_was_clustered_show_says_what_to_do() -> None:
    message = refusal("show", "--team-id", 5)
    assert "Team 5 has no clustering yet" in message
    assert "dagster asset materialize" in message


def test_the_newest_clustering_is_shown_with_sizes_shares_and_nearest_traces(home: Path) -> None:
    shown = output("show", "--team-id", TEAM, DAGSTER_HOME=home)
    assert f"{RUN}_second: 6 traces" in shown
    lines = {line.split("│")[2].strip(): line for line in shown.splitlines() if line.count("│") > 4}
    assert list(lines)[:1] == ["Newer refunds"]
    assert "│ 3 │ 50.0% │ 90% │ 75% │ refund of a broken kettle 0" in " ".join(lines["Newer refunds"].split())
    assert "│ 2 │ 33.3% │ │ │" in " ".join(lines["Passwords"].split())
    assert "│ 1 │ 16.7% │ │ 0% │" in " ".join(lines["Outliers"].split())


def test_it_is_shown_how_the_titles_came_about(home: Path) -> None:
    shown = " ".join(output("show", "--team-id", TEAM, DAGSTER_HOME=home).split())
    assert "Titles by agent, 1 by fallback (small: 6 requests, 5000 prompt and 700 completion tokens" in shown
    assert "0.0123 US dollars; finalized by the agent)" in shown


def test_a_clustering_says_which_filters_it_was_made_with(home: Path) -> None:
    with_filters = output("show", "--team-id", TEAM, DAGSTER_HOME=home)
    without = output("show", "--team-id", TEAM, "--run-id", RUN, DAGSTER_HOME=home)
    told = (
        "Only traces with an event where $ai_model exact gpt-5, gpt-5-mini "
        "and $ai_is_error is_not true and plan is_set."
    )
    assert told in " ".join(with_filters.split())
    assert "Only traces" not in without


def test_a_run_is_shown_by_its_id(home: Path) -> None:
    shown = output("show", "--team-id", TEAM, "--run-id", RUN, DAGSTER_HOME=home)
    assert f"{RUN}: 6 traces" in shown
    assert "Newer" not in shown


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
    shown = output("show", "--team-id", team_id, *form, DAGSTER_HOME=home)
    assert "evil" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)


def test_an_event_of_posthog_itself_is_shown(home: Path) -> None:
    assert "Refunds" in output("show", "--team-id", POSTHOG_TEAM, DAGSTER_HOME=home)


# Places


def test_tables_that_exist_can_be_created_again(home: Path) -> None:
    shown = output("create-tables", DAGSTER_HOME=home)
    assert shown == "default.events exists\ndefault.document_embeddings exists\n"
    assert "Refunds" in output("show", "--team-id", TEAM, "--json", "--run-id", RUN, DAGSTER_HOME=home)


@pytest.mark.parametrize(
    "dsn",
    [
        "http://reader:geheim@127.0.0.1:port/traces",
        "http://reader:geheim@127.0.0.1:1/traces",
        "http://reader:geheim@127.0.0.1:1/traces?colour=geheim",
        "http://127.0.0.1:1/geheim@clickhouse.example/traces",  # user 127.0.0.1, password 1/geheim
    ],
)
def test_an_address_that_does_not_work_is_refused_without_the_password(dsn: str) -> None:
    message = refusal("show", "--team-id", 1, **{SERVER: dsn})
    assert SERVER in message
    assert "heim" not in message


# demo


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        ([], {SERVER: "http://reader:geheim@127.0.0.1:1/traces"}, SERVER),
        ([], {"TRACE_CLUSTERING_TEAM_IDS": "1,2"}, "112495"),
        (["--team-id", 7], {"TRACE_CLUSTERING_TEAM_IDS": "1,2"}, "teams 1, 2 (TRACE_CLUSTERING_TEAM_IDS)"),
        (["--team-id", 7], {}, "team 7"),
        ([], {"TRACE_CLUSTERING_TEAM_IDS": "one"}, "'one'"),
    ],
)
def test_the_demo_writes_only_where_made_up_traces_have_a_place(
    tmp_path: Path, arguments: list[object], environment: dict[str, str], says: str
) -> None:
    message = refusal("demo", *arguments, **environment)
    assert says in message
    assert "geheim" not in message
    assert list(tmp_path.iterdir()) == []
