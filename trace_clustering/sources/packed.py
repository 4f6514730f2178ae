"""Opens files that may be packed with gzip or Zstandard, and texts of any Unicode encoding."""

import codecs
import gzip
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

from trace_clustering.constants import MAX_GZIP_RATIO, MAX_STDIN_BYTES
from trace_clustering.errors import InvalidRecordError

USUAL_PACKING_RATIO: Final = 5
_BLOCK_BYTES: Final = 1024**2
_UNCHECKED_BYTES: Final = 64 * 1024**2
_GZIP_MARK: Final = b"\x1f\x8b"
_ZSTD_MARKS: Final = (b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18")  # a frame, and one to be skipped
# The marks of UTF-32 begin as those of UTF-16 do.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_UNMARKED: Final = ((rb"[{\[]\x00", "utf-16-le"), (rb"\x00[{\[]", "utf-16-be"))


def is_packed(path: Path) -> bool:
    """Return whether a file begins as packed files do, whatever its name is."""
    with path.open("rb") as file:
        return file.read(4).startswith((_GZIP_MARK, *_ZSTD_MARKS))


def unpack_blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file in blocks, unpacked.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or so much larger when unpacked as no traces are.
    """
    total = 0
    try:
        packed = is_packed(path)
        limit = MAX_GZIP_RATIO * path.stat().st_size + _UNCHECKED_BYTES
        with path.open("rb") as raw:
            file = _open_packed(raw) if packed else raw
            while block := file.read(_BLOCK_BYTES):
                total += len(block)
                if packed and total > limit:
                    raise InvalidRecordError(
                        f"{path} is {MAX_GZIP_RATIO} times larger when unpacked, as traces are not; unpack it"
                    )
                yield block
    except (EOFError, zlib.error, OSError) as error:
        raise InvalidRecordError(f"{path} cannot be read: {error}") from error


@contextmanager
def unpack_file(path: Path) -> Iterator[Path]:
    """Give a file that is not packed: the file itself, or a copy for the time being.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or there is no room for its copy.
    """
    if not is_packed(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="trace_clustering_") as folder:
        copy = Path(folder, path.stem)
        write_blocks(unpack_blocks(path), copy, str(path))
        yield copy


def write_blocks(blocks: Iterator[bytes], copy: Path, name: str) -> None:
    """Keep what is read in a file.

    Raises
    ------
    InvalidRecordError
        If it is more than `MAX_STDIN_BYTES`, or there is no room.
    """
    size = 0
    try:
        with copy.open("wb") as file:
            for block in blocks:
                size += file.write(block)
                if size > MAX_STDIN_BYTES:
                    raise InvalidRecordError(
                        f"{name} has more than {MAX_STDIN_BYTES // 1024**3} GiB; give it as a file "
                        "that is not packed"
                    )
    except OSError as error:
        raise InvalidRecordError(f"{name} cannot be kept in {copy.parent}: {error.strerror}") from error


def read_text_blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a text file in blocks, in UTF-8 and without a byte order mark.

    Raises
    ------
    InvalidRecordError
        If the file is damaged.
    """
    blocks = unpack_blocks(path)
    first = next(blocks, b"")
    mark, encoding = next(((m, e) for m, e in _MARKS if first.startswith(m)), (b"", ""))
    if not mark:
        encoding = next((e for pattern, e in _UNMARKED if re.match(pattern, first)), "utf-8")
    content = chain([first[len(mark) :]], blocks)
    yield from content if encoding == "utf-8" else _recode(content, encoding)


def _open_packed(raw: BinaryIO) -> Any:  # noqa: ANN401 - Python's or Arrow's file
    mark = raw.read(4)
    raw.seek(0)
    if mark.startswith(_GZIP_MARK):
        return gzip.GzipFile(fileobj=raw)
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(raw), "zstd")


def _recode(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield text of another encoding in UTF-8; what is no character stays none."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode(errors="surrogatepass")
    if decoder.getstate()[0]:  # it ends within a character
        yield b"\xff"
