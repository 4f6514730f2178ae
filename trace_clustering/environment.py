"""The environment variables of this project; each is read and checked in one place."""

import os
import re
from pathlib import Path
from typing import Literal, cast

from trace_clustering.constants import ALLOWED_TEAM_IDS
from trace_clustering.errors import InvalidSettingsError

CLICKHOUSE_DSN = "TRACE_CLUSTERING_CLICKHOUSE_DSN"
TEAM_IDS = "TRACE_CLUSTERING_TEAM_IDS"
STORAGE = "TRACE_CLUSTERING_STORAGE"
EXECUTOR = "TRACE_CLUSTERING_EXECUTOR"
TEAM_SETTINGS = "TRACE_CLUSTERING_TEAM_SETTINGS"
MAX_TEAM_ID = 2**63 - 1  # Int64 in ClickHouse

_POSITIVE_INTEGER = re.compile(r"0*[1-9][0-9]{0,18}")


def find_data_folder() -> Path:
    """Return the folder of data that no setting puts elsewhere, in `DAGSTER_HOME` or the current folder."""
    home = os.environ.get("DAGSTER_HOME") or Path.cwd()
    return Path(home).absolute() / "trace_clustering_data"


def read_clickhouse_dsn() -> str:
    """Return the address of ClickHouse; by default, that of the engine inside the process."""
    return os.environ.get(CLICKHOUSE_DSN) or f"chdb://{find_data_folder() / 'clickhouse'}"


def read_storage_base() -> str:
    """Return the folder, or the URL in an object store, under which the artifacts are kept."""
    return os.environ.get(STORAGE) or str(find_data_folder() / "artifacts")


def read_team_ids() -> list[int]:
    """Return the ids of the teams that are clustered.

    Raises
    ------
    InvalidSettingsError
        If `TRACE_CLUSTERING_TEAM_IDS` holds anything but positive integers, separated by commas.
    """
    text = os.environ.get(TEAM_IDS)
    if not text:
        return list(ALLOWED_TEAM_IDS)
    team_ids = []
    for part in (part.strip() for part in text.split(",")):
        team_id = parse_team_id(part)
        if team_id is None:
            raise InvalidSettingsError(
                f"{TEAM_IDS}={text!r}: {part!r} is not a positive integer; "
                "give the ids of the teams separated by commas, for example 1,2,112495"
            )
        team_ids.append(team_id)
    return list(dict.fromkeys(team_ids))


def parse_team_id(text: str) -> int | None:
    """Return the team id that a text holds; None if it is not a team id."""
    if not _POSITIVE_INTEGER.fullmatch(text) or int(text) > MAX_TEAM_ID:
        return None
    return int(text)


def find_team_settings_file() -> Path | None:
    """Return the file with the settings of each team's nightly runs; None if no file is named."""
    text = os.environ.get(TEAM_SETTINGS)
    return Path(text).absolute() if text else None


def read_executor_name() -> Literal["multiprocess", "in_process"]:
    """Return how the steps of a run are executed.

    Raises
    ------
    InvalidSettingsError
        If `TRACE_CLUSTERING_EXECUTOR` names an executor that does not exist.
    """
    name = os.environ.get(EXECUTOR) or "in_process"
    if name not in ("multiprocess", "in_process"):
        raise InvalidSettingsError(f"{EXECUTOR}={name!r}: choose multiprocess or in_process")
    return cast(Literal["multiprocess", "in_process"], name)
