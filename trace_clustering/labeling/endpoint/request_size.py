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
    from langchain_core.messages import convert_to_openai_messages

    return len(json.dumps(convert_to_openai_messages(message), ensure_ascii=False)) + 1
