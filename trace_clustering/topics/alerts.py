"""Which topics somebody should look at: large new ones, those that grow, and those that fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

AlertKind = Literal["new_topic", "growth", "errors"]
ALERT_KINDS: Final = get_args(AlertKind)

# Fewer traces do not carry a rate.
MIN_TRACES_FOR_RATE: Final = 20
# Probability of a rise by chance, over all topics of a run together.
_MAX_FALSE_ALARM: Final = 0.01


@dataclass(frozen=True)
class Thresholds:
    """From where on a topic is worth an alert; None for never.

    Attributes
    ----------
    new_topic_share : float or None
        Smallest share of the traffic of a new topic.
    growth : float or None
        Smallest ratio of the share now to the share before.
    error_rate : float or None
        Share of traces with an error, which the true rate must exceed with 95 %.
    error_rise : float or None
        Smallest rise of the share of traces with an error.
    """

    new_topic_share: float | None = None
    growth: float | None = None
    error_rate: float | None = None
    error_rise: float | None = None


@dataclass(frozen=True)
class Errors:
    """How many traces failed, among those of which it is known."""

    failed: int
    known: int

    @property
    def rate(self) -> float:
        """Share of the traces that failed."""
        return self.failed / self.known


@dataclass(frozen=True)
class WatchedTopic:
    """A topic of a run, with what alerts depend on.

    Attributes
    ----------
    topic_id, title : str
    traces : int
    change : str
        Kind of change that is larger than chance explains; empty if none is said.
    share, share_before : float or None
        Share of the traffic.
    errors : Errors or None
        None if no event tells of errors.
    """

    topic_id: str
    title: str
    traces: int
    change: str = ""
    share: float | None = None
    share_before: float | None = None
    errors: Errors | None = None


@dataclass(frozen=True)
class Alert:
    """A topic that somebody should look at.

    Attributes
    ----------
    kind : AlertKind
    topic_id, title : str
    traces : int
        Number of the topic's traces; for errors, of those of which it is known whether they failed.
    now, before : float or None
        Share of the traffic; for errors, share of the traces that failed. None if unknown.
    """

    kind: AlertKind
    topic_id: str
    title: str
    traces: int
    now: float
    before: float | None


def find_alerts(
    topics: Sequence[WatchedTopic], errors_before: Mapping[str, Errors], thresholds: Thresholds
) -> list[Alert]:
    """Return the alerts of a run, by kind, the largest first.

    Parameters
    ----------
    topics : sequence of WatchedTopic
        Topics that the team ignores are none of them.
    errors_before : mapping
        Errors of an earlier run by topic; none if there is no such run.
    thresholds : Thresholds
    """
    compared = sum(_can_compare(topic.errors, errors_before.get(topic.topic_id)) for topic in topics)
    found = []
    for topic in topics:
        if is_large_and_new(topic, thresholds) and topic.share is not None:
            found.append(Alert("new_topic", topic.topic_id, topic.title, topic.traces, topic.share, None))
        if grows_much(topic, thresholds) and topic.share is not None:
            found.append(
                Alert("growth", topic.topic_id, topic.title, topic.traces, topic.share, topic.share_before)
            )
        before = errors_before.get(topic.topic_id)
        if topic.errors and fails_much(topic.errors, before, thresholds, compared):
            rate = before.rate if before and before.known else None
            found.append(
                Alert("errors", topic.topic_id, topic.title, topic.errors.known, topic.errors.rate, rate)
            )
    return sorted(found, key=lambda alert: (ALERT_KINDS.index(alert.kind), -alert.now, alert.topic_id))


def is_large_and_new(topic: WatchedTopic, thresholds: Thresholds) -> bool:
    """Return whether a topic is new, and its share of the traffic reaches the threshold."""
    limit = thresholds.new_topic_share
    return limit is not None and topic.change == "new" and topic.share is not None and topic.share >= limit


def grows_much(topic: WatchedTopic, thresholds: Thresholds) -> bool:
    """Return whether a topic grows beyond chance, and by the factor of the threshold."""
    if thresholds.growth is None or topic.change != "growing" or topic.share is None:
        return False
    return topic.share_before is not None and topic.share >= thresholds.growth * topic.share_before


def fails_much(errors: Errors, before: Errors | None, thresholds: Thresholds, compared: int) -> bool:
    """Return whether the error rate of a topic is too high, or has risen too much, beyond chance.

    A high rate is one whose 95 % interval (Wilson 1927) lies above the threshold. A rise is one that Fisher's
    exact test finds; `compared` is the number of topics that are tested, by which its level is divided.
    """
    from scipy.stats import binomtest, fisher_exact

    if errors.known < MIN_TRACES_FOR_RATE:
        return False
    limit, rise = thresholds.error_rate, thresholds.error_rise
    if limit is not None and errors.rate > limit:
        interval = binomtest(errors.failed, errors.known).proportion_ci(method="wilson")
        if interval.low > limit:
            return True
    if rise is None or before is None or not _can_compare(errors, before):
        return False
    if errors.rate - before.rate < rise:
        return False
    table = [[e.failed, e.known - e.failed] for e in (errors, before)]
    return bool(fisher_exact(table, alternative="greater").pvalue <= _MAX_FALSE_ALARM / max(compared, 1))


def _can_compare(errors: Errors | None, before: Errors | None) -> bool:
    return all(side is not None and side.known >= MIN_TRACES_FOR_RATE for side in (errors, before))
