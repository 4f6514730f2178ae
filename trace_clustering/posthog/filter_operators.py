"""The operators of property filters, and the values that each of them takes."""

import json
import math
import re
from datetime import UTC, datetime
from typing import Final, Literal, get_args

from pydantic_core import PydanticCustomError

from trace_clustering.errors import MISSING_VALUE
from trace_clustering.posthog.moments import parse_moment

TextOperator = Literal["exact", "is_not", "in", "not_in", "icontains", "not_icontains", "regex", "not_regex"]
OrderOperator = Literal["gt", "gte", "lt", "lte", "min", "max"]
RangeOperator = Literal["between", "not_between"]
DateOperator = Literal["is_date_exact", "is_date_before", "is_date_after"]
SetOperator = Literal["is_set", "is_not_set"]
Operator = Literal[TextOperator, OrderOperator, RangeOperator, DateOperator, SetOperator]

_TEXT, _ORDER, _RANGE, _DATE, _SET = (
    get_args(group) for group in (TextOperator, OrderOperator, RangeOperator, DateOperator, SetOperator)
)
OPERATORS: Final = (*_TEXT, *_ORDER, *_RANGE, *_DATE, *_SET)
# The columns of an event that filters may use, and the operators of each. `is_not_set` is not among them
# because a column is never missing.
OPERATORS_OF_COLUMN: Final = {
    "event": (*_TEXT, "is_set"),
    "distinct_id": (*_TEXT, "is_set"),
    "timestamp": (*_DATE, "is_set"),
}
MAX_TEXT_LENGTH: Final = 10_000

_SEARCH_OPERATORS: Final = ("icontains", "not_icontains", "regex", "not_regex")
# Relative dates are checked against it, because filters are parsed before the window is known. A date that
# can be counted back from here can be counted back from the end of any window: none ends earlier.
_EARLIEST_WINDOW_END: Final = datetime(2025, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")


def build_value_error(why: str) -> PydanticCustomError:
    """Return an error that says why the value of a field is refused."""
    return PydanticCustomError("filter", "{why}", {"why": why})


def check_values(operator: str, value: object) -> tuple[str, ...]:
    """Return the values of a filter as texts.

    `is_set` and `is_not_set` have no values. Whatever is given for them is ignored, because PostHog writes
    different things there.

    Raises
    ------
    PydanticCustomError
        If there is no value, or the operator cannot work with it.
    """
    if operator in _SET:
        return ()
    if value is None:
        raise PydanticCustomError(MISSING_VALUE, "{operator} needs a value", {"operator": operator})
    items = value if isinstance(value, list) else [value]
    if not items:
        raise build_value_error(
            "an empty list means nothing; name at least one value, or leave the filter out"
        )
    texts = tuple(_to_text(item) for item in items)
    if operator in _SEARCH_OPERATORS and "" in texts:
        raise build_value_error(
            f"every text contains the empty text; {operator} needs a longer one, or use is_set"
        )
    if operator in _DATE:
        _require_moments(items)
    if operator in _ORDER:
        return tuple(_check_number(text, operator) for text in texts)
    if operator in _RANGE:
        return _check_bounds(texts, operator)
    return texts


def check_text(text: str) -> str:
    """Return a key or value unchanged.

    Raises
    ------
    PydanticCustomError
        If it is too long, or no event can hold it.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise build_value_error(f"{len(text)} characters; at most {MAX_TEXT_LENGTH}")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise build_value_error("holds half a character (a lone surrogate), which no event can hold")
    return text


def _to_text(value: object) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float) and math.isfinite(value):
        return json.dumps(int(value) if value.is_integer() and abs(value) < 1e16 else value)
    if isinstance(value, str):
        return check_text(value)
    raise build_value_error("must be a text, a finite number, true or false, or a list of these")


def _check_number(text: str, operator: str) -> str:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise build_value_error(f"{operator} compares numbers, and this is not a number")
    return json.dumps(number)


def _check_bounds(texts: tuple[str, ...], operator: str) -> tuple[str, ...]:
    bounds = tuple(_check_number(text, operator) for text in texts)
    if len(bounds) != 2 or float(bounds[0]) > float(bounds[1]):
        raise build_value_error(f"{operator} needs a list of two numbers, the smaller one first")
    return bounds


def _require_moments(items: list[object]) -> None:
    for item in items:
        if not isinstance(item, str):
            raise build_value_error("a date must be a text, such as 2025-01-22")
        try:
            parse_moment(item, _EARLIEST_WINDOW_END)
        except ValueError as error:
            raise build_value_error(str(error)) from None
