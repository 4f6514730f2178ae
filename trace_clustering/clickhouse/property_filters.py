"""The filters of `trace_filters`, in PostHog's format: checked at the door, trusted after."""

import json
import math
import re
import reprlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from trace_clustering.clickhouse.moments import parse_moment
from trace_clustering.errors import InvalidSettingsError

TextOperator = Literal["exact", "is_not", "in", "not_in", "icontains", "not_icontains", "regex", "not_regex"]
OrderOperator = Literal["gt", "gte", "lt", "lte", "min", "max"]
RangeOperator = Literal["between", "not_between"]
DateOperator = Literal["is_date_exact", "is_date_before", "is_date_after"]
SetOperator = Literal["is_set", "is_not_set"]
Operator = Literal[TextOperator, OrderOperator, RangeOperator, DateOperator, SetOperator]
OPERATORS: Final = tuple(
    name
    for group in (TextOperator, OrderOperator, RangeOperator, DateOperator, SetOperator)
    for name in get_args(group)
)

_SEARCHES: Final = ("icontains", "not_icontains", "regex", "not_regex")

# The columns of an event that filters may ask for, and what can be asked: a column is never missing.
OPERATORS_OF_COLUMN: Final = {
    "event": (*get_args(TextOperator), "is_set"),
    "distinct_id": (*get_args(TextOperator), "is_set"),
    "timestamp": (*get_args(DateOperator), "is_set"),
}

# Filters are kept with every asset and in the event, and the statement made of them must stay parsable.
MAX_FILTERS: Final = 100
MAX_VALUES: Final = 2_000
MAX_TEXT_LENGTH: Final = 10_000
MAX_TOTAL_LENGTH: Final = 1_000_000

_SOME_MOMENT = datetime(2025, 1, 1, tzinfo=UTC)  # no window ends earlier
_NUMBER = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?")


