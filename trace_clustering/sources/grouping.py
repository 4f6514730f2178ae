"""Brings the parts of each trace together, wherever in the files they are, with little memory."""

import hashlib
import pickle
import struct
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import IO, Final, NamedTuple, Self

from trace_clustering.constants import MAX_GROUPING_BYTES, MAX_TRACE_BYTES
from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.formats.contract import Record

_BUCKETS: Final = 64  # open files, once they do not fit into memory any more
# Digest of the trace's id, and the length of what follows.
_HEADER: Final = struct.Struct("<16sQ")


Place = tuple[int, int, int]


class Part(NamedTuple):
    """A part of a trace, and where it comes from.

    Attributes
    ----------
    trace_id : str
    format_name : str
    place : (int, int, int)
        Which of the files, which row of it, and which record of that row.
    content : Record
    """

    trace_id: str
    format_name: str
    place: Place
    content: Record


@dataclass
class Group:
    """All parts of one trace, in the order in which they were added; of one that is too large, the last."""

    parts: list[Part]
    is_too_large: bool


class PartStore:
    """Keeps parts until all are there: in memory while they are few, else in temporary files.

    The files have no names, and end with this process.

    Parameters
    ----------
    max_bytes : int
        In memory, of all parts together.

    Attributes
    ----------
    part_count : int
    """

    def __init__(self, max_bytes: int = MAX_GROUPING_BYTES) -> None:
        self.part_count = 0
        self._open = ExitStack()
        limit = max(max_bytes // _BUCKETS, 1)
        buckets = (tempfile.SpooledTemporaryFile(limit) for _ in range(_BUCKETS))  # noqa: SIM115
        self._buckets: list[IO[bytes]] = [self._open.enter_context(bucket) for bucket in buckets]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def add(self, part: Part) -> None:
        """Keep a part.

        Raises
        ------
        InvalidRecordError
            If there is no room for the temporary files.
        RecursionError
            If the part is nested too deeply.
        """
        self.part_count += 1
        digest = _digest_id(part.trace_id)
        content = pickle.dumps(tuple(part), protocol=5)
        try:
            self._buckets[digest[0] % _BUCKETS].write(_HEADER.pack(digest, len(content)) + content)
        except OSError as error:
            raise InvalidRecordError(
                f"The parts of the traces cannot be kept in {tempfile.gettempdir()}: {error.strerror}; "
                "let TMPDIR name a folder with more room"
            ) from error

    def take_groups(self) -> Iterator[Group]:
        """Yield the parts of each trace, in an order that depends on nothing but the ids of the traces."""
        for bucket in self._buckets:
            entries = sorted(_list_entries(bucket))
            for _, found in groupby(entries, key=itemgetter(0)):
                places = list(found)
                is_too_large = sum(length for _, _, length in places) > MAX_TRACE_BYTES
                wanted = places[-1:] if is_too_large else places
                yield Group([_read_part(bucket, *place[1:]) for place in wanted], is_too_large)


def _digest_id(trace_id: str) -> bytes:
    return hashlib.blake2b(trace_id.encode(errors="surrogatepass"), digest_size=16).digest()


def _list_entries(bucket: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Yield digest, position and length of each part."""
    position = 0
    bucket.seek(0)
    while header := bucket.read(_HEADER.size):
        digest, length = _HEADER.unpack(header)
        position += _HEADER.size
        yield digest, position, length
        position = bucket.seek(length, 1)


def _read_part(bucket: IO[bytes], position: int, length: int) -> Part:
    bucket.seek(position)
    # No other process could write to the file, which has no name.
    return Part(*pickle.loads(bucket.read(length)))  # noqa: S301
