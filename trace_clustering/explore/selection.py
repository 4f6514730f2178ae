"""Which of the traces that were read are clustered, and in which window."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.constants import DEFAULT_LOOKBACK_DAYS, DEFAULT_MAX_SAMPLES, MAX_LOOKBACK_DAYS
from trace_clustering.explore.conditions import Condition
from trace_clustering.ingestion.ingest import IngestedTrace
from trace_clustering.traces.arrays import FloatArray
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.trace import Trace
from trace_clustering.traces.window import Window

_ONE_DAY: Final = timedelta(days=1)

AUTOMATION: Final = "automation: sub-agents and turns that a machine asked for"
_NOT_AUTOMATION: Final = "started by a person"
_SAME_SESSION: Final = "another trace of the same session stands for them"
_NO_TEXT: Final = "without any text"
_NOT_WHERE: Final = "do not satisfy --where"
_NOT_IN_TIME: Final = "ended before --since or after --until"
_FUTURE: Final = "end in the future"
_IN_NO_WINDOW: Final = "ended in none of the windows"
_TOO_OLD: Final = f"ended more than {MAX_LOOKBACK_DAYS} days before the newest"


@dataclass(frozen=True)
class Choice:
    """What a user asks for.

    Attributes
    ----------
    since, until : date or None
        First and last UTC day of the traces; None for any.
    conditions : tuple of Condition
        All must be satisfied.
    max_samples : int
        Most traces to cluster.
    rules : SampleRules
        What else is left out before the sample is drawn. Duplicates are folded by the run, among the sampled
        traces, because the others have no summaries.
    """

    since: date | None = None
    until: date | None = None
    conditions: tuple[Condition, ...] = ()
    max_samples: int = DEFAULT_MAX_SAMPLES
    rules: SampleRules = SampleRules()  # noqa: RUF009 - frozen

    def list_settings(self, lookback_days: int) -> dict[str, Any]:
        """Return the settings of the run that are not the defaults, which do not count as chosen."""
        chosen: dict[str, tuple[Any, Any]] = {
            "lookback_days": (lookback_days, DEFAULT_LOOKBACK_DAYS),
            "max_samples": (self.max_samples, DEFAULT_MAX_SAMPLES),
        }
        usual = asdict(SampleRules())
        chosen |= {name: (value, usual[name]) for name, value in asdict(self.rules).items()}
        return {name: value for name, (value, default) in chosen.items() if value != default}


@dataclass(frozen=True)
class Sample:
    """The traces that are clustered.

    Attributes
    ----------
    traces : list of IngestedTrace
        Sorted by id.
    eligible : int
        Number of traces from which they were drawn.
    day : date
        Last day of the window.
    lookback_days : int
        Length of the window.
    is_one_of_several : bool
        Whether other windows are clustered too.
    """

    traces: list[IngestedTrace]
    eligible: int
    day: date
    lookback_days: int
    is_one_of_several: bool = False

    def name_run(self, team_id: int) -> str:
        """Return the id of the run that clusters the sample."""
        end = _begin(self.day) + _ONE_DAY
        window = Window(end - self.lookback_days * _ONE_DAY, end)
        return Provenance(team_id, window, settings={}).run_id


@dataclass
class Selection:
    """Looks at the traces while they pass, and afterwards chooses among them.

    Attributes
    ----------
    left_out : Counter
        Number of traces by the reason why they are not clustered.
    untimed : int
        Number of traces whose source has no times.
    vectors : dict
        The vectors that the source gave, by trace id.
    """

    choice: Choice
    now: datetime
    untimed: int = 0
    vectors: dict[str, FloatArray] = field(default_factory=dict)
    _reasons: dict[str, str] = field(default_factory=dict)
    _sessions: dict[str, str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def watch(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield the traces, and note of each what its choice depends on."""
        for trace in traces:
            self._reasons.pop(trace.trace_id, None)
            if reason := self._find_reason(trace):
                self._reasons[trace.trace_id] = reason
            if self.choice.rules.one_per_session:
                self._sessions[trace.trace_id] = trace.session_id
            self.untimed += trace.start is None and trace.end is None
            if trace.embedding is not None:
                self.vectors[trace.trace_id] = trace.embedding
            yield trace

    def choose(self, traces: Iterable[IngestedTrace]) -> Sample:
        """Return the traces to cluster; if there are too many, a random sample of them, always the same."""
        eligible = [trace for trace in traces if not self._leave_out(trace)]
        newest = max((trace.moment for trace in eligible), default=self.now).astimezone(UTC).date()
        first = newest - (MAX_LOOKBACK_DAYS - 1) * _ONE_DAY
        held = [trace for trace in eligible if trace.moment.astimezone(UTC).date() >= first]
        self.left_out[_TOO_OLD] += len(eligible) - len(held)
        oldest = min((trace.moment for trace in held), default=self.now).astimezone(UTC).date()
        ordered = self._order(held)
        if self.choice.rules.one_per_session:
            self.left_out[_SAME_SESSION] += len(held) - len(ordered)
        return Sample(self._draw(ordered), len(ordered), newest, (newest - oldest).days + 1)

    def choose_windows(self, traces: Iterable[IngestedTrace], last_days: Sequence[date]) -> list[Sample]:
        """Return the traces to cluster in each of several windows of the default length, given their ends."""
        eligible = [trace for trace in traces if not self._leave_out(trace)]
        samples, in_a_window = [], set()
        for day in last_days:
            end = _begin(day) + _ONE_DAY
            start = end - DEFAULT_LOOKBACK_DAYS * _ONE_DAY
            held = [trace for trace in eligible if start <= trace.moment < end]
            ordered = self._order(held)
            drawn = self._draw(ordered)
            samples.append(Sample(drawn, len(ordered), day, DEFAULT_LOOKBACK_DAYS, is_one_of_several=True))
            in_a_window |= {trace.trace_id for trace in held}
        self.left_out[_IN_NO_WINDOW] += len(eligible) - len(in_a_window)
        return samples

    def _order(self, held: list[IngestedTrace]) -> list[IngestedTrace]:
        """Return traces in the order in which they are drawn; if wanted, one of each session."""
        ordered = sorted(held, key=lambda trace: _hash_id(trace.trace_id))
        if not self.choice.rules.one_per_session:
            return ordered
        # Without a session, a trace stands for itself.
        voices = {
            self._sessions.get(trace.trace_id) or (trace.trace_id,): trace for trace in reversed(ordered)
        }
        return sorted(voices.values(), key=lambda trace: _hash_id(trace.trace_id))

    def _draw(self, ordered: list[IngestedTrace]) -> list[IngestedTrace]:
        return sorted(ordered[: self.choice.max_samples], key=lambda trace: trace.trace_id)

    def _find_reason(self, trace: Trace) -> str:
        """Return why a trace is not clustered, as far as it shows itself; empty if it may be."""
        automation = self.choice.rules.automation
        if trace.is_automation and automation == "leave_out":
            return AUTOMATION
        if not trace.is_automation and automation == "only":
            return _NOT_AUTOMATION
        if not trace.summary and not any(turn.text or turn.tool_calls for turn in trace.turns):
            return _NO_TEXT
        if not all(condition.is_met(trace) for condition in self.choice.conditions):
            return _NOT_WHERE
        return ""

    def _leave_out(self, trace: IngestedTrace) -> bool:
        reason = self._reasons.get(trace.trace_id) or self._find_reason_in_time(trace.moment)
        if reason:
            self.left_out[reason] += 1
        return bool(reason)

    def _find_reason_in_time(self, moment: datetime) -> str:
        since, until = self.choice.since, self.choice.until
        if (since and moment < _begin(since)) or (until and moment >= _begin(until) + _ONE_DAY):
            return _NOT_IN_TIME
        return _FUTURE if moment >= _begin(self.now.date()) + _ONE_DAY else ""


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _hash_id(trace_id: str) -> bytes:
    return hashlib.blake2b(trace_id.encode(errors="surrogatepass"), digest_size=16).digest()
