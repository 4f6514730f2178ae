"""Property filters as a condition of the embeddings query: fixed texts, and bound values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from trace_clustering.clickhouse.batches import parameter_batches
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import TRACE_EVENT_NAMES, TRACE_FILTER_MARGIN
from trace_clustering.errors import InvalidPatternError
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.posthog.moments import ISO_8601, parse_moment
from trace_clustering.traces.window import Window

_MAX_NEEDLES: Final = 255  # of ClickHouse's multiSearch functions
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

# What a filter looks at, as JSON text; so a column is read by the same rules as a property.
_COLUMNS: Final = {
    "event": "toJSONString(event)",
    "distinct_id": "toJSONString(distinct_id)",
    "timestamp": "toJSONString(toTimeZone(timestamp, 'UTC'))",
}

_COMPARISONS: Final = {"gt": ">", "gte": ">=", "min": ">=", "lt": "<", "lte": "<=", "max": "<="}
# An operator that denies another is true wherever the other is not: also where the property is missing.
_DENIALS: Final = {"is_not": "exact", "not_in": "in", "not_icontains": "icontains", "not_regex": "regex"}

_MATCHING_TRACES: Final = """document_id IN (
    WITH JSONExtractString(properties, '$ai_trace_id') AS filtered_trace_id, {definitions}
    SELECT filtered_trace_id
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}}
        AND event IN {{filtered_events:Array(String)}}
        AND timestamp >= {{filtered_start:DateTime64(6, 'UTC')}}
        AND timestamp < {{filtered_end:DateTime64(6, 'UTC')}}
        AND filtered_trace_id != ''
        AND {conditions}
)"""


_COMPILE: Final = "SELECT arrayExists(pattern -> match('', pattern), {patterns:Array(String)}) AS found"


@dataclass(frozen=True)
class TraceCondition:
    """A condition on `document_id`, and the values it is bound to."""

    sql: str = "1"
    parameters: dict[str, Any] = field(default_factory=dict)


def trace_condition(filters: Sequence[PropertyFilter], window: Window) -> TraceCondition:
    """Return the condition that at least one event of a trace satisfies all filters by itself.

    The events are those of the window, whose start is moved back by `TRACE_FILTER_MARGIN`, since a trace's
    events precede its summary. Without filters the condition is always true.
    """
    if not filters:
        return TraceCondition()
    parameters: dict[str, Any] = {
        "filtered_events": list(TRACE_EVENT_NAMES),
        "filtered_start": window.start - TRACE_FILTER_MARGIN,
        "filtered_end": window.end,
    }
    compiled = [_Compiler(f"filter_{number}", item, window.end) for number, item in enumerate(filters)]
    sql = _MATCHING_TRACES.format(
        definitions=", ".join(c.definitions() for c in compiled),
        conditions=" AND ".join(c.condition() for c in compiled),
    )
    for c in compiled:
        parameters |= c.parameters
    return TraceCondition(sql, parameters)


def check_patterns(session: TeamSession, filters: Sequence[PropertyFilter]) -> None:
    """Let ClickHouse compile every regular expression, whether or not there are rows to match.

    Raises
    ------
    InvalidPatternError
        If it cannot; the message names the filter.
    """
    for number, item in enumerate(filters):
        if item.operator in ("regex", "not_regex"):
            for batch in parameter_batches(item.values, str):
                try:
                    session.query(_COMPILE, patterns=batch)
                except InvalidPatternError as error:
                    raise InvalidPatternError(
                        f"settings: trace_filters[{number}].value: {error}; correct it (the syntax is RE2)"
                    ) from error


class _Compiler:
    """One filter as SQL. The names in it, and nothing else, come from the filter's position."""

    def __init__(self, name: str, item: PropertyFilter, window_end: datetime) -> None:
        self._name = name
        self._filter = item
        self._window_end = window_end
        self.parameters: dict[str, Any] = {}

    def definitions(self) -> str:
        """Return what the condition is made of: the property as JSON, as text, and whether it is there."""
        n = self._name
        if self._filter.type == "event_metadata":
            json_text = _COLUMNS[self._filter.key]
        else:
            json_text = f"JSONExtractRaw(properties, {self._bind('key', 'String', self._filter.key)})"
        return (
            f"{_canonical(json_text)} AS {n}_json, {n}_json NOT IN ('', 'null') AS {n}_is_set, "
            f"startsWith({n}_json, '\"') AS {n}_is_text, "
            f"if({n}_is_text, JSONExtractString({n}_json), {n}_json) AS {n}_text"
        )

    def condition(self) -> str:
        operator = self._filter.operator
        if operator == "is_set":
            return f"{self._name}_is_set"
        if operator == "is_not_set":
            return f"NOT {self._name}_is_set"
        if operator in _DENIALS:
            return f"NOT ({self._name}_is_set AND {self._test(_DENIALS[operator])})"
        return f"({self._name}_is_set AND {self._test(operator)})"

    def _test(self, operator: str) -> str:
        if operator in ("exact", "in"):
            return self._equals()
        if operator == "icontains":
            return self._contains()
        if operator == "regex":
            return self._matches()
        if operator in ("between", "not_between"):
            return self._in_range(operator)
        if operator in _COMPARISONS:
            return self._compares(operator)
        return self._is_date(operator)

    def _equals(self) -> str:
        """Text equals text; any other JSON value equals what is the same value as JSON: 3, 3.0, 3e0."""
        n = self._name
        return _any(
            f"if({n}_is_text, {n}_text IN {values}, "
            f"{n}_json IN (arrayMap(v -> {_canonical('JSONExtractRaw(v)')}, {values})))"
            for values in self._bind_lists()
        )

    def _contains(self) -> str:
        return _any(
            f"multiSearchAny(lowerUTF8({self._name}_text), arrayMap(v -> lowerUTF8(v), {values}))"
            for values in self._bind_lists()
        )

    def _matches(self) -> str:
        # ClickHouse wants each pattern to be a constant of its own.
        return _any(
            f"match({self._name}_text,{self._bind(str(number), 'String', pattern)})"
            for number, pattern in enumerate(self._filter.values)
        )

    def _number(self) -> str:
        """Return the property as a number, also if it is written as text; NULL if it is none."""
        text = f"{self._name}_text"
        return f"if(match({text}, '^-?[0-9]'), JSONExtract({text}, 'Nullable(Float64)'), NULL)"

    def _compares(self, operator: str) -> str:
        # To be past any of several limits is to be past the nearest.
        nearest = min if operator in ("gt", "gte", "min") else max
        limit = self._bind_number("limit", nearest(self._filter.values, key=float))
        return f"ifNull({self._number()} {_COMPARISONS[operator]} {limit}, 0)"

    def _in_range(self, operator: str) -> str:
        low, high = (
            self._bind_number(name, value)
            for name, value in zip(("low", "high"), self._filter.values, strict=True)
        )
        inside = f"{self._number()} BETWEEN {low} AND {high}"
        return f"ifNull({inside if operator == 'between' else f'NOT ({inside})'}, 0)"

    def _is_date(self, operator: str) -> str:
        text = f"{self._name}_text"
        moment = (
            f"toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull("
            f"if(match({text}, '{ISO_8601}'), {text}, ''), 6, 'UTC'))"
        )
        limits = [
            (parse_moment(value, self._window_end) - _EPOCH) // timedelta(microseconds=1)
            for value in self._filter.values
        ]
        if operator == "is_date_before":
            return f"ifNull({moment} < {self._bind('limit', 'Int64', max(limits))}, 0)"
        if operator == "is_date_after":
            return f"ifNull({moment} > {self._bind('limit', 'Int64', min(limits))}, 0)"
        return f"ifNull({moment} IN {self._bind('moments', 'Array(Int64)', limits)}, 0)"

    def _bind(self, name: str, kind: str, value: Any) -> str:  # noqa: ANN401
        self.parameters[f"{self._name}_{name}"] = value
        return f"{{{self._name}_{name}:{kind}}}"

    def _bind_number(self, name: str, value: str) -> str:
        # Read by the function that reads the property, so that the same digits are the same number.
        return f"JSONExtract({self._bind(name, 'String', value)}, 'Float64')"

    def _bind_lists(self) -> list[str]:
        batches = parameter_batches(self._filter.values, str, max_items=_MAX_NEEDLES)
        return [
            self._bind(f"values_{number}", "Array(String)", batch) for number, batch in enumerate(batches)
        ]


def _canonical(json_text: str) -> str:
    """Return JSON that is the same for equal values: ClickHouse writes 3.0 as 3, but -0.0 as -0."""
    return f"transform({json_text}, ['-0'], ['0'])"


def _any(conditions: Iterable[str]) -> str:
    return "(" + " OR ".join(conditions) + ")"