class PropertyFilter(BaseModel):
    """One condition on an event.

    Attributes
    ----------
    type : {'event', 'event_metadata'}
        Whether `key` names a property of the event or a column.
    key : str
        A top-level key of the event's properties, taken literally; or a column.
    operator : str
    values : tuple of str
        `value`, always as a list and as text, as PostHog's own pages send it: `3` for the number 3 and for
        3.0, which JSON does not tell apart; `true` and `false`. Empty for `is_set` and `is_not_set`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["event", "event_metadata"] = "event"
    key: str
    operator: Operator = "exact"
    values: tuple[str, ...] = Field(default=(), alias="value", validate_default=True)

    @field_validator("type", mode="before")
    @classmethod
    def _check_type(cls, value: object) -> object:
        if value == "hogql":
            raise _fault("SQL and HogQL expressions are never accepted; use event or event_metadata")
        if value in ("AND", "OR"):
            raise _fault(
                "groups are not supported; list the filters one after another, all of them must hold"
            )
        if value not in ("event", "event_metadata"):
            raise _fault("only the types event (a property) and event_metadata (a column) are supported")
        return value

    @field_validator("key", mode="before")
    @classmethod
    def _check_key(cls, key: object, info: ValidationInfo) -> str:
        if not isinstance(key, str) or not key:
            raise _fault("must be the name of a property, as text")
        if info.data.get("type") == "event_metadata" and key not in OPERATORS_OF_COLUMN:
            raise _fault(f"of type event_metadata there are only {_listed(OPERATORS_OF_COLUMN)}")
        return _checked_text(key)

    @field_validator("operator", mode="before")
    @classmethod
    def _check_operator(cls, operator: object, info: ValidationInfo) -> object:
        if info.data.get("type") == "event_metadata" and "key" in info.data:
            allowed: Sequence[str] = OPERATORS_OF_COLUMN[info.data["key"]]
            which = f"the column {info.data['key']} can only be asked"
        else:
            allowed = OPERATORS
            which = "must be one of"
        if operator not in allowed:
            raise _fault(f"{which} {_listed(allowed)}")
        return operator

    @field_validator("values", mode="plain")
    @classmethod
    def _check_values(cls, value: object, info: ValidationInfo) -> tuple[str, ...]:
        operator = info.data.get("operator")
        if operator is None or operator in get_args(SetOperator):  # PostHog sends all sorts of values here
            return ()
        if value in (None, ()):
            raise _fault(f"is missing; {operator} needs one")
        values = tuple(_text(item) for item in (value if isinstance(value, list) else [value]))
        if not values:
            raise _fault("an empty list means nothing; name at least one value, or leave the filter out")
        if "" in values and operator in _SEARCHES:
            raise _fault(f"an empty text is found in every text; {operator} needs another, or use is_set")
        if operator in get_args(OrderOperator) or operator in get_args(RangeOperator):
            values = tuple(_number(item, operator) for item in values)
        if operator in get_args(RangeOperator) and (len(values) != 2 or float(values[0]) > float(values[1])):
            raise _fault(f"{operator} needs two numbers, the smaller one first")
        if operator in get_args(DateOperator):
            for item, text in zip(value if isinstance(value, list) else [value], values, strict=True):
                _check_moment(item, text)
        return values


def parse_filters(filters: Sequence[Any]) -> list[PropertyFilter]:
    """Check the filters of a run.

    Keys that PostHog writes and that say nothing here are accepted: `label`, and whatever is null.

    Parameters
    ----------
    filters : sequence
        Objects `{key, value, operator, type}`.

    Raises
    ------
    InvalidSettingsError
        If one of them is no filter, or incomplete, or asks for what does not exist; it is named by its
        position, from 0 on. Also if there are too many.
    """
    if len(filters) > MAX_FILTERS:
        raise InvalidSettingsError(f"settings: trace_filters: {len(filters)} filters; at most {MAX_FILTERS}")
    parsed = [_parse(item, f"trace_filters[{number}]") for number, item in enumerate(filters)]
    values = [value for item in parsed for value in item.values]
    if len(values) > MAX_VALUES:
        raise InvalidSettingsError(
            f"settings: trace_filters: {len(values)} values in all; at most {MAX_VALUES}"
        )
    length = sum(map(len, values))
    if length > MAX_TOTAL_LENGTH:
        raise InvalidSettingsError(
            f"settings: trace_filters: {length} characters in all values; at most {MAX_TOTAL_LENGTH}"
        )
    return parsed


def _parse(item: object, place: str) -> PropertyFilter:
    if not isinstance(item, dict):
        raise InvalidSettingsError(
            f"settings: {place} = {_shown(item)}: must be an object with key, value, operator and type"
        )
    given = {name: value for name, value in item.items() if name != "label" and value is not None}
    try:
        return PropertyFilter.model_validate(given)
    except ValidationError as error:
        raise InvalidSettingsError(
            "settings: " + "; ".join(_told(fault, place) for fault in error.errors(include_url=False))
        ) from None


def _told(fault: Any, place: str) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"{place}.{name} is missing; a filter needs the name of a property"
    why = fault["msg"]
    if fault["type"] == "extra_forbidden":
        why = "no such field; a filter has key, value, operator and type"
    return f"{place}.{name} = {_shown(fault['input'])}: {why}"


def _shown(value: object) -> str:
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120


def _fault(why: str) -> PydanticCustomError:
    return PydanticCustomError("filter", "{why}", {"why": why})


def _listed(names: Sequence[str] | dict[str, Any]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"


def _text(value: object) -> str:
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float) and math.isfinite(value):
        return json.dumps(int(value) if value.is_integer() and abs(value) < 1e16 else value)
    if isinstance(value, str):
        return _checked_text(value)
    raise _fault("must be a text, a finite number, true or false, or a list of these")


def _checked_text(text: str) -> str:
    if len(text) > MAX_TEXT_LENGTH:
        raise _fault(f"{len(text)} characters; at most {MAX_TEXT_LENGTH}")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise _fault("holds half a character (a lone surrogate), which no event can hold")
    return text


def _number(text: str, operator: str) -> str:
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise _fault(f"{operator} compares numbers, and this is none")
    return json.dumps(number)


def _check_moment(item: object, text: str) -> None:
    try:
        if not isinstance(item, str):
            raise ValueError("a date must be a text, such as 2025-01-22")
        parse_moment(text, _SOME_MOMENT)
    except ValueError as error:
        raise _fault(str(error)) from None
