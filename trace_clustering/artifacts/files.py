"""Files anywhere, on disk or in an object store, written whole or not at all."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from upath import UPath


def write_whole(path: UPath, content: bytes) -> None:
    """Write a small file anywhere so that a crash leaves the old content or the new."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file to write what shall be at a path, anywhere; it gets there once all is written.

    A crash or an error before that leaves what was there.
    """
    if _is_local(path):
        with _replacing_local(Path(path.path)) as file:
            yield file
    else:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with copy.open("wb") as file:
                yield file
            path.fs.put_file(str(copy), path.path)  # object stores show an upload only once it is complete


@contextmanager
def _replacing_local(path: Path) -> Iterator[IO[bytes]]:
    """Replace a file in one step, after its content has reached the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
def reading(path: UPath) -> Iterator[IO[bytes]]:
    """Open a file from anywhere; faults of an object store come up here, and not in the middle of it."""
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
