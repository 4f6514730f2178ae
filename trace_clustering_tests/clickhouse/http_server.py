"""The real engine behind ClickHouse's HTTP interface, as far as clickhouse-connect uses it.

`python http_server.py FOLDER` serves the engine of that folder on a free port of the loopback interface,
prints the port, and ends when its standard input does.
"""

import base64
import http.server
import io
import re
import sys
import tempfile
import threading
from urllib.parse import parse_qsl, urlsplit

USER, PASSWORD = "reader", "pass'w:rd/#?@"
TIME_ZONE = "Asia/Kolkata"  # of the process that serves
_AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_REFUSED = (
    f"Code: 516. DB::Exception: {USER}: Authentication failed: password is incorrect, "
    "or there is no user with such name. (AUTHENTICATION_FAILED)"
)
_TOO_LONG = "Code: 1000. DB::Exception: HTML Form Exception: Field value too long. (POCO_EXCEPTION)"
_MAX_FIELD_LENGTH = 128 * 1024  # http_max_field_value_size
_STATUS = {"516": 403, "60": 404, "81": 404}  # of the error codes that are not 500
# Parameters of a request that are neither settings nor bound values.
_TRANSPORT = {"database", "query", "query_id", "session_id", "wait_end_of_query", "client_protocol_version"}
_INSERT = re.compile(rb"(INSERT INTO .+?) FORMAT (\w+)\n(.*)", re.DOTALL)


class _Handler(http.server.BaseHTTPRequestHandler):
    folder: str

    def do_GET(self) -> None:
        self._reply(200, b"Ok.\n")

    def do_POST(self) -> None:
        body = self._read_body()
        try:
            if self.headers["Authorization"] != _AUTHORIZATION:
                raise RuntimeError(_REFUSED)
            self._reply(200, self._answer(body))
        except Exception as error:  # whatever the engine says goes to the client
            code = re.search(r"Code: (\d+)", str(error))
            number = code[1] if code else "1002"
            self._reply(_STATUS.get(number, 500), str(error).encode(), number)

    def _read_body(self) -> bytes:
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "lz4":
            import lz4.frame

            return lz4.frame.open(io.BytesIO(body)).read()
        return body

    def _answer(self, body: bytes) -> bytes:
        fields = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        content_type = self.headers["Content-Type"] or ""
        if content_type.startswith("multipart/form-data"):
            fields |= _parse_form(body, boundary=content_type.partition("boundary=")[2])
            body = b""
        bound = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
        settings = {n: v for n, v in fields.items() if n not in _TRANSPORT and n[6:] not in bound}
        return _run_statement(
            self.folder, fields.get("query", "").encode() + body, bound, settings, fields.get("database")
        )

    def _reply(self, status: int, body: bytes, error_code: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Timezone", TIME_ZONE)
        if error_code:
            self.send_header("X-ClickHouse-Exception-Code", error_code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _parse_form(body: bytes, boundary: str) -> dict[str, str]:
    fields = {}
    for part in body.split(f"--{boundary}".encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        if len(value) - 2 > _MAX_FIELD_LENGTH + 1:
            raise RuntimeError(_TOO_LONG)
        fields[re.search(rb'name="([^"]+)"', head)[1].decode()] = value[:-2].decode()
    return fields


def _run_statement(
    folder: str, statement: bytes, bound: dict[str, str], settings: dict[str, str], database: str | None
) -> bytes:
    import chdb

    # Settings and USE hold for one connection, as they hold for one request of a server.
    connection = chdb.connect(folder)
    try:
        for name, value in settings.items():
            connection.query(f"SET {name} = {_quote_text(value)}")
        if database:
            connection.query(f"USE `{database}`")
        if not (insert := _INSERT.match(statement)):
            return connection.query(statement.decode(), "TabSeparated", params=bound).bytes()
        with tempfile.NamedTemporaryFile() as file:
            file.write(insert[3])
            file.flush()
            source = f"FROM INFILE {_quote_text(file.name)} FORMAT {insert[2].decode()}"
            return connection.query(f"{insert[1].decode()} {source}").bytes()
    finally:
        connection.close()


def _quote_text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main(folder: str) -> None:
    import chdb

    _Handler.folder = folder
    engine = chdb.connect(folder)  # keeps the engine of the folder open between requests
    server = http.server.HTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1])
