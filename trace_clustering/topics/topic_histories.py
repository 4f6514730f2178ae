"""What became of each topic over a team's runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

GONE = "gone"


@dataclass(frozen=True)
class SeenTopic:
    """A topic as a run saw it.

    Attributes
    ----------
    topic_id, title : str
    traces : int
        Number of its traces.
    share : float or None
        Its part of all traces of the run; None if there were none.
    change : str
        Kind of change that the run said; empty if none.
    is_ignored : bool
        Whether the team does not want to hear of it.
    """

    topic_id: str
    title: str
    traces: int
    share: float | None
    change: str = ""
    is_ignored: bool = False


@dataclass(frozen=True)
class SeenRun:
    """A run, the last day of its window, its topics, and for each topic that ended what took it over."""

    run_id: str
    day: date | None
    topics: Sequence[SeenTopic]
    merged_into: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TopicHistory:
    """A topic over several runs.

    Attributes
    ----------
    topic_id, title : str
        The title is the newest.
    first_seen, last_seen : date or None
        Last days of the windows of the first and of the last run that saw it.
    traces : list of int or None
        By run, the oldest first; None in runs without the topic.
    shares : list of float or None
        Likewise.
    status : str
        What the newest run says of it: the kind of change, empty if none is said, or `gone`.
    merged_into : str
        The topic that took over most of its traces when it ended; empty if none did.
    is_ignored : bool
    """

    topic_id: str
    title: str
    first_seen: date | None
    last_seen: date | None
    traces: list[int | None]
    shares: list[float | None]
    status: str
    merged_into: str = ""
    is_ignored: bool = False

    @property
    def runs(self) -> int:
        """Number of the runs that saw it."""
        return sum(traces is not None for traces in self.traces)


def build_histories(runs: Sequence[SeenRun]) -> list[TopicHistory]:
    """Return the topics of some runs, given in the order of time.

    The topics of the newest run come first, the largest of them before others, then those that are gone, the
    last of them before others. Topics that are ignored come last.
    """
    histories: dict[str, TopicHistory] = {}
    for position, run in enumerate(runs):
        for topic in run.topics:
            history = histories.get(topic.topic_id) or TopicHistory(
                topic.topic_id, "", run.day, None, [None] * len(runs), [None] * len(runs), ""
            )
            # A topic has one cluster; if an edited event has two, both count.
            history.traces[position] = (history.traces[position] or 0) + topic.traces
            if topic.share is not None:
                history.shares[position] = (history.shares[position] or 0) + topic.share
            histories[topic.topic_id] = replace(
                history,
                title=topic.title,
                last_seen=run.day,
                status=topic.change if position == len(runs) - 1 else GONE,
                is_ignored=topic.is_ignored,
            )
    merged = {topic: heir for run in runs for topic, heir in run.merged_into.items()}
    found = [
        replace(history, merged_into=merged.get(history.topic_id, "")) if history.status == GONE else history
        for history in histories.values()
    ]
    return sorted(found, key=_rank)


def _rank(history: TopicHistory) -> tuple[bool, bool, int, int, str]:
    last = max(position for position, traces in enumerate(history.traces) if traces is not None)
    return (history.is_ignored, history.status == GONE, -last, -(history.traces[last] or 0), history.topic_id)
