"""Reads times, numbers and texts as formats write them, with every unit named by who asks."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from trace_clustering.errors import BadValueError

Unit = Literal["s", "ms", "us", "ns", "any"]
_PER_SECOND: Final[dict[str, int]] = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_NUMBER: Final = re.compile(r"-?\d+(\.\d*)?", re.ASCII)
_MAX_TIME: Final = 10**21  # Nanoseconds in more years than a date can have.
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def read_time(value: object, name: str, unit: Unit = "s") -> datetime | None:
    """Return a moment in UTC, or None if it is missing.

    Parameters
    ----------
    value : object
        ISO 8601, with or without an offset; a time of Parquet; or a number since 1970, which may be a text.
    name : str
        Of the field, for the message.
    unit : {"s", "ms", "us", "ns", "any"}
        Of a number. With "any", its size tells the unit: milliseconds from 10**11 (5138 in seconds),
        microseconds from 10**14 and nanoseconds from 10**17.

    Raises
    ------
    BadValueError
        If it is none of these.
    """
    if value is None or value == "":
        return None
    moment: datetime | None = None
    try:
        if isinstance(value, datetime):
            moment = value
        elif isinstance(value, date):
            moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
        elif isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
            moment = datetime.fromisoformat(value.strip().removesuffix(" UTC"))
        elif isinstance(value, int | float | Decimal | str) and not isinstance(value, bool):
            moment = _count_from_epoch(Decimal(str(value).strip()), unit)
        if moment is not None:
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, ArithmeticError):
        moment = None
    raise BadValueError(f"{name} must be a time, not {quote_value(value)}")


def read_number(value: object, name: str) -> float | None:
    """Return a number that is neither NaN nor infinite, or None if it is missing.

    Raises
    ------
    BadValueError
        If it is no number.
    """
    if value is None or value == "":
        return None
    try:
        number = float(value) if isinstance(value, int | float | Decimal | str) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not math.isfinite(number):
        raise BadValueError(f"{name} must be a number, not {quote_value(value)}")
    return number


def read_count(value: object, name: str) -> int | None:
    """Return a number of things, or None if it is missing."""
    number = read_number(value, name)
    return None if number is None else int(number)


def read_name(value: object) -> str:
    """Return an id or a name as text; empty if it is missing."""
    return "" if value is None or isinstance(value, dict | list) else str(value)


def read_flag(value: object) -> bool | None:
    """Return whether something holds, or None if that is not told."""
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())


def read_mapping(value: object) -> Mapping[str, Any]:
    """Return an object, which may be JSON in a text; empty if it is none."""
    from trace_clustering.sources.messages import parse_json_text

    parsed = parse_json_text(value)
    return parsed if isinstance(parsed, dict) else {}


def make_json(value: object) -> Any:  # noqa: ANN401 - any JSON
    """Return a value of Parquet or Python as JSON: times in ISO 8601, decimals as numbers, NaN as None."""
    if value is None or type(value) in (str, int, bool):  # Nearly all are.
        return value
    if isinstance(value, Mapping):
        return {str(name): make_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_json(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def quote_value(value: object) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _count_from_epoch(number: Decimal, unit: Unit) -> datetime:
    if not abs(number) < _MAX_TIME:
        raise ValueError("no calendar reaches so far")
    microseconds = number * 10**6 / _PER_SECOND[_guess_unit(number) if unit == "any" else unit]
    return _EPOCH + timedelta(microseconds=int(microseconds))


def _guess_unit(number: Decimal) -> Unit:
    size = abs(number)
    return "s" if size < 10**11 else "ms" if size < 10**14 else "us" if size < 10**17 else "ns"
