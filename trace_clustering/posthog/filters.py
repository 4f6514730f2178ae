"""Parses and checks `trace_filters`, which are in PostHog's format."""

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.posthog.filter_operators import (
    OPERATORS,
    OPERATORS_OF_COLUMN,
    Operator,
    build_value_error,
    check_text,
    check_values,
)

# The client sends a statement in one form field, and the server refuses fields over 128 KiB. The statement
# grows with the number of filters, and with the number of values of regular expressions. The length of all
# values is limited because the event keeps the filters.
MAX_FILTERS: Final = 50
MAX_VALUES: Final = 1_500
MAX_TOTAL_LENGTH: Final = 500_000

_SHORT_REPR: Final = reprlib.Repr()
_SHORT_REPR.maxstring = _SHORT_REPR.maxother = 120


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
        `value`, always as a list of texts, as PostHog's own pages send it: `3` for both 3 and 3.0, which JSON
        does not distinguish; `true` and `false` for booleans. Empty for `is_set` and `is_not_set`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    type: Literal["event", "event_metadata"] = "event"
    key: str
    operator: Operator = "exact"
    values: tuple[str, ...] = Field(default=(), alias="value")

    @field_validator("type", mode="before")
    @classmethod
    def _check_type(cls, value: object) -> object:
        if value == "hogql":
            raise build_value_error(
                "SQL and HogQL expressions are never accepted; use event or event_metadata"
            )
        if value in ("AND", "OR"):
            raise build_value_error(
                "groups are not supported; list filters one after another, all of them must hold"
            )
        if value not in ("event", "event_metadata"):
            raise build_value_error(
                "only the types event (a property) and event_metadata (a column) are supported"
            )
        return value

    @field_validator("key", mode="before")
    @classmethod
    def _check_key(cls, key: object, info: ValidationInfo) -> str:
        if not isinstance(key, str) or not key:
            raise build_value_error("must be the name of a property, as text")
        if info.data.get("type") == "event_metadata" and key not in OPERATORS_OF_COLUMN:
            raise build_value_error(f"event_metadata has only the columns {_join_names(OPERATORS_OF_COLUMN)}")
        return check_text(key)

    @field_validator("operator", mode="before")
    @classmethod
    def _check_operator(cls, operator: object, info: ValidationInfo) -> object:
        if operator not in OPERATORS:
            raise build_value_error(f"must be one of {_join_names(OPERATORS)}")
        if info.data.get("type") == "event_metadata" and "key" in info.data:
            allowed = OPERATORS_OF_COLUMN[info.data["key"]]
            if operator not in allowed:
                raise build_value_error(f"the column {info.data['key']} supports only {_join_names(allowed)}")
        return operator

    @field_validator("values", mode="plain")
    @classmethod
    def _check_values(cls, value: object, info: ValidationInfo) -> tuple[str, ...]:
        if "operator" not in info.data:  # the operator is refused already, and its error is enough
            return ()
        return check_values(info.data["operator"], value)


def parse_filters(filters: Sequence[Any]) -> list[PropertyFilter]:
    """Check the filters of a run.

    `label` and every key that is null are accepted and ignored, because PostHog writes them.

    Parameters
    ----------
    filters : sequence
        Objects `{key, value, operator, type}`.

    Raises
    ------
    InvalidSettingsError
        If one of them is not a filter, is incomplete, or has an unknown key, type, operator or column: the
        message names its position, from 0. Also if there are too many filters or values, or too long ones.
    """
    _require_at_most(MAX_FILTERS, len(filters), "filters")
    parsed = [_parse_filter(item, f"trace_filters[{number}]") for number, item in enumerate(filters)]
    values = [value for item in parsed for value in item.values]
    _require_at_most(MAX_VALUES, len(values), "values")
    _require_at_most(MAX_TOTAL_LENGTH, sum(map(len, values)), "characters of values")
    return parsed


def _require_at_most(limit: int, count: int, what: str) -> None:
    if count > limit:
        raise InvalidSettingsError(f"settings: trace_filters has {count} {what} in all; at most {limit}")


def _parse_filter(item: object, place: str) -> PropertyFilter:
    if not isinstance(item, dict):
        raise InvalidSettingsError(
            f"settings: {place} = {_SHORT_REPR.repr(item)}: "
            "must be an object with key, value, operator and type"
        )
    given = {name: value for name, value in item.items() if name != "label" and value is not None}
    given.setdefault("value", None)  # so that _check_values reports a missing value
    try:
        return PropertyFilter.model_validate(given)
    except ValidationError as error:
        reasons = explain_validation(
            error,
            prefix=f"{place}.",
            missing="it names the property",
            unknown="a filter has only key, value, operator and type",
            show=lambda _, value: _SHORT_REPR.repr(value),
        )
        raise InvalidSettingsError(f"settings: {reasons}") from None


def _join_names(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
