"""Reads the messages of a model call in the shapes that vendors and frameworks give them.

OpenAI's chats and Responses, Anthropic's blocks, Gemini's and OpenTelemetry's parts, Bedrock, LangChain,
LlamaIndex, Pydantic AI, the Vercel AI SDK, and text. What is none of these is one message whose text is its
JSON.
"""

from trace_clustering.sources.messages.containers import MessageReader, read_messages
from trace_clustering.sources.messages.message import Message
from trace_clustering.sources.messages.texts import parse_json_text, to_text

__all__ = ["Message", "MessageReader", "parse_json_text", "read_messages", "to_text"]
