"""Reads files on disk or in an object store, and writes them whole or not at all."""

import errno
import fcntl
import glob
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from upath import UPath

from trace_clustering.folders import make_private_folder


def make_folder(path: UPath) -> None:
    """Create a folder; on disk, for its owner alone."""
    if _is_local(path):
        make_private_folder(Path(path.path))
    else:
        with _name_store_faults():
            path.mkdir(parents=True, exist_ok=True)


def write_whole(path: UPath, content: bytes) -> None:
    """Write a small file so that a crash leaves the old content or the new."""
    with open_replacement(path) as file:
        file.write(content)


@contextmanager
def open_replacement(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file to write that replaces the one at `path` when the block ends.

    A crash or an error before that leaves the old file.
    """
    if _is_local(path):
        with _open_local_replacement(Path(path.path)) as file:
            yield file
    else:
        with _open_copy() as (copy, file):
            yield file
            file.flush()
            with _name_store_faults():
                path.fs.put_file(str(copy), path.path)  # an object store shows only complete uploads


@contextmanager
def _open_local_replacement(path: Path) -> Iterator[IO[bytes]]:
    """Replace a file on disk in one step, after the new content has reached the disk."""
    make_private_folder(path.parent)
    _remove_leftovers(path)
    unfinished, file = _create_unfinished(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _create_unfinished(path: Path) -> tuple[Path, IO[bytes]]:
    """Create an empty file beside `path`, locked until it is closed, and return its name and the file."""
    while True:
        unfinished = path.with_name(f"{_prefix_unfinished(path)}{uuid.uuid4().hex}")
        file = unfinished.open("xb")
        with suppress(OSError):  # some network disks have no locks; leftovers stay there
            fcntl.flock(file, fcntl.LOCK_EX)
        if unfinished.exists():  # else another run took it for a leftover before it was locked
            return unfinished, file
        file.close()


def _remove_leftovers(path: Path) -> None:
    """Remove the unfinished files that killed processes left beside `path`.

    The kernel unlocks the files of a process that ends, however it ends. What is locked is being written.
    """
    for leftover in path.parent.glob(f"{glob.escape(_prefix_unfinished(path))}*"):
        with suppress(OSError), leftover.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _prefix_unfinished(path: Path) -> str:
    return f".{path.name}."


@contextmanager
def open_for_reading(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file to read; it is fetched whole first, so errors of an object store occur only here."""
    if _is_local(path):
        with Path(path.path).open("rb") as file:
            yield file
    else:
        with _open_copy() as (copy, _):
            with _name_store_faults():
                path.fs.get_file(path.path, str(copy))
            with copy.open("rb") as file:
                yield file


@contextmanager
def _open_copy() -> Iterator[tuple[Path, IO[bytes]]]:
    """Open an empty file for the copy of one in an object store; the copies of killed runs are removed."""
    folder = Path(tempfile.gettempdir()) / f"trace_clustering_copies-{os.getuid()}"
    make_private_folder(folder)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(errno.EACCES, "belongs to another user", str(folder))
    _remove_leftovers(folder / "copy")
    copy, file = _create_unfinished(folder / "copy")
    try:
        with file:
            yield copy, file
    finally:
        copy.unlink(missing_ok=True)


@contextmanager
def _name_store_faults() -> Iterator[None]:
    """Turn whatever the library of an object store raises into an OSError; many have types of their own."""
    try:
        yield
    except (OSError, ImportError):
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _is_local(path: UPath) -> bool:
    return path.protocol in ("", "file", "local")
