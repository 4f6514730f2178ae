"""What Dagster's launchpad makes of a resource: which values it fills in, and which it may not.

*Open launchpad* writes every default that Dagster knows into the run's configuration. Such a default would
look as if the run had chosen it, and would win over the environment and the settings of the team. In the
place of a secret it writes asterisks, even if the secret is empty, and the run would send them as the key.
"""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

_MASK = "*"


class LaunchpadResource(dg.ConfigurableResource[Any]):
    """A resource that behaves the same whether a run sends nothing or what the launchpad filled in.

    Asterisks and null count as not given, so what is set in `definitions.py` or elsewhere stays.
    """

    def list_given(self) -> dict[str, Any]:
        """Return the fields that a run or `definitions.py` gave, with their values."""
        return {name: self._read_field(name) for name in self.model_fields_set}

    def _read_field(self, name: str) -> Any:  # noqa: ANN401 - whatever the field holds
        value = getattr(self, name)
        if isinstance(value, dg.EnvVar):
            # Dagster replaces a variable by its value only where it takes the value from its configuration.
            is_text = type(self).model_fields[name].annotation is str
            return value.get_value() if is_text else {"env": value.env_var_name}
        return value

    @classmethod
    def combine(cls, lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of two origins together; those of the upper one win."""
        return {**lower, **upper}

    @model_validator(mode="before")
    @classmethod
    def _drop_what_is_not_given(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if is_given(value)}

    def _with_updated_values(self, values: Mapping[str, Any] | None) -> Self:
        """Return a copy with the values of a run; Dagster calls this before the run's first step.

        Dagster's own method passes on all values of the first resource, its defaults too, so that one could
        not tell any more which were given; and it lets the asterisks of the launchpad replace a key.
        """
        given = {name: value for name, value in (values or {}).items() if is_given(value)}
        copy = type(self)(**self.combine(self.list_given(), given))
        context = self._state__internal__.resource_context
        copy._state__internal__ = copy._state__internal__._replace(resource_context=context)
        return copy


def optional(description: str, *, default: Any, secret: bool = False, **constraints: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """Declare a field of a resource that the launchpad leaves out.

    Parameters
    ----------
    description : str
    default : object
        Value of the field if it is not given. Dagster does not get to know it.
    secret : bool
        Whether the value must be shown nowhere.
    **constraints
        Bounds and patterns of pydantic's `Field`.
    """
    return Field(
        default_factory=lambda: default,
        description=description + tell_default(default),
        repr=not secret,
        json_schema_extra={"dagster__is_secret": secret},
        **constraints,
    )


def is_given(value: object) -> bool:
    """Return whether a value was given: null was not, and asterisks stand for what the launchpad hides."""
    return value is not None and not (
        isinstance(value, str) and value.strip() and not value.strip().strip(_MASK)
    )


def describe_field(field: FieldInfo) -> str:
    """Return the description of a field without its default, which tables show apart."""
    default = field.get_default(call_default_factory=True, validated_data={})
    return (field.description or "").removesuffix(tell_default(default))


def tell_default(default: object) -> str:
    """Return a sentence that tells a default, to be added to a description; empty for nothing."""
    return "" if default in (None, "", {}, []) else f" Default: {default}."
