"""All kinds of tables, by the kind that a source names."""

from collections.abc import Mapping
from typing import Final

from trace_clustering.clickhouse.source_tables.contract import TableKind
from trace_clustering.clickhouse.source_tables.langfuse import LANGFUSE
from trace_clustering.clickhouse.source_tables.langfuse_events import LANGFUSE_EVENTS
from trace_clustering.clickhouse.source_tables.otel_traces import OTEL_TRACES
from trace_clustering.clickhouse.source_tables.posthog_events import POSTHOG_EVENTS

KINDS: Final[Mapping[str, TableKind]] = {
    "langfuse": LANGFUSE,
    "langfuse_events": LANGFUSE_EVENTS,
    "otel": OTEL_TRACES,
    "posthog": POSTHOG_EVENTS,
}
