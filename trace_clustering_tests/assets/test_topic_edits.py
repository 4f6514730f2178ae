"""What a team's file says of topics holds in clusters, labels and event, and rewrites nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from trace_clustering.environment import TOPICS
from trace_clustering_tests.assets.conftest import Graph, read_failure, read_metadata
from trace_clustering_tests.examples import themed_records

NIGHTS = [f"2025-01-{day}" for day in (22, 23, 24)]
FROM_LABELS_ON = ["cluster_labels", "window_assignments", "cluster_metrics", "emitted_cluster_event"]
QUICK = {"dimensionality_reduction_method": "pca", "visualization_method": "pca"}


class Nights:
    """A team with three themes of thirty traces and six odd ones, and a file of topics."""

    def __init__(self, graph: Graph, path: Path) -> None:
        self.graph, self.path = graph, path
        self.team_id = 1

    def write(self, **edits: Any) -> None:
        self.path.write_text(yaml.safe_dump({self.team_id: edits}))

    def run(self, night: str, selection: list[str] | None = None) -> Any:
        result = self.graph.materialize(f"{night}|{self.team_id}", selection, **QUICK)
        assert result.success
        return result

    def event(self, night: str) -> dict[str, Any]:
        run_id = f"{self.team_id}_trace_202501{int(night[-2:]) + 1}_000000"
        events = self.graph.event_properties(self.team_id)
        return next(event for event in events if event["$ai_clustering_run_id"] == run_id)

    def clusters(self, night: str) -> dict[str, dict[str, Any]]:
        return {cluster["topic_id"]: cluster for cluster in self.event(night)["$ai_clusters"]}


@pytest.fixture
def nights(graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nights:
    path = tmp_path / "topics.yaml"
    path.write_text("")
    monkeypatch.setenv(TOPICS, str(path))
    graph.load(1, themed_records())
    return Nights(graph, path)


@pytest.mark.slow
def test_edits_hold_in_every_later_run(nights: Nights) -> None:
    nights.run(NIGHTS[0])
    before = nights.clusters(NIGHTS[0])
    assert nights.event(NIGHTS[0])["$ai_clustering_edits"] == {}
    one, two, three = (topic for topic in before if topic)
    missing = "00000000-aaaa-5000-8000-000000000000"
    edits = {one: {"merge_into": two[:8]}, two: {"rename": "Money back"}, three: {"ignore": True}}
    nights.write(**edits, **{missing: {"pin": True}})
    for night in NIGHTS[1:]:
        result = nights.run(night)
        after = nights.clusters(night)
        assert set(after) == {two, three, None}
        merged = after[two]
        assert set(merged["traces"]) == {*before[one]["traces"], *before[two]["traces"]}
        assert (merged["title"], merged["labeler"]) == ("Money back", "user")
        assert merged["description"].startswith(f"- {len(merged['traces'])} of 96 traces")
        assert merged["edits"] == ["rename", "merge"]
        assert merged["continuity"]["relation"] == "continued"
        assert after[three]["ignored"]
        assert after[three]["title"] == before[three]["title"]
        assert after[three]["change"]["kind"] is None
        assert after[two]["change"]["kind"] in (None, "steady")
        event = nights.event(night)
        assert event["$ai_clustering_gone_topics"] == []
        assert event["$ai_clustering_edits"]["unknown_topics"] == [missing]
        assert len(set(event["$ai_clustering_edits"]["digests"].values())) == 1
        metadata = read_metadata(result, "cluster_identities")
        assert metadata["edits"] == {"ignore": 1, "merge": 1}
        assert metadata["unknown_topics"] == [missing]

    # The night before is as it was, and labels alone change nothing but labels.
    assert nights.clusters(NIGHTS[0]) == before
    digest = event["$ai_clustering_edits"]["digests"]["clusters"]
    nights.write(**{two: {"rename": "Refunds"}})
    nights.run(
        NIGHTS[2], ["cluster_labels", "window_assignments", "cluster_metrics", "emitted_cluster_event"]
    )
    event = nights.event(NIGHTS[2])
    assert nights.clusters(NIGHTS[2])[two]["title"] == "Refunds"
    assert set(nights.clusters(NIGHTS[2])) == {two, three, None}
    digests = event["$ai_clustering_edits"]["digests"]
    assert digests["clusters"] == digests["identities"] == digest != digests["labels"]


@pytest.mark.slow
def test_a_pinned_topic_survives_nights_with_few_traces(nights: Nights) -> None:
    # All traces of a theme but two are so old that they are in the window of the first night only.
    old = datetime(2025, 1, 16, 12, tzinfo=UTC)
    records = themed_records()
    nights.graph.load(2, [*records[:2], *(replace(r, timestamp=old) for r in records[2:30]), *records[30:]])
    nights.team_id = 2
    nights.run(NIGHTS[0])
    before = nights.clusters(NIGHTS[0])
    topic = next(t for t, cluster in before.items() if "trace-000" in cluster["traces"])
    nights.write(**{topic: {"pin": True, "rename": "Rare"}})
    for night in NIGHTS[1:]:
        nights.run(night)
        after = nights.clusters(night)
        assert len(after) == 4
        assert {"trace-000", "trace-001"} <= set(after[topic]["traces"]) <= set(before[topic]["traces"])
        assert after[topic]["edits"] == ["rename", "pin"]
        assert after[topic]["stability"] is None
        assert after[topic]["title"] == "Rare"


def test_a_mistake_in_the_file_fails_the_run_at_once(nights: Nights) -> None:
    nights.write(**{"3f2a9c1e": {"merge_into": "3f2a9c1e"}})
    result = nights.graph.materialize(f"{NIGHTS[0]}|1", **QUICK)
    assert not result.success
    assert "topic 3f2a9c1e: merge_into goes in a circle" in read_failure(result)
