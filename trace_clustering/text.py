"""Trace text is untrusted: it is cleaned here before it reaches a title, a description or a terminal."""

import re
import unicodedata

MAX_TITLE_LENGTH = 120

_MARKUP = re.compile(r"</?[A-Za-z!][^<>]*>|[<>`*|\[\]{}\\]")
_WHITE_SPACE = re.compile(r"\s+")


def clean_line(text: str, max_length: int = MAX_TITLE_LENGTH) -> str:
    """Return text as one line of limited length without control characters, direction marks or markup."""
    spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    visible = "".join(c for c in spaced if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    line = _WHITE_SPACE.sub(" ", _MARKUP.sub("", visible)).strip()
    return line if len(line) <= max_length else line[: max_length - 1].rstrip() + "…"


def escape_controls(text: str, max_length: int = MAX_TITLE_LENGTH) -> str:
    r"""Return text for a message: what a terminal would obey is written as `\x1b`, and the end is cut."""
    shown = text if len(text) <= max_length else text[: max_length - 1] + "…"
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in shown
    )
