"""What a person wrote, out of what programs put around it."""

import pytest

from trace_clustering.documents.wrappers import MAX_READ_CHARACTERS, unwrap_text

LOG = "2025-01-01 00:00:01,123 [17] 0x7f {a=1} <500>\n" * 30


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("<system-reminder>Be brief.\n</system-reminder>\nFix the test.", "Fix the test."),
        ("Fix it. <system-reminder>a <b> c</system-reminder>", "Fix it."),
        ("<context>Paris is big.</context><question>How big?</question> Answer in JSON.", "How big?"),
        ("<user_query>\nadd a button\n</user_query>\n<open_files>\na.py\n</open_files>", "add a button"),
        ("<request><request>inner</request></request>", "inner"),
        ("Fix my page:\n<div>\n<p>x</p>\n</div>", "Fix my page:"),
        ("<div>\n<p>only this</p>\n</div>", "<p>only this</p>"),
        ("Why is <b>this</b> bold?", "Why is <b>this</b> bold?"),
        ("<system-reminder>nobody wrote this</system-reminder>", ""),
        ("[Request interrupted by user for tool use]", ""),
        ("Context: Paris has 2 million people.\n\nQuestion: How many?\nAnswer:", "How many?"),
        (
            "Answer from these sources.\n\n## Sources\n1. a\n\n## Question\nWho won?\n\n## Rules\nBe brief",
            "Who won?",
        ),
        ("Q: What is 1+1?\nA: 2\nQ: What is 2+2?\nA:", "What is 2+2?"),
        ("Kontext: Berlin.\nFrage: Wie groß ist es?\nAntwort:", "Wie groß ist es?"),
        ("上下文：巴黎。\n问题：有多大？\n回答：", "有多大？"),
        ("Message: Plan a trip.\n\nThis message was created at 2025-08-01T13:56:54+00:00", "Plan a trip."),
        ('What is 1+1?\nOutput format:\n```json\n{"answer": 1}\n```', "What is 1+1?"),
        ("Summarize what follows.\n\nContext:\nParis is big.", "Summarize what follows."),
        ("Context: only this", "Context: only this"),
        ('{"lang": "en", "query": "find hotels in Rome"}', "find hotels in Rome"),
        ('{"a": 1}', '{"a": 1}'),
        ("Where is it?\n\nBest regards,\nAda", "Where is it?"),
        (
            "<command-name>/review</command-name>\n<command-message>r</command-message>\n"
            "<command-args>PR 12</command-args>",
            "/review \n\nPR 12",
        ),
        ("I have this question: why is the sky blue?", "I have this question: why is the sky blue?"),
        ("Why does this fail?\n```python\nprint(1\n```", "Why does this fail?"),
        ("```python\nprint(1)\n```", "```python\nprint(1)\n```"),
        (f"{LOG}\n\nWhat went wrong here?", "What went wrong here?"),
        (f"What went wrong here?\n\n{LOG}", f"What went wrong here?\n\n{LOG}".strip()),
    ],
)
def test_the_request_is_found(text: str, asked: str) -> None:
    assert unwrap_text(text) == asked


def test_the_end_of_a_huge_message_is_read() -> None:
    assert unwrap_text("Summarize.\n\n" + "x" * MAX_READ_CHARACTERS + "\n\nQuestion: Why?") == "Why?"


@pytest.mark.parametrize(
    "piece",
    ["<context>", "<task><query>", "<a\n", "</a>", "Question:\n", "```\n", "<a b", "\n \n", "[Request "],
)
def test_a_megabyte_of_hostile_text_is_read(piece: str) -> None:
    assert len(unwrap_text(piece * (10**6 // len(piece)))) <= MAX_READ_CHARACTERS + 2
