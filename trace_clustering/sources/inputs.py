"""Finds the files that a path stands for, and refuses what is no file before it is opened."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from trace_clustering.constants import MAX_PARTS, MAX_STDIN_BYTES
from trace_clustering.errors import InvalidRecordError

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
_BLOCK_BYTES: Final = 1024**2
_PARQUET_MARK: Final = b"PAR1"
_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


@contextmanager
def open_input(path: Path) -> Iterator[Path]:
    """Give the file or folder to read; `-` is standard input, which is kept in a file for the time being.

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
        yield _keep_standard_input(sys.stdin.buffer, folder)
    finally:
        shutil.rmtree(folder)


def list_parts(path: Path) -> list[Path]:
    """Return the files of trace records that a file or folder stands for, in the order of their names.

    In a folder, files of other kinds and those whose names begin with `.` or `_` are left out.

    Raises
    ------
    InvalidRecordError
        If there is no such file, or it is no file that can be read.
    """
    if not stat.S_ISDIR(_stat(path).st_mode):
        _require_readable(path)
        return [path]
    parts: list[Path] = []
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        parts += [Path(folder, n) for n in names if not n.startswith((".", "_")) and find_suffix(Path(n))]
        if len(parts) > MAX_PARTS:
            raise InvalidRecordError(f"The folder {path} holds more than {MAX_PARTS} files; load parts of it")
    if not parts:
        raise InvalidRecordError(
            f"There is no file of trace records in the folder {path}; "
            "give JSON Lines (.jsonl, .jsonl.gz) or Parquet (.parquet)"
        )
    for part in parts:
        _require_readable(part)
    return sorted(parts)


def find_suffix(path: Path) -> str:
    """Return the ending that says what a file holds, in lower case; empty for all others."""
    name = path.name.lower()
    for suffix in JSON_SUFFIXES:
        if name.endswith((suffix, suffix + ".gz")):
            return suffix
    return path.suffix.lower() if name.endswith(PARQUET_SUFFIXES) else ""


def _require_readable(path: Path) -> None:
    kind = _KINDS.get(stat.S_IFMT(_stat(path).st_mode))
    if kind:
        raise InvalidRecordError(
            f"{path} is {kind}, not a file; give a file, or pipe the records to `trace-clustering load -`"
        )
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidRecordError(f"{path} cannot be read: {error.strerror}") from error
    if not find_suffix(path):
        raise InvalidRecordError(
            f"{path} ends in {path.suffix.lower() or 'nothing'}; "
            "give a JSON Lines file (.jsonl, .jsonl.gz), a JSON array (.json) or a Parquet file (.parquet)"
        )


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError:
        raise InvalidRecordError(f"There is no file {path}") from None
    except (OSError, ValueError) as error:
        raise InvalidRecordError(f"{path} cannot be read: {error}") from error


def _keep_standard_input(source: BinaryIO, folder: Path) -> Path:
    size = 0
    first = source.read(_BLOCK_BYTES)
    path = folder / ("standard_input" + (".parquet" if first.startswith(_PARQUET_MARK) else ".json"))
    try:
        with path.open("wb") as file:
            block = first
            while block:
                size += file.write(block)
                if size > MAX_STDIN_BYTES:
                    raise InvalidRecordError(
                        f"Standard input has more than {MAX_STDIN_BYTES // 1024**3} GiB; give it as a file"
                    )
                block = source.read(_BLOCK_BYTES)
    except OSError as error:
        raise InvalidRecordError(f"Standard input cannot be kept in {folder}: {error.strerror}") from error
    return path
