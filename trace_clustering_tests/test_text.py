"""Any text of a trace becomes one plain line of limited length."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.text import MAX_TITLE_LENGTH, clean_line

anything = st.text(st.characters(exclude_categories=()), max_size=300)
markup = st.text(st.sampled_from("<>/b`*|[]{}\\ \n\r\t\x1b\x00\u202e\u2066\u200b…é😀"), max_size=300)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Refund of a kettle", "Refund of a kettle"),
        ("  two\t \n lines\r\n", "two lines"),
        ("a\u2028b\u2029c\x85d\x0be", "a b c d e"),
        ("no\u00a0break\u3000spaces", "no break spaces"),
        ("nul\x00l and bell\x07", "nul l and bell"),
        ("abc\u202etxt.exe\u202c", "abctxt.exe"),  # right-to-left override
        ("\u2066isolated\u2069 \u200emark", "isolated mark"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("private \ue000 unassigned \u0378 surrogate \ud800 end", "private unassigned surrogate end"),
        ("<b>bold</b>", "bold"),
        ("<script>alert(1)</script>", "alert(1)"),
        ("<img src=x onerror='alert(1)'>picture", "picture"),
        ("<<b>script>", "script"),
        ("<scr<b>ipt>", "script"),
        ("a <b", "a b"),
        ("[text](javascript:alert)", "text(javascript:alert)"),
        ("`code` and **bold** | table", "code and bold table"),
        ("Größe 漢字 שלום 😀", "Größe 漢字 שלום 😀"),
        ("", ""),
        ("\x00\u202e<>", ""),
    ],
)
def test_only_the_plain_words_of_a_text_stay(text: str, line: str) -> None:
    assert clean_line(text) == line


@pytest.mark.parametrize("text", ["\x1b[31mred\x1b[0m", "\x1b]8;;http://x\x07link\x1b]8;;\x07", "\x9b31mred"])
def test_escape_sequences_cannot_reach_a_terminal(text: str) -> None:
    line = clean_line(text)
    assert "\x1b" not in line
    assert "\x9b" not in line
    assert "[" not in line


def test_a_text_of_just_the_bound_stays_whole() -> None:
    assert clean_line("x" * MAX_TITLE_LENGTH) == "x" * MAX_TITLE_LENGTH


def test_a_longer_text_is_cut_and_shows_it() -> None:
    assert clean_line("x" * 121) == "x" * 119 + "…"
    assert clean_line("four words of text", 6) == "four…"


@settings(deadline=None, max_examples=300)
@given(st.one_of(anything, markup), st.integers(1, 150))
def test_any_text_becomes_one_printable_bounded_line_without_markup(text: str, bound: int) -> None:
    line = clean_line(text, bound)
    assert len(line) <= bound
    assert line.isprintable()
    assert len(line.splitlines()) <= 1
    assert not set(line) & set("<>`*|[]{}\\")
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cf", "Cs", "Co", "Cn"}
    assert line == line.strip()
    assert clean_line(line, bound) == line
