"""What a model wrote is read as it was meant where that is unambiguous, and refused where it is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.labeling.agent.tools.arguments import (
    BulkLabels,
    LabelArguments,
    TraceDetails,
    TraceTitles,
)
from trace_clustering.labeling.agent.tools.registry import TOOLS
from trace_clustering.llm.reading import match_name, read_integer, read_json, read_lines

OBJECT = {"cluster_id": 3, "title": "Tax, rates]}", "description": '- it\'s\n- "so"'}
TEXT = json.dumps(OBJECT)


@pytest.mark.parametrize(
    "given",
    [
        OBJECT,
        TEXT,
        json.dumps(TEXT),
        json.dumps(json.dumps(TEXT)),
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}```",
        f"Here it is: {TEXT} I hope it helps.",
        TEXT[:-1] + ",}",
        TEXT[:-1] + " , \n}",
        TEXT.replace("\\n", "\n"),
        repr(OBJECT),
        "{}" + TEXT,
        TEXT + TEXT,
        f"{TEXT}</tool_call>",
        "\ufeff" + TEXT,
    ],
)
def test_one_object_is_read_in_whatever_form_it_comes(given: Any) -> None:
    assert read_json(given) == OBJECT


@pytest.mark.parametrize(
    "given",
    [
        TEXT[:-1],
        TEXT[: len(TEXT) // 2],
        TEXT + '{"cluster_id": 4}',
        '{"cluster_id": 3, "cluster_id": 4}',
        '{"cluster_id": NaN}',
        '{"cluster_id": 1e999}',
        "label three please",
        "",
        "{" * 100_000,
        "[" * 5_000 + "]" * 5_000,
        "{1, 2}",
    ],
    ids=lambda value: value[:30],
)
def test_what_has_no_reading_or_two_is_refused(given: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        read_json(given)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_read_as_json_would_read_it(value: Any) -> None:
    assert read_json(json.dumps({"value": value})) == {"value": value}


@pytest.mark.parametrize("given", [3, "3", " 3 ", 3.0, "3.0", "3.", "+3", ["3"], '"3"'])
def test_a_whole_number_is_read_from_other_forms(given: Any) -> None:
    assert read_integer(given) == 3
    assert type(read_integer(given)) is int


@pytest.mark.parametrize(
    "given", ["3.5", 3.5, True, "three", "", None, [3, 4], "1e1", "3 4", {"id": 3}, "9" * 5000]
)
def test_what_is_no_whole_number_stays_as_it_is(given: Any) -> None:
    assert read_integer(given) is given


def test_minus_one_is_read_with_any_minus() -> None:
    assert read_integer("-1") == read_integer("\u22121") == -1


@pytest.mark.parametrize(
    "given",
    ["- a\n- b", ["- a", "- b"], '["- a", "- b"]', "- a\\n- b", [{"text": "- a"}, {"text": "- b"}]],
)
def test_lines_are_read_from_lists_and_texts(given: Any) -> None:
    assert read_lines(given) == "- a\n- b"


@pytest.mark.parametrize("given", [["a", ["b", "c"]], {"a": 1, "b": 2}, None, True])
def test_what_is_no_list_of_lines_stays_as_it_is(given: Any) -> None:
    assert read_lines(given) == given


LABEL = {"cluster_id": 1, "title": "Tax rates", "description": "- a\n- b"}


@pytest.mark.parametrize(
    "given",
    [
        LABEL,
        {"clusterId": "1", "Title": "Tax rates", "description": ["- a", "- b"]},
        {"cluster id": 1.0, "title": ["Tax rates"], "description": '["- a", "- b"]'},
        {"arguments": LABEL},
        {"parameters": json.dumps(LABEL)},
        [LABEL],
        json.dumps(LABEL),
        LABEL | {"confidence": 0.9},
    ],
    ids=str,
)
def test_a_label_is_read_from_other_forms(given: Any) -> None:
    assert LabelArguments.model_validate(given).model_dump() == LABEL


@pytest.mark.parametrize(
    "given",
    [
        {"cluster_id": 1, "clusterId": 2, "title": "x", "description": "- y"},
        [LABEL, LABEL],
        LABEL | {"cluster_id": "1, 2"},
        LABEL | {"cluster_id": None},
        LABEL | {"title": None},
        LABEL | {"title": ["one", "two"]},
    ],
    ids=str,
)
def test_a_label_that_can_be_read_in_two_ways_is_refused(given: Any) -> None:
    if isinstance(given, dict) and "clusterId" in given:
        assert LabelArguments.model_validate(given).cluster_id == 1  # the name that was asked for
        return
    with pytest.raises(ValueError, match=r"cluster_id|title|dictionary"):
        LabelArguments.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"labels": [LABEL]},
        {"labels": json.dumps([LABEL])},
        {"labels": LABEL},
        {"labels": [json.dumps(LABEL)]},
        {"labels": {"1": {"title": "Tax rates", "description": "- a\n- b"}}},
        {"labels": f"```json\n{json.dumps([LABEL])}\n```"},
        [LABEL],
        json.dumps([LABEL]),
        LABEL,
        {"1": {"title": "Tax rates", "description": "- a\n- b"}},
    ],
    ids=str,
)
def test_labels_are_read_from_other_forms(given: Any) -> None:
    (label,) = BulkLabels.model_validate(given).labels
    assert LabelArguments.model_validate(label).model_dump() == LABEL


@pytest.mark.parametrize("given", [["7"], "7", 7, [7], '["7"]', [{"trace_id": "7"}]])
def test_ids_are_read_from_other_forms(given: Any) -> None:
    assert TraceDetails.model_validate({"trace_ids": given}).trace_ids == ["7"]


def test_null_is_the_default_where_there_is_one() -> None:
    assert TraceTitles.model_validate({"cluster_id": 2, "limit": None}).limit == 30


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("finalize_labels", "finalize_labels"),
        ("functions.finalize_labels", "finalize_labels"),
        ("functions.finalize_labels:0", "finalize_labels"),
        ("default_api.bulk_set_labels", "bulk_set_labels"),
        ("mcp__labels__bulk_set_labels", "bulk_set_labels"),
        ("bulk_set_labels<|channel|>commentary", "bulk_set_labels"),
        ("bulkSetLabels", "bulk_set_labels"),
        ("Bulk-Set-Labels ", "bulk_set_labels"),
        ("clusters_overview", "get_clusters_overview"),
        ("trace_details", "get_trace_details"),
    ],
)
def test_the_tool_that_a_name_means_is_found(given: str, meant: str) -> None:
    assert match_name(given, TOOLS) == meant


@pytest.mark.parametrize("given", ["", "labels", "delete_everything", "set_labels_now", "titles"])
def test_a_name_that_means_no_tool_or_two_stays_as_it_is(given: str) -> None:
    assert match_name(given, TOOLS) == given
