"""A filter as PostHog writes it is accepted; one without sense is refused by position, field and value."""

from typing import Any

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.posthog.filters import (
    MAX_FILTERS,
    MAX_TOTAL_LENGTH,
    MAX_VALUES,
    PropertyFilter,
    parse_filters,
)

GOOD = {"key": "a", "value": "b"}
METADATA = "event_metadata"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"key": "a", "value": "b"}, ("event", "a", "exact", ("b",))),
        (
            {"key": "$ai_model", "value": ["gpt-5"], "operator": "is_not", "type": "event"},
            ("event", "$ai_model", "is_not", ("gpt-5",)),
        ),
        # As pages and API of PostHog write them.
        (
            {"key": "a", "value": "is_set", "operator": "is_set", "type": "event", "label": "A"},
            ("event", "a", "is_set", ()),
        ),
        ({"key": "a", "operator": "is_not_set"}, ("event", "a", "is_not_set", ())),
        (
            {"key": "a", "value": "b", "operator": None, "type": None, "group_type_index": None},
            ("event", "a", "exact", ("b",)),
        ),
        (
            {"key": "event", "value": "$ai_span", "type": "event_metadata"},
            ("event_metadata", "event", "exact", ("$ai_span",)),
        ),
        # Values of all kinds, as text.
        (
            {"key": "a", "value": [3, 3.0, 0.5, True, False, "x", 1e30]},
            ("3", "3", "0.5", "true", "false", "x", "1e+30"),
        ),
        ({"key": "a", "value": ["7", ".5", "+1e2"], "operator": "gt"}, ("7.0", "0.5", "100.0")),
        ({"key": "a", "value": ["1", 2], "operator": "between"}, ("1.0", "2.0")),
        ({"key": "a", "value": "-7d", "operator": "is_date_after"}, ("-7d",)),
    ],
)
def test_a_filter_as_posthog_writes_it_is_accepted(given: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (parsed,) = parse_filters([given])
    whole = (parsed.type, parsed.key, parsed.operator, parsed.values)
    assert expected in (whole, parsed.values)


@pytest.mark.parametrize(
    ("bad", "field", "shown", "why"),
    [
        # What is not there, or not known.
        ({}, "key", "is missing", "names the property"),
        ({"value": "b"}, "key", "is missing", "names the property"),
        ({"key": None, "value": "b"}, "key", "is missing", "names the property"),
        ({"key": "", "value": "b"}, "key", "= ''", "name of a property"),
        ({"key": 3, "value": "b"}, "key", "= 3", "name of a property"),
        ({"key": "a"}, "value", "is missing", "exact needs a value"),
        ({"key": "a", "value": None, "operator": "regex"}, "value", "is missing", "regex needs a value"),
        ({"key": "a", "value": "b", "operater": "gt"}, "operater", "= 'gt'", "key, value, operator and type"),
        (
            {"key": "a", "value": "b", "negation": False},
            "negation",
            "= False",
            "key, value, operator and type",
        ),
        ({"key": "a", "value": "b", "operator": "equals"}, "operator", "= 'equals'", "exact, is_not, in"),
        ({"key": "a", "value": "b", "operator": ["exact"]}, "operator", "= ['exact']", "must be one of"),
        (
            {"key": "a", "value": "1.2.3", "operator": "semver_gt"},
            "operator",
            "= 'semver_gt'",
            "must be one of",
        ),
        # Types.
        *(
            (
                {"key": "a", "value": "b", "type": name},
                "type",
                f"= {name!r}",
                "event_metadata (a column)",
            )
            for name in ("person", "cohort", "group", "session", "element", "feature", "Event", "nonsense")
        ),
        (
            {"key": "1 = 1", "type": "hogql"},
            "type",
            "= 'hogql'",
            "SQL and HogQL expressions are never accepted",
        ),
        ({"type": "AND", "values": [GOOD]}, "type", "= 'AND'", "groups are not supported"),
        ({"type": "OR", "values": [GOOD]}, "values", "= [", "only key, value, operator and type"),
        # Columns.
        (
            {"key": "uuid", "value": "b", "type": METADATA},
            "key",
            "= 'uuid'",
            "event, distinct_id and timestamp",
        ),
        (
            {"key": "team_id", "value": 2, "type": METADATA},
            "key",
            "= 'team_id'",
            "event, distinct_id and timestamp",
        ),
        (
            {"key": "event", "value": 3, "type": METADATA, "operator": "gt"},
            "operator",
            "= 'gt'",
            "the column event",
        ),
        (
            {"key": "event", "type": METADATA, "operator": "is_not_set"},
            "operator",
            "= 'is_not_set'",
            "the column event",
        ),
        (
            {"key": "timestamp", "value": "2025-01-20", "type": METADATA},
            "operator",
            "= 'exact'",
            "is_date_exact",
        ),
        # Values.
        ({"key": "a", "value": []}, "value", "= []", "an empty list means nothing"),
        ({"key": "a", "value": [], "operator": "not_in"}, "value", "= []", "an empty list means nothing"),
        ({"key": "a", "value": ["b", None]}, "value", "= ['b', None]", "must be a text, a finite number"),
        ({"key": "a", "value": {"b": 1}}, "value", "= {'b': 1}", "must be a text, a finite number"),
        ({"key": "a", "value": [["b"]]}, "value", "= [['b']]", "must be a text, a finite number"),
        ({"key": "a", "value": float("nan")}, "value", "= nan", "must be a text, a finite number"),
        ({"key": "a", "value": float("inf"), "operator": "lt"}, "value", "= inf", "a finite number"),
        ({"key": "a", "value": "", "operator": "icontains"}, "value", "= ''", "use is_set"),
        ({"key": "a", "value": ["b", ""], "operator": "not_regex"}, "value", "= ['b', '']", "use is_set"),
        ({"key": "a", "value": "b", "operator": "gt"}, "value", "= 'b'", "gt compares numbers"),
        ({"key": "a", "value": True, "operator": "lt"}, "value", "= True", "lt compares numbers"),
        ({"key": "a", "value": "1e999", "operator": "max"}, "value", "= '1e999'", "max compares numbers"),
        ({"key": "a", "value": "0x10", "operator": "gte"}, "value", "= '0x10'", "gte compares numbers"),
        ({"key": "a", "value": "٣", "operator": "gte"}, "value", "= '٣'", "gte compares numbers"),
        ({"key": "a", "value": 3, "operator": "between"}, "value", "= 3", "two numbers"),
        ({"key": "a", "value": [3], "operator": "between"}, "value", "= [3]", "two numbers"),
        ({"key": "a", "value": [1, 2, 3], "operator": "between"}, "value", "= [1, 2, 3]", "two numbers"),
        (
            {"key": "a", "value": ["10", "9"], "operator": "not_between"},
            "value",
            "= ['10', '9']",
            "smaller one",
        ),
        ({"key": "a", "value": [1, "b"], "operator": "between"}, "value", "= [1, 'b']", "compares numbers"),
        ({"key": "a", "value": "soon", "operator": "is_date_after"}, "value", "= 'soon'", "ISO 8601"),
        ({"key": "a", "value": 1737374400, "operator": "is_date_after"}, "value", "= 1737374400", "text"),
        ({"key": "a", "value": ["2025-01-20", "x"], "operator": "is_date_exact"}, "value", "= [", "ISO 8601"),
        ({"key": "a\ud800", "value": "b"}, "key", "= ", "lone surrogate"),
        ({"key": "a", "value": "b\ud800"}, "value", "= ", "lone surrogate"),
        ({"key": "a", "value": "b" * 10_001}, "value", "= 'bbb", "10001 characters; at most 10000"),
        ({"key": "a" * 10_001, "value": "b"}, "key", "= 'aaa", "10001 characters; at most 10000"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_position_field_and_value(
    bad: dict[str, Any], field: str, shown: str, why: str
) -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        ClusteringSettings(trace_filters=[GOOD, bad])
    message = str(caught.value)
    assert message.startswith("settings: trace_filters[1].")
    assert f"trace_filters[1].{field} {shown}" in message
    assert why in message
    assert len(message) < 1000


@pytest.mark.parametrize("item", ["$ai_model = 'gpt-5'", 3, None, [GOOD]])
def test_what_is_no_object_is_refused(item: object) -> None:
    with pytest.raises(
        InvalidSettingsError, match=r"^settings: trace_filters\[0\] = .* must be an object with"
    ):
        parse_filters([item])


@pytest.mark.parametrize(
    ("most", "too_many", "message"),
    [
        ([GOOD] * MAX_FILTERS, [GOOD], "51 filters in all; at most 50"),
        ([{"key": "a", "value": ["b"] * MAX_VALUES}], [GOOD], "1501 values in all; at most 1500"),
        (
            [{"key": "a", "value": ["b" * 10_000] * (MAX_TOTAL_LENGTH // 10_000)}],
            [GOOD],
            "500001 characters of values in all; at most 500000",
        ),
    ],
)
def test_there_is_a_limit_to_how_much_is_asked(most: list[Any], too_many: list[Any], message: str) -> None:
    assert all(isinstance(item, PropertyFilter) for item in parse_filters(most))
    with pytest.raises(InvalidSettingsError, match=message):
        parse_filters(most + too_many)
