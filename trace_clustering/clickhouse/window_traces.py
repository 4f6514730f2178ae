"""Counts the traces of a window that a clustering can speak for, and says whether they are still the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trace_clustering.clickhouse.automation import find_automation_condition
from trace_clustering.clickhouse.documents import (
    IS_USABLE,
    DocumentSelection,
    build_selection,
    write_selected_documents,
)
from trace_clustering.clickhouse.filter_sql import TraceCondition, build_trace_condition
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.window import Window

# No vector is read. The fingerprint leaves out when rows were written, so that another place gives the same.
_COUNTED = """
SELECT
    count() AS in_window,
    countIf(is_usable) AS embedded,
    countIf(is_counted) AS matching,
    groupBitXorIf(cityHash64(trace_id, last_moment), is_counted) AS fingerprint,
    maxIf(last_inserted, is_counted) AS last_inserted
FROM (
    SELECT
        trace_id, max({usable}) AS is_usable, is_usable AND {condition} AS is_counted,
        max(moment) AS last_moment, max(inserted) AS last_inserted
    FROM selected
    GROUP BY trace_id
)
"""


@dataclass(frozen=True)
class WindowSelection:
    """The traces of a window: how they are selected in statements.

    Attributes
    ----------
    usable : str
        SQL that holds for the rows of `selected` whose vectors can be compared with the clusters.
    condition : TraceCondition
        What a trace must satisfy.
    parameters : dict
        Bound parameters of both, and of the selected documents.
    in_utc : bool
        As in `TeamSession.query`.
    """

    usable: str
    condition: TraceCondition
    parameters: dict[str, Any]
    in_utc: bool


@dataclass(frozen=True)
class WindowTraces:
    """How many traces a window has.

    Attributes
    ----------
    in_window : int
        All with a selected document.
    embedded : int
        Those of them with a vector that can be compared with the clusters.
    matching : int
        Those of them that satisfy the filters, and are not left out as automation.
    fingerprint : int
        Equal for equal traces.
    last_inserted : datetime
        When the newest of their documents was written.
    """

    in_window: int
    embedded: int
    matching: int
    fingerprint: int
    last_inserted: datetime


def select_window(
    session: TeamSession,
    window: Window,
    documents: DocumentSelection,
    filters: Sequence[PropertyFilter],
    rules: SampleRules,
    *,
    dimensions: int,
    model: str,
) -> WindowSelection:
    """Return how the traces of a window are selected whose vectors are of a length and of a model.

    Of a session and of equal texts, all traces are selected: that only one of them is sampled does not make
    the others less. Length 0 stands for any length and any model.
    """
    filtered = build_trace_condition(filters, window, columns=session.events)
    condition = filtered.join(find_automation_condition(session, rules.automation, window))
    return WindowSelection(
        IS_USABLE if dimensions else "dimensions > 0",
        condition,
        {
            **build_selection(session.embeddings, documents, window),
            **condition.parameters,
            "dimensions": dimensions,
            "model": model,
        },
        in_utc=bool(filters) and session.events.has_json(),
    )


def count_window_traces(session: TeamSession, selection: WindowSelection) -> WindowTraces:
    """Count the traces of a window."""
    statement = write_selected_documents(session.embeddings) + _COUNTED.format(
        usable=selection.usable, condition=selection.condition.sql
    )
    (row,) = session.query(statement, in_utc=selection.in_utc, **selection.parameters)
    return WindowTraces(**row)
