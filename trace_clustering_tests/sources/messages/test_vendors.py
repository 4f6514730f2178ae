"""Messages of model vendors: the same exchange in the shape of each."""

from typing import Any

import pytest

from trace_clustering.sources.messages import Message, read_messages
from trace_clustering.traces.trace import ToolCall

ASK = Message("user", "Is it sunny in Lima?")
ANSWER = Message("assistant", "Yes, it is.")
PLACE = {"city": "Lima"}


def call(call_id: str = "c1", arguments: str = '{"city": "Lima"}') -> Message:
    return Message("assistant", "", (ToolCall("weather", arguments, call_id=call_id),))


def result(call_id: str = "c1", name: str = "", text: str = "sunny") -> Message:
    return Message("tool", text, call_id=call_id, tool_name=name)


SHAPES: dict[str, tuple[Any, list[Message]]] = {
    "OpenAI's chat": (
        {
            "model": "m-small",
            "messages": [
                {"role": "developer", "content": "Be kind."},
                {"role": "user", "content": [{"type": "text", "text": "Is it sunny in Lima?"}]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Lima"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
                {"role": "assistant", "content": "Yes, it is."},
            ],
            "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}],
        },
        [Message("system", "Be kind."), ASK, call(), result(), ANSWER],
    ),
    "an answer of OpenAI's chat": (
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes, it is."}}],
            "usage": {"prompt_tokens": 12},
        },
        [ANSWER],
    ),
    "OpenAI's Responses": (
        {
            "instructions": "Be kind.",
            "input": [
                {"role": "user", "content": [{"type": "input_text", "text": "Is it sunny in Lima?"}]},
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Let me look."}]},
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "c1",
                    "name": "weather",
                    "arguments": '{"city": "Lima"}',
                },
                {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Yes, it is.", "annotations": []}],
                },
            ],
        },
        [Message("system", "Be kind."), ASK, call(), result(), ANSWER],
    ),
    "an answer of OpenAI's Responses": (
        {
            "object": "response",
            "output": [
                {"type": "web_search_call", "id": "w1", "status": "completed"},
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Yes."}],
                },
            ],
        },
        [
            Message("assistant", "", (ToolCall("web_search", call_id="w1"),)),
            Message("assistant", "Yes."),
        ],
    ),
    "Anthropic": (
        {
            "system": [{"type": "text", "text": "Be kind."}],
            "messages": [
                {"role": "user", "content": "Is it sunny in Lima?"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "x"},
                        {"type": "tool_use", "id": "c1", "name": "weather", "input": PLACE},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "c1",
                            "content": [{"type": "text", "text": "sunny"}],
                        },
                        {"type": "text", "text": "Is it sunny in Lima?"},
                    ],
                },
                {"role": "assistant", "content": [{"type": "text", "text": "Yes, it is."}]},
            ],
        },
        [Message("system", "Be kind."), ASK, call(), result(), ASK, ANSWER],
    ),
    "Gemini": (
        {
            "systemInstruction": {"parts": [{"text": "Be kind."}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Is it sunny in Lima?"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": PLACE}}]},
                {
                    "role": "user",
                    "parts": [{"functionResponse": {"name": "weather", "response": {"sky": "blue"}}}],
                },
                {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "Yes, it is."}]},
            ],
        },
        [
            Message("system", "Be kind."),
            ASK,
            call(""),
            result("", "weather", '{"sky": "blue"}'),
            ANSWER,
        ],
    ),
    "Gemini, with signatures of thoughts": (
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "weather", "args": PLACE}, "thoughtSignature": "x"},
                {"thoughtSignature": "y"},
            ],
        },
        [call("")],
    ),
    "an answer of Gemini": (
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "Yes, it is."}]}}]},
        [ANSWER],
    ),
    "Bedrock": (
        {
            "system": [{"text": "Be kind."}],
            "messages": [
                {"role": "user", "content": [{"text": "Is it sunny in Lima?"}]},
                {
                    "role": "assistant",
                    "content": [
                        {"reasoningContent": {"reasoningText": {"text": "hm"}}},
                        {"toolUse": {"toolUseId": "c1", "name": "weather", "input": PLACE}},
                    ],
                },
                {
                    "role": "user",
                    "content": [{"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}}],
                },
            ],
        },
        [Message("system", "Be kind."), ASK, call(), result()],
    ),
    "an answer of Bedrock": (
        {"output": {"message": {"role": "assistant", "content": [{"text": "Yes, it is."}]}}},
        [ANSWER],
    ),
    "Ollama": (
        {"model": "m", "message": {"role": "assistant", "content": "Yes, it is."}, "done": True},
        [ANSWER],
    ),
    "Cohere": (
        {
            "chat_history": [
                {"role": "USER", "message": "Is it sunny in Lima?"},
                {"role": "CHATBOT", "message": "Yes, it is."},
            ],
            "message": "Is it sunny in Lima?",
        },
        [ASK, ANSWER, Message("user", "Is it sunny in Lima?", is_guess=True)],
    ),
    "OpenTelemetry": (
        [
            {"role": "user", "parts": [{"type": "text", "content": "Is it sunny in Lima?"}]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "content": "hm"},
                    {"type": "tool_call", "id": "c1", "name": "weather", "arguments": PLACE},
                ],
                "finish_reason": "tool_call",
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}],
            },
            {"role": "assistant", "parts": [{"type": "text", "content": "Yes, it is."}]},
        ],
        [ASK, call(), result(), ANSWER],
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_exchange_is_read_in_the_shape_of_each_vendor(name: str) -> None:
    value, expected = SHAPES[name]

    assert read_messages(value) == expected


