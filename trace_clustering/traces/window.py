"""The span of time whose traces are clustered, and times as text."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Window:
    """A span of time, aware and in UTC: `start <= timestamp < end`."""

    start: datetime
    end: datetime


def format_time(moment: datetime) -> str:
    """Return an aware time as ISO 8601 text in UTC with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: object) -> datetime | None:
    """Return ISO 8601 text as a time in UTC, which it also is without an offset; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment and (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
