"""Reads the objects of a JSON array as fast as Python parses JSON, as long as they are sound."""

import codecs
import re
from collections.abc import Generator, Iterator
from json import JSONDecoder
from typing import Any, Final

from trace_clustering.constants import MAX_RECORD_BYTES

# Of a longer value, the end is looked for in another way: here its beginning is parsed again with each block.
_MAX_PARSED_LENGTH: Final = MAX_RECORD_BYTES // 8
_SPACE: Final = " \t\n\r"
_COMMA: Final = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+")


def read_sound_objects(blocks: Iterator[bytes]) -> Generator[dict[str, Any], None, bytes]:
    """Yield the objects of an array, up to one that is not sound, or long, or the last.

    Bytes that are not UTF-8 become half surrogate pairs, as with `surrogateescape`.

    Parameters
    ----------
    blocks : iterator of bytes
        The text, from the bracket on that opens the array.

    Returns
    -------
    bytes
        What was taken of the blocks and not yielded; it begins with a value of the array, or its end.
    """
    parse = JSONDecoder().raw_decode
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    text, position = decoder.decode(next(blocks).partition(b"[")[2]), 0
    text = text.lstrip(_SPACE)
    while True:
        try:
            value, end = parse(text, position)
        except (ValueError, RecursionError):
            value, end = None, position
        comma = _COMMA.match(text, end) if isinstance(value, dict) else None
        if comma:
            yield value
            position = comma.end()
            continue
        text, position = text[position:], 0
        block = next(blocks, None) if len(text) <= _MAX_PARSED_LENGTH else None
        if block is None:
            return text.encode(errors="surrogateescape") + decoder.getstate()[0]
        text = (text + decoder.decode(block)).lstrip(_SPACE)