@pytest.mark.parametrize(
    "failed",
    [
        {"type": "tool_result", "tool_use_id": "c1", "content": "no city", "is_error": True},
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "no city"}], "status": "error"}},
        {"functionResponse": {"id": "c1", "name": "", "response": {"error": "no city"}}},
        {
            "type": "tool-result",
            "toolCallId": "c1",
            "output": {"type": "error-text", "value": "no city"},
        },
    ],
)
def test_a_tool_that_failed_is_an_error(failed: dict[str, Any]) -> None:
    assert read_messages([{"role": "user", "content": [failed]}]) == [
        Message("tool", "no city", call_id="c1", is_error=True)
    ]


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "[image]"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}, "[image]"),
        ({"type": "input_image", "image_url": "https://example.com/a.png"}, "[image]"),
        ({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}, "[audio]"),
        ({"fileData": {"mimeType": "video/mp4", "fileUri": "gs://x"}}, "[video]"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "[audio]"),
        ({"type": "document", "source": {"type": "text", "data": "long"}}, "[file]"),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}}, "[file]"),
        ({"type": "file", "mediaType": "image/png", "data": "AAAA"}, "[image]"),
        ({"type": "blob", "mime_type": "image/png", "content": "AAAA"}, "[image]"),
        ({"type": "uri", "modality": "video", "uri": "https://example.com/a"}, "[video]"),
        ({"image": {"format": "png", "source": {"bytes": "AAAA"}}}, "[image]"),
        ("see data:image/png;base64,iVBORw0KGgo= here", "see [image] here"),
        ("@@@langfuseMedia:type=audio/mpeg|id=1|source=base64@@@", "[audio]"),
        ({"type": "refusal", "refusal": "I cannot."}, "I cannot."),
        ({"type": "novelty", "x": 1}, "[novelty]"),
        ({"type": "profile", "text": "a file"}, "a file"),
        ({"$type": "ImageContent", "data": "AAAA"}, "[image]"),
    ],
)
def test_what_is_no_text_leaves_a_mark(part: object, text: str) -> None:
    assert read_messages([{"role": "user", "content": [part]}]) == [Message("user", text)]
