"""Conditions that narrow an exploration: `--where model=gpt-4o`, `--where 'cost>0.01'`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.traces.trace import Trace

_CONDITION: Final = re.compile(r"\s*(\w+)\s*(!=|=|!~|~|>|<)\s*(.*?)\s*", re.DOTALL)

# What a condition can be about. A field with several values satisfies it with any of them.
FIELDS: Final[dict[str, Callable[[Trace], list[Any]]]] = {
    "model": lambda trace: list(trace.models),
    "user": lambda trace: [trace.user_id],
    "session": lambda trace: [trace.session_id],
    "name": lambda trace: [trace.name],
    "environment": lambda trace: [trace.environment],
    "tag": lambda trace: list(trace.tags),
    "tool": lambda trace: [call.name for call in trace.tool_calls],
    "prompt": lambda trace: [call.prompt_name for call in trace.calls],
    "prompt_version": lambda trace: [call.prompt_version for call in trace.calls],
    "source": lambda trace: [trace.source],
    "text": lambda trace: [turn.text for turn in trace.turns],
    "error": lambda trace: [trace.error],
    "is_error": lambda trace: [trace.is_error],
    "cost": lambda trace: [trace.cost],
    "latency": lambda trace: [trace.latency],
    "input_tokens": lambda trace: [trace.input_tokens],
    "output_tokens": lambda trace: [trace.output_tokens],
    "turns": lambda trace: [len(trace.turns)],
}


@dataclass(frozen=True)
class Condition:
    """One condition; text is compared without regard to case.

    Attributes
    ----------
    field : str
        One of `FIELDS`.
    operator : str
        `=`, `!=`, `~` (contains), `!~`, `>` or `<`.
    value : str
    """

    field: str
    operator: str
    value: str

    def is_met(self, trace: Trace) -> bool:
        """Return whether a trace satisfies the condition; what is unknown satisfies only `!=` and `!~`."""
        values = [value for value in FIELDS[self.field](trace) if value is not None]
        if self.operator in "><":
            numbers = [float(value) for value in values if isinstance(value, int | float)]
            limit = float(self.value)
            return any(n > limit if self.operator == ">" else n < limit for n in numbers)
        texts = [str(value).casefold() for value in values]
        wanted = self.value.casefold()
        is_found = any(wanted in text if "~" in self.operator else wanted == text for text in texts)
        return not is_found if self.operator.startswith("!") else is_found


def parse_condition(text: str) -> Condition:
    """Return the condition that a text writes.

    Raises
    ------
    InvalidSettingsError
        If it is no condition, of no known field, or compares with no number where one is needed.
    """
    found = _CONDITION.fullmatch(text)
    if not found:
        raise InvalidSettingsError(
            f"--where {text!r} is no condition; write a field, one of = != ~ !~ > <, and a value, such as "
            "model=gpt-4o or 'cost>0.01'"
        )
    condition = Condition(*found.groups())
    if condition.field not in FIELDS:
        raise InvalidSettingsError(
            f"--where {text!r}: there is no field {condition.field!r}; choose one of {', '.join(FIELDS)}"
        )
    if condition.operator in "><":
        try:
            float(condition.value)
        except ValueError:
            raise InvalidSettingsError(
                f"--where {text!r}: {condition.value!r} is no number to compare with"
            ) from None
    return condition
