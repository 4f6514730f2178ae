import os
from pathlib import Path

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.environment import (
    CLICKHOUSE_DSN,
    EXECUTOR,
    FIRST_DAY,
    INCLUDE_TODAY,
    SOURCE_DSN,
    STORAGE,
    TEAM_IDS,
    TEAM_SETTINGS,
)
from trace_clustering.llm.access import API_KEY, BASE_URL, FORMER_BASE_URL

# Real data for acceptance tests; it is no part of the project.
REAL_DATA = Path(
    os.environ.get("TRACE_CLUSTERING_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data"
)

VARIABLES = (
    *(CLICKHOUSE_DSN, EXECUTOR, FIRST_DAY, INCLUDE_TODAY, STORAGE, TEAM_IDS, TEAM_SETTINGS),
    *(API_KEY, BASE_URL, FORMER_BASE_URL),
    *(
        name
        for name in os.environ
        if name.startswith(("TRACE_CLUSTERING_LLM_", "TRACE_CLUSTERING_EMBEDDER_", SOURCE_DSN))
    ),
)
# No test may reach, or pay for, what belongs to whoever runs it; module-wide fixtures come before any other.
for _name in VARIABLES:
    os.environ.pop(_name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give every test a home of its own and none of the settings of whoever runs it."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))


@pytest.fixture
def clickhouse(tmp_path: Path) -> ClickHouse:
    """The real engine, embedded, with an empty folder."""
    return ClickHouse(dsn=f"chdb://{tmp_path / 'clickhouse'}")


@pytest.fixture
def real_data() -> Path:
    """The folder of real traces."""
    if not REAL_DATA.is_dir():
        pytest.skip(
            f"the real data sets are not at {REAL_DATA}; TRACE_CLUSTERING_TEST_DATA names another folder"
        )
    return REAL_DATA
