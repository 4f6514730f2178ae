"""The cluster event: what it says."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trace_clustering.orchestration.settings import select_reported
from trace_clustering.posthog.build_cluster_event import build_cluster_event
from trace_clustering.traces.window import Window
from trace_clustering_tests.posthog.cluster_events import (
    ASSIGNMENTS,
    CLUSTER_LABELS,
    NASTY,
    PROJECTION,
    PROVENANCE,
    TOPICS,
    WINDOW,
    make_cluster_event,
)


class TestContent:
    def test_the_event_says_what_was_clustered_how_and_with_which_result(self) -> None:
        properties = json.loads(make_cluster_event(run_label="try").json_text)
        del properties["$ai_clusters"]
        assert properties.pop("$ai_clustering_labeler") == "keywords"
        assert properties.pop("$ai_clustering_labeling") == {"model": "small", "cost_usd": None}
        assert properties.pop("$ai_clustering_coverage") == {"in_window": 9, "sampled": 6, "assigned": 5}
        assert properties.pop("$ai_clustering_assignments") is None
        assert properties.pop("$ai_clustering_unseen") is None
        assert properties.pop("$ai_clustering_edits") == {
            "digests": {"identities": "1f"},
            "unknown_topics": ["3f2a9c1e"],
        }
        assert properties.pop("$ai_clustering_gone_topics") == [
            {"topic_id": "t9", "title": "Gone", "change": None}
        ]
        assert properties.pop("$ai_clustering_parents") == [
            {
                "id": "p1",
                "level": 1,
                "title": "Money",
                "description": "- Of all kinds",
                "labeler": "agent",
                "clusters": [0, 1],
                "traces": 4,
            }
        ]
        assert properties == {
            "$ai_clustering_run_id": "1_trace_20250123_000000_try",
            "$ai_clustering_level": "trace",
            "$ai_window_start": "2025-01-16T00:00:00Z",
            "$ai_window_end": "2025-01-23T00:00:00Z",
            "$ai_total_items_analyzed": 6,
            "$ai_clustering_params": {
                "clustering_method": "hdbscan",
                "clustering_method_params": {"min_samples": 5, "min_cluster_size_fraction": 0.01},
                "embedding_normalization": "l2",
                "dimensionality_reduction_method": "umap",
                "dimensionality_reduction_ndims": 3,
                "visualization_method": "umap",
                "max_samples": 1000,
                "trace_filters": [{"key": "$ai_model", "value": "it's {a} \\ 🦔"}],
            },
        }

    def test_a_cluster_says_who_belongs_to_it_and_where_it_lies(self) -> None:
        clusters = json.loads(make_cluster_event().json_text)["$ai_clusters"]
        assert [cluster.pop("labeler") for cluster in clusters] == ["keywords", "keywords", "fallback"]
        assert [cluster.pop("label_accuracy") for cluster in clusters] == [1, 0.75, None]
        assert [cluster.pop("stability") for cluster in clusters] == [None, 0.9375, None]
        assert [cluster.pop("weight") for cluster in clusters] == [1, 9, 6]
        assert [cluster.pop("topic_id") for cluster in clusters] == ["t0", "t1", None]
        assert [cluster.pop("continuity") for cluster in clusters] == [
            {"relation": "new"},
            {
                "relation": "continued",
                "earlier_run_id": "1_trace_20250122_000000",
                "earlier_cluster_id": 4,
                "shared_traces": 2,
            },
            None,
        ]
        assert [cluster.pop("label_from_run") for cluster in clusters] == [
            None,
            "1_trace_20250120_000000",
            None,
        ]
        assert [cluster.pop("edits") for cluster in clusters] == [["ignore"], ["merge", "pin"], []]
        assert [cluster.pop("ignored") for cluster in clusters] == [True, False, False]
        assert [cluster.pop("label_terms") for cluster in clusters] == [[], ["money"], []]
        assert [cluster.pop("change") for cluster in clusters] == [{"kind": "new"}, None, None]
        assert [cluster.pop("metrics") for cluster in clusters] == [
            {"item_count": 1},
            {"item_count": 4},
            None,
        ]
        assert [cluster.pop("parents") for cluster in clusters] == [
            [{"id": "p1", "title": "Money", "level": 1}],
            [{"id": "p1", "title": "Money", "level": 1}],
            [],
        ]
        time = "2025-01-20T12:00:00.250000Z"
        assert clusters == [
            {
                "cluster_id": 0,
                "size": 1,
                "title": NASTY,
                "description": NASTY,
                "traces": {"c": {"distance_to_centroid": 0, "rank": 0, "x": 2, "y": 3, "timestamp": time}},
                "centroid": [0.1, 0.2, 0.3],
                "centroid_x": 2,
                "centroid_y": 3,
            },
            {
                "cluster_id": 1,
                "size": 3,
                "title": "Refunds",
                "description": "About money.",
                "traces": {  # nearest first
                    "d": {"distance_to_centroid": 0.1, "rank": 0, "x": 0, "y": 2, "timestamp": time},
                    "f": {"distance_to_centroid": 0.2, "rank": 1, "x": 0, "y": 3, "timestamp": time},
                    "a": {"distance_to_centroid": 0.3, "rank": 2, "x": 0, "y": 1, "timestamp": time},
                },
                "centroid": [-1, 0, 1],
                "centroid_x": 0,
                "centroid_y": 2,
            },
            {
                "cluster_id": -1,
                "size": 2,
                "title": "Outliers",
                "description": "Fit nowhere.",
                "traces": {  # most anomalous first
                    "e": {"distance_to_centroid": 7, "rank": 0, "x": -9, "y": 9, "timestamp": time},
                    "b": {"distance_to_centroid": 5, "rank": 1, "x": 9, "y": 9, "timestamp": time},
                },
                "centroid": [],
                "centroid_x": 0,
                "centroid_y": 9,
            },
        ]

    def test_an_event_of_noise_alone_has_one_cluster(self) -> None:
        event = build_cluster_event(
            replace(
                ASSIGNMENTS,
                cluster_ids=np.full(6, -1),
                distances_to_centroid=np.zeros(6, dtype=np.float32),
                centroids=np.empty((0, 3), dtype=np.float32),
                stabilities=np.empty(0, dtype=np.float32),
            ),
            replace(
                PROJECTION, cluster_ids=np.full(6, -1), clusters=[-1], centroid_coordinates=np.ones((1, 2))
            ),
            CLUSTER_LABELS,
            TOPICS,
            {},
        )
        (noise,) = json.loads(event.json_text)["$ai_clusters"]
        assert (noise["cluster_id"], noise["size"], noise["centroid"]) == (-1, 6, [])
        assert sorted(trace["rank"] for trace in noise["traces"].values()) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("most", "ranks"),
        [
            (0, {0: [0], 1: [0, 1, 2], -1: [0, 1]}),
            (1, {0: [0], 1: [0], -1: [0]}),
            (2, {0: [0], 1: [0, 2], -1: [0, 1]}),
            (3, {0: [0], 1: [0, 1, 2], -1: [0, 1]}),
        ],
    )
    def test_a_cluster_lists_its_nearest_and_its_farthest_traces_when_told_how_many(
        self, most: int, ranks: dict[int, list[int]]
    ) -> None:
        event = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, TOPICS, {}, most)
        properties = json.loads(event.json_text)
        listed = {
            cluster["cluster_id"]: [trace["rank"] for trace in cluster["traces"].values()]
            for cluster in properties["$ai_clusters"]
        }
        assert listed == ranks
        assert [cluster["size"] for cluster in properties["$ai_clusters"]] == [1, 3, 2]
        assert properties["$ai_total_items_analyzed"] == 6
        # A trace says of itself what it says where all are listed.
        everything = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, TOPICS, {})
        for some, every in zip(event.clusters, everything.clusters, strict=True):
            assert some.traces.items() <= every.traces.items()

    def test_how_many_traces_are_listed_is_reported_where_it_is_set(self) -> None:
        def reported(most: int) -> dict[str, Any]:
            params = select_reported(PROVENANCE.settings | {"max_traces_per_cluster": most})
            event = build_cluster_event(ASSIGNMENTS, PROJECTION, CLUSTER_LABELS, TOPICS, params, most)
            return json.loads(event.json_text)["$ai_clustering_params"]

        assert reported(7) == reported(0) | {"max_traces_per_cluster": 7}
        assert "max_traces_per_cluster" not in reported(0)

    def test_the_uuid_depends_on_team_and_run_id_alone(self) -> None:
        first = make_cluster_event()
        same_run = [
            make_cluster_event(title="Other labels"),
            replace(first, clusters=first.clusters[:1]),
            replace(first, provenance=replace(PROVENANCE, window=Window(WINDOW.end, WINDOW.end))),
        ]
        other_runs = [
            make_cluster_event(team_id=2),
            make_cluster_event(run_label="x"),
            make_cluster_event(days=1),
        ]
        assert {event.event_uuid for event in same_run} == {first.event_uuid}
        assert len({event.event_uuid for event in [first, *other_runs]}) == 4
