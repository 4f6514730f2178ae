"""A proxy before the real server that loses or forges the answers of chosen statements."""

import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal[
    "swallow", "lose answer", "empty answer", "refuse", "read only", "trickle", "hang", "proxy", "redirect"
]
# What this program sends with statements; a user with readonly = 1 may send none.
_SETTINGS = (
    b"max_execution_time",
    b"log_comment",
    b"additional_table_filters",
    b"query_plan_join_swap_table",
    b"max_block_size",
    b"max_bytes_before_external_group_by",
    b"max_bytes_before_external_sort",
    b"readonly",
)


@dataclass
class Wire:
    """What the proxy does to statements that hold `match`, up to `times` times."""

    port: int = 0
    fault: Fault = "swallow"
    match: bytes = b""
    times: int = 0
    refusal: tuple[int, str] = (0, "")  # ClickHouse's code and message, or a proxy's status
    statements: list[bytes] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)  # ends what hangs

    def break_next(
        self, fault: Fault, match: bytes, *, times: int = 1, refusal: tuple[int, str] = (0, "")
    ) -> None:
        self.fault, self.match, self.times, self.refusal = fault, match, times, refusal


@contextmanager
def open_wire(server_port: int) -> Iterator[Wire]:
    """Serve a proxy before a server on a free port of the loopback interface."""
    wire = Wire()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self._read_body()
            statement = self.path.encode() + b"\n" + body
            wire.statements.append(statement)
            broken = wire.times > 0 and wire.match in statement
            wire.times -= broken
            if broken and self._answer_falsely(statement):
                return
            status, headers, answer = self._forward(body)
            if broken and wire.fault == "lose answer":
                self.close_connection = True
                return
            self._reply(status, headers, b"" if broken and wire.fault == "empty answer" else answer)

        def _read_body(self) -> bytes:
            if self.headers["Transfer-Encoding"] != "chunked":
                return self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer_falsely(self, statement: bytes) -> bool:
            if wire.fault == "swallow":
                self._reply(200, {}, b"")
            elif wire.fault == "refuse":
                self._refuse(*wire.refusal)
            elif wire.fault == "read only":
                sent = [name.decode() for name in _SETTINGS if name + b"=" in statement]
                if not sent:
                    return False
                self._refuse(164, f"Cannot modify '{sent[0]}' setting in readonly mode")
            elif wire.fault == "proxy":
                self._reply(wire.refusal[0], {}, b"<html>proxy</html>")
            elif wire.fault == "hang":
                wire.released.wait(20)
                self.close_connection = True
            elif wire.fault == "redirect":
                self._reply(307, {"Location": self.path}, b"")
            elif wire.fault == "trickle":
                self._trickle()
            else:
                return False
            return True

        def _refuse(self, code: int, message: str) -> None:
            text = f"Code: {code}. DB::Exception: {message}"
            self._reply(500, {"X-ClickHouse-Exception-Code": str(code)}, text.encode())

        def _trickle(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", server_port)
            headers = {name: v for name, v in self.headers.items() if name != "Transfer-Encoding"}
            connection.request("POST", self.path, body, headers | {"Content-Length": str(len(body))})
            answer = connection.getresponse()
            kept = {name: v for name, v in answer.getheaders() if name.startswith("X-ClickHouse")}
            content = answer.read()
            connection.close()
            return answer.status, kept, content

        def _reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        wire.port = proxy.server_port
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield wire
        wire.released.set()
        proxy.shutdown()
