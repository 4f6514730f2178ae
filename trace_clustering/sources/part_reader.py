"""Reads files to parts of traces: recognises their format, and keeps what their records hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from trace_clustering.errors import BadValueError, InvalidRecordError
from trace_clustering.sources.containers import Row, name_unit, read_rows
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.registry import FORMATS, recognize_format
from trace_clustering.sources.grouping import Part, PartStore, Place
from trace_clustering.sources.json_text import Piece
from trace_clustering.sources.parse import BadRecord
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.rows import find_records, repair_row
from trace_clustering.text import escape_controls

NO_TRACE: Final = "records that hold nothing of a trace"
NO_FORMAT: Final = "files of no known format"
TOO_DEEP: Final = "is nested too deeply"
# A file in which none of so many records is recognised holds no traces.
_MAX_UNKNOWN_ROWS: Final = 1000
_MAX_KEYS_SHOWN: Final = 8


class PartReader:
    """Reads files into a store of parts.

    Parameters
    ----------
    store : PartStore
    report : ReadReport
    named : Format or None
        Format of all files, if the user named it.
    """

    def __init__(self, store: PartStore, report: ReadReport, named: Format | None) -> None:
        self._store = store
        self._report = report
        self._named = named
        self._files: list[tuple[str, str]] = []  # name and unit of each file

    def read_file(self, file: Path, root: Path) -> Iterator[None]:
        """Read a file that stands for itself or in the folder `root`, and yield once for each row.

        Raises
        ------
        InvalidRecordError
            If the file was named and nothing of it can be read, or nothing in it is of a known format.
        """
        name = file.name if file == root else str(file.relative_to(root))
        self._files.append((name, "row"))
        self._report.files += 1
        number = 0
        unknown: list[Row] = []
        try:
            self._files[-1] = (name, name_unit(file, in_pieces=True))
            for number in self._read_rows(file, unknown):  # noqa: B007 - for the message
                yield
        except InvalidRecordError as error:
            if file == root and not number:
                raise
            self._report.add_bad_record(BadRecord(number, str(error), f"{name}, after {number} records"))
        if unknown and file == root:
            raise InvalidRecordError(_describe_unknown(file, unknown[0]))
        if unknown:
            self._report.left_out[NO_FORMAT] += 1
            self._report.unknown_files.append(name)

    def add_bad_record(self, place: Place, reason: str) -> None:
        """Count a bad record, and say where it is."""
        file, number, item = place
        name, unit = self._files[file]
        where = f"{name}, {unit} {number}" + (f", item {item}" if item else "")
        self._report.add_bad_record(BadRecord(number, reason, where))

    def _read_rows(self, file: Path, unknown: list[Row]) -> Iterator[int]:
        """Read a file, and yield the numbers of its rows; `unknown` is empty if their format is known."""
        known: Format | None = self._named
        for number, row in read_rows(file, in_pieces=True):
            known = self._read_row(row, number, known)
            if known is None and isinstance(row, dict):
                unknown.append(row if not unknown else {})  # the first is shown
            yield number
            if known is None and len(unknown) == _MAX_UNKNOWN_ROWS:
                break
        if known is not None and unknown:
            self._report.left_out[NO_TRACE] += len(unknown)
            unknown.clear()

    def _read_row(self, row: Row, number: int, known: Format | None) -> Format | None:
        """Keep what a row holds, and return its format, or the one that is known of the file."""
        place = (len(self._files) - 1, number, 0)
        self._report.records += 1
        if isinstance(row, str):
            self.add_bad_record(place, row)
            return known
        try:
            is_repaired = repair_row(row)
            self._report.repaired += is_repaired
            found, records = find_records(row, self._recognize)
        except BadValueError as error:
            self.add_bad_record(place, str(error))
            return known
        if found is not None:
            self._report.records += len(records) - 1
            for item, record in enumerate(records, start=1):
                where = place if len(records) == 1 else (*place[:2], item)
                self._keep_parts(self._recognize(record) or found, record, where, is_repaired=is_repaired)
        elif known is not None and not isinstance(row, Piece):
            # The format of the file says what is wrong with a record that does not look like it.
            self._keep_parts(known, row, place, is_repaired=is_repaired)
        return found or known

    def _recognize(self, record: Record) -> Format | None:
        if self._named:
            return self._named if self._named.recognizes(record) else None
        return recognize_format([record])

    def _keep_parts(self, known: Format, record: Record, place: Place, *, is_repaired: bool) -> None:
        try:
            parts = list(known.split(record))
            for trace_id, content in parts:
                if not trace_id.strip():
                    raise BadValueError("its trace has no id")
                if is_repaired and "\ufffd" in trace_id:  # two ids could have become one
                    raise BadValueError("the id of its trace holds what is no character")
                self._store.add(Part(trace_id, known.name, place, content))
        except BadValueError as error:
            self.add_bad_record(place, str(error))
        except RecursionError:
            self.add_bad_record(place, TOO_DEEP)
        else:
            if not parts and not isinstance(record, Piece):
                self._report.left_out[NO_TRACE] += 1


def _describe_unknown(file: Path, row: Row) -> str:
    keys: list[Any] = list(row)[:_MAX_KEYS_SHOWN] if isinstance(row, dict) else []
    return (
        f"The records of {file} are of no known format; the first has the keys "
        f"{escape_controls(', '.join(map(str, keys))) or '(none)'}. Known are "
        f"{', '.join(known.name for known in FORMATS)}; one can be named with --format"
    )
