"""What the environment variables say, each read in one place and checked."""

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

_POSITIVE_INTEGER = re.compile(r"0*[1-9][0-9]{0,18}")
_LARGEST_TEAM_ID = 2**63 - 1  # Int64 in ClickHouse


def data_folder() -> Path:
    """Where everything is kept that no setting puts elsewhere: under `DAGSTER_HOME`, else where you stand."""
    home = os.environ.get("DAGSTER_HOME") or Path.cwd()
    return Path(home).absolute() / "trace_clustering_data"


def clickhouse_dsn() -> str:
    """Address of ClickHouse; without one, the engine inside the process with a folder of its own."""
    return os.environ.get(CLICKHOUSE_DSN) or f"chdb://{data_folder() / 'clickhouse'}"


def storage_base() -> str:
    """Folder or object store URL under which the artifacts are kept."""
    return os.environ.get(STORAGE) or str(data_folder() / "artifacts")


def allowed_team_ids() -> list[int]:
    """Teams that are clustered.

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
        if not _POSITIVE_INTEGER.fullmatch(part) or int(part) > _LARGEST_TEAM_ID:
            raise InvalidSettingsError(
                f"{TEAM_IDS}={text!r}: {part!r} is not a positive integer; "
                "give the ids of the teams separated by commas, for example 1,2,112495"
            )
        team_ids.append(int(part))
    return list(dict.fromkeys(team_ids))


def executor_name() -> Literal["multiprocess", "in_process"]:
    """How the steps of a run are executed.

    Raises
    ------
    InvalidSettingsError
        If `TRACE_CLUSTERING_EXECUTOR` names an executor that does not exist.
    """
    name = os.environ.get(EXECUTOR) or "multiprocess"
    if name not in ("multiprocess", "in_process"):
        raise InvalidSettingsError(f"{EXECUTOR}={name!r}: choose multiprocess or in_process")
    return cast(Literal["multiprocess", "in_process"], name)
