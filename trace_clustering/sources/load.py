"""Loads a file of trace records: checks all of it first, then inserts it in batches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from trace_clustering.clickhouse.batches import split_by_size
from trace_clustering.clickhouse.record_versions import name_batch_run
from trace_clustering.clickhouse.records import InsertReport, insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.constants import MAX_BATCH_BYTES, MAX_BATCH_RECORDS
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.bad_records import BadRecordCount
from trace_clustering.sources.files import count_records, digest_file, read_records
from trace_clustering.sources.inputs import open_input
from trace_clustering.sources.parse import BadRecord, Repairs
from trace_clustering.text import escape_controls
from trace_clustering.traces.record import TraceRecord

_BATCHES_PER_SESSION = 50
_INSERT_TIMEOUT_SECONDS = 120.0

TrackProgress = Callable[[Iterable[TraceRecord | BadRecord], int, str], Iterable[TraceRecord | BadRecord]]


@dataclass
class LoadReport(BadRecordCount):
    """Result of a load, and its bad records.

    Attributes
    ----------
    inserted : InsertReport
        How many traces are new, replaced and unchanged.
    repeated : int
        Number of records whose trace comes again later in the file; they are left out.
    repaired : int
        Number of records with text that was no Unicode, and was repaired.
    days : set of date
        UTC days of the traces.
    """

    inserted: InsertReport = field(default_factory=InsertReport)
    repeated: int = 0
    repaired: int = 0
    days: set[date] = field(default_factory=set)

    def describe(self, team_id: int) -> list[str]:
        """Return what was loaded, and what of it needs attention, as sentences."""
        found = self.inserted
        lines = [
            f"Loaded {found.new + found.replaced} traces for team {team_id}: {found.new} new, "
            f"{found.replaced} replaced; {found.unchanged} were there unchanged."
        ]
        if self.repeated:
            lines.append(
                f"{self.repeated} records were left out, because their trace comes again later in the file."
            )
        if self.repaired:
            lines.append(f"{self.repaired} records held what is no character; \ufffd stands for it now.")
        if found.other_models:
            names = ", ".join(sorted(map(escape_controls, found.other_models)))
            lines.append(
                f"Other vectors of these traces are stored too, by the model {names}; choose one model with "
                "the setting embedding_model."
            )
        if found.not_deleted:
            lines.append(
                "Older rows of these traces stay until the tables merge them or the file is loaded again; "
                f"the new ones count. They could not be deleted: {found.not_deleted}"
            )
        return lines


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

    The newest record wins: a record replaces what a load stored of its trace before, and of a trace that
    comes several times in the file, the last record counts.

    Parameters
    ----------
    path : Path
        JSON Lines, a JSON array or Parquet, JSON also packed with gzip; a folder of such files; or `-` for
        standard input.
    clickhouse : ClickHouse
    team_id : int
    on_error : {"stop", "skip"}
        With bad records, load nothing of the file, or leave them out.
    embedding_model : str
        Name of the model that made the embeddings; by default the one that is stored with the same
        embedding, else `unknown-` and their length. Other embeddings by other models stay.
    track : callable
        Shows progress: given the records, their number and a description, returns the records.

    Raises
    ------
    InvalidRecordError
        If the file cannot be read, or holds bad records and `on_error` is `stop`.
    """
    with open_input(path) as source:
        return _load_source(source, clickhouse, team_id, on_error, embedding_model, track)


def _load_source(
    path: Path,
    clickhouse: ClickHouse,
    team_id: int,
    on_error: Literal["stop", "skip"],
    embedding_model: str,
    track: TrackProgress,
) -> LoadReport:
    total = count_records(path)
    report, repairs = LoadReport(), Repairs()
    records = track(read_records(path, repairs), total, "Checking")
    last = _find_last_records(_keep_good_records(records, report), report)
    report.repaired = repairs.records
    if report.bad_count and on_error == "stop":
        raise InvalidRecordError(
            f"Nothing of {path} was loaded, it holds {report.describe_bad_records()}\n"
            "Mend them, or leave them out with --on-error skip"
        )
    batch_run_id = name_batch_run(team_id, digest_file(path))
    records = track(read_records(path), total, "Loading")
    kept = _keep_last_records(_keep_good_records(records, LoadReport()), last)
    batches = split_by_size(kept, _estimate_bytes, max_items=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES)
    while first := next(batches, None):
        # One session inserts many batches, because the embedded engine leaks memory each time it is opened.
        with clickhouse.open_session(team_id, timeout_seconds=_INSERT_TIMEOUT_SECONDS) as session:
            for batch in chain([first], islice(batches, _BATCHES_PER_SESSION - 1)):
                report.inserted.add(
                    insert_records(session, batch, batch_run_id=batch_run_id, model_name=embedding_model)
                )
                report.days |= {record.timestamp.astimezone(UTC).date() for record in batch}
    return report


def _keep_good_records(
    records: Iterable[TraceRecord | BadRecord], report: LoadReport
) -> Iterator[TraceRecord]:
    for record in records:
        if isinstance(record, BadRecord):
            report.add_bad_record(record)
        else:
            yield record


def _find_last_records(records: Iterable[TraceRecord], report: LoadReport) -> dict[bytes, int]:
    """Return by digest of a trace's id the position of its last record, and count the others."""
    last: dict[bytes, int] = {}
    for position, record in enumerate(records):
        digest = _digest_id(record)
        report.repeated += digest in last
        last[digest] = position
    return last


def _keep_last_records(records: Iterable[TraceRecord], last: dict[bytes, int]) -> Iterator[TraceRecord]:
    for position, record in enumerate(records):
        if last.get(_digest_id(record)) == position:
            yield record


def _digest_id(record: TraceRecord) -> bytes:
    return hashlib.blake2b(record.trace_id.encode(), digest_size=16).digest()  # ids may be long


def _estimate_bytes(record: TraceRecord) -> int:
    texts = [record.title, record.flow_diagram, *record.bullets, *record.interesting_notes]
    return 8 * len(record.embedding) + sum(map(len, texts)) + len(json.dumps(record.properties))
