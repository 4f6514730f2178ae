"""Labels survive: a re-run uses them again, a killed attempt leaves them to the next."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upath import UPath

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.errors import LabelsWouldBeLostError
from trace_clustering.labeling.agent.run import Attempt
from trace_clustering.labeling.agent.store import LabelStore, StoredLabels
from trace_clustering.llm.endpoint.budget import Usage
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.clusterings import clustering
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import (
    FINALIZE,
    OVERVIEW,
    bulk,
    finalizes_at_once,
    label,
    labels_all,
)
from trace_clustering_tests.llm.llm_server import Fails, in_turn, says

ALL = (says(OVERVIEW), labels_all, says(FINALIZE))
SOME = (says(bulk([label(0, "Broken kettles"), label(2, "Tax rates")])), Fails(500))


def stored_file(labeling: Labeling) -> Path:
    return Path(labeling.base.path) / "labels_of_agent" / "1" / "1_trace_20250123_000000.json"


def test_a_re_run_asks_nothing_and_reports_the_same(labeling: Labeling) -> None:
    first, _ = labeling.run(in_turn(*ALL))
    again, server = labeling.run(finalizes_at_once())
    assert server.requests == []
    assert again.labels == first.labels
    assert again.report == first.report
    assert (first.reused, again.reused) == (0, 5)


def test_labels_are_used_again_even_without_a_key(labeling: Labeling) -> None:
    first, _ = labeling.run(in_turn(*ALL))
    assert labeling.run_with(LLM()).labels == first.labels
    assert labeling.run_with(LLM(labeler="keywords")) is None


@pytest.mark.parametrize(
    "settings", [{"reuse_labels": False}, {"model": "another"}], ids=["told so", "model"]
)
def test_labels_are_written_anew(labeling: Labeling, settings: dict[str, Any]) -> None:
    labeling.run(in_turn(*ALL))
    again, server = labeling.run(in_turn(*ALL), **settings)
    assert len(server.requests) == 3
    assert again.reused == 0


def test_another_clustering_gets_labels_of_its_own(labeling: Labeling) -> None:
    labeling.run(in_turn(*ALL))
    labeling.assignments, labeling.projection, labeling.summaries = clustering(3, 12)
    again, server = labeling.run(in_turn(*ALL))
    assert len(server.requests) == 3
    assert sorted(again.labels) == [-1, 0, 1, 2]


def test_a_run_continues_where_one_stopped(labeling: Labeling) -> None:
    first, _ = labeling.run(in_turn(*SOME), max_retries=0)
    again, server = labeling.run(finalizes_at_once())
    assert "2 of them have labels from an earlier attempt" in server.requests[0].messages[1]["content"]
    assert again.labels == first.labels
    assert again.reused == 2
    assert again.report["requests"] == first.report["requests"] + 4


def test_a_second_attempt_continues_even_if_labels_are_to_be_written_anew(labeling: Labeling) -> None:
    labeling.run(in_turn(*ALL))
    first, _ = labeling.run(in_turn(*SOME), Attempt(True, False), reuse_labels=False, max_retries=0)
    assert sorted(first.labels) == [0, 2]
    second, _ = labeling.run(finalizes_at_once(), Attempt(False, True), reuse_labels=False)
    assert second.labels == first.labels


def test_an_endpoint_that_is_down_takes_no_label_away(labeling: Labeling) -> None:
    labeling.run(in_turn(*SOME), max_retries=0)
    again, _ = labeling.run(in_turn(Fails(500)), Attempt(True, False), max_retries=0)
    assert sorted(again.labels) == [0, 2]


@pytest.mark.parametrize("settings", [{"model": "another"}, {"reuse_labels": False}], ids=["model", "anew"])
@pytest.mark.parametrize("fault", [Fails(401), Fails(500)], ids=["refused", "down"])
def test_a_model_that_cannot_be_asked_replaces_no_label(
    labeling: Labeling, fault: Fails, settings: dict[str, Any]
) -> None:
    first, _ = labeling.run(in_turn(*ALL))
    again, _ = labeling.run(in_turn(fault), max_retries=0, **settings)
    labels = labeling.put_together(again)
    assert labels.titles.tolist() == labeling.put_together(first).titles.tolist()
    assert set(labels.labelers) == {"agent"}
    assert "5 labels of an earlier run are kept" in again.report["ended"]
    assert sorted(labeling.run_with(LLM()).kept) == [-1, 0, 1, 2, 3]  # without a key, too


def test_a_cluster_keeps_its_label_if_it_has_the_same_traces(labeling: Labeling) -> None:
    first, _ = labeling.run(in_turn(*ALL))
    renumbered = np.array([1, 0, 2, 3, -1])[labeling.assignments.cluster_ids]
    labeling.assignments = replace(labeling.assignments, cluster_ids=renumbered)
    again = labeling.run_with(LLM())
    assert [again.kept[c] for c in (1, 0, 2, 3)] == [first.labels[c] for c in (0, 1, 2, 3)]


@pytest.mark.parametrize("fault", [Fails(401), Fails(500)], ids=["refused", "down"])
def test_titles_of_another_clustering_are_not_lost_to_fallbacks(labeling: Labeling, fault: Fails) -> None:
    labeling.run(in_turn(*ALL))
    before = stored_file(labeling).read_bytes()
    labeling.assignments, labeling.projection, labeling.summaries = clustering(3, 12)
    with pytest.raises(LabelsWouldBeLostError, match=r"3 of 4 clusters.*keywords") as error:
        labeling.run(in_turn(fault), max_retries=0)
    assert not error.value.retryable
    with pytest.raises(LabelsWouldBeLostError, match="no key"):
        labeling.run_with(LLM())
    assert (
        json.loads(before)["labels_by_members"]
        == json.loads(stored_file(labeling).read_bytes())["labels_by_members"]
    )
    assert labeling.run_with(LLM(labeler="keywords")) is None
    again, _ = labeling.run(in_turn(*ALL))
    assert sorted(again.labels) == [-1, 0, 1, 2]


def test_stored_labels_are_checked_like_new_ones(labeling: Labeling) -> None:
    labeling.run(in_turn(*ALL))
    content = json.loads(stored_file(labeling).read_text())
    content["labels"]["0"] = {"title": "<b>bold</b>\n\x1b[31mtitle", "description": "one\ntwo"}
    content["labels"]["1"] = {"title": "x" * 500, "description": "one"}
    content["labels"]["77"] = {"title": "Nobody", "description": "one"}
    stored_file(labeling).write_text(json.dumps(content))
    again, _ = labeling.run(finalizes_at_once())
    assert again.labels[0] == ClusterLabel("bold 31mtitle", "- one\n- two")
    assert sorted(again.labels) == [-1, 0, 2, 3]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"fingerprint": null}', "null", "\x00"])
def test_a_damaged_store_is_an_empty_one(labeling: Labeling, content: str) -> None:
    labeling.run(in_turn(*ALL))
    stored_file(labeling).write_text(content)
    again, server = labeling.run(in_turn(*ALL))
    assert len(server.requests) == 3
    assert again.reused == 0


@pytest.mark.parametrize("what", ["labels", "usage", "ended", "accuracies"])
def test_a_store_that_lacks_something_is_an_empty_one(labeling: Labeling, what: str) -> None:
    labeling.run(in_turn(*ALL))
    content = json.loads(stored_file(labeling).read_text())
    del content[what]
    stored_file(labeling).write_text(json.dumps(content))
    assert labeling.store().load() == StoredLabels()


@pytest.mark.parametrize("place", ["folder", "memory"])
def test_what_is_saved_comes_back_from_any_storage(place: str, tmp_path: Path) -> None:
    assignments, _, _ = clustering()
    base = UPath(tmp_path) if place == "folder" else UPath("memory://labels-of-a-test")
    store = LabelStore(base, assignments, "m")
    assert store.load() == StoredLabels()
    stored = StoredLabels(
        {3: ClusterLabel("čaj ☕", "- a\n- b"), -1: ClusterLabel("Outliers", "- c\n- d")},
        Usage(3, 100, 20, None, True),
        "finalized by the agent",
        {3: 0.75},
    )
    store.save(stored)
    assert store.load() == stored
    assert LabelStore(base, assignments, "n").load() == StoredLabels()
