"""The environment variables of this project; each is read and checked in one place."""

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, cast

from trace_clustering.constants import ALLOWED_TEAM_IDS, DEFAULT_FIRST_DAY
from trace_clustering.errors import InvalidSettingsError

HOME = "DAGSTER_HOME"
CLICKHOUSE_DSN = "TRACE_CLUSTERING_CLICKHOUSE_DSN"
SOURCE_DSN = "TRACE_CLUSTERING_SOURCE_DSN"
TEAM_IDS = "TRACE_CLUSTERING_TEAM_IDS"
STORAGE = "TRACE_CLUSTERING_STORAGE"
FIRST_DAY = "TRACE_CLUSTERING_FIRST_DAY"
INCLUDE_TODAY = "TRACE_CLUSTERING_INCLUDE_TODAY"
EXECUTOR = "TRACE_CLUSTERING_EXECUTOR"
TEAM_SETTINGS = "TRACE_CLUSTERING_TEAM_SETTINGS"
ALERTS_WEBHOOK = "TRACE_CLUSTERING_ALERTS_WEBHOOK"
TOPICS = "TRACE_CLUSTERING_TOPICS"
MAX_TEAM_ID = 2**63 - 1  # Int64 in ClickHouse
MIN_FIRST_DAY = date(1970, 1, 1)

_POSITIVE_INTEGER = re.compile(r"0*[1-9][0-9]{0,18}")


def load_env_file() -> Path | None:
    """Read `.env` of the current folder as Dagster's commands do, and return it; None if there is none.

    What stands there wins over variables that are already set, as it does in Dagster's commands.

    Raises
    ------
    InvalidSettingsError
        If the file cannot be read.
    """
    path = Path.cwd() / ".env"
    try:
        os.environ.update(_read_env_file(path))
    except (OSError, ValueError) as error:  # no text, or a value that no variable can have
        raise InvalidSettingsError(f"{path} cannot be read ({error}); mend it or remove it") from None
    return path if path.is_file() else None


def is_in_env_file(name: str) -> bool:
    """Return whether `.env` of the current folder sets a variable; no other value of it counts then."""
    return name in _read_env_file(Path.cwd() / ".env")


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    import dotenv

    return {name: value for name, value in dotenv.dotenv_values(path).items() if value is not None}


def find_home() -> Path:
    """Return Dagster's home as an absolute folder: `DAGSTER_HOME`, else the current folder."""
    home = os.environ.get(HOME)
    return _expand_path(HOME, home, Path.cwd()) if home else Path.cwd()


def find_data_folder() -> Path:
    """Return the folder of data that no setting puts elsewhere, in Dagster's home."""
    return find_home() / "trace_clustering_data"


def read_clickhouse_dsn() -> str:
    """Return the address of ClickHouse; by default, that of the engine inside the process."""
    dsn = os.environ.get(CLICKHOUSE_DSN)
    if dsn and dsn.startswith("chdb://~"):
        return f"chdb://{_expand_path(CLICKHOUSE_DSN, dsn.removeprefix('chdb://'), find_home())}"
    return dsn or f"chdb://{find_data_folder() / 'clickhouse'}"


def read_source_dsn(name: str) -> str:
    """Return the address of the server of a team's source, from the variable that its settings name.

    Raises
    ------
    InvalidSettingsError
        If the variable is not set.
    """
    dsn = os.environ.get(name, "").strip()
    if not dsn:
        raise InvalidSettingsError(
            f"The variable {name}, which the source of a team names, is not set; "
            "set it to https://user:password@host:8443/database"
        )
    return dsn


def read_storage_base(base: str = "") -> str:
    """Return the folder, or the URL in an object store, under which the artifacts are kept.

    Parameters
    ----------
    base : str
        A folder or URL that wins over `TRACE_CLUSTERING_STORAGE`. A relative folder lies in Dagster's home,
        so that it is the same wherever a process stands.
    """
    base = base or os.environ.get(STORAGE) or str(find_data_folder() / "artifacts")
    return base if "://" in base else str(_expand_path(STORAGE, base, find_home()))


def _expand_path(name: str, text: str, start: Path) -> Path:
    """Return the absolute path that a variable names; it may begin with ~, or be relative to a folder."""
    try:
        return start / Path(text).expanduser()
    except RuntimeError as error:
        raise InvalidSettingsError(f"{name}={text!r}: {error}; give an absolute path") from None


def read_first_day() -> date:
    """Return the first day that has partitions.

    Raises
    ------
    InvalidSettingsError
        If `TRACE_CLUSTERING_FIRST_DAY` is no day such as 2023-01-01, or none between 1970 and yesterday.
    """
    text = os.environ.get(FIRST_DAY) or DEFAULT_FIRST_DAY
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise InvalidSettingsError(f"{FIRST_DAY}={text!r}: give a day such as {DEFAULT_FIRST_DAY}") from None
    if not MIN_FIRST_DAY <= day < datetime.now(UTC).date():
        raise InvalidSettingsError(
            f"{FIRST_DAY}={text!r}: give a day from {MIN_FIRST_DAY} to yesterday; "
            "every day from it on gets a partition for each team"
        )
    return day


def includes_today() -> bool:
    """Return whether the day that has not ended yet has partitions too.

    Raises
    ------
    InvalidSettingsError
        If `TRACE_CLUSTERING_INCLUDE_TODAY` is neither 1 nor 0.
    """
    text = (os.environ.get(INCLUDE_TODAY) or "0").strip()
    if text not in ("0", "1"):
        raise InvalidSettingsError(f"{INCLUDE_TODAY}={text!r}: give 1 or 0")
    return text == "1"


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
    """Return the file with the settings of each team's runs; None if no file is named."""
    text = os.environ.get(TEAM_SETTINGS)
    return _expand_path(TEAM_SETTINGS, text, Path.cwd()) if text else None


def find_topics_file() -> Path | None:
    """Return the file with what each team says of its topics; None if no file is named."""
    text = os.environ.get(TOPICS)
    return _expand_path(TOPICS, text, Path.cwd()) if text else None


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
