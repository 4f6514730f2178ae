"""The summary of a trace without a language model: what was asked, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trace_clustering.documents.extract import NO_TEXT_TITLE, extract_summary
from trace_clustering.text import MAX_TITLE_LENGTH
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace, Turn
from trace_clustering_tests.documents.conversations import call_tools, make_trace


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hi there! I need to move my appointment.", "I need to move my appointment."),
        ("hello, can you resize an image for me", "Can you resize an image for me"),
        ("hi i want to cancel", "I want to cancel"),
        ("Hi Bob, the printer is on fire.", "The printer is on fire."),
        ("Good morning!\n\nHow are you?\nWhere is parcel 12?", "Where is parcel 12?"),
        ("Hello world does not compile in Rust", "Hello world does not compile in Rust"),
        ("Hello Kitty cups are out of stock?", "Hello Kitty cups are out of stock?"),
        ("Guten Tag, ich möchte meinen Vertrag kündigen.", "Ich möchte meinen Vertrag kündigen."),
        ("Bonjour ! Où est ma commande ?", "Où est ma commande ?"),
        ("¡Hola! Quiero cambiar mi vuelo.", "Quiero cambiar mi vuelo."),
        ("Здравствуйте! Где мой заказ?", "Где мой заказ?"),
        ("你好，我想退货。", "我想退货。"),
        ("こんにちは。返品したいです。", "返品したいです。"),
        ("안녕하세요. 환불하고 싶어요.", "환불하고 싶어요."),
        ("مرحبا، أين طلبي؟", "أين طلبي؟"),
        ("Thanks", "Thanks"),
        ("Hey 👋", "Hey 👋"),
        ("https://example.com/x summarize it", "https://example.com/x summarize it"),
        ("iPhone is broken", "iPhone is broken"),
        (
            "Dear team,\n\nI hope this email finds you well. Where is my refund?\n\nCheers\nAda",
            "Where is my refund?",
        ),
        ("/clear", "/clear"),
    ],
)
def test_the_title_is_the_request_without_its_greeting(text: str, title: str) -> None:
    assert extract_summary(make_trace(text, "Sure."))["title"] == title


def test_a_greeting_alone_leaves_the_title_to_the_next_message() -> None:
    summary = extract_summary(make_trace("hi", "Hello!", "Where is my parcel?", "On its way.", "thanks!"))
    assert summary["title"] == "Where is my parcel?"
    assert summary["bullets"] == []


@pytest.mark.parametrize(
    ("last", "bullets"),
    [
        ("Great, thanks for confirming that!", []),
        ("Thank you so much for your help! That's all I needed for today.", []),
        ("Thanks. Please cancel the other one too.", ["Thanks. Please cancel the other one too."]),
        ("Thanks, but is it late?", ["Thanks, but is it late?"]),
    ],
)
def test_thanks_at_the_end_ask_for_nothing(last: str, bullets: list[str]) -> None:
    assert extract_summary(make_trace("Where is it?", "Here.", last))["bullets"] == bullets


def test_what_the_title_has_no_room_for_is_the_first_bullet() -> None:
    first, second = (
        f"Please find a hotel {'near the old harbour ' * 4}today.",
        "It must allow two large dogs.",
    )
    summary = extract_summary(
        make_trace(f"Hi! {first} {second}", "Sure.", "ok", "Done.", "And a cot, please.")
    )
    assert summary["title"] == first
    assert summary["bullets"] == [second, "And a cot, please."]


def test_a_long_title_is_cut_at_a_word() -> None:
    title = extract_summary(make_trace("please translate " + "wonderful " * 40))["title"]
    assert len(title) <= MAX_TITLE_LENGTH
    assert title.endswith("wonderful…")
    assert extract_summary(make_trace("please translate " + "wonderful " * 15))["bullets"] == [
        "Please translate" + " wonderful" * 15
    ]


def test_texts_are_one_clean_line() -> None:
    summary = extract_summary(make_trace("Run\x1b[31m this\u202e now", "ok", "stop it\r\nat\tonce"))
    assert summary["title"] == "Run 31m this now"
    assert summary["bullets"] == ["stop it at once"]


def test_the_bullets_are_few_and_each_is_said_once() -> None:
    asked = [f"Do the task number {i}." for i in (0, 0, *range(20))]
    texts = [text for pair in zip(asked, ["Done."] * len(asked), strict=True) for text in pair]
    assert extract_summary(make_trace(*texts))["bullets"] == [f"Do the task number {i}." for i in range(1, 9)]


def test_a_summary_that_the_source_gave_stays() -> None:
    given = TraceSummary(
        title="Given",
        flow_diagram="a -> b",
        bullets=["one"],
        interesting_notes=[],
        trace_timestamp="",
        trace_id="t1",
    )
    assert extract_summary(replace(make_trace("Where is it?"), summary=given)) == given


def test_the_time_is_that_of_the_start() -> None:
    trace = replace(make_trace("Where is it?"), start=datetime(2025, 1, 2, 3, tzinfo=UTC))
    assert extract_summary(trace)["trace_timestamp"] == "2025-01-02T03:00:00Z"
    assert extract_summary(make_trace("Where is it?"))["trace_timestamp"] == ""


@pytest.mark.parametrize(
    ("trace", "title"),
    [
        (Trace("t", name="nightly-report", turns=(Turn("assistant", "Done."),)), "nightly-report"),
        (Trace("t", turns=(Turn("assistant", "", call_tools("a", "b", "a", "c", "d")),)), "Calls a, b, c"),
        (Trace("t", turns=(Turn("system", "Be brief."), Turn("assistant", "It is 4."))), "It is 4."),
        (Trace("t", turns=(Turn("user", " "),)), NO_TEXT_TITLE),
        (Trace("t"), NO_TEXT_TITLE),
    ],
)
def test_a_trace_in_which_nobody_asks_is_named_by_what_is_known(trace: Trace, title: str) -> None:
    assert extract_summary(trace)["title"] == title
