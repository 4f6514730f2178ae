"""What each operator means: expected traces written by hand, for every kind of value, present or missing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.errors import InvalidPatternError
from trace_clustering.posthog.filter_operators import OPERATORS
from trace_clustering_tests.clickhouse.filtered import find_traces, insert_trace, switch_team
from trace_clustering_tests.clickhouse.rows import NOON

MICROSECOND = timedelta(microseconds=1)

# One trace with one event each; `p` is the property that the filters ask for.
PROPERTIES: dict[str, dict[str, Any]] = {
    "missing": {"q": "Alpha"},
    "null": {"p": None},
    "empty": {"p": ""},
    "Alpha": {"p": "Alpha"},
    "alphabet": {"p": "the alphabet"},
    "quoted": {"p": 'say "hi"\n\\ / é'},
    "100%": {"p": "100%"},
    "a_b": {"p": "a_b"},
    "axb": {"p": "axb"},
    "3": {"p": 3},
    "'3'": {"p": "3"},
    "'3.0'": {"p": "3.0"},
    "10": {"p": 10},
    "'9'": {"p": "9"},
    "0.5": {"p": 0.5},
    "-7": {"p": -7},
    "true": {"p": True},
    "'true'": {"p": "true"},
    "false": {"p": False},
    "object": {"p": {"a": 1, "b": [None]}},
    "array": {"p": ["Alpha", 3]},
    "nested": {"q": {"p": "Alpha"}},
    "inf": {"p": "inf"},
}
ABSENT = {"missing", "null", "nested"}
PRESENT = set(PROPERTIES) - ABSENT
EVERY = set(PROPERTIES)

CASES: list[tuple[str, Any, set[str]]] = [
    # Text equals text, to the letter.
    ("exact", "Alpha", {"Alpha"}),
    ("exact", "alpha", set()),
    ("exact", "", {"empty"}),
    ("exact", 'say "hi"\n\\ / é', {"quoted"}),
    ("exact", "a_b", {"a_b"}),
    ("exact", "null", set()),
    ("exact", "nothing", set()),
    # A value sent as text equals the number or boolean it spells; JSON has only one 3.
    ("exact", "3", {"3", "'3'"}),
    ("exact", 3, {"3", "'3'"}),
    ("exact", 3.0, {"3", "'3'"}),
    ("exact", "3.0", {"3", "'3.0'"}),
    ("exact", "3e0", {"3"}),
    ("exact", "03", set()),
    ("exact", 0.5, {"0.5"}),
    ("exact", "0.50", {"0.5"}),
    ("exact", -7, {"-7"}),
    ("exact", True, {"true", "'true'"}),
    ("exact", "true", {"true", "'true'"}),
    ("exact", "True", set()),
    ("exact", False, {"false"}),
    ("exact", 1, set()),
    ("exact", 0, set()),
    # Objects and arrays are compared as JSON, however it is spaced.
    ("exact", '{"a": 1, "b": [null]}', {"object"}),
    ("exact", '["Alpha",3]', {"array"}),
    ("exact", '["Alpha"]', set()),
    # Lists: any of them. One element is a list, too.
    ("exact", ["Alpha"], {"Alpha"}),
    ("exact", ["Alpha", 10, "nothing"], {"Alpha", "10"}),
    ("in", ["Alpha"], {"Alpha"}),
    ("in", "Alpha", {"Alpha"}),
    ("in", ["Alpha", "3", True], {"Alpha", "3", "'3'", "true", "'true'"}),
    # A denial is true wherever the other is not: also where the property is missing, lists or not.
    ("is_not", "Alpha", EVERY - {"Alpha"}),
    ("is_not", "3", EVERY - {"3", "'3'"}),
    ("is_not", "nothing", EVERY),
    ("is_not", ["Alpha", "3"], EVERY - {"Alpha", "3", "'3'"}),
    ("not_in", ["Alpha"], EVERY - {"Alpha"}),
    ("not_in", ["Alpha", "10"], EVERY - {"Alpha", "10"}),
    # Contains: literally, whatever the case.
    ("icontains", "ALPHA", {"Alpha", "alphabet", "array"}),
    ("icontains", "%", {"100%"}),
    ("icontains", "_", {"a_b"}),
    ("icontains", "É", {"quoted"}),
    ("icontains", '"HI"\n\\', {"quoted"}),
    ("icontains", 3, {"3", "'3'", "'3.0'", "array"}),
    ("icontains", "TRUE", {"true", "'true'"}),
    ("icontains", '"a":', {"object"}),
    ("icontains", ["%", "_"], {"100%", "a_b"}),
    ("not_icontains", "alpha", EVERY - {"Alpha", "alphabet", "array"}),
    ("not_icontains", ["alpha", "%"], EVERY - {"Alpha", "alphabet", "array", "100%"}),
    # Regular expressions match anywhere, and case counts.
    ("regex", "^Al", {"Alpha"}),
    ("regex", "a.b", {"a_b", "axb"}),
    ("regex", r"^\d+$", {"3", "'3'", "10", "'9'"}),
    ("regex", "(?i)ALPHA", {"Alpha", "alphabet", "array"}),
    ("regex", ".*", PRESENT),
    ("regex", ["^Al", "^a_"], {"Alpha", "a_b"}),
    ("regex", 3, {"3", "'3'", "'3.0'", "array"}),
    ("not_regex", "^Al", EVERY - {"Alpha"}),
    ("not_regex", ".*", ABSENT),
    ("not_regex", ["^Al", "^a_"], EVERY - {"Alpha", "a_b"}),
    # Order is that of numbers, on both sides, also where they are written as text.
    ("gt", "9", {"10"}),
    ("gt", 3, {"10", "'9'"}),
    ("gt", "-10", {"3", "'3'", "'3.0'", "10", "'9'", "0.5", "-7"}),
    ("gte", 3, {"3", "'3'", "'3.0'", "10", "'9'"}),
    ("min", "3", {"3", "'3'", "'3.0'", "10", "'9'"}),
    ("lt", 0.5, {"-7"}),
    ("lte", ".5", {"-7", "0.5"}),
    ("max", "0.5", {"-7", "0.5"}),
    ("lt", "1e3", {"3", "'3'", "'3.0'", "10", "'9'", "0.5", "-7"}),
    ("gt", ["9", "100"], {"10"}),
    ("lt", ["9", "-100"], {"3", "'3'", "'3.0'", "0.5", "-7"}),
    # A range holds both its ends. What is missing or no number is neither inside nor outside.
    ("between", [3, 9], {"3", "'3'", "'3.0'", "'9'"}),
    ("between", ["-7", "0.5"], {"-7", "0.5"}),
    ("between", [10, 10], {"10"}),
    ("not_between", [3, 9], {"10", "0.5", "-7"}),
    ("not_between", ["-7", "10"], set()),
    # Null is missing, empty text is not.
    ("is_set", None, PRESENT),
    ("is_set", "is_set", PRESENT),
    ("is_set", [], PRESENT),
    ("is_not_set", None, ABSENT),
    ("is_not_set", "is_not_set", ABSENT),
]

DATES: dict[str, Any] = {
    "day": "2025-01-20",
    "noon Z": "2025-01-20T12:00:00Z",
    "noon": "2025-01-20 12:00:00",
    "noon +02:00": "2025-01-20T14:00:00.000+02:00",
    "noon -0730": "2025-01-20T04:30-0730",
    "after noon": "2025-01-20T12:00:00.000001Z",
    "long ago": "0001-01-01",
    "far off": "9999-12-31",
    "no such day": "2025-02-30",
    "no such hour": "2025-01-20T25:00:00",
    "words": "yesterday",
    "number": 1737374400,
    "year": 2025,
    "boolean": True,
    "none": None,
}
NOONS = {"noon Z", "noon", "noon +02:00", "noon -0730"}

# The window ends at 2025-01-23T00:00:00Z.
DATE_CASES: list[tuple[str, Any, set[str]]] = [
    ("is_date_exact", "2025-01-20T12:00:00Z", NOONS),
    ("is_date_exact", "2025-01-20T17:30:00+05:30", NOONS),
    ("is_date_exact", "2025-01-20T12:00", NOONS),
    ("is_date_exact", "2025-01-20", {"day"}),
    ("is_date_exact", "2025-01-21", set()),
    ("is_date_exact", ["2025-01-20", "2025-01-20T12:00:00Z"], {"day"} | NOONS),
    ("is_date_before", "2025-01-20T12:00:00Z", {"day", "long ago"}),
    ("is_date_before", ["2025-01-20T12:00:00Z", "2025-01-01"], {"day", "long ago"}),
    ("is_date_after", "2025-01-20T12:00:00Z", {"after noon", "far off"}),
    ("is_date_after", ["2025-01-20T12:00:00Z", "2026-01-01"], {"after noon", "far off"}),
    ("is_date_after", "2025-01-19T23:59:59.999999Z", {"day", "after noon", "far off"} | NOONS),
    ("is_date_exact", "-3d", {"day"}),
    ("is_date_exact", "-60h", NOONS),
    ("is_date_after", "-60h", {"after noon", "far off"}),
    ("is_date_before", "-1w", {"long ago"}),
    ("is_date_after", "-1m", {"day", "after noon", "far off"} | NOONS),
]

METADATA: dict[str, dict[str, Any]] = {
    "generation": {"event": "$ai_generation", "distinct_id": "user-1", "timestamp": NOON},
    "span": {"event": "$ai_span", "distinct_id": "User-2", "timestamp": NOON + MICROSECOND},
    "feedback": {"event": "$ai_feedback", "distinct_id": 'it\'s "3"', "timestamp": NOON - timedelta(days=1)},
}
METADATA_CASES: list[tuple[str, str, Any, set[str]]] = [
    ("event", "exact", "$ai_span", {"span"}),
    ("event", "is_not", ["$ai_span", "$ai_trace"], {"generation", "feedback"}),
    ("event", "in", ["$ai_span", "$ai_generation"], {"span", "generation"}),
    ("event", "regex", "^.ai_[fg]", {"generation", "feedback"}),
    ("event", "is_set", None, {"generation", "span", "feedback"}),
    ("distinct_id", "exact", "user-1", {"generation"}),
    ("distinct_id", "exact", 'it\'s "3"', {"feedback"}),
    ("distinct_id", "icontains", "user", {"generation", "span"}),
    ("distinct_id", "not_icontains", "user", {"feedback"}),
    ("timestamp", "is_date_exact", "2025-01-20T12:00:00Z", {"generation"}),
    ("timestamp", "is_date_after", "2025-01-20T12:00:00Z", {"span"}),
    ("timestamp", "is_date_before", "2025-01-20", {"feedback"}),
    ("timestamp", "is_date_after", "-3d", {"generation", "span"}),
    ("timestamp", "is_set", None, {"generation", "span", "feedback"}),
]


@pytest.fixture(scope="module")
def session(shared_place: ClickHouse) -> Iterator[TeamSession]:
    """One trace with one event for each value; those for dates and columns belong to other teams."""
    with shared_place.open_session(3, timeout_seconds=60) as third:
        for trace_id, event in METADATA.items():
            insert_trace(third, trace_id, event)
    with shared_place.open_session(2, timeout_seconds=60) as second:
        for trace_id, value in DATES.items():
            insert_trace(second, trace_id, {"properties": {"p": value}})
    with shared_place.open_session(1, timeout_seconds=60) as first:
        for trace_id, properties in PROPERTIES.items():
            insert_trace(first, trace_id, {"properties": properties})
        yield first


def test_every_operator_is_tried() -> None:
    assert {operator for operator, _, _ in CASES + DATE_CASES} == set(OPERATORS)


@pytest.mark.parametrize(("operator", "value", "expected"), CASES)
def test_an_operator_finds_what_its_words_say(
    session: TeamSession, operator: str, value: Any, expected: set[str]
) -> None:
    assert find_traces(session, {"key": "p", "operator": operator, "value": value}) == expected


def test_a_filter_without_operator_and_type_asks_for_equality_of_a_property(session: TeamSession) -> None:
    assert find_traces(session, {"key": "p", "value": "Alpha"}) == {"Alpha"}


def test_without_filters_every_trace_counts(session: TeamSession) -> None:
    assert find_traces(session) == EVERY


@pytest.mark.parametrize("operator", ["regex", "not_regex"])
@pytest.mark.parametrize("pattern", ["(abc", "[", "*", "\\", "a{1000}{1000}", "(?=a)", "\\1"])
def test_a_pattern_that_cannot_be_compiled_is_refused_by_name(
    session: TeamSession, operator: str, pattern: str
) -> None:
    with pytest.raises(InvalidPatternError) as caught:
        find_traces(
            session, {"key": "p", "value": "a"}, {"key": "p", "operator": operator, "value": ["a", pattern]}
        )
    assert str(caught.value).startswith("settings: trace_filters[1].value: ClickHouse cannot compile")
    assert pattern in str(caught.value)


def test_a_bad_pattern_is_refused_even_if_there_is_nothing_to_match(place: ClickHouse) -> None:
    with place.open_session(1, timeout_seconds=60) as empty, pytest.raises(InvalidPatternError):
        find_traces(empty, {"key": "p", "operator": "regex", "value": "("})


@pytest.mark.parametrize(("operator", "value", "expected"), DATE_CASES)
def test_dates_are_compared_as_moments(
    session: TeamSession, operator: str, value: Any, expected: set[str]
) -> None:
    assert (
        find_traces(switch_team(session, 2), {"key": "p", "operator": operator, "value": value}) == expected
    )


@pytest.mark.parametrize(("key", "operator", "value", "expected"), METADATA_CASES)
def test_columns_are_asked_like_properties(
    session: TeamSession, key: str, operator: str, value: Any, expected: set[str]
) -> None:
    item = {"type": "event_metadata", "key": key, "operator": operator, "value": value}
    assert find_traces(switch_team(session, 3), item) == expected
