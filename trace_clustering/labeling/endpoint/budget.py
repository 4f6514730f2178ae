"""What the agent may use up, and what it has used."""

import time
from dataclasses import dataclass

from trace_clustering.errors import LimitReachedError

CHARACTERS_PER_TOKEN = 4  # for estimates, where an endpoint does not count
_TOKENS_PER_PRICE = 1_000_000
# With less than this to answer in, a request is not worth making.
_MIN_ANSWER_TOKENS = 256
_DECIMALS = 8


@dataclass(frozen=True)
class Limits:
    """Hard limits of one agent run, named as the settings; without `max_cost_usd` there is none on money."""

    max_iterations: int
    recursion_limit: int
    timeout_seconds: float
    max_requests: int
    max_prompt_tokens: int
    max_completion_tokens: int
    max_cost_usd: float | None
    max_request_characters: int
    max_answer_tokens: int


@dataclass(frozen=True)
class Price:
    """What a model costs, in US dollars per million tokens."""

    prompt: float
    completion: float

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the cost of so many tokens in US dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / _TOKENS_PER_PRICE


@dataclass(frozen=True)
class Usage:
    """What was used so far.

    Attributes
    ----------
    requests : int
    prompt_tokens, completion_tokens : int
    cost_usd : float or None
        None if some of it has a price that is not known.
    tokens_estimated : bool
        An endpoint did not count the tokens of some request.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    tokens_estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            self.requests + other.requests,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            round((self.cost_usd or 0) + (other.cost_usd or 0), _DECIMALS) if known else None,
            self.tokens_estimated or other.tokens_estimated,
        )


class Budget:
    """The limits of one run and what is left of them.

    Parameters
    ----------
    limits : Limits
    spent : Usage
        What earlier attempts of the same run used; it counts too.
    seconds : float
        Time until the run must have ended, if less than the limit.
    """

    def __init__(self, limits: Limits, spent: Usage, seconds: float) -> None:
        self.limits = limits
        self.usage = spent
        self._seconds = min(limits.timeout_seconds, seconds)
        self._deadline = time.monotonic() + self._seconds

    def seconds_left(self) -> float:
        """Return the time until the run must have ended, in seconds."""
        return max(self._deadline - time.monotonic(), 0.0)

    def allow(self, prompt_tokens: int, price: Price | None) -> int:
        """Return how many tokens the answer to a prompt of so many tokens may have.

        Raises
        ------
        LimitReachedError
            If the request would go beyond a limit.
        """
        limits, usage = self.limits, self.usage
        if self.seconds_left() <= 0:
            raise LimitReachedError(f"its time was over ({self.explain_time()})")
        if usage.requests >= limits.max_requests:
            raise LimitReachedError(f"it made all its requests (max_requests = {limits.max_requests})")
        if usage.prompt_tokens + prompt_tokens > limits.max_prompt_tokens:
            raise LimitReachedError(
                f"it used its prompt tokens (max_prompt_tokens = {limits.max_prompt_tokens})"
            )
        allowed = limits.max_completion_tokens - usage.completion_tokens
        if allowed < _MIN_ANSWER_TOKENS:
            raise LimitReachedError(
                f"it used its completion tokens (max_completion_tokens = {limits.max_completion_tokens})"
            )
        affordable = self._affordable(prompt_tokens, price)
        if affordable < _MIN_ANSWER_TOKENS:
            raise LimitReachedError(f"it spent its money (max_cost_usd = {limits.max_cost_usd:g})")
        return int(min(limits.max_answer_tokens, allowed, affordable))

    def count_request(self) -> None:
        """Count a request, whatever becomes of it."""
        self.usage += Usage(requests=1)

    def count_tokens(
        self, prompt_tokens: int, completion_tokens: int, price: Price | None, *, estimated: bool
    ) -> None:
        """Count the tokens of a request that the endpoint has worked on."""
        cost = price.of(prompt_tokens, completion_tokens) if price else None
        self.usage += Usage(0, prompt_tokens, completion_tokens, cost, estimated)

    def explain_time(self) -> str:
        """Return which limit of time was reached: the setting, or what the step had left."""
        setting = f"timeout_seconds = {self.limits.timeout_seconds:g}"
        if self._seconds == self.limits.timeout_seconds:
            return setting
        return f"{self._seconds:.0f} s were left of the step's time; {setting}"

    def _affordable(self, prompt_tokens: int, price: Price | None) -> float:
        """Return the tokens that an answer may have before the money is spent."""
        if self.limits.max_cost_usd is None or price is None:
            return float("inf")
        left = self.limits.max_cost_usd - (self.usage.cost_usd or 0) - price.of(prompt_tokens, 0)
        if left <= 0 or price.completion == 0:
            return float("inf") if left > 0 else 0
        return left * _TOKENS_PER_PRICE / price.completion
