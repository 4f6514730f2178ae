"""Histories that are repeated, cut, trimmed and changed from call to call."""

import pytest

from trace_clustering.sources.history import build_turns, merge_histories
from trace_clustering.sources.merged_history import MergedHistory
from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ToolCall


def user(text: str) -> Message:
    return Message("user", text)


def model(text: str, *calls: ToolCall) -> Message:
    return Message("assistant", text, calls)


def system(text: str) -> Message:
    return Message("system", text)


def result(text: str, call_id: str = "", name: str = "") -> Message:
    return Message("tool", text, call_id=call_id, tool_name=name)


HELLO = [user("I need help with a booking"), model("Which one?"), user("The one to Lima"), model("Found it.")]


def list_calls(messages: list[Message]) -> list[list[Message]]:
    """Return the calls of a conversation: each answer with everything before it."""
    return [messages[: i + 1] for i, message in enumerate(messages) if message.role == "assistant"]


def test_a_history_that_every_call_repeats_counts_once() -> None:
    assert merge_histories(list_calls(HELLO)) == HELLO


def test_who_says_yes_twice_has_said_it_twice() -> None:
    said = [*HELLO, user("yes"), model("Sure?"), user("yes"), model("Done.")]

    assert merge_histories(list_calls(said)) == said


def test_who_says_yes_twice_to_calls_without_a_history_has_said_it_twice() -> None:
    said = [user("book it"), model("Sure?"), user("yes"), model("Really?"), user("yes"), model("Done.")]

    assert merge_histories([said[:2], said[2:4], said[4:]]) == said


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_a_history_of_which_only_the_last_messages_are_kept(size: int) -> None:
    said = [m for n in range(20) for m in (user(f"question {n}"), model("ok" if n % 3 else f"answer {n}"))]
    calls = [[system("Be kind."), *call[-size:]] for call in list_calls(said)]

    assert merge_histories(calls) == [system("Be kind."), *said]


@pytest.mark.parametrize("window", [6, 40, 10_000])
def test_a_tool_that_is_asked_again_and_again_is_asked_so_often(window: int) -> None:
    said = [
        user("Wait for it"),
        *[m for _ in range(100) for m in (model("", ToolCall("poll")), result("no"))],
    ]
    calls = [said[max(0, end - window) : end] for end in range(2, 200, 2)]

    assert merge_histories(calls) == said[:198]


def test_a_system_prompt_that_changes_is_kept_once_and_hides_nothing() -> None:
    calls = [[system(f"It is {9 + n} o'clock."), *call] for n, call in enumerate(list_calls(HELLO))]

    assert merge_histories(calls) == [system("It is 9 o'clock."), *HELLO]


def test_a_first_message_that_changes_counts_once() -> None:
    greeting = model("How can I help you today?")
    begin = [user("Time: 9:00. Answer the customer."), greeting]
    later = [user("Time: 9:05. Answer the customer."), greeting, user("Hi"), model("Hey")]

    assert merge_histories([begin, later]) == [*begin, user("Hi"), model("Hey")]


@pytest.mark.parametrize(
    "trimmed",
    [
        "The flight leaves at nine…",
        "The flight leaves at nine and",
        "  The flight\nleaves at nine and arrives late ",
    ],
)
def test_an_answer_that_is_trimmed_later_counts_once(trimmed: str) -> None:
    whole = model("The flight leaves at nine and arrives late")
    calls = [[user("When?"), whole], [user("When?"), model(trimmed), user("Thanks"), model("Welcome")]]

    assert merge_histories(calls) == [user("When?"), whole, user("Thanks"), model("Welcome")]


def test_results_that_only_later_calls_tell_stand_with_their_calls() -> None:
    search, book = ToolCall("search", '{"to": "Lima"}', call_id="1"), ToolCall("book", "{}", call_id="2")
    said = [
        *(user("Book Lima"), model("", search), result("LA123", "1")),
        *(model("", book), result("no seat", "2"), model("There is no seat.")),
    ]

    turns = build_turns(merge_histories(list_calls(said)))

    assert [call.result for turn in turns for call in turn.tool_calls] == ["LA123", "no seat"]
    assert [turn.role for turn in turns] == ["user", "assistant", "assistant", "assistant"]


