"""Where an exploration keeps what it makes: a Dagster home of its own, apart from all others."""

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    HOME,
    STORAGE,
    TEAM_IDS,
    TEAM_SETTINGS,
    find_data_folder,
)
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.folders import make_private_folder

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME: Final = 40
_SETTINGS: Final = "telemetry:\n  enabled: false\n"


def use_own_home(paths: Sequence[Path]) -> list[str]:
    """Make this process use a home that belongs to the explored paths.

    The same paths have the same home, so that what was read and embedded is not done again.

    Returns
    -------
    list of str
        The variables that do not count here; whoever looks at the result must unset them.

    Raises
    ------
    InvalidSettingsError
        If it cannot be created.
    """
    places = sorted(str(path if str(path) == "-" else path.expanduser().resolve()) for path in paths)
    digest = hashlib.sha256("\0".join(places).encode(errors="surrogateescape")).hexdigest()[:8]
    name = _ODD.sub("_", Path(places[0]).name)[:_MAX_NAME].strip("._") or "traces"
    home = find_data_folder() / "explored" / f"{name}-{digest}"
    try:
        make_private_folder(home)
        if not (settings := home / "dagster.yaml").exists():
            settings.write_text(_SETTINGS)
    except OSError as error:
        raise InvalidSettingsError(
            f"{home} cannot be used ({error.strerror}); set {HOME} to a folder that you may write to"
        ) from error
    os.environ[HOME] = str(home)
    # Nothing of an exploration leaves the machine, or mixes with the traces and the settings of a team.
    return [n for n in (CLICKHOUSE_DSN, STORAGE, TEAM_IDS, TEAM_SETTINGS) if os.environ.pop(n, None)]


def find_time_of_files(paths: Sequence[Path]) -> datetime:
    """Return when the newest of some files was written: the time of traces that have none.

    It is the same each time, as long as the files are.
    """
    now = datetime.now(UTC)
    times = []
    for path in (path.expanduser() for path in paths):
        if path.is_dir():
            times += [
                Path(folder, name).stat().st_mtime for folder, _, names in os.walk(path) for name in names
            ]
        elif path.exists():
            times.append(path.stat().st_mtime)
    written = datetime.fromtimestamp(max(times), UTC) if times else now
    return min(written, now)
