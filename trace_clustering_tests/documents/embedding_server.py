"""A small OpenAI-compatible endpoint for vectors on loopback, whose answers a test scripts."""

import base64
import contextlib
import hashlib
import http.server
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

DIMENSION = 8


@dataclass(frozen=True)
class Reply:
    """An answer as it goes out; `seconds` passes before it does."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Request:
    """A request as it came in."""

    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def texts(self) -> list[str]:
        return self.body["input"]


Script = Callable[[Request], Reply]


def make_vector(text: str, dimension: int = DIMENSION) -> np.ndarray:
    """Return the vector that the server gives a text; it is not of length 1."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(0, 3, dimension).astype(np.float32)


def answer(request: Request, **changes: Any) -> Reply:
    """Return a sound answer; `vectors` replaces them, `encode` says whether base64 is spoken."""
    dimension = request.body.get("dimensions") or DIMENSION
    vectors = changes.get("vectors", [make_vector(text, dimension) for text in request.texts])
    is_packed = request.body.get("encoding_format") == "base64" and changes.get("encode", True)

    def write(vector: Any) -> Any:
        packed = np.asarray(vector, dtype="<f4")
        return base64.b64encode(packed.tobytes()).decode() if is_packed else [float(x) for x in packed]

    items = [
        {"object": "embedding", "index": number, "embedding": write(vector)}
        for number, vector in enumerate(vectors)
    ]
    body = {"object": "list", "data": items, "model": request.body["model"]}
    if changes.get("counts", True):
        tokens = sum(len(text.split()) for text in request.texts)
        body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return Reply(body)


def refuse(message: str, status: int = 400, **headers: str) -> Reply:
    error = {"message": message, "type": "invalid_request_error"}
    return Reply({"error": error}, status, {name.replace("_", "-"): text for name, text in headers.items()})


def in_turn(*scripts: Script | Reply) -> Script:
    """Return one reply after the other, and then the last one for ever."""
    left = list(scripts)

    def script(request: Request) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(request) if callable(reply) else reply

    return script


class EmbeddingServer:
    """The endpoint; use it as a context. `requests` holds every request it got."""

    def __init__(self, script: Script = answer) -> None:
        self.script = script
        self.requests: list[Request] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                request = Request(
                    json.loads(raw), {name.lower(): text for name, text in self.headers.items()}
                )
                owner.requests.append(request)
                reply = owner.script(request) if self.path == "/v1/embeddings" else refuse("no path", 404)
                time.sleep(reply.seconds)
                text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # a client that waited long enough is gone
                    self.wfile.write(text.encode())

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
