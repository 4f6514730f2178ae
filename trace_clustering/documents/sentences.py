"""Sentences of a text, in any language."""

import re
from collections.abc import Iterator
from typing import Final

from trace_clustering.text import clean_line

_END: Final = re.compile(r"(?<=[.!?…؟])[\"'”’)]*\s+|(?<=[。！？])|\n+")


def list_sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text as clean lines; a line of its own is a sentence."""
    for sentence in _END.split(text):
        if line := clean_line(sentence, len(sentence)):
            yield line
