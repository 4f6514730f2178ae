"""Turns errors of the client library into errors of this project, which say what to do next."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from trace_clustering.clickhouse.address import Address
from trace_clustering.errors import (
    ClickHouseQueryError,
    ClickHouseSetupError,
    ClickHouseUnavailableError,
    InvalidPatternError,
    TraceClusteringError,
)
from trace_clustering.text import escape_controls

# Error codes of ClickHouse: https://github.com/ClickHouse/ClickHouse, src/Common/ErrorCodes.cpp
_UNKNOWN_TABLE: Final = 60
_UNKNOWN_DATABASE: Final = 81
_CANNOT_COMPILE_REGEXP: Final = 427
_WRONG_USER: Final = {192, 193, 194, 516}
_MISSING_GRANT: Final = {291, 497}
_READ_ONLY: Final = {164, 242}
_UNSUITABLE_SETTING: Final = {115, 452}
_DISK_FULL: Final = 243
_NO_SPACE: Final = "No space left on device"
_TOO_SLOW: Final = {159, 160, 209}
_BUSY: Final = {202, 203, 210, 241, 439}
# The statement does not fit the tables or the server's version, so another attempt fails as well.
_UNSUITABLE: Final = {
    *(6, 8, 10, 16, 20, 35, 36, 38, 41, 42, 43, 44, 46, 47, 48, 50, 53, 57, 62, 63, 69, 70),
    *(344, 349, 352, 386, 392, 403, 456, 457, 524),
}
_STATUS: Final = re.compile(r"HTTP driver received HTTP status (\d{3})")
_MAX_MESSAGE: Final = 1000


@contextmanager
def explain_errors(address: Address) -> Iterator[None]:
    """Turn errors of the client library into errors of this project, which say what to do next.

    Answers that the library cannot parse come as a ValueError or LookupError.
    """
    from clickhouse_connect.driver.exceptions import ClickHouseError, StreamCompleteException

    try:
        yield
    except (ClickHouseError, OSError) as error:
        explained = _explain_error(error, address)
        _escape_causes(error)
        raise explained from error
    except (ValueError, LookupError, OverflowError, MemoryError, StreamCompleteException) as error:
        raise ClickHouseUnavailableError(
            f"{address.name} sent an answer that is not ClickHouse's "
            f"({type(error).__name__}: {_shorten(str(error))}); "
            f"check that {address.variable} names its HTTP port"
        ) from error


def _escape_causes(error: BaseException) -> None:
    """Escape the messages of an error and its causes, because Dagster prints them too."""
    cause: BaseException | None = error
    while cause is not None:
        cause.args = tuple(
            escape_controls(item, _MAX_MESSAGE) if isinstance(item, str) else item for item in cause.args
        )
        cause = cause.__cause__ or cause.__context__


def get_code(error: BaseException) -> int | None:
    """Return ClickHouse's code of an error, or of the error that caused it; None without one."""
    code: int | None = getattr(error, "code", None)
    if code is None and error.__cause__ is not None:
        return get_code(error.__cause__)
    return code


def _explain_error(error: Exception, address: Address) -> TraceClusteringError:
    """Return the error of this project for an error of the client library."""
    from clickhouse_connect.driver.exceptions import ProgrammingError

    code = get_code(error)
    message = _shorten(str(error).split("(for url")[0].strip())
    if code == _CANNOT_COMPILE_REGEXP:
        reason = message.split("cannot compile re2: ")[-1].split(". Look at")[0]
        return InvalidPatternError(f"ClickHouse cannot compile the regular expression {reason}")
    if code == _DISK_FULL or _NO_SPACE in message:
        return ClickHouseSetupError(
            f"{_NO_SPACE}: the disk of {address.name} is full; free some space there, "
            f"and run the partition again: {message}"
        )
    if setup := _explain_setup(code, address):
        return ClickHouseSetupError(f"{address.name} {setup}: {message}")
    if code in _TOO_SLOW | _BUSY:
        return ClickHouseUnavailableError(
            f"{address.name} is too busy or too slow, try again later: {message}"
        )
    if isinstance(error, ProgrammingError):
        return ClickHouseSetupError(f"{address.name} cannot be used: {message}")
    if code is None:
        return _explain_transport(error, address, message)
    return ClickHouseQueryError(f"{address.name} refused a query: {message}")


def _explain_setup(code: int | None, address: Address) -> str:
    """Return what is permanently wrong, and what to do; empty if a later attempt may succeed."""
    if code in _WRONG_USER:
        return f"refused user or password; check both in {address.variable}"
    if code in _MISSING_GRANT:
        return "does not allow the user to do this; grant what the message names"
    if code in _READ_ONLY:
        return "lets the user only read; use a user that may do what the message names"
    if code in _UNSUITABLE_SETTING:
        return "does not accept a setting that is needed; allow it for the user"
    if code == _UNKNOWN_DATABASE:
        return "has no such database; create it, or name another in the address"
    if code == _UNKNOWN_TABLE:
        return (
            "lacks a table; run `trace-clustering create-tables`, "
            "or set database, events_table and the names of the other tables of the clickhouse resource"
        )
    if code in _UNSUITABLE:
        return "refused a query, and would refuse it again; compare the columns of its tables with the page"
    return ""


def _explain_transport(error: Exception, address: Address, message: str) -> TraceClusteringError:
    """Return the error for a failure that ClickHouse itself has not named."""
    causes = [message, str(error.__cause__ or "")]
    if any("too many redirects" in text.lower() for text in causes):
        return ClickHouseSetupError(
            f"{address.name} redirects to another address; name that address in {address.variable}: {message}"
        )
    if status := _STATUS.search(message):
        return _explain_status(int(status[1]), address, message)
    if any("read timed out" in text.lower() for text in causes):
        return ClickHouseUnavailableError(
            f"{address.name} was reached but did not answer in time; try again when it is less busy, "
            f"or allow the step more time: {message}"
        )
    return ClickHouseUnavailableError(
        f"{address.name} cannot be reached; check host and port in {address.variable} "
        f"and that the server runs: {message}"
    )


def _explain_status(status: int, address: Address, message: str) -> TraceClusteringError:
    """Return the error for an HTTP status without a code of ClickHouse: most likely a proxy's."""
    who = f"{address.name}, or a proxy before it, answered {status}"
    if status in (401, 403, 407):
        return ClickHouseSetupError(
            f"{who} and let nobody in; check user and password in {address.variable}, "
            f"and what the proxy requires: {message}"
        )
    if 300 <= status < 400:
        return ClickHouseSetupError(
            f"{who}, a redirect, which is not followed; name its target in {address.variable}: {message}"
        )
    if 400 <= status < 500 and status not in (408, 425, 429):
        return ClickHouseSetupError(
            f"{who}, so this is not the HTTP address of a ClickHouse server; "
            f"check host, port and path in {address.variable}: {message}"
        )
    return ClickHouseUnavailableError(f"{who}; try again when the server is up again: {message}")


def _shorten(message: str) -> str:
    # ClickHouse quotes values of rows, which may hold anything.
    return escape_controls(message, _MAX_MESSAGE)
