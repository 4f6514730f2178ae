"""How many characters a text or a message takes in a request; tokens are estimated from them."""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def measure_text(text: str) -> int:
    """Return the characters that a text takes in a request, where quotes and line breaks are escaped."""
    return len(json.dumps(text, ensure_ascii=False))


def measure_message(message: "BaseMessage") -> int:
    """Return the characters that a message takes in a request."""
    from trace_clustering.llm.endpoint.wire import write_message

    return len(json.dumps(write_message(message), ensure_ascii=False)) + 1
