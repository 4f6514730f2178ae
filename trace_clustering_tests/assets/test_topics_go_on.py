"""From night to night, the graph carries topics on, and what it makes does not depend on chance."""

from typing import Any

import pytest

from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import themed_records

QUICK = {"dimensionality_reduction_method": "pca", "visualization_method": "pca"}
NIGHTS = [f"2025-01-{day}|1" for day in (21, 22, 23)]
RUN_IDS = [f"1_trace_202501{day}_000000" for day in (22, 23, 24)]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loaded(module_graph: Graph) -> Graph:
    module_graph.load(1, themed_records(outliers=0))
    return module_graph


def run(graph: Graph, night: str, **settings: Any) -> dict[str, Any]:
    """Make a night; return what `cluster_identities` says of it."""
    result = graph.materialize(night, **(QUICK | settings))
    assert result.success
    return read_metadata(result, "cluster_identities")


def list_topics(graph: Graph, run_id: str) -> list[tuple[str, str]]:
    (event,) = [e for e in graph.event_properties() if e["$ai_clustering_run_id"] == run_id]
    return [
        (cluster["topic_id"], cluster["continuity"]["relation"])
        for cluster in event["$ai_clusters"]
        if cluster["cluster_id"] >= 0
    ]


def test_nights_in_order_and_out_of_order(loaded: Graph) -> None:
    assert run(loaded, NIGHTS[1])["relations"] == {"new": 3}
    middle = list_topics(loaded, RUN_IDS[1])

    after = run(loaded, NIGHTS[2])
    assert (after["relations"], after["earlier_runs"], after["later_runs"]) == (
        {"continued": 3},
        [RUN_IDS[1]],
        [],
    )
    last = list_topics(loaded, RUN_IDS[2])
    assert sorted(topic for topic, _ in last) == sorted(topic for topic, _ in middle)

    # A run that is made again ignores itself and what came later.
    again = run(loaded, NIGHTS[1])
    assert (again["earlier_runs"], again["later_runs"]) == ([], [RUN_IDS[2]])
    assert list_topics(loaded, RUN_IDS[1]) == middle

    # A night before changes no later one, and says that there are some.
    before = run(loaded, NIGHTS[0])
    assert before["later_runs"] == RUN_IDS[1:]
    assert list_topics(loaded, RUN_IDS[1]) == middle
    assert list_topics(loaded, RUN_IDS[2]) == last
    assert not {topic for topic, _ in list_topics(loaded, RUN_IDS[0])} & {topic for topic, _ in middle}

    # Nights that are made again in order continue it.
    assert run(loaded, NIGHTS[1])["relations"] == {"continued": 3}


def test_a_run_that_stands_alone_continues_nothing(loaded: Graph) -> None:
    run(loaded, NIGHTS[1])
    alone = run(loaded, NIGHTS[2], keep_topics_days=0)
    assert (alone["relations"], alone["earlier_runs"]) == ({"new": 3}, [])
