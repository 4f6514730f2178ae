"""Keys and values are untrusted: they never change the statement, and never reach another team's traces."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trace_clustering.clickhouse.filter_sql import build_trace_condition
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.posthog.filter_operators import OPERATORS
from trace_clustering.posthog.filters import MAX_FILTERS, MAX_VALUES, parse_filters
from trace_clustering_tests.clickhouse.filtered import (
    WINDOW,
    find_traces,
    insert_trace,
    insert_trace_events,
    switch_team,
)
from trace_clustering_tests.clickhouse.rows import insert_embeddings, insert_events

pytestmark = pytest.mark.slow

TEXT_OPERATORS = OPERATORS[:8]
NASTY = [
    "it's",
    "''",
    '"quoted"',
    "`event`",
    "back\\slash",
    "\\",
    "\\'",
    "\\\\' OR 1 = 1 --",
    "' OR '1' = '1",
    "') OR team_id = 2 OR (document_id = '",
    "'; DROP TABLE events; --",
    "{team_id:Int64}",
    "{filter_0_key:String}",
    "{events:Identifier}",
    "{} {0} {x} }{ {{",
    "%s %(x)s $x$ ? :x @x",
    "$$ heredoc $$",
    "-- comment",
    "/* comment */",
    "*/ OR 1 /*",
    "# comment",
    "a\nb\r\nc\td",
    "nul\0byte",
    "\0",
    "\x01\x1b\x7f",
    "\\N",
    "NULL",
    "\\x41\\u0041\\101",
    "Grüße 漢字 \u202e\u200d\u2028\ufeff",
    "🦔👩\u200d🚀",
    "a.b.c",
    "a['b']",
    "$.a[*]",
    "--boundary\r\nContent-Disposition: form-data",
    "&param_team_id=2",
    " ",
    "x" * 10_000,
    "'" * 10_000,
    "\\" * 10_000,
    "\0" * 10_000,
    "🦔" * 10_000,
]
TRACES = [str(number) for number in range(len(NASTY))]
SHORT = [text if len(text) < 100 else f"{len(text)} {text[0]!r}" for text in NASTY]


@pytest.fixture(scope="module")
def session(shared_place: ClickHouse) -> Iterator[TeamSession]:
    """A session of team 1, where each nasty text is a key and a value of one trace; team 2 has the same."""
    with shared_place.open_session(1, timeout_seconds=60) as own:
        other = switch_team(own, 2)
        events = [{"properties": {text: text}} for text in NASTY]
        insert_embeddings(own, {"document_id": "bare"}, *({"document_id": trace} for trace in TRACES))
        insert_events(
            own, *(add_trace_id(trace, {text: text}) for trace, text in zip(TRACES, NASTY, strict=True))
        )
        insert_trace_events(own, "bare", {})
        # What another team says about our traces, or about its own, counts for nothing here.
        insert_trace(other, "secret", *events)
        insert_trace_events(other, "bare", *events)
        yield own


def add_trace_id(trace_id: str, properties: dict[str, str]) -> dict[str, str]:
    return {"properties": json.dumps({"$ai_trace_id": trace_id, **properties})}


@pytest.mark.parametrize("number", range(len(NASTY)), ids=SHORT)
def test_a_nasty_text_is_found_as_key_and_value_and_nothing_else_is(
    session: TeamSession, number: int
) -> None:
    text = NASTY[number]
    own = {str(number)}
    another = f"{text[1:]}!"
    column = {"type": "event_metadata", "key": "distinct_id", "operator": "is_not", "value": text}
    assert find_traces(session, {"key": text, "value": text}) == own
    assert find_traces(session, {"key": text, "operator": "icontains", "value": ["another", text]}) == own
    assert find_traces(session, {"key": text, "value": another}) == set()
    assert find_traces(session, {"key": another, "value": text}) == set()
    assert (
        find_traces(session, {"key": text, "operator": "is_not", "value": text}, column)
        == {"bare", *TRACES} - own
    )


@pytest.mark.parametrize("text", NASTY, ids=SHORT)
def test_a_nasty_text_never_changes_the_statement(text: str) -> None:
    for operator in TEXT_OPERATORS:
        nasty, harmless = (
            build_trace_condition(
                parse_filters([{"key": key, "operator": operator, "value": [value, "b"]}]), WINDOW
            )
            for key, value in ((text, text), ("a", "a"))
        )
        assert nasty.sql == harmless.sql
        assert nasty.parameters.keys() == harmless.parameters.keys()
        assert nasty.parameters["filter_0_key"] == text


@pytest.mark.parametrize("operator", TEXT_OPERATORS)
def test_a_list_of_a_thousand_values_finds_its_first_and_last(session: TeamSession, operator: str) -> None:
    ending = "$" if "regex" in operator else "\\" * 400
    values = [f"{number:04d}{ending}" for number in range(1000)]
    team = switch_team(session, 10 + TEXT_OPERATORS.index(operator))
    for trace_id, value in (("first", values[0]), ("last", values[-1]), ("none", "x")):
        insert_trace(team, trace_id, {"properties": {"p": value.rstrip("$")}})
    expected = {"none"} if "not" in operator else {"first", "last"}
    assert find_traces(team, {"key": "p", "operator": operator, "value": values}) == expected


@pytest.mark.parametrize("value", ["\\", "🦔"])
def test_as_much_as_is_allowed_at_once_still_works(session: TeamSession, value: str) -> None:
    """Filters as many and long as they may be, of the kinds whose statements are the longest."""
    dates = {
        "type": "event_metadata",
        "key": "timestamp",
        "operator": "is_date_before",
        "value": "2026-01-01",
    }
    long = {
        "key": "p",
        "operator": "is_not",
        "value": [f"{value * 6_100}{number:03d}" for number in range(80)],
    }
    patterns = [f"^a{number}$" for number in range(MAX_VALUES - 80 - (MAX_FILTERS - 2))]
    filters = [*[dates] * (MAX_FILTERS - 2), long, {"key": "q", "operator": "not_regex", "value": patterns}]
    team = switch_team(session, 100 + ord(value))
    insert_trace(team, "trace", {"properties": {"p": "x", "q": "a"}})
    insert_trace(team, "denied by the last value", {"properties": {"p": long["value"][-1], "q": "a"}})
    insert_trace(team, "denied by the last pattern", {"properties": {"p": "x", "q": f"a{len(patterns) - 1}"}})
    assert find_traces(team, *filters) == {"trace"}


NEW_TEAMS = itertools.count(1000)  # one for each example
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = TEXTS.filter(lambda key: key not in ("", "$ai_trace_id"))
VALUES = (
    TEXTS
    | st.integers(-(2**63), 2**64 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
)


@example(key="a", value=-0.0)
@given(key=KEYS, value=VALUES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_property_is_found_by_its_own_value_and_by_no_other(
    session: TeamSession, key: str, value: Any
) -> None:
    team = switch_team(session, next(NEW_TEAMS))
    insert_trace(team, "trace", {"properties": {key: value}})
    assert find_traces(team, {"key": key, "value": ["another", value]}) == {"trace"}
    assert find_traces(team, {"key": key, "value": f"{value}x"}) == set()
    assert find_traces(team, {"key": key, "operator": "is_not", "value": value}) == set()
    assert find_traces(switch_team(session, 999), {"key": key, "operator": "is_not", "value": value}) == set()
    if isinstance(value, str) and value:
        middle = value[len(value) // 2 :]
        assert find_traces(team, {"key": key, "operator": "icontains", "value": middle}) == {"trace"}
        assert find_traces(team, {"key": key, "operator": "icontains", "value": middle.lower()}) == {"trace"}


@given(
    key=KEYS, values=st.lists(TEXTS, min_size=1, max_size=5), operator=st.sampled_from(["exact", "not_in"])
)
def test_no_text_ever_changes_the_statement(key: str, values: list[str], operator: str) -> None:
    def statement(key: str, values: list[str]) -> str:
        filters = parse_filters([{"key": key, "operator": operator, "value": values}])
        return build_trace_condition(filters, WINDOW).sql

    assert statement(key, values) == statement("a", ["b"] * len(values))
