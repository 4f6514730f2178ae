"""A run with `run_label` keeps its artifacts beside those of the night, and neither reads the other's."""

import pytest

from trace_clustering_tests.assets.conftest import Graph, read_failure, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, themed_records

pytestmark = pytest.mark.slow

PARTITION = f"{DAY}|1"
QUICK = {
    "dimensionality_reduction_method": "pca",
    "dimensionality_reduction_ndims": 4,
    "visualization_method": "pca",
}


@pytest.fixture(scope="module")
def night(module_graph: Graph) -> Graph:
    """The artifacts and the event of a night."""
    module_graph.load(1, themed_records(outliers=0))
    assert module_graph.materialize(PARTITION, **QUICK).success
    return module_graph


def read_files(graph: Graph) -> dict[str, bytes]:
    folder = graph.folder / "artifacts"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize("label", ["exp1", "v1.5", "..", "_-", "x" * 50])
def test_an_experiment_leaves_the_night_as_it_was(night: Graph, label: str) -> None:
    files, events = read_files(night), night.event_properties()
    trial = night.materialize(PARTITION, **QUICK, run_label=label, max_samples=60)
    assert trial.success
    after = read_files(night)
    assert files.items() <= after.items()
    assert after.keys() - files.keys() == {f"{asset}/{DAY}/1_{label}.parquet" for asset in ASSETS}
    (event,) = [event for event in night.event_properties() if event not in events]
    assert event["$ai_clustering_run_id"] == f"1_trace_20250123_000000_{label}"
    assert event["$ai_total_items_analyzed"] == 60

    again = night.materialize(PARTITION, ["cluster_labels", "emitted_cluster_event"], **QUICK)
    assert read_metadata(again, "emitted_cluster_event")["run_id"] == "1_trace_20250123_000000"
    assert read_metadata(again, "emitted_cluster_event")["outcome"] == "unchanged"
    of_trial = night.materialize(PARTITION, ["emitted_cluster_event"], **QUICK, run_label=label)
    assert read_metadata(of_trial, "emitted_cluster_event")["traces"] == 60
    assert read_metadata(of_trial, "emitted_cluster_event")["outcome"] == "unchanged"


def test_metadata_and_checks_name_the_label(night: Graph) -> None:
    trial = night.materialize(PARTITION, **QUICK, run_label="named")
    for asset in ASSETS:
        assert read_metadata(trial, asset)["run_label"] == "named"
        assert read_metadata(trial, asset)["path"].endswith("1_named.parquet")
    checks = trial.get_asset_check_evaluations()
    assert {c.metadata["run_id"].value for c in checks} == {"1_trace_20250123_000000_named"}
    plain = night.materialize(PARTITION, ["emitted_cluster_event"], **QUICK)
    assert "run_label" not in read_metadata(plain, "emitted_cluster_event")


def test_a_label_without_artifacts_does_not_take_those_of_the_night(night: Graph) -> None:
    result = night.materialize(PARTITION, ["emitted_cluster_event"], **QUICK, run_label="new")
    assert "materialize cluster_assignments of this partition first" in read_failure(result)
    assert "with run_label = 'new'" in read_failure(result)


def test_an_artifact_under_another_label_is_refused(night: Graph) -> None:
    assert night.materialize(PARTITION, **QUICK, run_label="from").success
    for asset in ASSETS:
        folder = night.folder / "artifacts" / asset / DAY
        (folder / "1_to.parquet").write_bytes((folder / "1_from.parquet").read_bytes())
    result = night.materialize(PARTITION, ["cluster_labels"], **QUICK, run_label="to")
    assert "it was made with run_label = 'from', and this run has run_label = 'to'" in read_failure(result)
