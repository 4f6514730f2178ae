"""Cuts text of scripts that put no spaces between words into pieces that can be counted like words.

No dictionary is needed: where a word begins and ends shows in which sequences of characters come again.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_HAN: Final = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HIRAGANA: Final = "\u3041-\u309f"
_KATAKANA: Final = "\u30a1-\u30fa\u30fc\uff66-\uff9f"
_THAI_LAO_BURMESE_KHMER: Final = "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u109f\u1780-\u17d3"
# Hiragana mostly joins words, and so ends them. Katakana writes whole words.
_RUNS: Final = re.compile(
    rf"(?P<whole>[{_KATAKANA}]+)|(?P<han>[{_HAN}]+)|(?P<other>[{_THAI_LAO_BURMESE_KHMER}]+)|[{_HIRAGANA}]+"
)
# How many characters a piece has, with its vowel signs and tones: most words of these scripts are so long.
_LENGTHS: Final = {"han": range(2, 5), "other": range(3, 7)}


def blank_unspaced(text: str) -> str:
    """Return a text with a space in place of each run of characters of these scripts."""
    return _RUNS.sub(" ", text)


def cut_unspaced(text: str) -> Iterator[str]:
    """Yield all pieces of the runs of these scripts in a text; pieces of one run overlap."""
    for run in _RUNS.finditer(text):
        if run.lastgroup == "whole" and len(run[0]) > 1:
            yield run[0]
        elif run.lastgroup in _LENGTHS:
            units = _split_into_units(run[0])
            for length in _LENGTHS[run.lastgroup]:
                for first in range(len(units) - length + 1):
                    yield "".join(units[first : first + length])


def is_unspaced(term: str) -> bool:
    """Return whether a term is such a piece."""
    return _RUNS.fullmatch(term) is not None


def list_pairs(term: str) -> set[str]:
    """Return the pairs of neighbouring characters of a piece; two pieces that share one say the same."""
    return {term[first : first + 2] for first in range(len(term) - 1)}


def _split_into_units(run: str) -> list[str]:
    """Return the characters of a run, each with the marks that belong to it."""
    units: list[str] = []
    for character in run:
        if units and unicodedata.category(character)[0] == "M":
            units[-1] += character
        else:
            units.append(character)
    return units
