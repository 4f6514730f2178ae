"""All kinds of tables, by the kind that a source names."""

from collections.abc import Mapping
from typing import Final

from trace_clustering.clickhouse.source_tables.contract import TableKind
from trace_clustering.clickhouse.source_tables.langfuse import LANGFUSE

KINDS: Final[Mapping[str, TableKind]] = {"langfuse": LANGFUSE}
