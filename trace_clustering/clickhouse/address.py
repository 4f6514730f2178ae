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
        As given, with the password if there is one; never shown.
    folder : Path or None
        Folder of the embedded engine; None for a server.
    name : str
        What messages call this place, without user and password.
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
        folder = Path(dsn.removeprefix("chdb://"))  # taken literally: a folder may hold a #
        if "?" in dsn:
            raise _unusable("names a folder with a ?, which the embedded engine cannot open")
        if not folder.is_absolute() or folder == Path("/"):
            raise _unusable("needs an absolute folder with three slashes: chdb:///absolute/folder")
        return Address(dsn, folder, f"embedded ClickHouse in {folder}")
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        raise _unusable("cannot be parsed: https://user:password@host:8443/database") from None
    if parts.scheme in ("http", "https"):
        if "@" in parts.path + parts.query + parts.fragment:  # a password with a / ends the host too early
            raise _unusable("has a / ? # or @ in user or password; write it as %2F %3F %23 or %40")
        if not parts.hostname:
            raise _unusable("names no host: https://user:password@host:8443/database")
        return Address(
            dsn, None, f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        )
    raise _unusable(
        "must start with https:// or http:// (a server) or chdb:/// (a folder for the embedded engine)"
    )


def _unusable(why: str) -> InvalidSettingsError:
    # The value is not shown: it may hold a password.
    return InvalidSettingsError(f"The ClickHouse address ({CLICKHOUSE_DSN}) {why}")
