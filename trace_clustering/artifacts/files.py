"""Reads files on disk or in an object store, and writes them whole or not at all."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from upath import UPath

from trace_clustering.folders import make_private_folder


def make_folder(path: UPath) -> None:
    """Create a folder; on disk, for its owner alone."""
    if _is_local(path):
        make_private_folder(Path(path.path))
    else:
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
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with copy.open("wb") as file:
                yield file
            path.fs.put_file(str(copy), path.path)  # an object store shows only complete uploads


@contextmanager
def _open_local_replacement(path: Path) -> Iterator[IO[bytes]]:
    """Replace a file on disk in one step, after the new content has reached the disk."""
    make_private_folder(path.parent)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def open_for_reading(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file to read; it is fetched whole first, so errors of an object store occur only here."""
    if _is_local(path):
        with Path(path.path).open("rb") as file:
            yield file
    else:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            path.fs.get_file(path.path, str(copy))
            with copy.open("rb") as file:
                yield file


def _is_local(path: UPath) -> bool:
    return path.protocol in ("", "file", "local")
