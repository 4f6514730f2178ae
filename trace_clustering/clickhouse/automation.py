"""Traces that no person started, as far as the stored events of traces say so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.clickhouse.filter_sql import TraceCondition
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.trace_events import bind_trace_events, write_from_trace_events
from trace_clustering.constants import TRACE_EVENT_NAME
from trace_clustering.traces.sampling import Automation
from trace_clustering.traces.window import Window

# Most tables do not know the property. To look for its name is much faster than to parse the JSON, which may
# be a whole conversation.
_AUTOMATED: Final = """
    WITH
        {properties} AS properties_text,
        JSONExtractString(properties_text, '$ai_trace_id') AS automated_trace_id
    SELECT {columns}
    {from_trace_events}
        AND position(properties_text, '$ai_is_automation') > 0
        AND JSONExtractBool(properties_text, '$ai_is_automation')
        AND automated_trace_id != ''
"""

_COUNTS: Final = """, automated AS (
    SELECT automated_trace_id, max(is_in_window) AS is_of_window
    FROM ({automated})
    GROUP BY automated_trace_id
)
SELECT
    countIf(automated_trace_id IN (SELECT trace_id FROM selected WHERE {condition})) AS matching,
    countIf(is_of_window AND automated_trace_id NOT IN (SELECT trace_id FROM selected)) AS without_document
FROM automated
"""


@dataclass(frozen=True)
class AutomationCounts:
    """How many traces of a window no person started.

    Attributes
    ----------
    matching : int
        Number of those that would be in the sample otherwise, if it were large enough.
    without_document : int
        Number of those that were stored, but neither summarized nor embedded.
    """

    matching: int = 0
    without_document: int = 0

    @property
    def total(self) -> int:
        """Number of traces that are left out."""
        return self.matching + self.without_document


NO_AUTOMATION: Final = AutomationCounts()


def build_automation_condition(
    automation: Automation, window: Window, columns: TableColumns
) -> TraceCondition:
    """Return the condition that a trace may be in the sample, whoever started it.

    `columns` are those of the table of events.
    """
    if automation == "include":
        return TraceCondition()
    operator = "IN" if automation == "only" else "NOT IN"
    automated = _write_automated(columns, "automated_trace_id")
    return TraceCondition(f"trace_id {operator} ({automated})", _bind(window))


def find_automation_condition(session: TeamSession, automation: Automation, window: Window) -> TraceCondition:
    """Return the same condition, or one that always holds if no trace is known to be automation."""
    if automation == "leave_out" and not _knows_automation(session, window):
        return TraceCondition()
    return build_automation_condition(automation, window, session.events)


def leave_out_automation(
    session: TeamSession,
    automation: Automation,
    window: Window,
    selected: str,
    condition: TraceCondition,
    **parameters: Any,  # noqa: ANN401
) -> tuple[TraceCondition, AutomationCounts]:
    """Return what holds for the documents of a sample, and how many traces of automation are left out.

    Parameters
    ----------
    session : TeamSession
    automation : {"leave_out", "include", "only"}
    window : Window
    selected : str
        The SQL of the selected documents.
    condition : TraceCondition
        What else holds for the documents of the sample.
    **parameters
        Those of the selected documents.
    """
    counts = NO_AUTOMATION
    if automation == "leave_out":
        # Asked first, because the engine would evaluate the whole condition to count nothing.
        if not _knows_automation(session, window):
            return condition, counts
        counts = _count_automation(session, window, selected, condition, parameters)
    return condition.join(build_automation_condition(automation, window, session.events)), counts


def _count_automation(
    session: TeamSession,
    window: Window,
    selected: str,
    condition: TraceCondition,
    parameters: Mapping[str, Any],
) -> AutomationCounts:
    columns = session.events
    moment = columns.write_ordered_moment("timestamp", 6)
    in_window = f"{moment} >= {{window_start:DateTime64(3, 'UTC')}} AS is_in_window"
    automated = _write_automated(columns, f"automated_trace_id, {in_window}")
    (row,) = session.query(
        selected + _COUNTS.format(automated=automated, condition=condition.sql),
        in_utc=columns.has_json(),
        **parameters,
        **condition.parameters,
        **_bind(window),
    )
    return AutomationCounts(row["matching"], row["without_document"])


def _knows_automation(session: TeamSession, window: Window) -> bool:
    statement = _write_automated(session.events, "1 AS found") + "LIMIT 1"
    return bool(session.query(statement, **_bind(window)))


def _write_automated(columns: TableColumns, selected: str) -> str:
    return _AUTOMATED.format(
        properties=columns.write_text("properties"),
        columns=selected,
        from_trace_events=write_from_trace_events(columns, "automated"),
    )


def _bind(window: Window) -> dict[str, Any]:
    return bind_trace_events(window, automated=[TRACE_EVENT_NAME])
