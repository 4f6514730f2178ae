"""What the file says of topics is checked at the door, and finds its topics by id or by its beginning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.topics.edits import TopicEdit, TopicEdits, parse_edits

A = "aaaaaaaa-1111-5111-8111-111111111111"
B = "bbbbbbbb-2222-5222-8222-222222222222"
C = "cccccccc-3333-5333-8333-333333333333"
D = "dddddddd-4444-5444-8444-444444444444"


def test_an_edit_is_found_by_the_id_or_by_its_beginning() -> None:
    edits = parse_edits({A: {"rename": " Refunds\tof kettles "}, "BBBBBBBB-2222": {"ignore": True}})
    assert edits.find(A) == TopicEdit(title="Refunds of kettles")
    assert edits.find(B) == TopicEdit(ignore=True)
    assert edits.find(C) == TopicEdit()


def test_a_description_keeps_its_lines() -> None:
    edits = parse_edits({A: {"rename": "Refunds", "description": "- Money back.\n\n- Not <b>kettles</b>.\n"}})
    assert edits.find(A).description == "- Money back.\n- Not kettles."


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ({"Refunds": {"pin": True}}, ["'Refunds' is not the id of a topic", "first 8 characters"]),
        ({"aaaaaaa": {"pin": True}}, ["'aaaaaaa' is not the id"]),
        ({"": {"pin": True}}, ["'' is not the id"]),
        ({"\x1b[31maaaa": {"pin": True}}, [r"'\\x1b[31maaaa' is not the id"]),
        ({A: None}, ["topic aaaaaaaa", "must map some of rename, description", "not None"]),
        ({A: {}}, ["must map some of"]),
        ({A: ["pin"]}, ["must map some of"]),
        ({A: {"remane": "x"}}, ["topic aaaaaaaa", "remane = 'x'", "there is no such edit, only rename"]),
        ({A: {"pin": "yes"}}, ["pin = 'yes'", "boolean"]),
        ({A: {"ignore": 1}}, ["ignore = 1"]),
        ({A: {"rename": ""}}, ["rename = ''", "give a title"]),
        ({A: {"rename": "<b></b>"}}, ["give a title"]),
        ({A: {"rename": "outliers"}}, ["Outliers is none"]),
        ({A: {"rename": ["a"]}}, ["rename = ['a']"]),
        ({A: {"rename": "x" * 121}}, ["rename has 121 characters, at most 120"]),
        ({A: {"rename": "Refunds", "description": " \n"}}, ["description is empty"]),
        ({A: {"rename": "Refunds", "description": "x" * 2001}}, ["description", "2000"]),
        ({A: {"description": "- x"}}, ["description needs a rename"]),
        ({A: {"pin": True, "ignore": True}}, ["pin and ignore contradict"]),
        ({A: {"merge_into": B, "pin": True}}, ["merge_into makes it a part", "say pin there"]),
        ({A: {"merge_into": B, "rename": "x"}}, ["say rename there"]),
        ({A: {"merge_into": "Refunds"}}, ["merge_into = 'Refunds' is not the id"]),
        ({A: {"merge_into": ""}}, ["merge_into = '' is not the id"]),
        ({A: {"merge_into": A}}, ["goes in a circle", f"{A} -> {A}"]),
        ({A: {"merge_into": "aaaaaaaa"}}, ["goes in a circle"]),
        ({A: {"merge_into": B}, B: {"merge_into": A}}, ["goes in a circle"]),
        ({A: {"merge_into": B}, B: {"merge_into": C}, C: {"merge_into": B}}, ["goes in a circle"]),
        ({A: {"merge_into": "bbbbbbbb"}, "bbbbbbbb": {"merge_into": A}}, ["goes in a circle"]),
        (
            {"bbbbbbbb-1": {"merge_into": A}, "bbbbbbbb-2": {"pin": True}, A: {"merge_into": "bbbbbbbb"}},
            ["begins several topics of the file"],
        ),
        ({A: {"pin": True}, A.upper(): {"pin": True}}, ["a topic is there twice"]),
        ({A: {"pin": True}, "aaaaaaaa": {"rename": "x"}}, ["may be one"]),
        ({A: {"rename": "Refunds"}, B: {"rename": "refunds"}}, ["get the same title", A, B]),
    ],
)
def test_what_cannot_be_obeyed_is_refused(written: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        parse_edits(written)
    for part in parts:
        assert part in str(caught.value)


def test_merges_go_through_to_their_end() -> None:
    edits = parse_edits({A: {"merge_into": "bbbbbbbb"}, B: {"merge_into": C}, D: {"pin": True}})
    assert edits.find_merges([A, B, C, D]) == {A: C, B: C}
    assert edits.find_merges([C]) == {A: C, B: C}  # they are named in full
    assert edits.find_merges([A, B]) == {}  # nobody knows the topic that they would be a part of
    by_beginning = parse_edits({"aaaaaaaa": {"merge_into": "bbbbbbbb"}})
    assert by_beginning.find_merges([A, B]) == {A: B}
    assert by_beginning.find_merges([B]) == {"aaaaaaaa": B}
    assert by_beginning.find_merges([A]) == {}


def test_names_that_belong_to_no_topic_are_listed() -> None:
    edits = parse_edits({A: {"merge_into": "bbbbbbbb"}, "cccccccc": {"pin": True}})
    assert edits.list_unknown([A, B, C]) == []
    assert edits.list_unknown([A, B]) == ["cccccccc"]
    assert edits.list_unknown([A, C]) == ["bbbbbbbb"]
    assert edits.list_unknown([A, B, C, "cccccccc-9999"]) == ["cccccccc"]


def test_the_digest_is_that_of_the_content() -> None:
    one = parse_edits({A: {"pin": True}, B: {"ignore": True}})
    assert one.digest == parse_edits({B: {"ignore": True, "pin": False}, A: {"pin": True}}).digest
    assert one.digest != parse_edits({A: {"pin": True}}).digest
    assert TopicEdits().digest == ""


values = st.sampled_from([None, True, False, "", "yes", 1, [], A, B, C, "aaaaaaaa", "Refunds"])
topics = st.sampled_from([A, B, C, "aaaaaaaa", "x"])
names = st.sampled_from(["rename", "description", "merge_into", "pin", "ignore", "x"])


@given(
    st.dictionaries(st.sampled_from([A, B, C, "aaaaaaaa", "x"]), st.dictionaries(names, values, max_size=2))
)
def test_whatever_the_file_says_it_is_obeyed_or_refused(written: dict[str, Any]) -> None:
    try:
        edits = parse_edits(written)
    except InvalidSettingsError:
        return
    merges = edits.find_merges([A, B, C, D])
    assert not merges.keys() & set(merges.values())
    assert bool(edits.digest) is bool(written)
    assert edits.find(A) in [*edits.by_topic.values(), TopicEdit()]


@given(st.permutations([A, B, C, D]), st.integers(1, 3))
def test_a_chain_of_merges_ends_in_its_last_topic(chain: list[str], length: int) -> None:
    edits = parse_edits({chain[i]: {"merge_into": chain[i + 1]} for i in range(length)})
    assert edits.find_merges(chain) == dict.fromkeys(chain[:length], chain[length])
