"""The filters of `trace_filters`, in PostHog's format: checked at the door, trusted after."""

import reprlib
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.posthog.filter_operators import (
    OPERATORS,
    OPERATORS_OF_COLUMN,
    Operator,
    checked_text,
    checked_values,
    fault,
)

# A statement travels to a server in one form field of at most 128 KiB; it grows with filters and, where they
# are regular expressions, with values. Their length matters too: filters are kept in the event.
MAX_FILTERS: Final = 50
MAX_VALUES: Final = 1_500
MAX_TOTAL_LENGTH: Final = 500_000

_SHORT: Final = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 120


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

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    type: Literal["event", "event_metadata"] = "event"
    key: str
    operator: Operator = "exact"
    values: tuple[str, ...] = Field(default=(), alias="value")

    @field_validator("type", mode="before")
    @classmethod
    def _check_type(cls, value: object) -> object:
        if value == "hogql":
            raise fault("SQL and HogQL expressions are never accepted; use event or event_metadata")
        if value in ("AND", "OR"):
            raise fault("groups are not supported; list filters one after another, all of them must hold")
        if value not in ("event", "event_metadata"):
            raise fault("only the types event (a property) and event_metadata (a column) are supported")
        return value

    @field_validator("key", mode="before")
    @classmethod
    def _check_key(cls, key: object, info: ValidationInfo) -> str:
        if not isinstance(key, str) or not key:
            raise fault("must be the name of a property, as text")
        if info.data.get("type") == "event_metadata" and key not in OPERATORS_OF_COLUMN:
            raise fault(f"of type event_metadata there are only {_join_names(OPERATORS_OF_COLUMN)}")
        return checked_text(key)

    @field_validator("operator", mode="before")
    @classmethod
    def _check_operator(cls, operator: object, info: ValidationInfo) -> object:
        if operator not in OPERATORS:
            raise fault(f"must be one of {_join_names(OPERATORS)}")
        if info.data.get("type") == "event_metadata" and "key" in info.data:
            allowed = OPERATORS_OF_COLUMN[info.data["key"]]
            if operator not in allowed:
                raise fault(f"the column {info.data['key']} can only be asked {_join_names(allowed)}")
        return operator

    @field_validator("values", mode="plain")
    @classmethod
    def _check_values(cls, value: object, info: ValidationInfo) -> tuple[str, ...]:
        if "operator" not in info.data:  # which is told already
            return ()
        return checked_values(info.data["operator"], value)


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
        position, from 0 on. Also if they are too many or too long.
    """
    _require_at_most(MAX_FILTERS, len(filters), "filters")
    parsed = [_parse(item, f"trace_filters[{number}]") for number, item in enumerate(filters)]
    values = [value for item in parsed for value in item.values]
    _require_at_most(MAX_VALUES, len(values), "values")
    _require_at_most(MAX_TOTAL_LENGTH, sum(map(len, values)), "characters of values")
    return parsed


def _require_at_most(limit: int, count: int, what: str) -> None:
    if count > limit:
        raise InvalidSettingsError(f"settings: trace_filters has {count} {what} in all; at most {limit}")


def _parse(item: object, place: str) -> PropertyFilter:
    if not isinstance(item, dict):
        raise InvalidSettingsError(
            f"settings: {place} = {_SHORT.repr(item)}: must be an object with key, value, operator and type"
        )
    given = {name: value for name, value in item.items() if name != "label" and value is not None}
    given.setdefault("value", None)  # so that the validator of values is the one to miss it
    try:
        return PropertyFilter.model_validate(given)
    except ValidationError as error:
        reasons = explain_validation(
            error,
            prefix=f"{place}.",
            missing="it names the property",
            unknown="a filter has only key, value, operator and type",
            show=lambda _, value: _SHORT.repr(value),
        )
        raise InvalidSettingsError(f"settings: {reasons}") from None


def _join_names(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}"
