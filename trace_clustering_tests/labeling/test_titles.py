"""Titles that say the same are found and made distinct."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.labeling.titles import (
    add_each_term,
    find_similar_titles,
    make_titles_distinct,
    stem_title,
)
from trace_clustering.text import MAX_TITLE_LENGTH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refunds for kettles", "REFUND for a kettle"),
        ("Refund requests of customers", "Customers' refund requests"),
        ("Customer refund requests", "Handling customer refund requests"),
        ("退款", "退款"),
        ("The of", "the of"),
    ],
)
def test_titles_that_say_the_same_are_found(one: str, other: str) -> None:
    assert find_similar_titles({4: one, 7: "Tax rates", 9: other}) == [(4, 9)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Refunds for kettles", "Refunds for toasters"),
        ("Importing CSV files", "Importing product photos"),
        ("退款", "退货"),
        ("Version 1", "Version 2"),
    ],
)
def test_titles_that_differ_are_left_alone(one: str, other: str) -> None:
    assert find_similar_titles({1: one, 2: other}) == []


def test_the_first_candidate_that_says_something_new_is_taken() -> None:
    assert make_titles_distinct(
        {0: ["Tax"], 1: ["Taxes", "Taxes (rates)"], 2: ["Tax rates", "Tax invoices"]}
    ) == {
        0: "Tax",
        1: "Taxes (rates)",
        2: "Tax invoices",
    }


def test_without_another_candidate_the_number_tells_titles_apart() -> None:
    assert make_titles_distinct({0: ["Tax"], 1: ["Tax"], 2: ["Tax 1"], -1: ["Tax"]}) == {
        0: "Tax",
        1: "Tax (1)",
        2: "Tax 1 (2)",
        -1: "Outliers",
    }


def test_a_term_is_added_within_the_bound() -> None:
    assert list(add_each_term("Tax", ["rates", "in<b>voices"])) == ["Tax (rates)", "Tax (invoices)"]
    (long,) = add_each_term("x" * MAX_TITLE_LENGTH, ["y" * 99])
    assert len(long) <= MAX_TITLE_LENGTH


words = st.sampled_from(["refund", "refunds", "tax", "Outliers", "(1)", "1", "2", "the", "é", "退款"])
titles = st.lists(words, min_size=1, max_size=4).map(" ".join)


@settings(deadline=None)
@given(st.lists(st.lists(titles, min_size=1, max_size=3), min_size=1, max_size=8))
def test_titles_always_become_distinct(candidates: list[list[str]]) -> None:
    found = make_titles_distinct(dict(enumerate(candidates)))
    assert list(found) == list(range(len(candidates)))
    assert len({stem_title(title) for title in found.values()}) == len(candidates)
    assert all(len(title) <= MAX_TITLE_LENGTH for title in found.values())
