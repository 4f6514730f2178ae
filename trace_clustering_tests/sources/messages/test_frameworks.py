"""Messages of frameworks: what they put around the messages of vendors, and shapes of their own."""

from typing import Any

import pytest

from trace_clustering.sources.messages import Message, MessageReader, read_messages
from trace_clustering.traces.trace import ToolCall

ASK = Message("user", "Is it sunny in Lima?")
ANSWER = Message("assistant", "Yes, it is.")
CALL = Message("assistant", "", (ToolCall("weather", '{"city": "Lima"}', call_id="c1"),))
RESULT = Message("tool", "sunny", call_id="c1", tool_name="weather")
PLACE = {"city": "Lima"}


def serialize(kind: str, **kwargs: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", kind], "kwargs": kwargs}


def guess(*messages: Message) -> list[Message]:
    return [Message(m.role, m.text, m.tool_calls, m.call_id, m.tool_name, is_guess=True) for m in messages]


SHAPES: dict[str, tuple[Any, list[Message]]] = {
    "LangChain, serialised": (
        {
            "messages": [
                [
                    serialize("HumanMessage", content="Is it sunny in Lima?", type="human"),
                    serialize(
                        "AIMessageChunk",
                        content=[{"type": "tool_use", "id": "c1", "name": "weather", "input": PLACE}],
                        tool_calls=[{"id": "c1", "name": "weather", "args": PLACE, "type": "tool_call"}],
                    ),
                    serialize(
                        "ToolMessage",
                        content="sunny",
                        tool_call_id="c1",
                        name="weather",
                        status="success",
                    ),
                    serialize("AIMessage", content="Yes, it is.", additional_kwargs={}),
                ]
            ]
        },
        [ASK, CALL, RESULT, ANSWER],
    ),
    "LangChain, as dictionaries": (
        [
            {"type": "human", "data": {"content": "Is it sunny in Lima?", "type": "human"}},
            {
                "type": "ai",
                "content": "",
                "additional_kwargs": {
                    "tool_calls": [
                        {"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
                    ]
                },
            },
            {"type": "tool", "content": "sunny", "tool_call_id": "c1", "name": "weather"},
            {"type": "ai", "content": "Yes, it is."},
        ],
        [ASK, CALL, RESULT, ANSWER],
    ),
    "LangChain's result": (
        {
            "generations": [
                [{"text": "Yes, it is.", "message": serialize("AIMessage", content="Yes, it is.")}]
            ]
        },
        [ANSWER],
    ),
    "LangGraph, with the tool's name as its role": (
        [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"id": "c1", "name": "weather", "args": PLACE}],
            },
            {"role": "weather", "content": "sunny"},
        ],
        [CALL, Message("tool", "sunny", tool_name="weather")],
    ),
    "the AI SDK's model messages": (
        [
            {"role": "user", "content": [{"type": "text", "text": "Is it sunny in Lima?"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "reasoning", "text": "hm"},
                    {"type": "tool-call", "toolCallId": "c1", "toolName": "weather", "input": PLACE},
                ],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "type": "tool-result",
                        "toolCallId": "c1",
                        "toolName": "weather",
                        "output": {"type": "text", "value": "sunny"},
                    }
                ],
            },
        ],
        [ASK, CALL, RESULT],
    ),
    "the AI SDK's messages of the interface": (
        [
            {"role": "user", "content": "", "parts": [{"type": "text", "text": "Is it sunny in Lima?"}]},
            {
                "role": "assistant",
                "parts": [
                    {"type": "step-start"},
                    {
                        "type": "tool-weather",
                        "toolCallId": "c1",
                        "state": "output-available",
                        "input": PLACE,
                        "output": "sunny",
                    },
                    {"type": "text", "text": "Yes, it is."},
                ],
            },
        ],
        [
            ASK,
            Message(
                "assistant",
                "Yes, it is.",
                (ToolCall("weather", '{"city": "Lima"}', "sunny", call_id="c1"),),
            ),
        ],
    ),
    "the AI SDK's answer": (
        {"text": "Let me look.", "toolCalls": [{"toolCallId": "c1", "toolName": "weather", "input": PLACE}]},
        [Message("assistant", "Let me look.", CALL.tool_calls, is_guess=True)],
    ),
    "LlamaIndex": (
        [
            {
                "role": "user",
                "additional_kwargs": {},
                "blocks": [{"block_type": "text", "text": "Is it sunny in Lima?"}],
            },
            {
                "role": "assistant",
                "additional_kwargs": {
                    "tool_calls": [
                        {"id": "c1", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
                    ]
                },
                "blocks": [],
            },
        ],
        [ASK, CALL],
    ),
    "Pydantic AI": (
        [
            {
                "kind": "request",
                "parts": [
                    {"part_kind": "system-prompt", "content": "Be kind."},
                    {"part_kind": "user-prompt", "content": ["Is it sunny in Lima?"]},
                ],
            },
            {
                "kind": "response",
                "parts": [
                    {"part_kind": "thinking", "content": "hm"},
                    {
                        "part_kind": "tool-call",
                        "tool_name": "weather",
                        "args": PLACE,
                        "tool_call_id": "c1",
                    },
                ],
            },
            {
                "kind": "request",
                "parts": [
                    {
                        "part_kind": "tool-return",
                        "tool_name": "weather",
                        "content": "sunny",
                        "tool_call_id": "c1",
                    },
                    {
                        "part_kind": "retry-prompt",
                        "tool_name": "weather",
                        "content": "no city",
                        "tool_call_id": "c2",
                    },
                ],
            },
        ],
        [
            Message("system", "Be kind."),
            ASK,
            CALL,
            RESULT,
            Message("tool", "no city", call_id="c2", tool_name="weather", is_error=True),
        ],
    ),
    "Haystack": (
        [
            {"role": "user", "content": [{"text": "Is it sunny in Lima?"}]},
            {
                "role": "assistant",
                "content": [{"tool_call": {"id": "c1", "tool_name": "weather", "arguments": PLACE}}],
            },
            {
                "role": "tool",
                "content": [
                    {
                        "tool_call_result": {
                            "result": "sunny",
                            "origin": {"id": "c1", "tool_name": "weather"},
                            "error": False,
                        }
                    }
                ],
            },
        ],
        [ASK, CALL, RESULT],
    ),
    "AutoGen": (
        [
            {"source": "user", "content": "Is it sunny in Lima?", "type": "UserMessage"},
            {"source": "helper", "content": "Yes, it is.", "type": "AssistantMessage"},
        ],
        [ASK, ANSWER],
    ),
    "Semantic Kernel": (
        [{"role": {"label": "user"}, "items": [{"$type": "TextContent", "text": "Is it sunny in Lima?"}]}],
        [ASK],
    ),
    "Phoenix, with dotted keys": (
        [
            {"message.role": "user", "message.content": "Is it sunny in Lima?"},
            {
                "message.role": "assistant",
                "message.tool_calls": [
                    {
                        "tool_call.id": "c1",
                        "tool_call.function.name": "weather",
                        "tool_call.function.arguments": '{"city": "Lima"}',
                    }
                ],
            },
        ],
        [ASK, CALL],
    ),
    "OpenInference": (
        [
            {
                "message": {
                    "role": "user",
                    "contents": [{"message_content": {"type": "text", "text": "Is it sunny in Lima?"}}],
                }
            },
            {
                "message": {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "tool_call": {
                                "id": "c1",
                                "function": {"name": "weather", "arguments": '{"city": "Lima"}'},
                            }
                        }
                    ],
                }
            },
        ],
        [ASK, CALL],
    ),
    "a traced function": (
        {"args": ["Is it sunny in Lima?"], "kwargs": {"verbose": True}},
        guess(ASK),
    ),
    "a prompt and its system prompt": (
        {"prompt": "Is it sunny in Lima?", "system": "Be kind."},
        [Message("system", "Be kind."), *guess(ASK)],
    ),
    "JSON in JSON in a text": (
        '"{\\"messages\\": [{\\"role\\": \\"user\\", \\"content\\": \\"Is it sunny in Lima?\\"}]}"',
        [ASK],
    ),
    "a question after a history": (
        {"question": "Is it sunny in Lima?", "chat_history": [{"type": "ai", "content": "Yes, it is."}]},
        [ANSWER, *guess(ASK)],
    ),
    "an answer that repeats the question": (
        {"query": "Is it sunny in Lima?", "result": "Yes, it is.", "source_documents": [{"text": "sun"}]},
        guess(ANSWER),
    ),
    "an answer with the whole history": (
        {"messages": [{"role": "assistant", "content": "Yes, it is."}], "output": "Yes, it is."},
        [ANSWER],
    ),
    "an answer to a prompt of old": (
        {"choices": [{"text": "Yes, it is.", "index": 0, "finish_reason": "stop"}]},
        guess(ANSWER),
    ),
    "prompts of LangChain": ({"prompts": ["Human: Is it sunny in Lima?"]}, guess(ASK)),
    "a result that is no text": (
        [{"role": "tool", "tool_call_id": "c1", "content": [{"text": "sun", "value": 3}]}],
        [Message("tool", '[{"text": "sun", "value": 3}]', call_id="c1")],
    ),
    "an answer that is no text": (
        [{"role": "assistant", "content": {"value": 3, "unit": "C"}}],
        [Message("assistant", '{"value": 3, "unit": "C"}')],
    ),
    "representations of Python": (
        "role='user' content='Is it sunny in Lima?' name=None",
        guess(ASK),
    ),
    "representations with calls": (
        {
            "messages": [
                "role='user' content='Is it sunny in Lima?' tool_calls=None audio=None",
                "role='assistant' content=None name=None tool_calls=[{'id': 'c1', 'type': 'function',"
                " 'function': {'name': 'weather', 'arguments': '{\"city\": \"Lima\"}'}}] audio=None",
            ]
        },
        guess(ASK, CALL),
    ),
    "LangChain's representations": (
        "[HumanMessage(content='Is it sunny in Lima?', example=False), AIMessage(content='Yes, it is.')]",
        guess(ASK, ANSWER),
    ),
    "a dictionary of Python": (
        "{'role': 'assistant', 'text': 'Yes, it is.'}",
        guess(ANSWER),
    ),
    "a transcript": (
        "Human: Is it sunny in Lima?\nAI: Yes, it is.",
        guess(ASK, ANSWER),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_an_exchange_is_read_in_the_shape_of_each_framework(name: str) -> None:
    value, expected = SHAPES[name]

    assert read_messages(value, "assistant" if "answer" in name else "user") == expected


@pytest.mark.parametrize(
    "value", [None, "", "   ", [], {}, "null", {"messages": []}, [{"role": "assistant", "content": ""}]]
)
def test_nothing_is_no_message(value: object) -> None:
    assert read_messages(value) == []


def test_what_python_wrote_down_is_read_as_json() -> None:
    written = "[{'role': 'user', 'content': {(1, 2): {3}}}]"
    assert [message.text for message in read_messages(written)] == ['{"(1, 2)": ["3"]}']


def test_pairs_of_a_role_and_a_text_are_messages() -> None:
    pairs = {"messages": [["system", "Be kind."], ("human", "Is it sunny?")]}
    assert read_messages(pairs) == [Message("system", "Be kind."), Message("user", "Is it sunny?")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["user", "lamp"], "user\nlamp"),
        ("{'role': {[]: 1}}", "{'role': {[]: 1}}"),
        ("{'role': {(1, 2): {3}}}", "{'role': {(1, 2): {3}}}"),
        ("Is it {sunny}?", "Is it {sunny}?"),
        ("[not JSON]", "[not JSON]"),
        ("user: that is my name", "user: that is my name"),
        ({"city": "Lima", "days": 3}, '{"city": "Lima", "days": 3}'),
        ([{"title": "Lima", "body": "A city."}], '[{"title": "Lima", "body": "A city."}]'),
        ({"question": "Is it sunny?", "k": 4}, "Is it sunny?"),
        (42, "42"),
    ],
)
def test_of_an_unknown_shape_the_text_is_kept_as_a_guess(value: object, text: str) -> None:
    assert read_messages(value) == [Message("user", text, is_guess=True)]


@pytest.mark.parametrize("depth", [50, 400, 900, 5000])
@pytest.mark.parametrize("name", ["message", "content", "parts", "input", "data", "text"])
def test_what_is_nested_to_do_harm_fails_nowhere(name: str, depth: int) -> None:
    for begin, end in (("{", "}"), ("[{", "}]")):
        text = f'{begin}"role": "user", "{name}": ' * depth + '"deep"' + end * depth
        reader = MessageReader()
        for _ in range(2):
            assert len(reader.read(text)) <= 1


def test_depth_has_a_limit() -> None:
    value: Any = "deep"
    for _ in range(500):
        value = {"input": [value]}

    [message] = read_messages(value)

    assert message.is_guess
    assert "deep" in message.text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "text", ["{'role': {}, {}: 1}", "{'role': 'user', 'text': '\\]'}", "{'role': 'user'", "[{'"]
)
def test_what_is_nearly_a_dictionary_of_python_is_a_text(text: str) -> None:
    assert read_messages(text)[0].role == "user"
