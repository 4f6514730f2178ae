"""The demo: an exploration of the traces of a made-up product, which come with the package."""

from datetime import date
from importlib.resources import as_file, files

from trace_clustering.clickhouse.address import parse_dsn
from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    FIRST_DAY,
    TEAM_IDS,
    read_clickhouse_dsn,
    read_first_day,
    read_team_ids,
)
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.explore.run import Exploration, Request

DEMO_TEAM_ID = 112495
# The last days of the weeks, between which things change.
DEMO_WEEKS = (date(2025, 1, 8), date(2025, 1, 15), date(2025, 1, 22))
# The nights that are clustered. Windows of successive nights share days, as they do in life: whether a topic
# is new or grows can be told only then.
DEMO_NIGHTS = (DEMO_WEEKS[0], date(2025, 1, 12), DEMO_WEEKS[1], date(2025, 1, 19), DEMO_WEEKS[2])
DEMO_MODEL = "all-MiniLM-L6-v2-384"


def run_demo(team_id: int | None = None, *, agent: bool = False) -> None:
    """Load three weeks of demo traces, cluster some nights of them, and print the clusters of the last.

    A language model writes the titles only if `agent` is true: a key in the environment alone must not cost
    money. Ctrl-C ends the process at once.

    Raises
    ------
    InvalidSettingsError
        If the team may not be clustered, or ClickHouse is a server: made-up traces must not mix with real
        ones; if nothing can be stored in one of the places that are needed; or, with `agent`, if there is no
        language model, or its address or key is malformed.
    LLMUnavailableError
        If the language model cannot be reached.
    ExplorationFailedError
        If Dagster does not start, or the run failed.
    """
    team_id = team_id or DEMO_TEAM_ID
    _require_settings(team_id)
    with as_file(files("trace_clustering.demo") / "traces.parquet") as path:
        labeler = "agent" if agent else "keywords"
        request = Request([path], team_id, labeler=labeler, model_name=DEMO_MODEL, last_days=DEMO_NIGHTS)
        Exploration(request).run()


def _require_settings(team_id: int) -> None:
    if team_id not in read_team_ids():
        raise InvalidSettingsError(
            f"The demo's team {team_id} is not among the teams "
            f"{', '.join(map(str, read_team_ids()))} ({TEAM_IDS}); choose one of them with --team-id, "
            "or add it there"
        )
    if parse_dsn(read_clickhouse_dsn()).folder is None:
        raise InvalidSettingsError(
            f"{CLICKHOUSE_DSN} is the address of a server, and the demo writes made-up traces; "
            "unset it for the demo"
        )
    if read_first_day() > DEMO_NIGHTS[-1]:
        raise InvalidSettingsError(
            f"The demo's traces are of {DEMO_NIGHTS[-1]}, and {FIRST_DAY} is {read_first_day()}; "
            "unset it for the demo"
        )
