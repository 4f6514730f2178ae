"""How traces are summarized, within which limits, and what it comes to."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from trace_clustering.documents.redaction import Kind
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.llm.endpoint.budget import (
    CHARACTERS_PER_TOKEN,
    MIN_ANSWER_TOKENS,
    Limits,
    Price,
    Usage,
)
from trace_clustering.traces.summary import TraceSummary
from trace_clustering.traces.trace import Trace

EXTRACT: Final = "extract"
MAX_PARALLEL: Final = 64
MAX_INSTRUCTIONS: Final = 4_000
MIN_TRANSCRIPT_CHARACTERS: Final = 500
# An answer of four short fields, for the estimate before the start.
_TYPICAL_ANSWER_TOKENS = 250
_MAX_COUNTED_CHARACTERS_OF_CALL = 400


@dataclass(frozen=True)
class SummaryOptions:
    """How traces are summarized; a value that is out of bounds is refused with an `InvalidSettingsError`.

    Attributes
    ----------
    method : {"extract", "llm"}
        A language model is asked only with `llm`, whatever keys there are.
    instructions : str
        What the model is told in addition.
    redact : tuple of {"key", "email", "card", "phone"}
        What is taken out of the traces before.
    parallel : int
        Requests at once.
    max_requests, max_prompt_tokens, max_completion_tokens, max_cost_usd, timeout_seconds
        Hard limits of one call of `summarize_traces`. A limit on the money needs the price of the model; that
        of the resource `llm` holds too.
    max_answer_tokens : int
        Of one answer, with the thoughts of the model.
    max_transcript_characters : int
        A longer trace is cut in the middle.
    """

    method: Literal["extract", "llm"] = "extract"
    instructions: str = ""
    redact: tuple[Kind, ...] = ()
    parallel: int = 8
    max_requests: int = 10_000
    max_prompt_tokens: int = 20_000_000
    max_completion_tokens: int = 4_000_000
    max_cost_usd: float | None = None
    timeout_seconds: float = 3600.0
    max_answer_tokens: int = 4_000
    max_transcript_characters: int = 12_000

    def __post_init__(self) -> None:
        lowest = {
            "parallel": 1,
            "max_requests": 1,
            "max_prompt_tokens": 1,
            "max_completion_tokens": MIN_ANSWER_TOKENS,
            "max_answer_tokens": MIN_ANSWER_TOKENS,
            "max_transcript_characters": MIN_TRANSCRIPT_CHARACTERS,
        }
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise InvalidSettingsError(f"{name} = {getattr(self, name)!r} must be at least {least}")
        if self.method not in ("extract", "llm"):
            raise InvalidSettingsError(f"method = {self.method!r} must be extract or llm")
        if self.parallel > MAX_PARALLEL:
            raise InvalidSettingsError(f"parallel = {self.parallel} must be at most {MAX_PARALLEL}")
        if len(self.instructions) > MAX_INSTRUCTIONS:
            raise InvalidSettingsError(
                f"instructions have {len(self.instructions)} characters; give at most {MAX_INSTRUCTIONS}"
            )
        for name in ("max_cost_usd", "timeout_seconds"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise InvalidSettingsError(f"{name} = {value!r} must be above 0")

    def build_limits(self, max_request_characters: int, max_cost_usd: float | None) -> Limits:
        """Return the limits of one budget; the two are those of the resource `llm`."""
        costs = [cost for cost in (self.max_cost_usd, max_cost_usd) if cost is not None]
        return Limits(
            max_iterations=self.max_requests,
            recursion_limit=0,  # there is no graph
            timeout_seconds=self.timeout_seconds,
            max_requests=self.max_requests,
            max_prompt_tokens=self.max_prompt_tokens,
            max_completion_tokens=self.max_completion_tokens,
            max_cost_usd=min(costs, default=None),
            max_request_characters=max_request_characters,
            max_answer_tokens=self.max_answer_tokens,
        )


@dataclass(frozen=True)
class Summarized:
    """The summary of a trace and where it comes from.

    Attributes
    ----------
    summary : TraceSummary
    method : str
        `extract`, `llm:` and the name of the model, or `given` if the source had it already.
    usage : Usage
        Requests, tokens and cost that this trace took.
    fallback : str
        Why an extract stands for the summary of a model; empty if none was asked for, or one is there.
    """

    summary: TraceSummary
    method: str
    usage: Usage = field(default_factory=Usage)
    fallback: str = ""


@dataclass
class SummaryReport:
    """What became of some traces: how many by method, fallbacks by reason, and what it took."""

    methods: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)

    def add(self, summarized: Summarized) -> None:
        """Count one more trace."""
        self.methods[summarized.method] += 1
        self.usage += summarized.usage
        if summarized.fallback:
            self.fallbacks[summarized.fallback] += 1


@dataclass(frozen=True)
class SummaryEstimate:
    """What a language model would take for some traces, as far as it can be told before.

    Attributes
    ----------
    traces, prompt_tokens, completion_tokens : int
    cost_usd : float or None
        None if the price of the model is unknown.
    """

    traces: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None

    def describe(self) -> str:
        """Return the estimate in words."""
        tokens = f"about {self.prompt_tokens:,} prompt and {self.completion_tokens:,} completion tokens"
        cost = "price unknown" if self.cost_usd is None else f"about ${self.cost_usd:.2f}"
        return f"{self.traces:,} traces, {tokens}, {cost}"


def estimate_usage(
    traces: Iterable[Trace], options: SummaryOptions, rules_length: int, price: Price | None
) -> SummaryEstimate:
    """Return what a model would take for those of the traces that have no summary yet."""
    lengths = [
        rules_length + min(count_characters(trace), options.max_transcript_characters)
        for trace in traces
        if trace.summary is None and trace.turns
    ]
    prompt = sum(length // CHARACTERS_PER_TOKEN for length in lengths)
    completion = len(lengths) * _TYPICAL_ANSWER_TOKENS
    cost = price.calculate_cost(prompt, completion) if price else None
    return SummaryEstimate(len(lengths), prompt, completion, cost)


def count_characters(trace: Trace) -> int:
    """Return about how many characters a transcript of a trace has."""
    tools = sum(
        len(call.name)
        + min(len(call.arguments), _MAX_COUNTED_CHARACTERS_OF_CALL)
        + min(len(call.result or call.error or ""), _MAX_COUNTED_CHARACTERS_OF_CALL)
        for call in trace.tool_calls
    )
    return tools + sum(len(turn.text) for turn in trace.turns)
