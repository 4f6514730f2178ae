"""How a setting is declared: each of its facts stands in its field, and nowhere else."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo


def setting(
    description: str,
    *,
    default: Any,  # noqa: ANN401 - whatever the field holds
    stages: Sequence[str] = (),
    reported: Literal[True, False, "if_set"] = False,
    **constraints: Any,  # noqa: ANN401 - as pydantic's Field takes them
) -> Any:  # noqa: ANN401 - typed like pydantic's Field
    """Declare a setting of a run.

    Parameters
    ----------
    description : str
        What it means, without its bounds: those are added from the constraints.
    default : object
    stages : sequence of str
        The assets in which it takes effect, and which record it. None if it changes no result.
    reported : bool or "if_set"
        Whether the event reports it; "if_set": only if it is not 0, false or empty.
    **constraints
        Bounds and patterns of pydantic's `Field`.
    """
    extra: Any = {"stages": list(stages), "reported": reported}
    if bounds := _describe_range(constraints):
        description += f" {bounds[:1].upper()}{bounds[1:]}."
    return Field(default=default, description=description, json_schema_extra=extra, **constraints)


def describe_bounds(field: FieldInfo) -> str:
    """Return the bounds of a field in words, such as `from 1 to 90`; empty if it has none."""
    names = ("ge", "gt", "le", "lt")
    return _describe_range({n: getattr(c, n) for c in field.metadata for n in names if hasattr(c, n)})


def _describe_range(constraints: dict[str, Any]) -> str:
    low = constraints.get("ge", constraints.get("gt"))
    high = constraints.get("le", constraints.get("lt"))
    if low is None:
        return "" if high is None else f"at most {high}"
    if high is None:
        return f"at least {low}" if "ge" in constraints else f"above {low}"
    return f"from {low} to {high}"


def describe_fields(model: type[BaseModel]) -> str:
    """Return the fields of a model in one line: what each means, its bounds and its default."""
    return "; ".join(
        f"{name}, the {field.description} ({describe_bounds(field)}, default {field.default})"
        for name, field in model.model_fields.items()
    )
