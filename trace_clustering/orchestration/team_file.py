"""Files that say something for each team: YAML, or JSON, that maps team ids to mappings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from trace_clustering.environment import parse_team_id, read_team_ids
from trace_clustering.errors import InvalidSettingsError


class _JSONLikeLoader(yaml.SafeLoader):  # type: ignore[misc]
    """Reads null, booleans and numbers only as JSON writes them, and everything else as text.

    YAML 1.1 would read `no` as false, 2025-01-22 as a date and 12:30 as 750.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below, for this class alone


class _LoaderWithoutNumbers(_JSONLikeLoader):
    """Reads numbers as text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - filled below, for this class alone


_WORDS: Final = (("null", r"null|~|", ["n", "~", ""]), ("bool", r"true|false", ["t", "f"]))
_NUMBERS: Final = (
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?", list("-0123456789")),
)
for _loader, _resolved in ((_JSONLikeLoader, _WORDS + _NUMBERS), (_LoaderWithoutNumbers, _WORDS)):
    for _tag, _pattern, _first_characters in _resolved:
        _loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first_characters
        )


@dataclass(frozen=True)
class TeamFile:
    """A file of teams, and how errors name it and what it holds.

    Attributes
    ----------
    variable : str
        The variable of the environment that names the file.
    path : Path or None
        None if the variable is not set.
    holds : str
        What each team has there, such as `settings`.
    keys : str
        What a team's mapping maps from, such as `names of settings`.
    has_numbers : bool
        Whether numbers are read as such. If not, they are texts: an id such as `12345e67` must stay as it is.
    """

    variable: str
    path: Path | None
    holds: str
    keys: str
    has_numbers: bool = True

    def read(self) -> list[tuple[int, dict[str, Any], str]]:
        """Return team id, mapping and place of each team in the file; nothing if there is no file.

        Raises
        ------
        InvalidSettingsError
            If the file cannot be read, is no YAML, or does not map ids of teams that are clustered to
            mappings. The message names the file and the team.
        """
        if self.path is None:
            return []
        try:
            return list(self._read_teams(self.path))
        except OSError as error:
            message = f"{self.variable}: {self.path} cannot be read: {error.strerror}"
            raise InvalidSettingsError(message) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise InvalidSettingsError(f"{self.variable}: {self.path} is not YAML: {error}") from None

    def _read_teams(self, path: Path) -> Iterator[tuple[int, dict[str, Any], str]]:
        load = _JSONLikeLoader if self.has_numbers else _LoaderWithoutNumbers
        loader = load(path.read_text(encoding="utf-8-sig"))
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise InvalidSettingsError(f"{self.variable}: {path} must map team ids to {self.holds}")
        seen: set[int] = set()
        for key, value in root.value:
            team_id = _read_team_id(key, path)
            place = f"{path}, team {team_id}"
            if team_id in seen:
                raise InvalidSettingsError(f"{place} appears twice; put its {self.holds} in one place")
            seen.add(team_id)
            _refuse_repeated_keys(value, place)
            mapping = loader.construct_object(value, deep=True)
            if not isinstance(mapping, dict) or not all(isinstance(name, str) for name in mapping):
                raise InvalidSettingsError(f"{place}: must map {self.keys} to values, not {mapping!r}")
            yield team_id, mapping, place


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
