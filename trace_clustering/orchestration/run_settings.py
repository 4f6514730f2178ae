"""The settings of one run: what its configuration names, else what the team's file says, else defaults."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_START_TAG,
    MULTIDIMENSIONAL_PARTITION_PREFIX,
    PARTITION_NAME_TAG,
)

from trace_clustering.environment import TEAM_SETTINGS, parse_team_id
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.partitions import TEAM_DAY
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.team_settings import load_team_settings

# Read when the code location loads, so that a mistake is reported then, and not at night.
SETTINGS_BY_TEAM = load_team_settings()

FROM_TEAM: Final = "the team's file"
FROM_RUN: Final = "the run's configuration"


class RunSettings(ClusteringSettings):
    """Settings of a clustering run, the same for all its assets; those that a run leaves out are its team's.

    Set them once per run, under `resources: settings: config:`. A setting that is not named there has the
    value in the team's file (`TRACE_CLUSTERING_TEAM_SETTINGS`), or else its default.
    """

    def create_resource(self, context: dg.InitResourceContext) -> ClusteringSettings:
        """Return the settings of a run, however it was started.

        Raises
        ------
        InvalidSettingsError
            If the settings of the run and those of the team contradict each other.
        """
        run = context.run
        if run is None:
            return self
        team_id = find_team(run.tags)
        of_team = SETTINGS_BY_TEAM.get(team_id, {}) if team_id is not None else {}
        # Dagster fills defaults into what a resource is given; only the run's own configuration tells what
        # somebody has named.
        return self.resolve(read_named_settings(run.run_config), of_team)

    def resolve(self, named: Mapping[str, Any], of_team: Mapping[str, Any]) -> ClusteringSettings:
        """Return these settings with those of the team, where the run names no others.

        Parameters
        ----------
        named : mapping
            The settings that the run's configuration names.
        of_team : mapping
            The settings of the team's file.
        """
        taken = {name: value for name, value in of_team.items() if name not in named}
        values = {name: getattr(self, name) for name in ClusteringSettings.model_fields}
        try:
            settings = ClusteringSettings(**values | taken)
        except InvalidSettingsError as error:
            raise InvalidSettingsError(
                f"{error} ({', '.join(taken)}: from the file of {TEAM_SETTINGS}; {', '.join(named)}: from "
                "the run's configuration, which may name them all)"
            ) from None
        # The nightly schedule writes the team's settings into the configuration of its runs.
        from_run = [name for name, value in named.items() if name not in of_team or of_team[name] != value]
        return settings.with_origins(dict.fromkeys(of_team, FROM_TEAM) | dict.fromkeys(from_run, FROM_RUN))


def read_named_settings(run_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings that the configuration of a run names, as they stand there."""
    found: Any = run_config
    for key in ("resources", "settings", "config"):
        found = found.get(key) or {} if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def find_team(tags: Mapping[str, str]) -> int | None:
    """Return the team whose partition a run with these tags materializes; None if it has no partition."""
    if team := tags.get(f"{MULTIDIMENSIONAL_PARTITION_PREFIX}team"):
        return parse_team_id(team)
    key = tags.get(PARTITION_NAME_TAG) or tags.get(ASSET_PARTITION_RANGE_START_TAG)
    if not key:
        return None
    return parse_team_id(TEAM_DAY.get_partition_key_from_str(key).keys_by_dimension["team"])
