"""Names of databases and tables, which stand in statements as they are."""

import re

from trace_clustering.errors import InvalidSettingsError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_identifier(name: str) -> bool:
    """Return whether a database or a table can have this name without quotes."""
    return _IDENTIFIER.fullmatch(name) is not None


def check_identifier(name: str) -> str:
    """Return the name of a database or a table, if it can be one.

    Raises
    ------
    InvalidSettingsError
        If it is none.
    """
    if not is_identifier(name):
        raise InvalidSettingsError(
            f"{name!r} cannot be the name of a ClickHouse table or database; "
            "use letters, digits and underscores"
        )
    return name
