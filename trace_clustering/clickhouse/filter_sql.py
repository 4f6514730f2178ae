"""Compiles property filters to a condition of the embeddings query: fixed SQL and bound values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.trace_events import bind_trace_events, write_from_trace_events
from trace_clustering.constants import TRACE_EVENT_NAMES
from trace_clustering.errors import InvalidPatternError
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.posthog.moments import ISO_8601, parse_moment
from trace_clustering.traces.window import Window

_MAX_NEEDLES: Final = 255  # limit of ClickHouse's multiSearch functions
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

# The types of PostHog's own table.
POSTHOG_EVENTS: Final = TableColumns(
    "events",
    {
        **dict.fromkeys(("event", "distinct_id", "properties"), "String"),
        "timestamp": "DateTime64(6, 'UTC')",
    },
)

_COMPARISONS: Final = {"gt": ">", "gte": ">=", "min": ">=", "lt": "<", "lte": "<=", "max": "<="}
# A denial is true where the operator it denies is false, and also where the property is missing.
_DENIALS: Final = {"is_not": "exact", "not_in": "in", "not_icontains": "icontains", "not_regex": "regex"}

_MATCHING_TRACES: Final = """trace_id IN (
    WITH
        {properties} AS properties_text,
        JSONExtractString(properties_text, '$ai_trace_id') AS filtered_trace_id,
        {definitions}
    SELECT filtered_trace_id
    {from_trace_events}
        AND filtered_trace_id != ''
        AND {conditions}
)"""


_COMPILE_PATTERNS: Final = (
    "SELECT arrayExists(pattern -> match('', pattern), {patterns:Array(String)}) AS found"
)


@dataclass(frozen=True)
class TraceCondition:
    """A condition on `trace_id`, and its bound parameters."""

    sql: str = "1"
    parameters: dict[str, Any] = field(default_factory=dict)

    def join(self, other: Self) -> Self:
        """Return the condition that both hold."""
        return replace(self, sql=f"{self.sql} AND {other.sql}", parameters=self.parameters | other.parameters)


def build_trace_condition(
    filters: Sequence[PropertyFilter], window: Window, *, columns: TableColumns = POSTHOG_EVENTS
) -> TraceCondition:
    """Return the condition that at least one event of a trace satisfies all filters by itself.

    The events are those of `bind_trace_events`. Without filters the condition is always true. `columns` are
    those of the table of events.
    """
    if not filters:
        return TraceCondition()
    parameters = bind_trace_events(window, filtered=TRACE_EVENT_NAMES)
    compilers = [
        _FilterCompiler(f"filter_{number}", item, window.end, columns) for number, item in enumerate(filters)
    ]
    sql = _MATCHING_TRACES.format(
        properties=columns.write_text("properties"),
        from_trace_events=write_from_trace_events(columns, "filtered"),
        definitions=", ".join(compiler.compile_definitions() for compiler in compilers),
        conditions=" AND ".join(compiler.compile_condition() for compiler in compilers),
    )
    for compiler in compilers:
        parameters |= compiler.parameters
    return TraceCondition(sql, parameters)


def check_patterns(session: TeamSession, filters: Sequence[PropertyFilter]) -> None:
    """Let ClickHouse compile every regular expression, so that a bad one fails even without rows to match.

    Raises
    ------
    InvalidPatternError
        If a regular expression is not valid; the message names the filter.
    """
    for number, item in enumerate(filters):
        if item.operator in ("regex", "not_regex"):
            for batch in split_for_parameters(item.values, str):
                try:
                    session.query(_COMPILE_PATTERNS, patterns=batch)
                except InvalidPatternError as error:
                    raise InvalidPatternError(
                        f"settings: trace_filters[{number}].value: {error}; correct it (the syntax is RE2)"
                    ) from error


class _FilterCompiler:
    """Compiles one filter to SQL.

    `name` comes from the filter's position, so the SQL holds no text of the filter.
    """

    def __init__(self, name: str, item: PropertyFilter, window_end: datetime, columns: TableColumns) -> None:
        self._columns = columns
        self._name = name
        self._filter = item
        self._window_end = window_end
        self.parameters: dict[str, Any] = {}

    def compile_definitions(self) -> str:
        """Return the columns that the condition uses: the property as JSON and as text, and if it is set."""
        n = self._name
        if self._filter.type == "event_metadata":
            json_text = self._write_column(self._filter.key)
        else:
            json_text = f"JSONExtractRaw(properties_text, {self._bind('key', 'String', self._filter.key)})"
        return (
            f"{_canonicalize(json_text)} AS {n}_json, {n}_json NOT IN ('', 'null') AS {n}_is_set, "
            f"startsWith({n}_json, '\"') AS {n}_is_text, "
            f"if({n}_is_text, JSONExtractString({n}_json), {n}_json) AS {n}_text"
        )

    def _write_column(self, name: str) -> str:
        """Return a column as JSON text, so that the rules for properties also hold for columns."""
        if name == "timestamp":
            return f"toJSONString({self._columns.write_moment(name, 6)})"
        return f"toJSONString({self._columns.write_text(name)})"

    def compile_condition(self) -> str:
        """Return the condition that one event satisfies the filter."""
        operator = self._filter.operator
        if operator == "is_set":
            return f"{self._name}_is_set"
        if operator == "is_not_set":
            return f"NOT {self._name}_is_set"
        if operator in _DENIALS:
            return f"NOT ({self._name}_is_set AND {self._test_operator(_DENIALS[operator])})"
        return f"({self._name}_is_set AND {self._test_operator(operator)})"

    def _test_operator(self, operator: str) -> str:
        if operator in ("exact", "in"):
            return self._test_equality()
        if operator == "icontains":
            return self._test_substrings()
        if operator == "regex":
            return self._test_patterns()
        if operator in ("between", "not_between"):
            return self._test_range(operator)
        if operator in _COMPARISONS:
            return self._test_order(operator)
        return self._test_moment(operator)

    def _test_equality(self) -> str:
        """Compare text as text, and any other property as JSON, in which 3, 3.0 and 3e0 are equal."""
        n = self._name
        return _join_with_or(
            f"if({n}_is_text, {n}_text IN {values}, "
            f"{n}_json IN (arrayMap(v -> {_canonicalize('JSONExtractRaw(v)')}, {values})))"
            for values in self._bind_lists()
        )

    def _test_substrings(self) -> str:
        return _join_with_or(
            f"multiSearchAny(lowerUTF8({self._name}_text), arrayMap(v -> lowerUTF8(v), {values}))"
            for values in self._bind_lists()
        )

    def _test_patterns(self) -> str:
        # match() takes a constant as its pattern, so each pattern needs a parameter of its own.
        return _join_with_or(
            f"match({self._name}_text,{self._bind(str(number), 'String', pattern)})"
            for number, pattern in enumerate(self._filter.values)
        )

    def _read_number(self) -> str:
        """Return the property as a number, which may be written as text; NULL if it is not a number."""
        text = f"{self._name}_text"
        return f"if(match({text}, '^-?[0-9]'), JSONExtract({text}, 'Nullable(Float64)'), NULL)"

    def _test_order(self, operator: str) -> str:
        # OR over several limits: greater than any of them means greater than the smallest, and less than any
        # of them means less than the largest.
        choose = min if operator in ("gt", "gte", "min") else max
        limit = self._bind_number("limit", choose(self._filter.values, key=float))
        return f"ifNull({self._read_number()} {_COMPARISONS[operator]} {limit}, 0)"

    def _test_range(self, operator: str) -> str:
        low, high = (
            self._bind_number(name, value)
            for name, value in zip(("low", "high"), self._filter.values, strict=True)
        )
        inside = f"{self._read_number()} BETWEEN {low} AND {high}"
        return f"ifNull({inside if operator == 'between' else f'NOT ({inside})'}, 0)"

    def _test_moment(self, operator: str) -> str:
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
        # The function that reads the property also reads the value, so that equal digits give equal numbers.
        return f"JSONExtract({self._bind(name, 'String', value)}, 'Float64')"

    def _bind_lists(self) -> list[str]:
        batches = split_for_parameters(self._filter.values, str, max_items=_MAX_NEEDLES)
        return [
            self._bind(f"values_{number}", "Array(String)", batch) for number, batch in enumerate(batches)
        ]


def _canonicalize(json_text: str) -> str:
    """Return JSON that is the same for equal values: ClickHouse writes 3.0 as 3, but -0.0 as -0."""
    return f"transform({json_text}, ['-0'], ['0'])"


def _join_with_or(conditions: Iterable[str]) -> str:
    return "(" + " OR ".join(conditions) + ")"
