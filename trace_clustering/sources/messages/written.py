"""Messages that were written down as text: Python's representations, and transcripts of who said what."""

import ast
import re
import warnings
from typing import Final

from trace_clustering.sources.messages.message import get_role
from trace_clustering.sources.values import make_json

# Longer ones are not parsed as Python: its parser needs a hundred times their size.
_MAX_PYTHON: Final = 200_000

_STRING: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# role='user' content='...' as pydantic writes it, and HumanMessage(content='...') as LangChain does.
_WRITTEN: Final = re.compile(
    rf"(?:(?P<class>\w+)\()?(?:role='(?P<role>\w+)',? )?content=(?P<content>{_STRING}|None)", re.DOTALL
)
_BEGINS: Final = re.compile(
    r"(?:messages=)?\[?(?:role='\w+',? content=|content=['\"]|\w*Message(?:Chunk)?\()"
)
_CALLS: Final = re.compile(r" tool_calls=(?=\[\{)")
_LINE: Final = re.compile(
    r"^(system|developer|user|human|assistant|ai|tool|function):[ \t]*", re.IGNORECASE | re.MULTILINE
)

_LANGCHAIN: Final = ("Human", "AI")


def read_written(text: str) -> list[dict[str, object]] | None:
    """Return the messages that a text writes down, as OpenAI has them; None if it writes down none."""
    if text[:2] in ("{'", "[{") and len(text) <= _MAX_PYTHON:
        return _read_python(text)
    if _BEGINS.match(text):
        return _read_representations(text)
    return _read_transcript(text) if _LINE.match(text.lstrip()) else None


def parse_python(text: str) -> object:
    """Return the value that a text is in Python's notation, as JSON; None if it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes, which are not ours
            return make_json(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None


def _read_python(text: str) -> list[dict[str, object]] | None:
    value = parse_python(text)
    items = value if isinstance(value, list) else [value]
    messages = [item for item in items if isinstance(item, dict) and get_role(item.get("role"))]
    return messages if messages and len(messages) == len(items) else None


def _read_representations(text: str) -> list[dict[str, object]] | None:
    messages: list[dict[str, object]] = []
    for found in _WRITTEN.finditer(text):
        role = get_role(found["role"]) or get_role(found["class"])
        message: dict[str, object] = {"role": role, "content": parse_python(found["content"])}
        if calls := _CALLS.match(text, found.end()) or _CALLS.search(text, found.end(), found.end() + 200):
            message["tool_calls"] = parse_python(_cut_list(text[calls.end() :]))
        messages.append(message)
    return messages or None


def _cut_list(text: str) -> str:
    """Return the list with which a text begins."""
    depth = 0
    for found in re.finditer(rf"{_STRING}|[\[\]]", text, re.DOTALL):
        depth += {"[": 1, "]": -1}.get(found[0], 0)
        if depth == 0:
            return text[: found.end()]
    return ""


def _read_transcript(text: str) -> list[dict[str, object]] | None:
    """Return what the lines "User: ..." and "Assistant: ..." say.

    A single one may be anything, unless it is LangChain's way to write a message.
    """
    text = text.strip()
    marks = list(_LINE.finditer(text))
    roles = [get_role(mark[1]) for mark in marks]
    is_alone = len(marks) == 1 and marks[0][1] in _LANGCHAIN
    if not is_alone and (len(marks) < 2 or "user" not in roles):
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    texts = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    said = zip(roles, texts, strict=True)
    return [{"role": role, "content": what} for role, what in said if what not in ("", "None")]
