"""Texts of messages: JSON within them, and what stands for pictures and other media."""

import json
import re
from typing import Final

TOO_DEEP: Final = "[nested too deeply]"
_MAX_LEVELS: Final = 3  # of JSON in a text in JSON
_MEDIA: Final = ("image", "audio", "video")
# Langfuse's reference to a medium that it keeps elsewhere, and a medium within the text.
_EMBEDDED: Final = re.compile(
    r"@@@langfuseMedia:type=(?P<reference>[^|@]*)[^@]*@@@"
    r"|data:(?P<mime>[\w.+-]+/[\w.+-]+)(?:;[\w.+=-]+)*;base64,[A-Za-z0-9+/=_-]*"
)


def parse_json_text(value: object) -> object:
    """Return what a text holds that is a JSON object or array; any other value as it is."""
    for _ in range(_MAX_LEVELS):
        text = value.strip() if isinstance(value, str) else ""
        if len(text) < 2 or text[0] + text[-1] not in ("[]", "{}", '""'):
            return value
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return value
    return value


def to_text(value: object) -> str:
    """Return a value as text: texts as they are, with a mark for each medium; others as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return mark_media(value)
    try:
        return mark_media(json.dumps(value, ensure_ascii=False, default=str))
    except RecursionError:
        return TOO_DEEP


def mark_media(text: str) -> str:
    """Return a text with a mark in the place of each medium, such as "[image]"."""
    if ";base64," in text or "@@@langfuseMedia" in text:
        return _EMBEDDED.sub(lambda found: name_medium(found["reference"] or found["mime"] or ""), text)
    return text


def name_medium(kind: str) -> str:
    """Return the mark of a medium, by its MIME type or the name of its part."""
    return next((f"[{medium}]" for medium in _MEDIA if medium in kind.lower()), "[file]")