def test_results_that_later_calls_leave_out_or_clear_are_kept() -> None:
    call = ToolCall("search", '{"to": "Lima"}', call_id="1")
    begin = [user("Book Lima"), model("", call), result("LA123", "1"), model("I found LA123.")]
    end = [user("Take it"), model("Done.")]
    cleared = [begin[0], begin[1], result("[cleared]", "1"), begin[3], *end]
    left_out = [begin[0], begin[3], *end]

    for later in (cleared, left_out):
        assert merge_histories([begin, later]) == [*begin, *end]


def test_calls_at_the_same_time_share_their_history() -> None:
    question = user("Where is my parcel?")
    calls = [
        [system("Is this safe?"), question, model("safe")],
        [system("Answer."), question, model("On its way.")],
        [system("Answer."), question, model("On its way."), user("Thanks"), model("Welcome")],
    ]

    said = [message for message in merge_histories(calls) if message.role == "user"]

    assert said == [question, user("Thanks")]


def test_agents_between_the_calls_of_another_keep_their_own_history() -> None:
    call = ToolCall("ask_expert", '{"about": "visa"}', call_id="1")
    main = [user("Do I need a visa?"), model("", call), result("No", "1"), model("You need none.")]
    expert = [user("Is a visa needed for Lima?"), model("Let me look."), user("go on"), model("No")]

    merged = merge_histories([main[:2], *list_calls(expert), main])

    assert merged == [*main[:2], *expert, *main[2:]]


def test_calls_that_know_nothing_of_each_other_are_all_kept() -> None:
    calls = [[system("Classify."), user(f"text {n}"), model("good")] for n in range(5)]

    assert merge_histories(calls) == [system("Classify."), *(m for call in calls for m in call[1:])]


def test_of_other_steps_only_an_end_that_no_call_knows_is_added() -> None:
    call = [user("Context: none. Question: Where is my parcel?"), model("It is on its way.")]
    root = [user("Where is my parcel?"), model("It is on its way."), user("Thanks!")]

    merged = MergedHistory()
    merged.add(call)
    merged.add_end(root)
    merged.add_end(root)

    assert merged.messages == [*call, user("Thanks!")]


def test_results_without_ids_go_to_the_calls_of_their_name() -> None:
    calls = (ToolCall("a", "1"), ToolCall("b"), ToolCall("a", "2"))
    results = [result("of b", name="b"), result("of a1", name="a"), result("of a2", name="a")]

    [turn] = build_turns([model("", *calls), *results])

    assert [call.result for call in turn.tool_calls] == ["of a1", "of b", "of a2"]


def test_a_result_that_failed_is_an_error_and_one_without_a_call_is_a_turn() -> None:
    failed = Message("tool", "no such city", call_id="1", is_error=True)
    stray = Message("tool", "sunny", call_id="9", tool_name="weather")

    call, alone = build_turns([model("", ToolCall("find", call_id="1")), failed, stray])

    assert (call.tool_calls[0].result, call.tool_calls[0].error) == (None, "no such city")
    assert (alone.role, alone.text, alone.tool_calls[0].result) == ("tool", "sunny", "sunny")


def test_an_id_that_is_used_again_belongs_to_each_call_in_turn() -> None:
    call = ToolCall("report", call_id="report")
    turns = build_turns([model("", call), result("one", "report"), model("", call), result("two", "report")])

    assert [c.result for turn in turns for c in turn.tool_calls] == ["one", "two"]


@pytest.mark.parametrize("window", [4_000, 40])
def test_a_conversation_of_two_thousand_calls_compares_each_message_a_few_times(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work is counted, not time: how often two texts are compared, against the messages of all calls."""
    from trace_clustering.sources import merged_history

    compared = 0
    real = merged_history.is_same

    def count(one: Message, other: Message) -> bool:
        nonlocal compared
        compared += 1
        return real(one, other)

    monkeypatch.setattr(merged_history, "is_same", count)
    said = [m for n in range(300) for m in (user(f"question {n}"), model("ok" if n % 2 else f"answer {n}"))]
    calls = [[Message(m.role, m.text) for m in call[-window:]] for call in list_calls(said)]

    assert merge_histories(calls) == said
    assert compared <= 4 * sum(map(len, calls))
