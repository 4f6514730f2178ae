"""`demo --agent` without a model that can be asked is refused at the start, in one sentence."""

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from trace_clustering.cli import main
from trace_clustering.labeling.label import require_model
from trace_clustering.llm.resource import LLM
from trace_clustering_tests.llm.llm_server import KEY


class Handler(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        body = f'{{"error": {{"message": "Wrong key {KEY.upper()}"}}}}'.encode()
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:1/v1/models")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Handler]]:
    """An endpoint that only lists models, with a status that a test chooses."""

    class Chosen(Handler):
        pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chosen) as running:
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{running.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield Chosen
        running.shutdown()


def refuse(folder: Path) -> str:
    """Run the demo, which must not begin, and return the one line that it prints."""
    result = CliRunner().invoke(main, ["demo", "--agent"])
    (line,) = [line for line in result.output.splitlines() if line.strip()]
    assert result.exit_code == 1
    assert line.startswith("Error: ")
    assert not (folder / "trace_clustering_data").exists()
    return line


def find_closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("key", ["", "********"])
def test_without_a_key_it_does_not_begin(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    assert "set OPENAI_API_KEY, or OPENAI_BASE_URL" in refuse(tmp_path)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost:11434", "must begin with http:// or https://"),
        ("http:///models", "no valid host"),
        (f"https://mine.openai.azure.com/openai?api-version={KEY}", "without options such as api-version"),
        (f"https://{KEY}@host/v1", "must not hold a user or a password"),
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
def test_with_a_wrong_address_it_does_not_begin(
    name: str, address: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, address)
    line = refuse(tmp_path)
    assert name in line
    assert reason in line
    assert address not in line
    assert KEY not in line


def test_with_an_endpoint_that_nobody_serves_it_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{find_closed_port()}/v1")
    assert "the connection to the endpoint failed" in refuse(tmp_path)


@pytest.mark.parametrize("proxy", ["socks://127.0.0.1:1", "socks5://user:secret@127.0.0.1:1", "http://a:b:c"])
def test_with_proxies_that_cannot_be_used_it_does_not_begin(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://endpoint.invalid/v1")
    monkeypatch.setenv("ALL_PROXY", proxy)
    line = refuse(tmp_path)
    assert "no connection can be made" in line
    assert "secret" not in line


@pytest.mark.parametrize("status", [307, 401, 403, 503])
def test_with_an_endpoint_that_refuses_it_does_not_begin(
    server: type[Handler], status: int, tmp_path: Path
) -> None:
    server.status = status
    line = refuse(tmp_path)
    assert f"answered {status}" in line
    assert KEY not in line.lower()


@pytest.mark.parametrize("status", [200, 404, 405, 429, 500])
def test_an_endpoint_need_not_list_its_models(server: type[Handler], status: int) -> None:
    server.status = status
    require_model(LLM())
