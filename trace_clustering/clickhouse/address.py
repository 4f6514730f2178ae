"""Where ClickHouse is: a server, or the engine inside this process with a folder of its own."""

from dataclasses import dataclass
from functools import partial
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
    variable : str
        Environment variable that holds the address, for messages.
    """

    dsn: str
    folder: Path | None
    name: str
    variable: str = CLICKHOUSE_DSN

    def __repr__(self) -> str:
        return f"Address({self.name!r})"


def parse_dsn(dsn: str, variable: str = CLICKHOUSE_DSN) -> Address:
    """Parse the address of a server or of an embedded folder.

    Raises
    ------
    InvalidSettingsError
        If it is neither `http(s)://user:password@host:port/database` nor `chdb:///absolute/folder`.
    """
    refuse = partial(_build_address_error, variable)
    if dsn.startswith("chdb://"):
        folder = Path(dsn.removeprefix("chdb://"))  # not parsed as a URL: the name of a folder may hold a #
        if "?" in dsn:
            raise _build_address_error(
                variable, "names a folder with a ?, which the embedded engine cannot open"
            )
        if not folder.is_absolute() or folder == Path("/"):
            raise _build_address_error(
                variable, "needs an absolute folder with three slashes: chdb:///absolute/folder"
            )
        return Address(dsn, folder, f"embedded ClickHouse in {folder}", variable)
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        raise _build_address_error(
            variable, "cannot be parsed: https://user:password@host:8443/database"
        ) from None
    if parts.scheme in ("http", "https"):
        # An unescaped / in a password ends the host too early, and the @ comes after it.
        if "@" in parts.path + parts.query + parts.fragment:
            raise _build_address_error(
                variable, "has a / ? # or @ in user or password; write it as %2F %3F %23 or %40"
            )
        if not parts.hostname:
            raise refuse("names no host: https://user:password@host:8443/database")
        name = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}{parts.path}"
        return Address(dsn, None, name, variable)
    raise refuse(
        "must start with https:// or http:// (a server) or chdb:/// (a folder for the embedded engine)",
    )


def _build_address_error(variable: str, why: str) -> InvalidSettingsError:
    # The message leaves the address out: it may hold a password.
    return InvalidSettingsError(f"The ClickHouse address ({variable}) {why}")
