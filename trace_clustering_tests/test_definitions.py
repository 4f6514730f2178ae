"""The code location: complete, as the design names it, and fast to load."""

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from trace_clustering.definitions import defs
from trace_clustering.orchestration.executors import build_executor
from trace_clustering.orchestration.partitions import TEAM_DAY

PROJECT = Path(__file__).parents[1]
HEAVY = {
    "umap",
    "sklearn",
    "hdbscan",
    "langgraph",
    "langchain_core",
    "langchain_openai",
    "openai",
    "chdb",
    "clickhouse_connect",
    "matplotlib",
    "pyarrow",
    "onnxruntime",
    "tokenizers",
    "ijson",
}
UPSTREAM = {
    "ingested_traces": set(),
    "trace_summaries": {"ingested_traces"},
    "document_embeddings": {"trace_summaries"},
    "embeddings": {"document_embeddings"},
    "reduced_embeddings": {"embeddings"},
    "cluster_assignments": {"embeddings", "reduced_embeddings"},
    "projection_2d": {"reduced_embeddings", "cluster_assignments"},
    "cluster_identities": {"cluster_assignments"},
    "cluster_labels": {"cluster_assignments", "projection_2d", "cluster_identities"},
    "window_assignments": {"cluster_assignments", "cluster_identities"},
    "cluster_metrics": {"cluster_assignments", "cluster_identities", "window_assignments"},
    "emitted_cluster_event": {
        "cluster_assignments",
        "projection_2d",
        "cluster_identities",
        "cluster_labels",
        "window_assignments",
        "cluster_metrics",
    },
}
INGESTION = ("ingested_traces", "trace_summaries", "document_embeddings")


def test_everything_resolves() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_graph_is_the_one_of_the_design() -> None:
    graph = defs.resolve_asset_graph()
    found = {key.to_user_string(): graph.get(key).parent_keys for key in graph.get_all_asset_keys()}
    assert {asset: {key.to_user_string() for key in keys} for asset, keys in found.items()} == UPSTREAM


@pytest.mark.parametrize("asset", UPSTREAM)
def test_every_asset_has_a_description_an_owner_and_a_retry_policy(asset: str) -> None:
    (definition,) = [a for a in defs.assets or [] if a.key == dg.AssetKey(asset)]
    (spec,) = definition.specs
    assert spec.description
    assert 1 <= len(re.findall(r"\.(?=\s|$)", spec.description)) <= 2  # sentences
    assert spec.group_name == ("ingestion" if asset in INGESTION else "trace_clustering")
    assert 1 <= len(spec.kinds) <= 3
    assert spec.owners == ["team:llm-analytics"]
    assert spec.code_version
    assert set(spec.partitions_def.partition_dimension_names) == {"date", "team"}
    attempts = definition.op.retry_policy.max_retries + 1
    assert attempts == (2 if asset in ("cluster_labels", "trace_summaries") else 3)


def test_everything_that_dagster_shows_is_described_without_headlines() -> None:
    resources = {name: r.get_resource_definition() for name, r in (defs.resources or {}).items()}
    assets = list(defs.assets or [])
    described = {
        **{name: resource.description for name, resource in resources.items()},
        **{f"config of {name}": r.config_schema.description for name, r in resources.items()},
        **{str(spec.key): spec.description for asset in assets for spec in asset.specs},
        **{str(spec.key): spec.description for asset in assets for spec in asset.check_specs},
        **{job.name: job.description for job in defs.jobs or []},
        **{schedule.name: schedule.description for schedule in defs.schedules or []},
    }
    assert len(described) == 2 * 6 + 12 + 7 + 1 + 1
    assert [name for name, text in described.items() if not text] == []
    assert [name for name, text in described.items() if re.search("---|===|Raises|Parameters", text)] == []


@pytest.mark.parametrize("page", ["README.md", "trace_clustering/orchestration/README.md"])
def test_the_selections_of_the_pages_are_all_assets(page: str) -> None:
    selections = re.findall(r"--select '([*]emitted_cluster_event)'", (PROJECT / page).read_text())
    assert selections
    for selection in selections:
        found = dg.AssetSelection.from_string(selection).resolve(defs.resolve_asset_graph())
        assert {key.to_user_string() for key in found} == UPSTREAM.keys()


def test_the_embeddings_of_a_window_depend_on_all_its_days() -> None:
    graph = defs.resolve_asset_graph()
    key = dg.MultiPartitionKey({"date": "2025-01-22", "team": "1"})
    mapping = graph.get_partition_mapping(dg.AssetKey("embeddings"), dg.AssetKey("document_embeddings"))
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(
        TEAM_DAY.empty_subset().with_partition_keys([key]), TEAM_DAY, TEAM_DAY
    )
    days = sorted(str(k) for k in found.partitions_subset.get_partition_keys())
    assert days == [f"2025-01-{day}|1" for day in range(16, 23)]


def test_loading_the_code_location_imports_nothing_heavy() -> None:
    program = "import sys, trace_clustering.definitions; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) & HEAVY == set()


def test_the_executor_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert defs.executor is not None
    assert build_executor().name == "in_process"
    monkeypatch.setenv("TRACE_CLUSTERING_EXECUTOR", "multiprocess")
    assert build_executor().name == "multiprocess"


@pytest.mark.parametrize("team_ids", ["1,x", "0", "-3", "1.5"])
def test_a_wrong_allowlist_stops_the_code_location_with_a_clear_error(
    team_ids: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACE_CLUSTERING_TEAM_IDS", team_ids)
    loaded = subprocess.run(
        [sys.executable, "-c", "import trace_clustering.definitions"], capture_output=True, text=True
    )
    assert loaded.returncode != 0
    assert "is not a positive integer" in loaded.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [
        ["dagster", "definitions", "validate", "-w", "workspace.yaml"],
        ["dg", "check", "defs"],
        ["dg", "list", "defs", "--json"],
    ],
)
def test_the_command_line_tools_of_dagster_load_the_project(command: list[str]) -> None:
    tool = Path(sys.executable).parent / command[0]
    result = subprocess.run([tool, *command[1:]], cwd=PROJECT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
