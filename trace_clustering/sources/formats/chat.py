"""What the formats of bare conversations share: ids, JSON parts, and the trace of a conversation."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trace_clustering.constants import MAX_PROPERTY_LENGTH
from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.contract import Record
from trace_clustering.sources.history import build_turns
from trace_clustering.sources.messages import Message
from trace_clustering.sources.spans import add_known
from trace_clustering.sources.values import quote_value, read_count, read_mapping, read_name
from trace_clustering.traces.trace import ModelCall, Trace


@dataclass(frozen=True)
class Said:
    """A message, with the time when it was said and the model that said it, as far as they are known."""

    message: Message
    time: datetime | None = None
    model: str = ""


def build_chat(trace: Trace, said: Iterable[Said]) -> Trace:
    """Return a trace with the turns of a conversation, and a model call for each answer.

    The trace begins and ends with its messages where it knows no time of its own.
    """
    said = list(said)
    times = [one.time for one in said if one.time]
    calls = [ModelCall(model=one.model, start=one.time) for one in said if one.message.role == "assistant"]
    return replace(
        trace,
        start=min([*([trace.start] if trace.start else []), *times], default=None),
        end=trace.end or max(times, default=None),
        turns=build_turns(one.message for one in said),
        calls=tuple(calls),
    )


def read_usage(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the tokens that went in and came out, in the words of OpenAI or of Anthropic.

    Anthropic counts apart what the cache answered and what went into it; OpenAI includes it.
    """
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        names, answer = ["prompt_tokens"], "completion_tokens"
    else:
        names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"]
        answer = "output_tokens"
    tokens = add_known(read_count(usage.get(name), f"usage.{name}") for name in names)
    return tokens, read_count(usage.get(answer), f"usage.{answer}")


def list_properties(record: Record, *used: str) -> dict[str, Any]:
    """Return what else a record says, for filters: numbers, flags and short texts, also of its `metadata`."""
    found = {**read_mapping(record.get("metadata")), **record}
    return {
        str(name): value
        for name, value in found.items()
        if name not in used
        and (isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)))
        and len(str(value)) <= MAX_PROPERTY_LENGTH
    }


def find_id(record: Record, names: Iterable[str], messages: object) -> str:
    """Return the id in the first of these fields that has one, else an id that follows from the messages.

    Two records without an id that say the same in the same words are one trace: nothing tells them apart, and
    a position in the file would give other ids when the file is sorted or loaded in parts.
    """
    for name in names:
        if found := read_name(record.get(name)):
            return found
    content = json.dumps(messages, ensure_ascii=False, sort_keys=True, default=str)
    return "chat-" + hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:32]


def read_list(record: Record, name: str) -> list[Any]:
    """Return the list in a field, which may be JSON in a text, as in CSV.

    Raises
    ------
    BadValueError
        If it is missing, or no list of objects.
    """
    value = parse_list(record.get(name))
    if value is None or not all(isinstance(item, Mapping) for item in value):
        raise BadValueError(f"{name} must be a list of messages, not {quote_value(record.get(name))}")
    return value


def holds_messages(value: object, *names: str) -> bool:
    """Return whether a value is a list of messages, of which the first has one of these fields."""
    items = parse_list(value)
    first = items[0] if items else None
    return isinstance(first, Mapping) and any(name in first for name in names)


def parse_list(value: object) -> list[Any] | None:
    """Return a list, which may be JSON in a text; None if it is none."""
    if isinstance(value, str) and value.lstrip()[:1] == "[":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None
