"""Finds the files that a path stands for, and refuses what is no file before it is opened."""

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final

from trace_clustering.constants import MAX_PARTS
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.packed import write_blocks

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
CSV_SUFFIXES: Final = (".csv", ".tsv")
PACKED_SUFFIXES: Final = (".gz", ".zst")
# What `load` takes; a vector stands in no CSV.
RECORD_SUFFIXES: Final = (*JSON_SUFFIXES, *PARQUET_SUFFIXES)
TRACE_SUFFIXES: Final = (*RECORD_SUFFIXES, *CSV_SUFFIXES)
_BLOCK_BYTES: Final = 1024**2
_PARQUET_MARK: Final = b"PAR1"
# A name, perhaps in quotes, and what separates it from the next.
_CSV: Final = re.compile(rb'(?:\xef\xbb\xbf)?(?:sep=.|[\w .$-]*[,;\t|]|"[^"\n]+"[,;\t|])')
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def open_input(path: Path, suffixes: Sequence[str] = RECORD_SUFFIXES) -> Iterator[Path]:
    """Give the file or folder to read; `-` is standard input, which is kept in a file for the time being.

    What begins as neither JSON nor Parquet does is taken for CSV, if that is among the suffixes.

    Raises
    ------
    InvalidRecordError
        If standard input is a terminal, or has more than `MAX_STDIN_BYTES`.
    """
    if str(path) != "-":
        yield path.expanduser()
        return
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidRecordError("Nothing is piped to standard input, which - stands for; name a file")
    folder = Path(tempfile.mkdtemp(prefix="trace_clustering_"))
    try:
        yield _keep_standard_input(sys.stdin.buffer, folder, suffixes)
    finally:
        shutil.rmtree(folder)


def list_parts(
    path: Path, suffixes: Sequence[str] = RECORD_SUFFIXES, others: list[Path] | None = None
) -> list[Path]:
    """Return the files that a file or folder stands for, in the order of their names.

    In a folder, files whose names begin with `.` or `_` are left out, and so are those with other endings
    than these; `others` is given the latter.

    Raises
    ------
    InvalidRecordError
        If there is no such file, or it is no file that can be read.
    """
    if not stat.S_ISDIR(_stat(path).st_mode):
        _require_readable(path, suffixes)
        return [path]
    parts: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        visible = [Path(folder, name) for name in names if not name.startswith((".", "_"))]
        parts += [file for file in visible if find_suffix(file) in suffixes]
        if others is not None:
            others += [file for file in visible if find_suffix(file) not in suffixes]
        if len(parts) > MAX_PARTS:
            raise InvalidRecordError(f"The folder {path} holds more than {MAX_PARTS} files; load parts of it")
    if not parts:
        raise InvalidRecordError(
            f"There is no file of traces in the folder {path}; give {_describe_suffixes(suffixes)}"
        )
    for part in parts:
        _require_readable(part, suffixes)
    return sorted(parts)


def find_suffix(path: Path) -> str:
    """Return the ending that says what a file holds, in lower case, without that of a packed file."""
    name = Path(path.name.lower())
    return (name.with_suffix("") if name.suffix in PACKED_SUFFIXES else name).suffix


def _require_readable(path: Path, suffixes: Sequence[str]) -> None:
    kind = _KINDS.get(stat.S_IFMT(_stat(path).st_mode))
    if kind:
        raise InvalidRecordError(f"{path} is {kind}, not a file; give a file, or pipe the records to `-`")
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidRecordError(f"{path} cannot be read: {error.strerror}") from error
    if find_suffix(path) not in suffixes:
        raise InvalidRecordError(
            f"{path} ends in {path.suffix.lower() or 'nothing'}; give {_describe_suffixes(suffixes)}"
        )


def _describe_suffixes(suffixes: Sequence[str]) -> str:
    kinds = ["JSON Lines (.jsonl)", "JSON (.json)", "Parquet (.parquet)"]
    kinds += ["CSV (.csv)"] if ".csv" in suffixes else []
    return f"{', '.join(kinds)}, each also packed ({', '.join(PACKED_SUFFIXES)})"


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        raise InvalidRecordError(f"There is no file {path}") from None
    except (OSError, ValueError) as error:
        raise InvalidRecordError(f"{path} cannot be read: {error}") from error


def _keep_standard_input(source: BinaryIO, folder: Path, suffixes: Sequence[str]) -> Path:
    first = source.read(_BLOCK_BYTES)
    suffix = ".json"
    if first.startswith(_PARQUET_MARK):
        suffix = ".parquet"
    elif _CSV.match(first) and ".csv" in suffixes:
        suffix = ".csv"
    path = folder / f"standard_input{suffix}"
    write_blocks(chain([first], iter(lambda: source.read(_BLOCK_BYTES), b"")), path, "Standard input")
    return path
