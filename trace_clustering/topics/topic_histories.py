"""What became of each topic over a team's runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

GONE = "gone"
ABSENT = "absent"


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
    """A run as its event tells it.

    Attributes
    ----------
    run_id : str
    day : date or None
        Last day of the window.
    topics : sequence of SeenTopic
    gone : set of str
        The topics of which the run says that their traffic went.
    merged_into : dict
        By topic without a cluster, the topic that took it over.
    """

    run_id: str
    day: date | None
    topics: Sequence[SeenTopic]
    gone: Collection[str] = frozenset()
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
        What the newest run says of it: the kind of change, empty if none is said. If it has no cluster there:
        `gone` if a run says so, else `absent`, for its traces may be in other clusters.
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

    The topics of the newest run come first, the largest of them before others, then those that it has not,
    the last of them before others. Topics that are ignored come last.
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
                status=topic.change if position == len(runs) - 1 else ABSENT,
                is_ignored=topic.is_ignored,
            )
    return sorted((_tell_end(history, runs) for history in histories.values()), key=_rank)


def _tell_end(history: TopicHistory, runs: Sequence[SeenRun]) -> TopicHistory:
    """Return the history of a topic with what the runs after the last that saw it tell of its end."""
    if history.status != ABSENT:
        return history
    after = runs[_find_last(history) + 1 :]
    heirs = [run.merged_into[history.topic_id] for run in after if history.topic_id in run.merged_into]
    is_gone = any(history.topic_id in run.gone for run in after)
    return replace(history, status=GONE if is_gone else ABSENT, merged_into=heirs[0] if heirs else "")


def _rank(history: TopicHistory) -> tuple[bool, bool, int, int, str]:
    last = _find_last(history)
    return (
        history.is_ignored,
        last < len(history.traces) - 1,
        -last,
        -(history.traces[last] or 0),
        history.topic_id,
    )


def _find_last(history: TopicHistory) -> int:
    """Return the position of the last run that saw a topic."""
    return max(position for position, traces in enumerate(history.traces) if traces is not None)
