"""The page about runs: its examples work, and it names every asset, column and variable."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import dagster as dg
import duckdb
import numpy as np
import pytest
from pydantic import BaseModel

from trace_clustering import environment, orchestration
from trace_clustering.artifacts.clusters import ClusterAssignments, ClusterLabels, Projection2D
from trace_clustering.artifacts.fields import Artifact, get_storage
from trace_clustering.artifacts.ingestion import DocumentEmbeddings, IngestedTraces, TraceSummaries
from trace_clustering.artifacts.parquet import to_parquet
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.artifacts.topics import ClusterIdentities, ClusterMetrics, WindowAssignments
from trace_clustering.artifacts.traces import Embeddings, ReducedEmbeddings
from trace_clustering.clickhouse.source_tables.trace_source import (
    LangfuseEventsSource,
    LangfuseSource,
    OtelSource,
    PostHogSource,
)
from trace_clustering.definitions import defs
from trace_clustering.llm.access import API_KEY, BASE_URL
from trace_clustering.orchestration.team_settings import load_source_of_team, load_team_settings
from trace_clustering_tests.examples import WINDOW

PAGE = (Path(orchestration.__path__[0]) / "README.md").read_text(encoding="utf-8")
MADE = {
    "ingested_traces": IngestedTraces,
    "trace_summaries": TraceSummaries,
    "document_embeddings": DocumentEmbeddings,
    "embeddings": Embeddings,
    "reduced_embeddings": ReducedEmbeddings,
    "cluster_assignments": ClusterAssignments,
    "projection_2d": Projection2D,
    "cluster_identities": ClusterIdentities,
    "cluster_labels": ClusterLabels,
    "window_assignments": WindowAssignments,
    "cluster_metrics": ClusterMetrics,
    "emitted_cluster_event": EventReceipt,
}


@pytest.mark.parametrize(("asset", "artifact"), MADE.items())
def test_every_asset_is_explained_with_its_columns(asset: str, artifact: type[Artifact]) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{asset}` |")]
    fields = map(get_storage, dataclasses.fields(artifact))
    columns = [field.name for field in fields if field.is_column]
    assert re.findall(r"`(\w+)`", row.split("|")[3]) == columns


@pytest.mark.parametrize(
    "variable",
    [
        *(environment.CLICKHOUSE_DSN, environment.TEAM_IDS, environment.STORAGE, environment.EXECUTOR),
        environment.FIRST_DAY,
        *(
            environment.SOURCE_DSN,
            environment.TEAM_SETTINGS,
            environment.TOPICS,
            API_KEY,
            BASE_URL,
            "NUMBA_CACHE_DIR",
            "DAGSTER_HOME",
        ),
    ],
)
def test_every_variable_is_explained(variable: str) -> None:
    assert [line for line in PAGE.splitlines() if line.startswith("| ") and f"`{variable}`" in line]


def test_the_example_of_team_settings_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams.yaml").write_text(PAGE.split("```yaml\n")[1].split("```")[0])
    monkeypatch.setenv(environment.TEAM_SETTINGS, str(tmp_path / "teams.yaml"))
    assert list(load_team_settings()) == [1, 112495]


def test_the_sources_of_the_page_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "teams.yaml").write_text(PAGE.split("```yaml\n")[2].split("```")[0])
    monkeypatch.setenv(environment.TEAM_SETTINGS, str(tmp_path / "teams.yaml"))
    assert [load_source_of_team(team).kind for team in (1, 2)] == ["langfuse", "otel"]


@pytest.mark.parametrize(
    "source", [LangfuseSource, LangfuseEventsSource, OtelSource, PostHogSource], ids=lambda s: s.__name__
)
def test_every_field_of_a_source_is_explained(source: type[BaseModel]) -> None:
    section = PAGE.split("## Where the traces of a team are")[1].split("\n## ")[0]
    kind = get_args(source.model_fields["kind"].annotation)[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| `{kind}` |")]
    own = source.model_fields.keys() - {"kind", "dsn", "database"}
    assert own <= set(re.findall(r"`(\w+)`", row))
    assert "`dsn`" in section
    assert "`database`" in section


def test_the_statement_reads_a_stored_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = PAGE.split("```sql\n")[1].split("```")[0]
    path = tmp_path / statement.split("'")[1]
    path.parent.mkdir(parents=True)
    assignments = ClusterAssignments(
        provenance=Provenance(1, WINDOW, {"run_label": ""}),
        trace_ids=np.array(["a", "b", "c"], dtype=object),
        timestamps=np.full(3, "2025-01-20", dtype="datetime64[ms]"),
        trace_times=np.full(3, "NaT", dtype="datetime64[us]"),
        batch_run_ids=np.full(3, "", dtype=object),
        weights=np.ones(3, dtype=np.int64),
        cluster_ids=np.array([0, 0, -1]),
        probabilities=np.array([1, 0.5, 0], dtype=np.float32),
        nearest_cluster_ids=np.zeros(3, dtype=np.int64),
        distances_to_nearest=np.ones(3, dtype=np.float32),
        distances_to_centroid=np.ones(3, dtype=np.float32),
        centroids=np.ones((1, 2), dtype=np.float32),
        stabilities=np.ones(1, dtype=np.float32),
    )
    with path.open("wb") as file:
        to_parquet(assignments, file)
    monkeypatch.chdir(tmp_path)
    assert sorted(duckdb.sql(statement).fetchall()) == [(-1, 1, 0.0), (0, 2, 0.75)]


def test_the_example_in_python_runs_days_without_traces(tmp_path: Path) -> None:
    program = PAGE.split("```python\n")[1].split("```")[0]
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {environment.EXECUTOR: "in_process"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    stored = (tmp_path / "trace_clustering_data" / "artifacts").glob("emitted_cluster_event/*/1.parquet")
    assert sorted(path.parent.name for path in stored) == ["2025-01-21", "2025-01-22"]


@pytest.mark.parametrize("selection", sorted(set(re.findall(r"--select '(\*[^']+)'", PAGE))))
def test_what_the_page_selects_is_all_assets(selection: str) -> None:
    selected = dg.AssetSelection.from_coercible([selection]).resolve(defs.resolve_asset_graph())
    assert {key.to_user_string() for key in selected} == set(MADE)
