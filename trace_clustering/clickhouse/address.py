"""Where ClickHouse is: a server, or the engine inside this process with a folder of its own."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from trace_clustering.environment import CLICKHOUSE_DSN
from trace_clustering.errors import InvalidSettingsError


@dataclass(frozen=True)
class Address:
    """A parsed DSN.

    Attributes
    ----------
    dsn : str
        As given, with the password if there is one; no message may show it.
    folder : Path or None
        Folder of the embedded engine; None for a server.
    name : str
        Name of the place in messages, without user and password.
    """

    dsn: str
    folder: Path | None
    name: str

    def __repr__(self) -> str:
        return f"Address({self.name!r})"


def parse_dsn(dsn: str) -> Address:
    """Parse the address of a server or of an embedded folder.

    Raises
    ------
    InvalidSettingsError
        If it is neither `http(s)://user:password@host:port/database` nor `chdb:///absolute/folder`.
    """
    if dsn.startswith("chdb://"):
        folder = Path(dsn.removeprefix("chdb://"))  # not parsed as a URL: the name of a folder may hold a #
        if "?" in dsn:
            raise _build_address_error("names a folder with a ?, which the embedded engine cannot open")
        if not folder.is_absolute() or folder == Path("/"):
            raise _build_address_error("needs an absolute folder with three slashes: chdb:///absolute/folder")
        return Address(dsn, folder, f"embedded ClickHouse in {folder}")
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        raise _build_address_error("cannot be parsed: https://user:password@host:8443/database") from None
    if parts.scheme in ("http", "https"):
        # An unescaped / in a password ends the host too early, and the @ comes after it.
        if "@" in parts.path + parts.query + parts.fragment:
            raise _build_address_error("has a / ? # or @ in user or password; write it as %2F %3F %23 or %40")
        if not parts.hostname:
            raise _build_address_error("names no host: https://user:password@host:8443/database")
        return Address(
            dsn, None, f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        )
    raise _build_address_error(
        "must start with https:// or http:// (a server) or chdb:/// (a folder for the embedded engine)"
    )


def _build_address_error(why: str) -> InvalidSettingsError:
    # The message leaves the address out: it may hold a password.
    return InvalidSettingsError(f"The ClickHouse address ({CLICKHOUSE_DSN}) {why}")
