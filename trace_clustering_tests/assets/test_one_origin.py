"""Assets made again by themselves, with other settings, in every order.

What does not belong together is refused. The message says what to materialize, and doing that gives an event
that reports what was done.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.parquet import HEADER_KEY, from_parquet
from trace_clustering.definitions import defs
from trace_clustering_tests.artifacts.every_kind import write_table
from trace_clustering_tests.assets.conftest import Graph, list_event_types, read_failure, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, themed_records

pytestmark = pytest.mark.slow

PARTITION = f"{DAY}|1"
QUICK = {
    "dimensionality_reduction_method": "pca",
    "dimensionality_reduction_ndims": 4,
    "visualization_method": "pca",
}
PATHS = {asset: Path("artifacts") / asset / DAY / "1.parquet" for asset in ASSETS}


@pytest.fixture(scope="module")
def made(module_graph: Graph) -> Graph:
    module_graph.load(1, themed_records(outliers=0))
    return module_graph


@pytest.fixture
def night(made: Graph) -> Graph:
    """A partition whose clustering assets were made in one run."""
    assert made.materialize(PARTITION, **QUICK).success
    return made


def read(graph: Graph, asset: str) -> Artifact:
    return from_parquet(io.BytesIO((graph.folder / PATHS[asset]).read_bytes()))


def list_from(asset: str) -> list[str]:
    """Return an asset and those after it, in the order of the pipeline."""
    return _select(f"{asset}*")


def list_before(asset: str) -> list[str]:
    """Return the clustering assets that an asset is made from, also through others."""
    return [name for name in _select(f"*{asset}") if name != asset]


def _select(selection: str) -> list[str]:
    keys = dg.AssetSelection.from_string(selection).resolve(defs.resolve_asset_graph())
    selected = {key.to_user_string() for key in keys}
    return [asset for asset in ASSETS if asset in selected]


def follow_advice(graph: Graph, asset: str, **settings: Any) -> bool:
    """Materialize an asset and those after it, and whatever the failures say then; return whether it helped.

    A run names one asset that is out of date; other branches of the graph may have one too.
    """
    for _ in range(len(ASSETS)):
        result = graph.materialize(PARTITION, list_from(asset), **settings)
        if result.success:
            return True
        asset = read_advice(read_failure(result))
    return False


def read_advice(failure: str) -> str:
    """Return the asset that the message of a failure says to materialize again."""
    (asset,) = set(re.findall(r"--select '(\w+)\*'", failure))
    assert f"materialize {asset} and the assets after it" in failure
    return str(asset)


@pytest.mark.parametrize(
    ("remade", "settings", "then", "outdated"),
    [
        ("embeddings", {"max_samples": 60}, ["reduced_embeddings", "projection_2d"], "cluster_assignments"),
        # The same traces, so that only the settings tell.
        ("embeddings", {"max_samples": 999}, ["reduced_embeddings", "projection_2d"], "cluster_assignments"),
        (
            "reduced_embeddings",
            {"dimensionality_reduction_method": "none"},
            ["projection_2d"],
            "cluster_assignments",
        ),
        ("reduced_embeddings", {"random_state": 7}, ["projection_2d"], "cluster_assignments"),
        (
            "cluster_assignments",
            {"clustering_method": "kmeans", "min_k": 4},
            ["cluster_labels"],
            "projection_2d",
        ),
        # The same clusters, found in another way.
        (
            "cluster_assignments",
            {"clustering_method": "kmeans", "min_k": 3, "max_k": 3},
            ["cluster_labels"],
            "projection_2d",
        ),
        (
            "cluster_assignments",
            {"clustering_method_params": {"min_samples": 4}},
            ["emitted_cluster_event"],
            "projection_2d",
        ),
        (
            "projection_2d",
            {"random_state": 7, "visualization_method": "tsne"},
            ["emitted_cluster_event"],
            "cluster_labels",
        ),
    ],
)
def test_one_asset_with_other_settings_is_not_mixed_with_those_after_it(
    night: Graph, remade: str, settings: dict[str, Any], then: list[str], outdated: str
) -> None:
    (before,) = night.event_properties()
    assert night.materialize(PARTITION, [remade], **QUICK | settings).success
    for asset in then[:-1]:
        assert night.materialize(PARTITION, [asset], **QUICK | settings).success
    stored = (night.folder / PATHS[then[-1]]).read_bytes()
    mixed = night.materialize(PARTITION, [then[-1]], **QUICK | settings)
    assert not mixed.success
    assert read_advice(read_failure(mixed)) == outdated
    assert read(night, outdated).provenance.dagster_run_id in read_failure(mixed)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(mixed)
    assert (night.folder / PATHS[then[-1]]).read_bytes() == stored
    assert night.event_properties() == [before]

    assert follow_advice(night, outdated, **QUICK | settings)
    (after,) = night.event_properties()
    recorded = read(night, "emitted_cluster_event").provenance.settings
    params = after["$ai_clustering_params"]
    for name, value in (QUICK | settings).items():
        if name != "clustering_method_params":
            assert recorded.get(name, value) == value
            assert params.get(name, value) == value


def test_the_event_of_older_assets_that_belong_together_reports_what_made_them(night: Graph) -> None:
    (before,) = night.event_properties()
    assert night.materialize(
        PARTITION, ["reduced_embeddings"], dimensionality_reduction_method="none"
    ).success
    again = night.materialize(PARTITION, ["emitted_cluster_event"], **QUICK)
    assert read_metadata(again, "emitted_cluster_event")["outcome"] == "unchanged"
    assert night.event_properties() == [before]
    assert before["$ai_clustering_params"]["dimensionality_reduction_method"] == "pca"


def test_an_asset_that_is_made_again_in_the_same_way_still_belongs_to_the_others(night: Graph) -> None:
    for asset in ASSETS:
        before = read(night, asset)
        assert night.materialize(PARTITION, [asset], **QUICK).success
        after = read(night, asset)
        assert (asset, after.provenance.dagster_run_id) != (asset, before.provenance.dagster_run_id)
        if asset != "emitted_cluster_event":  # which stores that nothing changed
            assert after.digest == before.digest


def test_noise_is_no_cluster_in_any_metadata(graph: Graph) -> None:
    graph.load(1, themed_records(outliers=6))
    result = graph.materialize(PARTITION, **QUICK)
    assert read_metadata(result, "cluster_assignments")["noise"] > 0
    of_assets = ("cluster_assignments", "cluster_labels", "emitted_cluster_event")
    assert {read_metadata(result, asset)["clusters"] for asset in of_assets} == {3}


def test_an_artifact_names_all_that_it_was_made_from(night: Graph) -> None:
    digests = {asset: read(night, asset).digest for asset in ASSETS}
    assert len(set(digests.values())) == len(ASSETS)
    for asset in ASSETS:
        upstream = list_before(asset)
        assert read(night, asset).provenance.made_from == {name: digests[name] for name in upstream}


def forget_identity(path: Path) -> None:
    """Make a file as earlier versions wrote it."""
    table = pq.read_table(path)
    header = json.loads(table.schema.metadata[HEADER_KEY])
    del header["digest"], header["provenance"]["made_from"], header["provenance"]["dagster_run_id"]
    path.write_bytes(write_table(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)})))


@pytest.fixture
def old_night(night: Graph) -> Graph:
    for path in PATHS.values():
        forget_identity(night.folder / path)
    return night


@pytest.mark.parametrize("first", ASSETS[1:])
def test_files_of_earlier_versions_are_made_again_from_any_asset_on(old_night: Graph, first: str) -> None:
    assert old_night.materialize(PARTITION, list_from(first), **QUICK).success


@pytest.mark.parametrize("forget", ["before", "after"])
@pytest.mark.parametrize(
    "settings", [{"dimensionality_reduction_method": "none"}, {"dimensionality_reduction_ndims": 5}]
)
def test_files_of_earlier_versions_are_not_mixed_if_their_settings_differ(
    night: Graph, forget: str, settings: dict[str, Any]
) -> None:
    def forget_all() -> None:
        for path in PATHS.values():
            forget_identity(night.folder / path)

    if forget == "before":
        forget_all()
    assert night.materialize(PARTITION, ["reduced_embeddings"], **QUICK | settings).success
    if forget == "after":
        forget_all()
    mixed = night.materialize(PARTITION, ["projection_2d"], **QUICK | settings)
    assert read_advice(read_failure(mixed)) == "cluster_assignments"
    (name,) = settings
    assert name in read_failure(mixed)
    assert "an earlier version" in read_failure(mixed)


@pytest.mark.parametrize("partition", [f"{DAY}|2", "2025-01-21|1", "2025-02-22|112495"])
@pytest.mark.parametrize("asset", ["embeddings", "cluster_assignments", "cluster_labels"])
def test_an_artifact_at_the_place_of_another_team_or_day_is_refused(
    night: Graph, asset: str, partition: str
) -> None:
    day, team = partition.split("|")
    for name, path in PATHS.items():
        target = night.folder / "artifacts" / name / day / f"{team}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((night.folder / path).read_bytes())
    after = {"embeddings": "reduced_embeddings", "cluster_labels": "emitted_cluster_event"}
    result = night.materialize(partition, [after.get(asset, "cluster_labels")], **QUICK)
    assert not result.success
    assert "it was made for team 1 and the window that ends at 2025-01-23T00:00:00Z" in read_failure(result)
    assert f"of partition {partition} is not what lies at " in read_failure(result)
    assert "STEP_UP_FOR_RETRY" not in list_event_types(result)
    assert len(night.event_properties(int(team))) == (team == "1")


def test_an_artifact_of_another_kind_is_refused(night: Graph) -> None:
    (night.folder / PATHS["cluster_labels"]).write_bytes((night.folder / PATHS["projection_2d"]).read_bytes())
    result = night.materialize(PARTITION, ["emitted_cluster_event"], **QUICK)
    assert "it holds Projection2D, not ClusterLabels" in read_failure(result)
