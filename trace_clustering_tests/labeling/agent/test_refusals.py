"""Calls in other forms are taken, and what is refused is told to the model, the log and the report."""

import json
import logging
from typing import Any

import pytest

from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, bulk, label, labels_all
from trace_clustering_tests.llm.llm_server import Call, Model, Request, Says, in_turn, says

SOME_AND_END = says(bulk([label(0, "Broken kettles"), label(99, "Nothing")]), *[FINALIZE] * 4)
WRONG_ID = Call("set_cluster_label", {"cluster_id": "the first", "title": "Tax", "description": "- x"})


def written(write: Any) -> Model:
    """A sensible model whose labels are written in another form."""

    def relabel(request: Request) -> Says:
        return says(write(labels_all(request).calls[0].arguments["labels"]))

    return in_turn(says(OVERVIEW), relabel, says(FINALIZE))


FORMS = {
    "array as text": lambda labels: Call("bulk_set_labels", {"labels": json.dumps(labels)}),
    "object": lambda labels: Call("bulk_set_labels", {"labels": labels}, sent_as_object=True),
    "list": lambda labels: Call("bulk_set_labels", labels, sent_as_object=True),
    "text in text": lambda labels: Call("bulk_set_labels", json.dumps(json.dumps({"labels": labels}))),
    "fenced": lambda labels: Call("bulk_set_labels", f"```json\n{json.dumps({'labels': labels})}\n```"),
    "trailing comma": lambda labels: Call("bulk_set_labels", json.dumps({"labels": labels})[:-1] + ",}"),
    "integers as text": lambda labels: Call(
        "bulk_set_labels", {"labels": [one | {"cluster_id": str(one["cluster_id"])} for one in labels]}
    ),
    "integers with a point": lambda labels: Call(
        "bulk_set_labels", {"labels": [one | {"cluster_id": float(one["cluster_id"])} for one in labels]}
    ),
    "lists of lines": lambda labels: Call(
        "bulk_set_labels",
        {"labels": [one | {"description": one["description"].split("\n")} for one in labels]},
    ),
    "prefix": lambda labels: Call("functions.bulk_set_labels", {"labels": labels}),
    "suffix": lambda labels: Call("functions.bulk_set_labels:7", {"labels": labels}),
}


@pytest.mark.parametrize("form", FORMS)
def test_labels_are_taken_in_any_form_that_says_what_is_meant(labeling: Labeling, form: str) -> None:
    result, server = labeling.run(written(FORMS[form]))
    assert len(result.labels) == 5
    assert result.labels[1].description == "- The traces have this in common.\n- The neighbours do not."
    assert result.report["ended"] == "finalized by the agent"
    assert len(server.requests) == 3
    given_back = server.requests[2].messages[-2]["tool_calls"][0]["function"]
    assert given_back["name"] == "bulk_set_labels"
    assert isinstance(json.loads(given_back["arguments"])["labels"], list | str)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (WRONG_ID, "3 x set_cluster_label: cluster_id: Input should be a valid integer"),
        (Call("delete_everything"), "3 x there is no such tool"),
        (Call("set_cluster_label", "{"), "3 x set_cluster_label: this is not a JSON object"),
        (bulk([label(99, "Tax")]), "3 x a label: there is no cluster 99"),
        (
            Call("bulk_set_labels", {"labels": "none"}),
            "3 x bulk_set_labels: labels: Input should be a valid list",
        ),
    ],
    ids=["value", "tool", "arguments", "labels", "list"],
)
def test_three_answers_of_which_nothing_is_taken_end_the_work_and_say_why(
    labeling: Labeling, call: Call, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    result, server = labeling.run(in_turn(says(call)))
    assert len(server.requests) == 3
    ended = result.report["ended"]
    assert ended.startswith("no call of the model's last 3 answers could be taken; refused: ")
    assert reason in ended
    assert reason in caplog.text
    assert "1 refused" in caplog.text
    assert "the first" not in caplog.text + ended


def test_a_call_that_is_taken_begins_the_count_anew(labeling: Labeling) -> None:
    wrong = says(WRONG_ID)
    result, server = labeling.run(
        in_turn(wrong, wrong, says(OVERVIEW), wrong, says(WRONG_ID, OVERVIEW), wrong, SOME_AND_END)
    )
    assert len(server.requests) == 7
    assert "5 x set_cluster_label" in result.report["ended"]


def test_talk_and_refused_calls_count_together(labeling: Labeling) -> None:
    result, server = labeling.run(in_turn(says(text="Hm."), says(WRONG_ID), says(text="Hm.")))
    assert len(server.requests) == 3
    assert "refused: 1 x set_cluster_label" in result.report["ended"]


def test_calls_beyond_the_limit_of_one_answer_are_told(labeling: Labeling) -> None:
    result, _ = labeling.run(in_turn(says(*[OVERVIEW] * 25), labels_all, says(FINALIZE)))
    assert "more than 20 calls in one answer" in result.report["ended"]
