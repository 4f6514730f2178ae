"""Parses the dates of filters: ISO 8601, or relative to the end of the window."""

import calendar
import re
from datetime import UTC, datetime, timedelta

# Python and ClickHouse (RE2) both use this expression, so that they agree on what is a date.
ISO_8601 = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?$"
)
_RELATIVE = re.compile(r"-([0-9]{1,4})([hdwmqy])")
_EXPECTED = (
    "must be a date or time in ISO 8601, such as 2025-01-22 or 2025-01-22T08:00:00Z, "
    "or a span before the end of the window: -24h, -7d, -2w, -1m, -1q or -1y"
)
_SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_MONTHS = {"m": 1, "q": 3, "y": 12}


def parse_moment(text: str, window_end: datetime) -> datetime:
    """Return the moment that a text names, in UTC.

    Parameters
    ----------
    text : str
        A date (midnight) or a date and time, in UTC unless it has an offset. Or a span before `window_end`
        such as `-7d`, in hours `h`, days `d`, weeks `w`, calendar months `m`, quarters `q` or years `y`.
    window_end : datetime
        Relative moments count back from here and not from now, so that a backfill finds the traces that the
        nightly run would have found.

    Raises
    ------
    ValueError
        If the text is neither, or the moment is before year 1 or after year 9999.
    """
    try:
        if relative := _RELATIVE.fullmatch(text):
            return _subtract_span(window_end, int(relative[1]), relative[2])
        if re.search(ISO_8601, text) and not text.endswith("\n"):
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(_EXPECTED) from None
    raise ValueError(_EXPECTED)


def _subtract_span(end: datetime, number: int, unit: str) -> datetime:
    if unit in _SPANS:
        return end - number * _SPANS[unit]
    months = end.year * 12 + end.month - 1 - number * _MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    last_day = calendar.monthrange(year, month)[1]
    return end.replace(year=year, month=month, day=min(end.day, last_day))
