"""Texts of traces and keys go to the endpoint and nowhere else, and what stands in the way stops no run."""

import http.server
import logging
import threading
from collections.abc import Iterator

import pytest

from trace_clustering.llm.resource import LLM
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import OVERVIEW, sensible
from trace_clustering_tests.llm.llm_server import KEY, Fails, in_turn, says

SECRETS = {
    "OPENAI_ORG_ID": "org-of-the-environment",
    "OPENAI_PROJECT_ID": "proj-of-the-environment",
    "OPENAI_CUSTOM_HEADERS": "X-Gateway-Key: gateway-of-the-environment",
}


class Listener:
    """A server that answers everything with 200, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received: list[str] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                owner.received.append(f"{self.command} {self.path} {self.headers} {body!r}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def do_GET(self) -> None:
                self.do_POST()

            def do_PATCH(self) -> None:
                self.do_POST()

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    threading.Thread(target=listener.server.serve_forever, args=(0.02,), daemon=True).start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()


PROXIES = [
    ("ALL_PROXY", "socks://user:secret-of-proxy@127.0.0.1:1", "no connection to the endpoint can be made"),
    ("all_proxy", "socks5://127.0.0.1:1", "no connection to the endpoint can be made"),
    ("HTTP_PROXY", "http://127.0.0.1:x", "no connection to the endpoint can be made"),
    ("HTTP_PROXY", "http://user:secret-of-proxy@127.0.0.1:1", "the connection to the endpoint failed"),
    ("SSL_CERT_FILE", "/none/ca.pem", "no connection to the endpoint can be made"),
]


@pytest.mark.parametrize(("variable", "value", "reason"), PROXIES)
def test_what_the_environment_breaks_is_a_fault_of_the_endpoint(
    labeling: Labeling, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(variable, value)
    llm = LLM(base_url="http://endpoint.invalid/v1", api_key=KEY, max_retries=0)
    result = labeling.run_with(llm)
    assert result is not None
    assert result.report["ended"].startswith(reason)
    assert "secret-of-proxy" not in result.report["ended"]
    titles = labeling.put_together(result).titles
    assert all(title.startswith("Cluster ") or title == "Outliers" for title in titles)


@pytest.mark.parametrize(("variable", "value"), [(name, value) for name, value, _ in PROXIES[:4]])
def test_an_endpoint_on_this_machine_needs_no_proxy(
    labeling: Labeling, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("OPENAI_PROXY", value)
    result, _ = labeling.run(sensible())
    assert len(result.labels) == 5


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(labeling: Labeling, listener: Listener, status: int) -> None:
    redirect = Fails(status, "", {"Location": f"{listener.url}/v1/chat/completions"})
    result, _ = labeling.run(in_turn(redirect))
    assert listener.received == []
    assert f"{status}: a redirect, which is not followed" in result.report["ended"]


def test_an_address_that_a_run_chose_gets_nothing_that_the_environment_holds_for_another(
    labeling: Labeling, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**SECRETS, "OPENAI_API_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    own = LLM(base_url=f"{listener.url}/v1", max_retries=0, retry_delay_seconds=0.01)
    labeling.run_with(own)
    assert listener.received
    sent = "\n".join(listener.received)
    assert "Bearer no-key" in sent
    assert not [name for name in (KEY, "-of-the-environment") if name in sent]

    listener.received.clear()
    monkeypatch.setenv("OPENAI_BASE_URL", f"{listener.url}/v1")
    labeling.run_with(LLM(max_retries=0, retry_delay_seconds=0.01))
    sent = "\n".join(listener.received)
    assert KEY in sent
    assert all(value.rpartition(" ")[2] in sent for value in SECRETS.values())


@pytest.mark.parametrize(
    "variables",
    [
        {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": "{url}", "LANGSMITH_API_KEY": "ls"},
        {"LANGCHAIN_TRACING_V2": "true", "LANGCHAIN_ENDPOINT": "{url}", "LANGCHAIN_API_KEY": "ls"},
        {"LANGSMITH_TRACING_V2": "true", "LANGSMITH_ENDPOINT": "{url}", "LANGSMITH_API_KEY": "ls"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_tracing_of_the_agents_libraries_is_off(
    labeling: Labeling, listener: Listener, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    import langsmith
    from langchain_core.tracers.langchain import wait_for_all_tracers

    langsmith.utils.get_env_var.cache_clear()
    monkeypatch.setattr(langsmith.run_trees, "_CLIENT", None)  # that of an earlier test has its address
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(url=listener.url))
    assert langsmith.utils.tracing_is_enabled()  # the variables do switch it on elsewhere
    result, _ = labeling.run(sensible())
    wait_for_all_tracers()
    langsmith.utils.get_env_var.cache_clear()
    assert len(result.labels) == 5
    assert listener.received == []


@pytest.mark.parametrize(
    "echo", [str.upper, str.title, lambda key: "\u200b".join(key)], ids=["upper", "title", "split"]
)
def test_a_key_that_the_endpoint_repeats_in_another_form_is_not_shown(
    labeling: Labeling, caplog: pytest.LogCaptureFixture, echo: object
) -> None:
    caplog.set_level(logging.DEBUG)
    assert callable(echo)
    body = f'{{"error": {{"message": "the key {echo(KEY)} is wrong"}}}}'
    result, _ = labeling.run(in_turn(says(OVERVIEW), Fails(500, body), Fails(401, body)))
    assert "(key) is wrong" in result.report["ended"]
    assert KEY not in (caplog.text + str(result.report)).casefold().replace("\u200b", "")
