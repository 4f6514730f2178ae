"""Many clusters get groups on two levels, which keep ids and names from night to night."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trace_clustering.traces.record import TraceRecord
from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import themed_records

FAMILIES = {
    "invoice": ("tax rate", "due date", "wrong address", "paid twice", "discount"),
    "parcel": ("lost", "damaged", "late delivery", "customs", "pickup"),
    "password": ("reset mail", "expired", "second factor", "locked", "typo"),
}
PER_THEME = 6

pytestmark = pytest.mark.slow
NIGHTS = ("2025-01-22", "2025-01-23")


def make_records() -> list[TraceRecord]:
    """Return three families of five themes each, six traces per theme."""
    random = np.random.default_rng(4)
    families = np.eye(3, 32)
    themes = np.repeat(families, 5, axis=0) + 0.6 * np.eye(15, 32, 3)
    vectors = np.repeat(themes, PER_THEME, axis=0) + random.normal(0, 0.02, (15 * PER_THEME, 32))
    titles = [f"{family}: {theme}" for family, themes in FAMILIES.items() for theme in themes]
    example = themed_records(len(vectors), 0)
    return [
        replace(
            example[row],
            title=titles[row // PER_THEME],
            bullets=[f"The user asks about {titles[row // PER_THEME]}."],
            embedding=vector.astype(np.float32),
        )
        for row, vector in enumerate(vectors)
    ]


@pytest.fixture(scope="module")
def nights(module_graph: Graph) -> list[dict[str, Any]]:
    """The properties of the events of two nights."""
    module_graph.load(1, make_records())
    k_means = {
        "dimensionality_reduction_method": "none",
        "clustering_method": "kmeans",
        "clustering_method_params": {"min_k": 15, "max_k": 15},
        "visualization_method": "pca",
    }
    for night in NIGHTS:
        result = module_graph.materialize(f"{night}|1", **k_means)
        assert result.success
        counts = read_metadata(result, "cluster_identities")["parents"]
        rows = read_metadata(result, "cluster_labels")["parents"]
        assert [row.data["level"] for row in rows.records] == ["wide"] * 2 + ["narrow"] * 6
        assert counts == {"level_1": 6, "level_2": 2, "continued": 0 if night == NIGHTS[0] else 8}
    events = module_graph.event_properties()
    return sorted(events, key=lambda event: str(event["$ai_window_end"]))


def test_every_cluster_has_a_group_on_each_level_the_narrower_first(nights: list[dict[str, Any]]) -> None:
    for event in nights:
        for cluster in event["$ai_clusters"]:
            assert [parent["level"] for parent in cluster["parents"]] == [1, 2]
            assert [set(parent) for parent in cluster["parents"]] == [{"id", "level", "title"}] * 2
        for parent in event["$ai_clustering_parents"]:
            held = [c for c in event["$ai_clusters"] if parent["id"] in [p["id"] for p in c["parents"]]]
            assert [cluster["cluster_id"] for cluster in held] == parent["clusters"]
            assert sum(cluster["size"] for cluster in held) == parent["traces"]


def test_families_stay_together_and_their_word_is_the_title(nights: list[dict[str, Any]]) -> None:
    descriptions = {cluster["cluster_id"]: cluster["description"] for cluster in nights[0]["$ai_clusters"]}
    for parent in nights[0]["$ai_clustering_parents"]:
        if parent["level"] == 1:
            (family,) = [f for f in FAMILIES if f in parent["title"].lower()]
            examples = [str(descriptions[cluster]) for cluster in parent["clusters"]]
            assert all(f"For example: {family}: " in example for example in examples)


def test_groups_of_the_next_night_are_the_same_with_the_same_titles(nights: list[dict[str, Any]]) -> None:
    first, second = (event["$ai_clustering_parents"] for event in nights)
    assert json.dumps(first) == json.dumps(second)
