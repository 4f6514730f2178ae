"""The settings of each team's runs: one file, read and checked when the code location loads."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from trace_clustering.clickhouse.source_tables.trace_source import TraceSource, parse_source
from trace_clustering.documents.embedder import Embedder
from trace_clustering.environment import TEAM_SETTINGS, find_team_settings_file, parse_team_id, read_team_ids
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.access import KEY_VARIABLES
from trace_clustering.llm.resource import LLM
from trace_clustering.llm.settable import EndpointResource
from trace_clustering.orchestration.settings import ClusteringSettings

# Beside the settings of a team, its fields of these resources stand under their keys.
_RESOURCES: tuple[type[EndpointResource], ...] = (LLM, Embedder)
_SOURCE = "source"  # where its traces are
_BESIDE_SETTINGS = {_SOURCE, *(resource.key for resource in _RESOURCES)}


class _JSONLikeLoader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads null, booleans and numbers only as JSON writes them, and everything else as text.

    YAML 1.1 would read `no` as false, 2025-01-22 as a date and 12:30 as 750.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below, for this class alone


for _tag, _pattern, _first_characters in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _JSONLikeLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first_characters
    )


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
    path = find_team_settings_file()
    if path is None:
        return []
    try:
        return list(_read_teams(path))
    except OSError as error:
        raise InvalidSettingsError(f"{TEAM_SETTINGS}: {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettingsError(f"{TEAM_SETTINGS}: {path} is not YAML: {error}") from None


def _read_teams(path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
    loader = _JSONLikeLoader(path.read_text(encoding="utf-8-sig"))
    root = loader.get_single_node()
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise InvalidSettingsError(f"{TEAM_SETTINGS}: {path} must map team ids to settings")
    seen: set[int] = set()
    for key, value in root.value:
        team_id = _read_team_id(key, path)
        place = f"{path}, team {team_id}"
        if team_id in seen:
            raise InvalidSettingsError(f"{place} appears twice; put its settings in one place")
        seen.add(team_id)
        _refuse_repeated_keys(value, place)
        settings = loader.construct_object(value, deep=True)
        if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
            raise InvalidSettingsError(f"{place}: must map names of settings to values, not {settings!r}")
        yield team_id, settings, place


def _read_team_id(key: yaml.Node, path: Path) -> int:
    team_id = parse_team_id(key.value) if isinstance(key, yaml.ScalarNode) else None
    if team_id is None:
        line = key.start_mark.line + 1
        raise InvalidSettingsError(
            f"{path}, line {line}: {key.value!r} is not the id of a team, which is a positive integer"
        )
    if team_id not in (allowed := read_team_ids()):
        raise InvalidSettingsError(
            f"{path}, team {team_id} is not clustered, only {', '.join(map(str, allowed))} are; "
            "add it to TRACE_CLUSTERING_TEAM_IDS or take it out"
        )
    return team_id


def _refuse_repeated_keys(node: yaml.Node, place: str) -> None:
    """Refuse a key that stands twice in one mapping: YAML would ignore all but the last."""
    nodes, visited = [node], set()
    while nodes:
        node = nodes.pop()
        if id(node) in visited:  # the target of an alias
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            nodes += [value for _, value in node.value]
            if repeated := [key for key in keys if keys.count(key) > 1]:
                line = node.start_mark.line + 1
                raise InvalidSettingsError(f"{place}: {repeated[0]} is there twice, from line {line} on")


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
