"""Reads traces from files and folders, in whatever known format they are."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

from trace_clustering.constants import MAX_TRACE_BYTES
from trace_clustering.errors import BadValueError, InvalidRecordError
from trace_clustering.sources.containers import count_rows
from trace_clustering.sources.formats.contract import Format
from trace_clustering.sources.formats.registry import FORMATS, get_format
from trace_clustering.sources.grouping import Group, PartStore
from trace_clustering.sources.inputs import TRACE_SUFFIXES, list_parts, open_input
from trace_clustering.sources.part_reader import TOO_DEEP, PartReader
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.traces.trace import Trace

TrackProgress = Callable[[Iterable[Any], int, str], Iterable[Any]]

_OTHER_KINDS: Final = "files that are no JSON, CSV or Parquet"
_NO_LLM: Final = "traces of programs without a language model"
_REPEATED: Final = "records whose trace comes again later"


def read_traces(
    paths: Sequence[Path],
    report: ReadReport,
    *,
    format_name: str = "",
    track: TrackProgress = lambda items, total, description: items,  # noqa: ARG005
) -> Iterator[Trace]:
    """Read the traces of files and folders; the format of each file is recognised by its records.

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
    seen: set[Path] = set()
    with PartStore() as store:
        reader = PartReader(store, report, named)
        for path in paths:
            with open_input(path, TRACE_SUFFIXES) as root:
                others: list[Path] = []
                files = [f for f in list_parts(root, TRACE_SUFFIXES, others) if f.resolve() not in seen]
                report.left_out.update({_OTHER_KINDS: len(others)} if others else {})
                seen |= {file.resolve() for file in files}
                rows = chain.from_iterable(reader.read_file(file, root) for file in files)
                for _ in track(rows, sum(map(_estimate_rows, files)), "Reading"):
                    pass
        built: deque[Trace] = deque()
        parts = _build_groups(store, reader, report, built)
        for _ in track(parts, store.part_count, "Building traces"):
            while built:
                yield built.popleft()


def _estimate_rows(file: Path) -> int:
    try:
        return count_rows(file)
    except InvalidRecordError:  # whoever reads the file says so
        return 0


def _build_groups(
    store: PartStore, reader: PartReader, report: ReadReport, built: deque[Trace]
) -> Iterator[None]:
    """Add the traces of what was read to `built`, and yield once for each part of them."""
    for group in store.take_groups():
        built.extend(_build_group(group, reader, report))
        yield from repeat(None, len(group.parts))


def _build_group(group: Group, reader: PartReader, report: ReadReport) -> list[Trace]:
    """Return the traces of one id, and count them."""
    last = group.parts[-1]
    known: Format = next(known for known in FORMATS if known.name == last.format_name)
    parts = [part for part in group.parts if part.format_name == last.format_name]
    if not known.is_spread:
        parts = [part for part in parts if part.place == last.place]
    repeated = {part.place for part in group.parts} - {part.place for part in parts}
    if repeated:
        report.left_out[_REPEATED] += len(repeated)
    try:
        if group.is_too_large:
            raise BadValueError(f"its trace is larger than {MAX_TRACE_BYTES // 1024**2} MiB")
        traces = list(known.build(last.trace_id, [part.content for part in parts]))
    except BadValueError as error:
        reader.add_bad_record(last.place, str(error))
        return []
    except RecursionError:
        reader.add_bad_record(last.place, TOO_DEEP)
        return []
    if not traces:
        report.left_out[_NO_LLM] += 1
    report.traces += len(traces)
    report.automation += sum(trace.is_automation for trace in traces)
    report.formats[known.title] += len(traces)
    return traces
