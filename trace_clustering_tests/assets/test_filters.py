"""Filters in a run: from the launchpad or from the team's file, the same traces and the same event."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from trace_clustering.environment import TEAM_SETTINGS
from trace_clustering.orchestration import schedules
from trace_clustering.orchestration.team_settings import load_team_settings
from trace_clustering_tests.assets.conftest import Graph, list_event_types, read_metadata
from trace_clustering_tests.examples import ASSETS, DAY, themed_records
from trace_clustering_tests.orchestration.test_schedules import tick

PARTITION = f"{DAY}|1"
# Two of the three themes; a field that is null, as PostHog writes it, reaches the assets too.
FILTERS = [{"key": "theme", "value": ["1", "2"], "operator": "exact", "type": "event", "label": None}]
FILE = "1: {trace_filters: [{key: theme, value: ['1', '2'], operator: exact, type: event, label: null}]}"


@pytest.fixture(scope="module")
def graph(module_graph: Graph) -> Iterator[Graph]:
    records = themed_records()
    module_graph.load(1, [replace(r, properties={"theme": n // 30}) for n, r in enumerate(records)])
    return module_graph


@pytest.mark.slow
def test_the_launchpad_and_the_file_give_the_same_event(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    by_hand = graph.materialize(PARTITION, trace_filters=FILTERS)
    assert by_hand.success
    assert read_metadata(by_hand, "embeddings") | {
        "traces": 60,
        "traces_in_window": 96,
        "traces_matching": 60,
    } == (read_metadata(by_hand, "embeddings"))
    (event,) = graph.event_properties()
    assert event["$ai_clustering_params"]["trace_filters"] == FILTERS
    traces = {trace for cluster in event["$ai_clusters"] for trace in cluster["traces"]}
    assert traces == {f"trace-{number:03d}" for number in range(30, 90)}

    (tmp_path / "teams.yaml").write_text(FILE)
    monkeypatch.setenv(TEAM_SETTINGS, str(tmp_path / "teams.yaml"))
    monkeypatch.setattr(schedules, "SETTINGS_BY_TEAM", load_team_settings())
    (request,) = [r for r in tick(graph.instance) if str(r.partition_key) == PARTITION]
    nightly = graph.materialize(PARTITION, **request.run_config["resources"]["settings"]["config"])
    assert nightly.success
    assert read_metadata(nightly, "emitted_cluster_event")["outcome"] == "unchanged"
    assert graph.event_properties() == [event]


def test_too_few_matching_traces_are_insufficient_data_and_the_reason_names_the_filters(graph: Graph) -> None:
    result = graph.materialize("2025-01-21|1", trace_filters=[{"key": "theme", "value": 3}])
    assert result.success
    for asset in ASSETS:
        assert read_metadata(result, asset)["status"] == "insufficient_data"
        assert read_metadata(result, asset)["reason"] == (
            "6 of 96 traces in the window satisfy trace_filters, fewer than the 20 that clustering needs"
        )


def test_without_filters_the_metadata_has_no_number_of_matching_traces(graph: Graph) -> None:
    result = graph.materialize("2025-01-21|1", ["embeddings"])
    assert read_metadata(result, "embeddings")["traces"] == 96
    assert "traces_matching" not in read_metadata(result, "embeddings")


@pytest.mark.parametrize(
    ("filters", "asset_starts", "message"),
    [
        ([{"key": "theme", "value": "1", "operater": "gt"}], False, "trace_filters[0].operater = 'gt'"),
        (
            [{"key": "theme", "value": "(", "operator": "regex"}],
            True,
            "trace_filters[0].value: ClickHouse cannot",
        ),
    ],
)
def test_a_bad_filter_fails_at_once_and_by_name(
    graph: Graph, filters: list[dict[str, str]], asset_starts: bool, message: str
) -> None:
    result = graph.materialize(PARTITION, trace_filters=filters)
    assert not result.success
    types = list_event_types(result)
    assert ("STEP_START" in types) == asset_starts
    assert "STEP_UP_FOR_RETRY" not in types
    (failure,) = [
        e for e in result.all_events if e.event_type_value in ("RESOURCE_INIT_FAILURE", "STEP_FAILURE")
    ]
    error = failure.step_failure_data.error if asset_starts else failure.engine_event_data.error
    assert message in error.to_string()
