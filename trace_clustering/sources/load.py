"""Loads a file of trace records: checks all of it first, then inserts it in batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, digest_file, read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering.traces.record import TraceRecord

RECORDS_PER_BATCH = 1000
_MAX_BAD_RECORDS_LISTED = 20
_BATCHES_PER_SESSION = 50
_INSERT_TIMEOUT_SECONDS = 120.0

TrackProgress = Callable[[Iterable[TraceRecord | BadRecord], int, str], Iterable[TraceRecord | BadRecord]]


@dataclass
class LoadReport:
    """Result of a load.

    Attributes
    ----------
    new, already_there, bad_count : int
        Number of records that were inserted, were stored before, or are bad.
    first_bad : list of BadRecord
        The first bad records; a message lists only these.
    """

    new: int = 0
    already_there: int = 0
    bad_count: int = 0
    first_bad: list[BadRecord] = field(default_factory=list)

    def add_bad_record(self, record: BadRecord) -> None:
        """Count a bad record, and keep it if it is among the first."""
        self.bad_count += 1
        if len(self.first_bad) < _MAX_BAD_RECORDS_LISTED:
            self.first_bad.append(record)

    def describe_bad_records(self) -> str:
        """Return how many bad records there are, and the first of them, one per line."""
        lines = [f"{self.bad_count} bad record{'s' if self.bad_count > 1 else ''}:"]
        lines += [f"  line {record.line}: {record.reason}" for record in self.first_bad]
        if self.bad_count > len(self.first_bad):
            lines.append(f"  and {self.bad_count - len(self.first_bad)} more")
        return "\n".join(lines)


def load_file(
    path: Path,
    clickhouse: ClickHouse,
    team_id: int,
    *,
    on_error: Literal["stop", "skip"] = "stop",
    embedding_model: str = "",
    track: TrackProgress = lambda records, total, description: records,  # noqa: ARG005
) -> LoadReport:
    """Load the records of a file for a team; loading a file again changes nothing.

    Parameters
    ----------
    path : Path
        JSON Lines or Parquet.
    clickhouse : ClickHouse
    team_id : int
    on_error : {"stop", "skip"}
        With bad records, load nothing of the file, or leave them out.
    embedding_model : str
        Name of the model that made the embeddings; by default `unknown-` and their length.
    track : callable
        Shows progress: given the records, their number and a description, returns the records.

    Raises
    ------
    InvalidRecordError
        If the file cannot be read, or holds bad records and `on_error` is `stop`.
    """
    total = count_records(path)
    if on_error == "stop":
        _require_no_bad_records(track(read_records(path), total, "Checking"), path)
    report = LoadReport()
    batch_run_id = f"{team_id}_load_{digest_file(path)}"
    good = _keep_good_records(track(read_records(path), total, "Loading"), report)
    batches = _take_batches(good)
    while first := next(batches, None):
        # One session inserts many batches, because the embedded engine leaks memory each time it is opened.
        with clickhouse.open_session(team_id, timeout_seconds=_INSERT_TIMEOUT_SECONDS) as session:
            for records in chain([first], islice(batches, _BATCHES_PER_SESSION - 1)):
                model_name = embedding_model or f"unknown-{len(records[0].embedding)}"
                new = insert_records(session, records, batch_run_id=batch_run_id, model_name=model_name)
                report.new += new
                report.already_there += len(records) - new
    return report


def _require_no_bad_records(records: Iterable[TraceRecord | BadRecord], path: Path) -> None:
    report = LoadReport()
    for _ in _keep_good_records(records, report):
        pass
    if report.bad_count:
        raise InvalidRecordError(
            f"Nothing of {path} was loaded, it holds {report.describe_bad_records()}\n"
            "Mend them, or leave them out with --on-error skip"
        )


def _keep_good_records(
    records: Iterable[TraceRecord | BadRecord], report: LoadReport
) -> Iterator[TraceRecord]:
    for record in records:
        if isinstance(record, BadRecord):
            report.add_bad_record(record)
        else:
            yield record


def _take_batches(records: Iterator[TraceRecord]) -> Iterator[list[TraceRecord]]:
    while batch := list(islice(records, RECORDS_PER_BATCH)):
        yield batch
