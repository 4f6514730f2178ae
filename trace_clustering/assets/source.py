"""The traces of a team's source, as the assets of a day take them: redacted."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.source_tables.trace_source import TraceSource, is_own_table
from trace_clustering.constants import INGESTION_STATEMENT_TIMEOUT
from trace_clustering.documents.redaction import Kind, redact_trace
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.ingestion.summarize import FetchTraces
from trace_clustering.orchestration.team_settings import load_source_of_team
from trace_clustering.posthog.stored_traces import StoredTrace, prepare_trace
from trace_clustering.sources.bad_records import BadRecordCount
from trace_clustering.sources.tables import read_table_traces
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import Window


class SourceOfDay:
    """What happened on a day in a team's source.

    Attributes
    ----------
    source : TraceSource
    bad : BadRecordCount
        The traces that could not be read.
    """

    def __init__(
        self, clickhouse: ClickHouse, team_id: int, day: Window, source: TraceSource, kinds: Sequence[Kind]
    ) -> None:
        self._clickhouse = clickhouse
        self._team_id = team_id
        self._day = day
        self._kinds = kinds
        self.source = source
        self.bad = BadRecordCount()

    @property
    def is_own_table(self) -> bool:
        """Whether the traces are in the very table in which they would be stored."""
        place = self._clickhouse
        return is_own_table(self.source, self._team_id, place.find_database(), place.events_table)

    def read(self) -> Iterator[Trace]:
        """Yield the traces, redacted."""
        found = read_table_traces(
            self._clickhouse,
            self.source,
            self._team_id,
            self._day,
            timeout_seconds=INGESTION_STATEMENT_TIMEOUT,
            tell_left_out=self.bad.add_bad_trace,
        )
        return (redact_trace(trace, self._kinds) for trace in found) if self._kinds else found

    def fetch(self, wanted: Sequence[IngestedTrace]) -> Iterator[StoredTrace]:
        """Yield some of the traces, read again."""
        ids = {trace.trace_id for trace in wanted}
        if ids:
            read_at = datetime.now(UTC)
            yield from (prepare_trace(trace, read_at) for trace in self.read() if trace.trace_id in ids)


def open_source(
    clickhouse: ClickHouse, team_id: int, day: Window, kinds: Sequence[Kind]
) -> SourceOfDay | None:
    """Return the source of a team; None if its rows come into the tables by another way."""
    source = load_source_of_team(team_id)
    return SourceOfDay(clickhouse, team_id, day, source, kinds) if source else None


def choose_fetch(source: SourceOfDay | None) -> FetchTraces | None:
    """Return how traces are read that are to be summarized; None if they are stored."""
    return source.fetch if source and source.is_own_table else None
