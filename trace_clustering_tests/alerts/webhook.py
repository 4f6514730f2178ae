"""A webhook on a socket, which answers as a test says and keeps what it was sent."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATH = "/services/T0/B0/verysecret"


@dataclass
class Webhook:
    """A running webhook.

    Attributes
    ----------
    answers : list of (int, dict)
        Statuses and headers of the next answers; when there are no more, 200.
    delay : float
        Seconds before each answer.
    messages, paths : list
        What was sent, and where to.
    """

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    delay: float = 0.0
    messages: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"


@contextmanager
def run_webhook() -> Iterator[Webhook]:
    webhook = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.paths.append(self.path)
            webhook.messages.append(json.loads(body))
            time.sleep(webhook.delay)
            status, headers = webhook.answers.pop(0) if webhook.answers else (200, {})
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "2"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"ok")
            except OSError:  # whoever asked has gone
                return

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        webhook.port = server.server_port
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield webhook
        server.shutdown()
