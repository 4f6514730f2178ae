"""A message says what happened, and nothing that traces hold can act in Slack."""

import json
from datetime import date

import pytest

from trace_clustering.alerts.message import MAX_ALERTS_LISTED, build_message
from trace_clustering.topics.alerts import Alert

DAY = date(2025, 1, 22)


def test_each_kind_is_said_with_its_figures() -> None:
    alerts = [
        Alert("new_topic", "a", "Translation", 26, 0.0358, None),
        Alert("growth", "b", "Refunds", 58, 0.08, 0.044),
        Alert("errors", "c", "Imports", 62, 0.47, 0.09),
        Alert("errors", "d", "Domains", 20, 0.5, None),
    ]
    assert build_message(alerts, 7, DAY)["text"].splitlines() == [
        "Team 7, window to 2025-01-22: 4 alerts",
        "• New: “Translation” is 3.6% of the traffic (26 traces)",
        "• Growing: “Refunds” from 4.4% to 8.0% of the traffic (58 traces)",
        "• Errors: “Imports” fails in 47% of 62 traces, 9% in the window before",
        "• Errors: “Domains” fails in 50% of 20 traces",
    ]


@pytest.mark.parametrize(
    "title",
    [
        "<!channel> <!here> <@U123> <https://evil.example|your bank>",
        "@channel @here @everyone look",
        "see https://evil.example/x or evil.example",
        "a & b < c > d &lt;!channel&gt;",
        "*bold* _italic_ `code` ~gone~\n> quote\n```block```",
        "\u202e\x1b[31m\x00" + "long " * 500,
    ],
)
def test_titles_of_traces_can_do_nothing(title: str) -> None:
    message = build_message([Alert("new_topic", "a", title, 26, 0.5, None)], 7, DAY)
    text = message["text"]
    assert len(text) < 400
    assert len(text.splitlines()) == 2
    for harm in ("<", "@channel", "@here", "@everyone", "https://", "evil.example", "\x1b", "\u202e"):
        assert harm not in json.dumps(message, ensure_ascii=False)
    assert {block["text"]["type"] for block in message["blocks"]} == {"plain_text"}


def test_many_alerts_are_counted_and_a_few_listed() -> None:
    alerts = [Alert("new_topic", str(n), f"Topic {n}", 9, 0.1, None) for n in range(MAX_ALERTS_LISTED + 3)]
    message = build_message(alerts, 7, DAY)
    assert message["text"].startswith("Team 7, window to 2025-01-22: 13 alerts")
    assert message["text"].endswith("and 3 more")
    assert len(message["blocks"]) == MAX_ALERTS_LISTED + 2
