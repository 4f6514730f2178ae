"""Values that look like messages in parts: the words of all vendors, put together at random."""

import json
from typing import Any

from hypothesis import strategies as st

_KEYS = (
    *("role", "content", "parts", "type", "text", "tool_calls", "function", "name", "arguments", "input"),
    *("id", "kwargs", "data", "message", "messages", "choices", "output", "candidates", "system", "config"),
    *("functionCall", "functionResponse", "toolUse", "toolResult", "image_url", "part_kind", "kind", "value"),
    *("tool_call_id", "toolCallId", "toolName", "args", "from", "additional_kwargs", "audio", "images"),
    *("message.role", "message.content", "tool_call", "tool_call_result", "origin", "status", "error"),
    *("refusal", "generations", "prompt", "contents", "response", "thought", "blocks", "items", "$type"),
)
_WORDS = (
    *("user", "assistant", "tool", "system", "human", "text", "tool_use", "tool_result", "function", "ai"),
    *("tool-call", "reasoning", "image", "HumanMessage", "function_call", "function_call_output", "", "hi"),
    *("role='user' content='hi'", "User: hi\nAssistant: yes", "{'role': 'user', 'content': 1}", "[{", "null"),
    *('[{"type": "text", "text": "a"}]', "data:image/png;base64,AA==", "\ud800", "[HumanMessage(content='"),
)
LEAVES = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(_WORDS), st.text(max_size=5))
)


def _grow(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.dictionaries(st.sampled_from(_KEYS), children, max_size=5)
    written = objects.map(json.dumps)
    return st.one_of(objects, st.lists(children, max_size=4), written)


VALUES = st.recursive(LEAVES, _grow, max_leaves=25)
