"""What the agent may use up, and what it has used: requests, tokens, money and time."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trace_clustering.errors import LimitReachedError

CHARACTERS_PER_TOKEN = 4  # a rule of thumb, for endpoints that do not count tokens
_TOKENS_OF_PRICE = 1_000_000
# A shorter answer would be cut off in the middle of a tool call.
MIN_ANSWER_TOKENS = 256
# The rules of the agent and its tools take about 7,000; with less room beside them, nothing could be shown.
MIN_REQUEST_CHARACTERS = 10_000
_COST_DECIMALS = 8  # without rounding, sums of costs grow tails of digits


@dataclass(frozen=True)
class Limits:
    """Hard limits of one run of the agent, named like the fields of `llm`; None is no limit."""

    max_iterations: int
    recursion_limit: int
    timeout_seconds: float
    max_requests: int
    max_prompt_tokens: int
    max_completion_tokens: int
    max_cost_usd: float | None
    max_request_characters: int
    max_answer_tokens: int

    def describe(self, name: str) -> str:
        """Return a limit as a message names it, such as `max_requests = 100`."""
        value = getattr(self, name)
        return f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"


@dataclass(frozen=True)
class Price:
    """What a model costs, in US dollars per million tokens."""

    prompt: float
    completion: float

    def calculate_cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the cost of the tokens in US dollars."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / _TOKENS_OF_PRICE


@dataclass(frozen=True)
class Usage:
    """What was used so far.

    Attributes
    ----------
    requests : int
    prompt_tokens, completion_tokens : int
    cost_usd : float or None
        None if the price of some of the tokens is unknown.
    tokens_estimated : bool
        Whether some of the tokens were estimated, because the endpoint did not count them.
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
            round((self.cost_usd or 0) + (other.cost_usd or 0), _COST_DECIMALS) if known else None,
            self.tokens_estimated or other.tokens_estimated,
        )


class Budget:
    """The limits of one run and what is left of them; several threads may use it at once.

    Parameters
    ----------
    limits : Limits
    spent : Usage
        What earlier attempts of the same run used; it counts against the limits.
    seconds : float
        What is left of the step's time; it ends the run if it is less than `timeout_seconds`.
    """

    def __init__(self, limits: Limits, spent: Usage, seconds: float) -> None:
        self.limits = limits
        self.usage = spent
        self._seconds = min(limits.timeout_seconds, seconds)
        self._deadline = time.monotonic() + self._seconds
        # What requests that are under way may still use; their number is counted at once.
        self._reserved: list[Usage] = []
        self._changed = threading.Condition()
        self._stopped = ""

    def stop(self, reason: str) -> None:
        """Allow no further request, for this reason."""
        with self._changed:
            self._stopped = self._stopped or reason
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait so long, or until the budget is stopped."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._stopped), seconds)

    @contextmanager
    def reserve(self, prompt_tokens: int, price: Price | None) -> Iterator[int]:
        """Count a request, and keep what it may use from others until the context ends.

        It waits while only what others have reserved keeps the request from being allowed. The context gives
        the number of tokens that the answer may have.

        Raises
        ------
        LimitReachedError
            If the request would go beyond a limit.
        """
        with self._changed:
            allowed = self._wait_for_room(prompt_tokens, price)
            cost = price.calculate_cost(prompt_tokens, allowed) if price else 0.0
            reserved = Usage(0, prompt_tokens, allowed, cost)
            self._reserved.append(reserved)
            self.count_request()
        try:
            yield allowed
        finally:
            with self._changed:
                self._reserved.remove(reserved)
                self._changed.notify_all()

    def _wait_for_room(self, prompt_tokens: int, price: Price | None) -> int:
        while True:
            try:
                return self.allow(prompt_tokens, price)
            except LimitReachedError:
                if not self._reserved or self._stopped or self.seconds_left() <= 0:
                    raise
            self._changed.wait(self.seconds_left())

    def seconds_left(self) -> float:
        """Return the time until the run must have ended, in seconds."""
        return max(self._deadline - time.monotonic(), 0.0)

    def allow(self, prompt_tokens: int, price: Price | None) -> int:
        """Return how many tokens the answer to a prompt may have.

        Raises
        ------
        LimitReachedError
            If the request would go beyond a limit.
        """
        with self._changed:
            usage = sum(self._reserved, start=self.usage)
        limits = self.limits
        if self._stopped:
            raise LimitReachedError(self._stopped)
        if self.seconds_left() <= 0:
            raise LimitReachedError(f"its time was over ({self.explain_time()})")
        if usage.requests >= limits.max_requests:
            raise LimitReachedError(f"it made all its requests ({limits.describe('max_requests')})")
        if usage.prompt_tokens + prompt_tokens > limits.max_prompt_tokens:
            raise LimitReachedError(f"it used its prompt tokens ({limits.describe('max_prompt_tokens')})")
        allowed = limits.max_completion_tokens - usage.completion_tokens
        if allowed < MIN_ANSWER_TOKENS:
            raise LimitReachedError(
                f"it used its completion tokens ({limits.describe('max_completion_tokens')})"
            )
        affordable = self._count_affordable_tokens(prompt_tokens, price, usage)
        if affordable < MIN_ANSWER_TOKENS:
            raise LimitReachedError(f"it spent its money ({limits.describe('max_cost_usd')})")
        return int(min(limits.max_answer_tokens, allowed, affordable))

    def count_request(self) -> Usage:
        """Count a request, whether or not it succeeds, and return what was counted."""
        return self._add(Usage(requests=1))

    def count_tokens(
        self, prompt_tokens: int, completion_tokens: int, price: Price | None, *, estimated: bool
    ) -> Usage:
        """Count the tokens of a request on which the model has, or may have, worked; return them."""
        cost = price.calculate_cost(prompt_tokens, completion_tokens) if price else None
        return self._add(Usage(0, prompt_tokens, completion_tokens, cost, estimated))

    def _add(self, usage: Usage) -> Usage:
        with self._changed:
            self.usage += usage
        return usage

    def explain_time(self) -> str:
        """Return which time limit was reached: the setting, or the rest of the step's time."""
        setting = self.limits.describe("timeout_seconds")
        if self._seconds == self.limits.timeout_seconds:
            return setting
        return f"{self._seconds:.0f} s were left of the step's time; {setting}"

    def _count_affordable_tokens(self, prompt_tokens: int, price: Price | None, usage: Usage) -> float:
        """Return the tokens that an answer may have for the rest of the money."""
        if self.limits.max_cost_usd is None or price is None:
            return float("inf")
        left = self.limits.max_cost_usd - (usage.cost_usd or 0) - price.calculate_cost(prompt_tokens, 0)
        if left <= 0 or price.completion == 0:
            return float("inf") if left > 0 else 0
        return left * _TOKENS_OF_PRICE / price.completion
