"""An alert as a message that Slack, and whatever takes Slack's messages, can show.

Titles come from traces, so they are cut, and nothing in them is a link, a mention or a format.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from trace_clustering.text import clean_line
from trace_clustering.topics.alerts import Alert

MAX_ALERTS_LISTED: Final = 10
_MAX_TITLE: Final = 80
_MENTION: Final = re.compile(r"@(?=\w)")
_LINK: Final = re.compile(r"(?<=\w)(://|\.(?=\w))")
_NO_BREAK: Final = "\u2060"  # word joiner: no width, but it ends a mention and an address


def build_message(alerts: Sequence[Alert], team_id: int, last_day: date) -> dict[str, Any]:
    """Return the message about the alerts of a run, ready for JSON.

    `text` is for notifications, and for whatever shows no blocks; the blocks are plain text.
    """
    headline = f"Team {team_id}, window to {last_day}: {len(alerts)} alert{'s'[: len(alerts) != 1]}"
    lines = [f"• {_describe(alert)}" for alert in alerts[:MAX_ALERTS_LISTED]]
    if more := len(alerts) - MAX_ALERTS_LISTED:
        lines += [f"and {more} more"] if more > 0 else []
    return {
        "text": _escape("\n".join([headline, *lines])),
        "blocks": [
            _build_block("header", headline),
            *(_build_block("section", line) for line in lines),
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _describe(alert: Alert) -> str:
    title = _quote(alert.title)
    if alert.kind == "new_topic":
        return f"New: {title} is {alert.now:.1%} of the traffic ({alert.traces:,} traces)"
    if alert.kind == "growth":
        before = "" if alert.before is None else f" from {alert.before:.1%}"
        return f"Growing: {title}{before} to {alert.now:.1%} of the traffic ({alert.traces:,} traces)"
    before = "" if alert.before is None else f", {alert.before:.0%} in the window before"
    return f"Errors: {title} fails in {alert.now:.0%} of {alert.traces:,} traces{before}"


def _quote(title: str) -> str:
    text = _MENTION.sub(f"@{_NO_BREAK}", clean_line(title, _MAX_TITLE))
    return "“" + _LINK.sub(_NO_BREAK + r"\1", text) + "”"


def _build_block(kind: str, text: str) -> dict[str, Any]:
    # Plain text knows no format, so nothing in it is escaped either.
    return {"type": kind, "text": {"type": "plain_text", "text": text, "emoji": False}}


def _escape(text: str) -> str:
    """Return text in which Slack sees no link, no mention and no command."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
