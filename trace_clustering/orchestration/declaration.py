"""How a setting is declared: all facts about a setting stand in its field, and are read from there."""

from collections.abc import Sequence
from copy import deepcopy
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo

from trace_clustering.launchpad import tell_default

Reported = Literal[True, False, "if_set"]


def setting(
    description: str,
    *,
    default: Any,  # noqa: ANN401 - whatever the field holds
    stages: Sequence[str] = (),
    reported: Reported = False,
    **constraints: Any,  # noqa: ANN401 - as pydantic's Field takes them
) -> Any:  # noqa: ANN401 - typed like pydantic's Field
    """Declare a setting of a run.

    Parameters
    ----------
    description : str
        What the setting does. Its bounds are added to the text from the constraints.
    default : object
    stages : sequence of str
        Names of the assets in which the setting takes effect, and which record it. Empty if no asset records
        it.
    reported : bool or "if_set"
        Whether the event reports the setting. "if_set": only a value that is not the default.
    **constraints
        Bounds and patterns of pydantic's `Field`.
    """
    extra: Any = {"stages": list(stages), "reported": reported}
    if bounds := _describe_range(constraints):
        description += f" {bounds[:1].upper()}{bounds[1:]}."
    # Dagster does not get to know the default: the launchpad would fill it in, as if the run had named the
    # setting, and it would win over the settings of the team.
    return Field(
        default_factory=lambda: deepcopy(default),
        description=description + tell_default(default),
        json_schema_extra=extra,
        **constraints,
    )


def list_settings_of_stage(model: type[BaseModel], stage: str) -> list[str]:
    """Return the names of the settings that take effect in an asset, given the asset's name."""
    return [name for name, field in model.model_fields.items() if stage in list_stages(field)]


def list_stages(field: FieldInfo) -> list[str]:
    """Return the names of the assets that record a setting."""
    return list(_extra(field)["stages"])


def list_reported_settings(model: type[BaseModel], reported: Reported) -> list[str]:
    """Return the names of the settings that are declared with this value of `reported`."""
    return [name for name, field in model.model_fields.items() if _extra(field)["reported"] == reported]


def describe_bounds(field: FieldInfo) -> str:
    """Return the bounds of a field in words, such as `from 1 to 90`; empty if it has none."""
    names = ("ge", "gt", "le", "lt")
    return _describe_range({n: getattr(c, n) for c in field.metadata for n in names if hasattr(c, n)})


def _describe_range(constraints: dict[str, Any]) -> str:
    low = _write_number(constraints.get("ge", constraints.get("gt")))
    high = _write_number(constraints.get("le", constraints.get("lt")))
    if low is None:
        return "" if high is None else f"at most {high}"
    if high is None:
        return f"at least {low}" if "ge" in constraints else f"above {low}"
    return f"from {low} to {high}"


def _write_number(value: float | None) -> str | None:
    """Return a number without an exponent: not everybody reads 5e-05 as 0.00005."""
    return None if value is None else f"{Decimal(str(value)):f}"


def describe_fields(model: type[BaseModel]) -> str:
    """Return the fields of a model in one line: what each means, its bounds and its default."""
    return "; ".join(
        f"{name}, the {field.description} ({describe_bounds(field)}, default {field.default})"
        for name, field in model.model_fields.items()
    )


def _extra(field: FieldInfo) -> dict[str, Any]:
    return cast("dict[str, Any]", field.json_schema_extra)
