from pathlib import Path

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.clickhouse.conftest import create_empty_place


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ClickHouse:
    """Each of the two places where ClickHouse can be; the server takes longer."""
    return create_empty_place(request.param, tmp_path, request)
