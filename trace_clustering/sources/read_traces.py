"""Reads traces from files and folders, in whatever known format they are."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

from trace_clustering.constants import MAX_TRACE_BYTES
from trace_clustering.errors import BadValueError, InvalidRecordError
from trace_clustering.sources.containers import count_rows, name_unit, read_rows
from trace_clustering.sources.formats.contract import Format, Record
from trace_clustering.sources.formats.registry import FORMATS, get_format, recognize_format
from trace_clustering.sources.grouping import Group, Part, PartStore
from trace_clustering.sources.inputs import TRACE_SUFFIXES, list_parts, open_input
from trace_clustering.sources.parse import BadRecord
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.traces.trace import Trace

T = TypeVar("T")
TrackProgress = Callable[[Iterable[T], int, str], Iterable[T]]

# A file in which none of so many records is recognised holds no traces.
_MAX_UNKNOWN_RECORDS: Final = 1000
_NO_FORMAT: Final = "files of no known format"
_NO_TRACE: Final = "records that hold nothing of a trace"
_TOO_DEEP: Final = "is nested too deeply"
_REPEATED: Final = "records whose trace comes again later"


def read_traces(
    paths: Sequence[Path],
    report: ReadReport,
    *,
    format_name: str = "",
    track: TrackProgress[Any] = lambda items, total, description: items,  # noqa: ARG005
) -> Iterator[Trace]:
    """Read the traces of files and folders; each file's format is recognised by its first records.

    The traces come in an order that depends on their ids alone. Of a trace that comes several times, the last
    record counts. Bad records are counted and left out.

    Parameters
    ----------
    paths : sequence of Path
        Files, folders, or `-` for standard input.
    report : ReadReport
        Is filled while the traces are taken.
    format_name : str
        Name of the format of all files; by default it is recognised.
    track : callable
        Shows progress: given things, their approximate number and a description, returns the things.

    Raises
    ------
    InvalidRecordError
        If a file cannot be read, no format is known by the name, or a file that was named is of no known
        format.
    """
    named = get_format(format_name) if format_name else None
    with PartStore() as store:
        reader = _Reader(store, report, named)
        for path in paths:
            with open_input(path) as source:
                reader.read_path(source, track)
        yield from reader.build_traces()


class _Reader:
    """Reads files into a store of parts, and builds the traces from it."""

    def __init__(self, store: PartStore, report: ReadReport, named: Format | None) -> None:
        self._store = store
        self._report = report
        self._named = named
        self._formats = {known.name: known for known in [*FORMATS, *([named] if named else [])]}
        self._files: list[tuple[str, str]] = []  # name and unit of each file
        self._seen: set[Path] = set()

    def read_path(self, path: Path, track: TrackProgress[Any]) -> None:
        """Read a file, or those of a folder, each once."""
        files = [file for file in list_parts(path, TRACE_SUFFIXES) if file.resolve() not in self._seen]
        self._seen |= {file.resolve() for file in files}
        total = sum(map(count_rows, files))
        rows = chain.from_iterable(self._read_file(file, path) for file in files)
        for _ in track(rows, total, "Reading"):
            self._report.records += 1

    def build_traces(self) -> Iterator[Trace]:
        """Yield the traces of what was read."""
        for group in self._store.take_groups():
            format_ = self._formats[group.parts[-1].format_name]
            for trace in self._build_group(group, format_):
                self._report.traces += 1
                self._report.automation += trace.is_automation
                self._report.formats[format_.title] += 1
                yield trace

    def _read_file(self, file: Path, root: Path) -> Iterator[None]:
        """Read a file, and yield once for each record."""
        name = file.name if file == root else str(file.relative_to(root))
        self._files.append((name, name_unit(file)))
        self._report.files += 1
        format_ = self._named
        unknown = 0
        for number, row in read_rows(file):
            if isinstance(row, dict):
                format_ = self._named or recognize_format([row]) or format_
            if isinstance(row, str):
                self._add_bad_record(len(self._files) - 1, number, row)
            elif format_ is not None:
                self._keep_parts(format_, row, number)
            else:
                unknown += 1
            yield
            if format_ is None and unknown == _MAX_UNKNOWN_RECORDS:
                break
        if format_ is None and unknown:
            self._refuse_file(name, is_named=file == root)
        elif unknown:
            self._report.left_out[_NO_TRACE] += unknown

    def _refuse_file(self, name: str, *, is_named: bool) -> None:
        if is_named:
            raise InvalidRecordError(
                f"{name} holds records of no known format; known are "
                f"{', '.join(known.name for known in FORMATS)}: name one with --format"
            )
        self._report.left_out[_NO_FORMAT] += 1
        self._report.unknown_files.append(name)

    def _keep_parts(self, format_: Format, row: Record, number: int) -> None:
        file = len(self._files) - 1
        parts = 0
        try:
            for trace_id, content in format_.split(row):
                self._store.add(Part(trace_id, format_.name, (file, number), content))
                parts += 1
        except BadValueError as error:
            self._add_bad_record(file, number, str(error))
        except RecursionError:
            self._add_bad_record(file, number, _TOO_DEEP)
        else:
            if not parts:
                self._report.left_out[_NO_TRACE] += 1

    def _build_group(self, group: Group, format_: Format) -> list[Trace]:
        last = group.parts[-1]
        parts = [part for part in group.parts if part.format_name == last.format_name]
        if not format_.is_spread:
            parts = [part for part in parts if part.place == last.place]
        repeated = {part.place for part in group.parts} - {part.place for part in parts}
        if repeated:
            self._report.left_out[_REPEATED] += len(repeated)
        try:
            if group.is_too_large:
                raise BadValueError(f"its trace is larger than {MAX_TRACE_BYTES // 1024**2} MiB")
            return list(format_.build(last.trace_id, [part.content for part in parts]))
        except BadValueError as error:
            self._add_bad_record(*last.place, str(error))
        except RecursionError:
            self._add_bad_record(*last.place, _TOO_DEEP)
        return []

    def _add_bad_record(self, file: int, number: int, reason: str) -> None:
        name, unit = self._files[file]
        self._report.add_bad_record(BadRecord(number, reason, f"{name}, {unit} {number}"))
