"""What resources with an endpoint share: their fields come from the run, the team and the environment."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import dagster as dg
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.launchpad import LaunchpadResource, is_given
from trace_clustering.llm.environment import name_variable, read_fields

if TYPE_CHECKING:
    Text = str
else:
    # Dagster fills in the value of a variable wherever it knows that a field is a text.
    Text = Annotated[Any, BeforeValidator(lambda value: _refuse_variables(value))]


class EndpointResource(LaunchpadResource):
    """A resource that has an endpoint, with the fields `base_url` and `api_key`.

    Attributes
    ----------
    key : str
        Key of the resource; the names of its variables follow from it.
    """

    key: ClassVar[str]

    @classmethod
    def combine(cls, lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of two origins together; an address does not get the key of another origin."""
        address = str(upper.get("base_url", "")).strip()
        if address and address != str(lower.get("base_url", "")).strip():
            lower = {name: value for name, value in lower.items() if name != "api_key"}
        return super().combine(lower, upper)

    def resolve(self, of_team: Mapping[str, Any] | None = None) -> Self:
        """Return the resource of a run for a team, each field from the first that gives it.

        These are: the run (or `definitions.py`), the settings of the team, the environment, the default.

        Parameters
        ----------
        of_team : mapping, optional
            Fields that the settings of the team give.

        Raises
        ------
        InvalidSettingsError
            If a value is not allowed; the message names the variables if one of them holds it.
        """
        variables = read_fields(type(self).model_fields, self.key)
        try:
            type(self)(**variables)
        except InvalidSettingsError as error:
            named = [name for name in variables if name in str(error)] or list(variables)
            names = ", ".join(name_variable(name, self.key) for name in named)
            raise InvalidSettingsError(f"{names}: {error}") from None
        lower = self.combine(variables, {n: v for n, v in (of_team or {}).items() if is_given(v)})
        return type(self)(**self.combine(lower, self.list_given()))


def _refuse_variables(value: object) -> object:
    """Refuse the name of a variable: its value would be sent away, and shown as the name of the model."""
    if isinstance(value, str) and not isinstance(value, dg.EnvVar):
        return value
    raise PydanticCustomError("text", "must be a text; only api_key takes the name of a variable")
