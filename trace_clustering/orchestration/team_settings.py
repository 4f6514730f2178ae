"""The settings of each team's runs: one file, read and checked when the code location loads."""

from typing import Any

import dagster as dg

from trace_clustering.clickhouse.source_tables.trace_source import TraceSource, parse_source
from trace_clustering.documents.embedder import Embedder
from trace_clustering.environment import TEAM_SETTINGS, find_team_settings_file
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.access import KEY_VARIABLES
from trace_clustering.llm.resource import LLM
from trace_clustering.llm.settable import EndpointResource
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.team_file import TeamFile

# Beside the settings of a team, its fields of these resources stand under their keys.
_RESOURCES: tuple[type[EndpointResource], ...] = (LLM, Embedder)
_SOURCE = "source"  # where its traces are
_BESIDE_SETTINGS = {_SOURCE, *(resource.key for resource in _RESOURCES)}


def load_team_settings() -> dict[int, dict[str, Any]]:
    """Read the file that `TRACE_CLUSTERING_TEAM_SETTINGS` names.

    Returns
    -------
    dict
        By team id, what stands under `resources: settings: config:` in its runs. Empty if there is no file.

    Raises
    ------
    InvalidSettingsError
        If the file cannot be read, or holds something that a run would refuse. The message names the file,
        the team and the setting.
    """
    found = {}
    for team_id, settings, place in _read_file():
        for resource in _RESOURCES:
            _check_resource(resource, settings, place)
        _check_source(settings, place)
        own = {name: value for name, value in settings.items() if name not in _BESIDE_SETTINGS}
        found[team_id] = _check_settings(own, place)
    return found


def load_llm_of_team(team_id: int) -> dict[str, Any]:
    """Return the fields of the resource `llm` that the file gives for a team, by name.

    Raises
    ------
    InvalidSettingsError
        As `load_team_settings`.
    """
    return _load_fields_of_team(LLM, team_id)


def load_embedder_of_team(team_id: int) -> dict[str, Any]:
    """Return the fields of the resource `embedder` that the file gives for a team, by name.

    Raises
    ------
    InvalidSettingsError
        As `load_team_settings`.
    """
    return _load_fields_of_team(Embedder, team_id)


def _load_fields_of_team(resource: type[EndpointResource], team_id: int) -> dict[str, Any]:
    found = (
        _check_resource(resource, settings, place)
        for team, settings, place in _read_file()
        if team == team_id
    )
    return next(found, {})


def load_source_of_team(team_id: int) -> TraceSource | None:
    """Return the tables in which the file says that a team's traces are; None if it names none.

    Raises
    ------
    InvalidSettingsError
        As `load_team_settings`.
    """
    found = (_check_source(settings, place) for team, settings, place in _read_file() if team == team_id)
    return next(found, None)


def _read_file() -> list[tuple[int, dict[str, Any], str]]:
    """Return team id, settings and place of each team in the file."""
    return TeamFile(TEAM_SETTINGS, find_team_settings_file(), "settings", "names of settings").read()


def _check_resource(resource: type[EndpointResource], settings: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the fields of a resource that stand among a team's settings, under its key."""
    name = resource.key
    fields = {} if settings.get(name) is None else settings[name]
    if not isinstance(fields, dict):
        raise InvalidSettingsError(f"{place}: {name} must map names of fields to values, not {fields!r}")
    if isinstance(fields.get("api_key"), str):
        raise InvalidSettingsError(
            f"{place}: {name}: api_key must not be written here; name the variable that holds it, "
            f'such as {{"env": "{KEY_VARIABLES[name]}_{place.rpartition(" ")[2]}"}}'
        )
    try:
        resource().resolve(fields)
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{place}: {error}") from None
    return fields


def _check_source(settings: dict[str, Any], place: str) -> TraceSource | None:
    """Return the source that stands among a team's settings."""
    if settings.get(_SOURCE) is None:
        return None
    try:
        return parse_source(settings[_SOURCE])
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{place}: {error}") from None


def _check_settings(settings: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        ClusteringSettings(**settings)
        # Dagster checks the types of values by rules of its own, and would refuse the run only at night.
        dg.validate_run_config(_make_job_with_settings(), build_run_config(settings))
    except InvalidSettingsError as error:
        raise InvalidSettingsError(f"{place}: {error}") from None
    except dg.DagsterInvalidConfigError as error:
        raise InvalidSettingsError(f"{place}: {'; '.join(e.message for e in error.errors)}") from None
    return settings


def build_run_config(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a run with these settings."""
    return {"resources": {"settings": {"config": settings}}}


def _make_job_with_settings() -> dg.JobDefinition:
    @dg.op(required_resource_keys={"settings"})
    def step() -> None: ...

    @dg.job(resource_defs={"settings": ClusteringSettings()})
    def job() -> None:
        step()

    return job
