"""The body of a request, in the dialect that its endpoint was found to speak."""

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.dialect import Dialect
from trace_clustering.llm.endpoint.wire import write_items, write_message, write_tools_of_responses


def write_request(
    messages: Sequence[BaseMessage],
    tools: Sequence[dict[str, Any]],
    allowed: int,
    connection: Connection,
    dialect: Dialect,
) -> dict[str, Any]:
    """Return the body of a request; `allowed` limits the tokens of its answer."""
    parameters: dict[str, Any] = {**connection.request_parameters, **dialect.added}
    if connection.temperature is not None:
        parameters["temperature"] = connection.temperature
    if dialect.uses_responses:
        parameters |= {
            "max_output_tokens": allowed,
            "store": False,
            "include": ["reasoning.encrypted_content"],
        }
        if effort := parameters.pop("reasoning_effort", None):
            parameters["reasoning"] = {"effort": effort}
        content: dict[str, Any] = {"input": write_items(messages)}
        offered = write_tools_of_responses(tools)
    else:
        if dialect.tokens_parameter:
            parameters[dialect.tokens_parameter] = allowed
        content = {"messages": _write_messages(messages, dialect)}
        offered = list(tools)
    sent = {name: value for name, value in parameters.items() if name not in dialect.left_out}
    if offered:  # some endpoints refuse an empty list
        content["tools"] = offered
    return {"model": connection.model, **content, **sent}


def _write_messages(messages: Sequence[BaseMessage], dialect: Dialect) -> list[dict[str, Any]]:
    written = [write_message(message, dialect.left_out) for message in messages]
    if not dialect.has_system_role and written[0]["role"] == "system":
        rules, first, *others = written
        written = [{**first, "content": f"{rules['content']}\n\n{first['content']}"}, *others]
    if not dialect.sends_null:
        written = [{**message, "content": message["content"] or ""} for message in written]
    return written
