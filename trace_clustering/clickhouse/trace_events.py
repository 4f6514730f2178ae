"""The events that belong to the traces of a window."""

from collections.abc import Sequence
from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.constants import TRACE_FILTER_MARGIN
from trace_clustering.traces.window import Window

_FROM_TRACE_EVENTS: Final = """
    FROM {{events:Identifier}}
    WHERE team_id = {{team_id:Int64}}
        AND {event} IN {{{names}:Array(String)}}
        AND {timestamp} >= {{{names}_start:DateTime64(6, 'UTC')}}
        AND {timestamp} < {{{names}_end:DateTime64(6, 'UTC')}}
"""


def write_from_trace_events(columns: TableColumns, names: str) -> str:
    """Return FROM and WHERE of a statement about traces' events; `bind_trace_events` binds `names`."""
    return _FROM_TRACE_EVENTS.format(
        names=names,
        event=columns.write_comparable("event"),
        timestamp=columns.write_ordered_moment("timestamp", 6),
    )


def bind_trace_events(window: Window, **names: Sequence[str]) -> dict[str, Any]:
    """Return the parameters that choose events of some names.

    They are those from `TRACE_FILTER_MARGIN` before the window to its end, because a trace's events precede
    its summary.
    """
    bound: dict[str, Any] = {}
    for parameter, events in names.items():
        bound |= {
            parameter: list(events),
            f"{parameter}_start": window.start - TRACE_FILTER_MARGIN,
            f"{parameter}_end": window.end,
        }
    return bound
