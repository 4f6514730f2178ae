"""The tree of errors is the one that is drawn, and pydantic's errors become sentences."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from trace_clustering import errors


class Parcel(BaseModel):
    """What the tests validate."""

    model_config = ConfigDict(extra="forbid")

    weight: int = Field(ge=1)
    stamps: list[int] = []
    address: str | None = "here"

    @field_validator("address")
    @classmethod
    def _require_address(cls, address: str | None) -> str:
        if address is None:
            raise PydanticCustomError(errors.MISSING_VALUE, "a parcel needs an address")
        return address


def explain(fields: dict[str, Any], **how: Any) -> str:
    """Return the explanation of what is wrong with a parcel."""
    with pytest.raises(ValidationError) as caught:
        Parcel.model_validate(fields)
    return errors.explain_validation(caught.value, **how)


def drawn_parents() -> dict[str, str]:
    """Return the parent of every error in the tree of the docstring; that of a root is `Exception`."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines()[1:]:
        branch = line.split("  ")[0] if line[:1].isalpha() else line.rstrip()
        name = branch.lstrip("│├└─ ").split(" ")[0]
        if not name:
            continue
        depth = (len(branch) - len(branch.lstrip("│├└─ "))) // 4
        path = [*path[:depth], name]
        assert len(path) == depth + 1, line
        assert name not in parents, line
        parents[name] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert all(c.__module__ == errors.__name__ and len(c.__bases__) == 1 for c in classes)
    assert drawn_parents() == {c.__name__: c.__bases__[0].__name__ for c in classes}


def test_only_faults_are_worth_a_retry() -> None:
    for error in vars(errors).values():
        if isinstance(error, type) and issubclass(error, errors.TraceClusteringError):
            assert error.retryable == issubclass(error, errors.FaultError)


def test_a_wrong_value_is_shown_with_its_field_and_the_reason() -> None:
    assert explain({"weight": 0}) == "weight = 0: Input should be greater than or equal to 1"


def test_the_prefix_and_the_path_name_the_field() -> None:
    assert explain({"weight": 1, "stamps": [5, "x"]}, prefix="parcel.").startswith("parcel.stamps.1 = 'x': ")


def test_all_faults_become_one_sentence() -> None:
    assert explain({"weight": 0, "stamps": None}).count("; ") == 1


def test_a_missing_field_is_explained() -> None:
    assert explain({}) == "weight is missing; Field required"
    assert explain({}, missing="a parcel weighs something") == "weight is missing; a parcel weighs something"


def test_a_validator_can_say_that_a_value_is_missing() -> None:
    assert explain({"weight": 1, "address": None}) == "address is missing; a parcel needs an address"


def test_an_unknown_field_is_refused_with_the_reason_that_was_given() -> None:
    assert explain({"weight": 1, "colour": "red"}) == "colour = 'red': there is no such field"
    assert explain({"weight": 1, "colour": "red"}, unknown="only weight") == "colour = 'red': only weight"


def test_a_value_is_shown_as_the_caller_wants_it_or_not_at_all() -> None:
    def show(path: tuple[int | str, ...], value: object) -> str:
        return "" if path == ("colour",) else f"<{value}>"

    explanation = explain({"weight": 0, "colour": "a secret"}, show=show)
    assert explanation.startswith("weight = <0>: ")
    assert explanation.endswith("colour: there is no such field")
    assert "secret" not in explanation


def test_only_the_first_faults_are_explained() -> None:
    explanation = explain({"weight": 1, "stamps": ["x"] * 30})
    assert explanation.count("stamps.") == 20
    assert explain({"weight": 1, "stamps": ["x"] * 30}, max_faults=2).count("stamps.") == 2
