"""The setting `source` of a team: in which tables its traces are, and which rows of them."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from trace_clustering.clickhouse.identifiers import check_identifier
from trace_clustering.environment import MAX_TEAM_ID, SOURCE_DSN
from trace_clustering.errors import InvalidSettingsError, explain_validation
from trace_clustering.text import escape_controls

_VARIABLE = re.compile(rf"{SOURCE_DSN}(_\w+)?", re.ASCII)
_NEEDED = "the traces of a team are told from those of others by it"


def _check_name(name: object) -> object:
    return check_identifier(name) if isinstance(name, str) else name


def _list_one(value: object) -> object:
    return [value] if isinstance(value, str) else value


Identifier = Annotated[str, BeforeValidator(_check_name)]
OwnerId = Annotated[str, Field(min_length=1, max_length=1000)]


class Variable(BaseModel):
    """The environment variable that holds the address of another server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str


class _Tables(BaseModel):
    """What all kinds have: where the tables are.

    Attributes
    ----------
    database : str
        Empty: that of the address.
    dsn : Variable or None
        None: the place that the project itself writes to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    database: Annotated[str, BeforeValidator(lambda name: _check_name(name) if name else name)] = ""
    dsn: Variable | None = None


class LangfuseSource(_Tables):
    """Langfuse's `traces`, `observations` and, if it is there, `scores`, of one project."""

    kind: Literal["langfuse"]
    project_id: OwnerId
    traces_table: Identifier = "traces"
    observations_table: Identifier = "observations"
    scores_table: Identifier = "scores"


class LangfuseEventsSource(_Tables):
    """Langfuse's `events_full` and, if it is there, `scores`, of one project."""

    kind: Literal["langfuse_events"]
    project_id: OwnerId
    events_table: Identifier = "events_full"
    scores_table: Identifier = "scores"


class OtelSource(_Tables):
    """The collector's `otel_traces` and, if it is there, `otel_logs`: of services, or of some resources.

    If both are given, a span must satisfy both.
    """

    kind: Literal["otel"]
    service: Annotated[list[OwnerId], BeforeValidator(_list_one)] = []
    # An empty value would be that of every resource without the attribute.
    resource_attribute: dict[OwnerId, OwnerId] = {}
    spans_table: Identifier = "otel_traces"
    logs_table: Identifier = "otel_logs"


class PostHogSource(_Tables):
    """PostHog's `events` of one of its projects, and the table that holds the long texts, if there is one."""

    kind: Literal["posthog"]
    team_id: Annotated[int, Field(strict=True, ge=1, le=MAX_TEAM_ID)]
    events_table: Identifier = "events"
    ai_events_table: Annotated[str, BeforeValidator(lambda name: _check_name(name) if name else name)] = ""


TraceSource = LangfuseSource | LangfuseEventsSource | OtelSource | PostHogSource
_KINDS = ("langfuse", "langfuse_events", "otel", "posthog")
_MODELS: TypeAdapter[TraceSource] = TypeAdapter(Annotated[TraceSource, Field(discriminator="kind")])


def parse_source(fields: object) -> TraceSource:
    """Return the source that a team's settings name.

    Raises
    ------
    InvalidSettingsError
        With the name and the value of each field that is wrong; an address that stands there is not shown.
    """
    if not isinstance(fields, dict):
        raise InvalidSettingsError(f"source must map names of fields to values, not {fields!r}")
    if (kind := fields.get("kind")) not in _KINDS:
        raise InvalidSettingsError(f"source.kind = {kind!r}: choose one of {', '.join(_KINDS)}")
    _check_variable(fields.get("dsn"))
    try:
        source = _MODELS.validate_python(fields)
    except ValidationError as error:
        reasons = explain_validation(error, missing=_NEEDED, unknown=f"a source of {kind} has no such field")
        raise InvalidSettingsError(f"source: {reasons.replace(f'{kind}.', '')}") from None
    if isinstance(source, OtelSource) and not (source.service or source.resource_attribute):
        raise InvalidSettingsError(f"source: service or resource_attribute is missing; {_NEEDED}")
    return source


def is_own_table(source: TraceSource, team_id: int, database: str, events_table: str) -> bool:
    """Return whether a source is the team's own part of the table in which the project stores events."""
    return (
        isinstance(source, PostHogSource)
        and source.dsn is None
        and source.team_id == team_id
        and source.database in ("", database)
        and source.events_table == events_table
    )


def _check_variable(dsn: Any) -> None:  # noqa: ANN401 - whatever the file holds
    """Refuse an address that is written out, and a variable that is not meant for one."""
    if dsn is None:
        return
    name = dsn["env"] if isinstance(dsn, dict) and dsn.keys() == {"env"} else None
    if not isinstance(name, str):
        raise InvalidSettingsError(
            "source: dsn must not be written here, because it may hold a password; name the variable that "
            f'holds it, such as {{"env": "{SOURCE_DSN}"}}'
        )
    if not _VARIABLE.fullmatch(name):
        raise InvalidSettingsError(
            f"source: dsn names the variable {escape_controls(name)!r}, which is not meant for it; give the "
            f"address in {SOURCE_DSN} or in a variable whose name begins with {SOURCE_DSN}_"
        )
