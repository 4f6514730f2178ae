"""Loading a file of trace records: checked first, then inserted in batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, file_digest, read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering.traces.record import TraceRecord

RECORDS_PER_BATCH = 1000
_BAD_RECORDS_SHOWN = 20
_BATCHES_PER_SESSION = 50
_INSERT_TIMEOUT_SECONDS = 120.0

Track = Callable[[Iterable[TraceRecord | BadRecord], int, str], Iterable[TraceRecord | BadRecord]]


@dataclass
class LoadReport:
    """What became of the records of a file."""

    new: int = 0
    already_there: int = 0
    bad_count: int = 0
    bad: list[BadRecord] = field(default_factory=list)

    def note_bad(self, record: BadRecord) -> None:
        """Count a bad record, and keep it if it is among the first."""
        self.bad_count += 1
        if len(self.bad) < _BAD_RECORDS_SHOWN:
            self.bad.append(record)

    def bad_lines(self) -> str:
        """Return how many bad records there are, and the first of them, one per line."""
        lines = [f"{self.bad_count} bad record{'s' if self.bad_count > 1 else ''}:"]
        lines += [f"  line {record.line}: {record.reason}" for record in self.bad]
        if self.bad_count > len(self.bad):
            lines.append(f"  and {self.bad_count - len(self.bad)} more")
        return "\n".join(lines)


def load_file(
    path: Path,
    clickhouse: ClickHouse,
    team_id: int,
    *,
    on_error: Literal["stop", "skip"] = "stop",
    embedding_model: str = "",
    track: Track = lambda records, total, description: records,  # noqa: ARG005
) -> LoadReport:
    """Load the records of a file for a team; a file that is loaded already changes nothing.

    Parameters
    ----------
    path : Path
        JSON Lines or Parquet.
    clickhouse : ClickHouse
    team_id : int
    on_error : {"stop", "skip"}
        What bad records do: nothing of the file is loaded, or they are left out.
    embedding_model : str
        Name of the model that made the vectors; by default `unknown-` and their length.
    track : callable
        Wraps an iterable of records, given their number and what is done to them, to show progress.

    Raises
    ------
    InvalidRecordError
        If the file cannot be read, or holds bad records and `on_error` is `stop`.
    """
    total = count_records(path)
    if on_error == "stop":
        _check(track(read_records(path), total, "Checking"), path)
    report = LoadReport()
    batch_run_id = f"{team_id}_load_{file_digest(path)}"
    good = _good(track(read_records(path), total, "Loading"), report)
    batches = _batches(good)
    while first := next(batches, None):
        # A session serves many batches: the embedded engine leaks memory whenever it is opened again.
        with clickhouse.for_team(team_id, timeout_seconds=_INSERT_TIMEOUT_SECONDS) as session:
            for records in chain([first], islice(batches, _BATCHES_PER_SESSION - 1)):
                model_name = embedding_model or f"unknown-{len(records[0].embedding)}"
                new = insert_records(session, records, batch_run_id=batch_run_id, model_name=model_name)
                report.new += new
                report.already_there += len(records) - new
    return report


def _check(records: Iterable[TraceRecord | BadRecord], path: Path) -> None:
    report = LoadReport()
    for _ in _good(records, report):
        pass
    if report.bad_count:
        raise InvalidRecordError(
            f"Nothing of {path} was loaded, it holds {report.bad_lines()}\n"
            "Mend them, or leave them out with --on-error skip"
        )


def _good(records: Iterable[TraceRecord | BadRecord], report: LoadReport) -> Iterator[TraceRecord]:
    for record in records:
        if isinstance(record, BadRecord):
            report.note_bad(record)
        else:
            yield record


def _batches(records: Iterator[TraceRecord]) -> Iterator[list[TraceRecord]]:
    while batch := list(islice(records, RECORDS_PER_BATCH)):
        yield batch
