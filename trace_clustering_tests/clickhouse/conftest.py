import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.clickhouse import http_server

PLACES = ("embedded", "server")


@dataclass(frozen=True)
class Server:
    """The real engine behind HTTP, in a time zone far from UTC."""

    port: int

    def dsn(self, database: str = "", password: str = http_server.PASSWORD) -> str:
        return f"http://{http_server.USER}:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str = "") -> str:
        import clickhouse_connect

        name = name or f"db_{uuid.uuid4().hex}"
        with clickhouse_connect.get_client(dsn=self.dsn()) as client:
            client.command(f"CREATE DATABASE {name}")
        return name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server") / "clickhouse"
    with subprocess.Popen(
        [sys.executable, http_server.__file__, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TZ": http_server.TIME_ZONE},
    ) as process:  # leaving closes its standard input, and with that it ends
        yield Server(int(process.stdout.readline()))


def create_empty_place(place: str, folder: Path, request: pytest.FixtureRequest) -> ClickHouse:
    if place == "embedded":
        return ClickHouse(dsn=f"chdb://{folder / 'clickhouse'}")
    server: Server = request.getfixturevalue("server")
    clickhouse = ClickHouse(dsn=server.dsn(server.new_database()))
    clickhouse.create_tables()
    return clickhouse


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> ClickHouse:
    """Each of the two places where ClickHouse can be, with empty tables."""
    return create_empty_place(request.param, tmp_path, request)


@pytest.fixture(scope="module", params=PLACES)
def shared_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ClickHouse:
    """Like `place`, for tests of one module that only read what its fixtures wrote."""
    return create_empty_place(request.param, tmp_path_factory.mktemp("shared"), request)
