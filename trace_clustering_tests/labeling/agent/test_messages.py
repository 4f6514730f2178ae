"""A request repeats the latest turns of the conversation, whole, within the limit."""

import itertools

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

from trace_clustering.labeling.agent.messages import select_messages
from trace_clustering.llm.endpoint.request_size import measure_message

OPENING = [SystemMessage("rules"), HumanMessage("begin")]


def turn(number: int, result: int = 500, argument: int = 10, calls: int = 2) -> list[BaseMessage]:
    """A call of two tools and their answers."""
    ids = [f"{number}-{call}" for call in range(calls)]
    made = [ToolCall(name="look", args={"at": "x" * argument}, id=identity) for identity in ids]
    return [
        AIMessage("", tool_calls=made),
        *(ToolMessage('"' * result, tool_call_id=identity) for identity in ids),
    ]


def sent(turns: list[list[BaseMessage]], room: int) -> list[BaseMessage]:
    flat = list(itertools.chain.from_iterable(turns))
    return select_messages(OPENING, flat, lambda characters: "t" * min(characters, 3000), room)


def ids(messages: list[BaseMessage]) -> list[str]:
    return [message.tool_call_id for message in messages if isinstance(message, ToolMessage)]


def test_everything_is_sent_while_it_fits() -> None:
    turns = [turn(number) for number in range(3)]
    assert sent(turns, 30_000) == [*OPENING, *itertools.chain.from_iterable(turns)]
    assert sent([], 30_000) == OPENING


@pytest.mark.parametrize("count", [20, 50])
def test_the_latest_of_many_turns_are_sent_whole_with_the_titles_so_far(count: int) -> None:
    messages = sent([turn(number) for number in range(count)], 30_000)
    assert sum(map(measure_message, messages)) <= 30_000
    assert messages[0] == OPENING[0]
    assert messages[1].text.startswith("begin\n\nt")
    assert isinstance(messages[1], HumanMessage)
    assert isinstance(messages[2], AIMessage)
    kept = ids(messages)
    assert kept[-1] == f"{count - 1}-1"
    assert kept == [f"{n}-{call}" for n in range(count - len(kept) // 2, count) for call in range(2)]
    assert len(kept) >= 10


def test_the_last_turn_is_sent_whatever_its_size() -> None:
    messages = sent([turn(0), turn(1, result=20_000)], 30_000)
    assert ids(messages) == ["1-0", "1-1"]
    assert sum(map(measure_message, messages)) <= 30_000
    assert "call the tool again" in messages[-1].text


def test_very_long_arguments_are_left_out_but_their_calls_stay() -> None:
    messages = sent([turn(0, argument=100_000), turn(1)], 30_000)
    assert sum(map(measure_message, messages)) <= 30_000
    answer = messages[2]
    assert isinstance(answer, AIMessage)
    assert [call["args"] for call in answer.tool_calls] == [{}, {}]
    assert ids(messages) == ["0-0", "0-1", "1-0", "1-1"]
