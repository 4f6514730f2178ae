"""What an endpoint says when a request is too long for it, read for the numbers that tell what would fit."""

import re
from dataclasses import dataclass

_TOO_MUCH = re.compile(
    r"context|too (?:large|long|many|big)|exceed|at most|less than or equal|maximum|valid range|"
    r"can only afford|must be (?:<=|between|at most)|\d > \d|larger than|no user query"
)
_OF_LENGTH = re.compile(
    r"token|context|(?:prompt|input|message|request).{0,40}too (?:large|long|big)|no user query"
)
_OF_ANSWER = re.compile(r"max_(?:\w+_)?tokens|(?:completion|output|new) tokens|max.{0,9}output")
_OF_PROMPT = re.compile(r"context|prompt|\binputs?\b|messages?\b|\brequest\b|no user query")
# The prompt and the answer together; the last pattern is that of a limit per minute.
_TOTALS = (
    re.compile(r"\d+ \+ \d+ > (\d+)"),
    re.compile(r"context[^\d.]{0,60}(\d{3,})"),
    re.compile(r"(\d{3,})(?: tokens?)? (?:maximum |max )?context"),
    re.compile(r"\b(?:maximum|max|limit)\b[^\d.]{0,60}(\d{3,})"),
    re.compile(r"(\d{3,})(?: tokens?)? maximum"),
    re.compile(r"(?:<=|at most|less than or equal to) \D{0,3}(\d{3,})"),
)
_PROMPTS = (
    re.compile(r"messages resulted in (\d+)"),
    re.compile(r"(\d+) (?:tokens )?(?:in|from|of) (?:the|your|text) (?:messages|prompt|input)"),
    re.compile(r"(\d+) .?(?:input|prompt)s?.? tokens"),
    re.compile(r"(?:request|prompt|input) \((\d+) tokens"),
    re.compile(r"(\d+) \+ \d+ > \d+"),
    re.compile(r"(?:prompt|input)[^\d.]{0,40}(\d{3,})"),
)


@dataclass(frozen=True)
class Overrun:
    """By what a request was too long; 0 is unknown, and all numbers are tokens.

    Attributes
    ----------
    max_answer : int
        Limit on the answer alone.
    max_total : int
        Limit on prompt and answer together.
    prompt : int
        Length of the prompt, as the endpoint counts.
    is_of_prompt : bool
        Whether a shorter answer cannot help.
    """

    max_answer: int = 0
    max_total: int = 0
    prompt: int = 0
    is_of_prompt: bool = False


def read_overrun(text: str, status: int, asked: int) -> Overrun | None:
    """Return by what a request was too long; None if the refusal is about something else.

    Parameters
    ----------
    text : str
        What the endpoint said, in small letters, and without separators in numbers.
    status : int
    asked : int
        Tokens that the request asked for.
    """
    if status == 413 and not re.search("token|context", text):  # said by a proxy, which counts bytes
        return Overrun(is_of_prompt=True)
    if not (_TOO_MUCH.search(text) and _OF_LENGTH.search(text)):
        return None
    numbers = [int(number) for number in re.findall(r"\d{1,9}", text)]
    is_of_answer, is_of_prompt = _OF_ANSWER.search(text), _OF_PROMPT.search(text)
    if is_of_answer and not _is_of_both(text):
        return Overrun(max_answer=max((n for n in numbers if n < asked), default=0))
    if not (is_of_prompt or is_of_answer):
        return None
    total, prompt = _find_number(_TOTALS, text, but=asked), _find_number(_PROMPTS, text)
    return Overrun(
        max_total=total,
        prompt=prompt if prompt != total else 0,
        is_of_prompt=not is_of_answer and not total,
    )


def _is_of_both(text: str) -> bool:
    """Return whether a refusal speaks of the prompt, or of the context with its size, beside the answer."""
    return bool(
        re.search(r"context[^\d.]{0,60}\d{3,}|\d{3,}.{0,20}context|prompt|\binputs?\b|messages\b", text)
    )


def _find_number(patterns: tuple[re.Pattern[str], ...], text: str, but: int = 0) -> int:
    found = (int(match[1]) for pattern in patterns for match in pattern.finditer(text))
    return next((number for number in found if number not in (0, but)), 0)
