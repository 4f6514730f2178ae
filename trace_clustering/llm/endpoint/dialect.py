"""What one endpoint was found to take: parameters that it refuses are left out or replaced from then on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trace_clustering.llm.endpoint.budget import (
    CHARACTERS_PER_TOKEN,
    MIN_ANSWER_TOKENS,
    MIN_REQUEST_CHARACTERS,
)
from trace_clustering.llm.endpoint.overrun import Overrun, read_overrun

# An endpoint that refuses more than this refuses the request as such.
MAX_CHANGES = 16

# Statuses with which endpoints refuse parameters, and requests that are too long.
_REFUSALS = frozenset({400, 402, 404, 413, 415, 422, 500})
_REFUSALS_OF_PARAMETERS = _REFUSALS - {402, 413, 500}
_TOKENS = ("max_completion_tokens", "max_tokens")
_NEEDED = frozenset({"model", "messages", "input", "tools"})
# Names that a sentence may hold for other reasons count only in quotes.
_PLAIN_WORDS = frozenset({"include", "store", "metadata", "reasoning", "thinking", "provider", "options"})
_MIN_LENGTH_OF_BARE_NAME = 5
_ONLY_RESPONSES = re.compile(r"/responses|responses (?:api|endpoint)")
_NO_SYSTEM_ROLE = re.compile(
    r"system.{0,40}(?:not support|unsupported|not allowed)|not support.{0,12}system|roles must alternate"
)
_NO_EMPTY_CONTENT = re.compile(r"content\b.{0,60}(?:null|none|string)|(?:null|none|nil).{0,30}\bcontent")
_NO_AUTOMATIC_CHOICE = re.compile(r"auto.{0,3} tool choice")
# What counting by characters may miss, and what a template puts between messages.
_MARGIN_TOKENS = 64
_MIN_CHARACTERS_PER_TOKEN = 0.5
_SHARE_OF_PROMPT = 0.6


@dataclass
class Dialect:
    """What the requests to one endpoint and model look like; it lasts for one run.

    Attributes
    ----------
    tokens_parameter : str
        Which parameter limits the answer; empty if the endpoint takes none.
    uses_responses : bool
        Whether requests go to `/responses` instead of `/chat/completions`.
    has_system_role : bool
        Whether the rules stand in a message of the system, or in the user's first.
    sends_null : bool
        Whether an answer without text is given back with null, or with an empty text.
    left_out : set of str
        Parameters, and fields of the endpoint's own messages, that it refused.
    added : dict
        Parameters that it demanded.
    max_answer_tokens, max_request_characters, max_total_tokens : int or None
        What it takes: of an answer, of a request, of both together; None until it refused more.
    characters_per_token : float
        As it counts.
    changes : int
    """

    tokens_parameter: str = _TOKENS[0]
    uses_responses: bool = False
    has_system_role: bool = True
    sends_null: bool = True
    left_out: set[str] = field(default_factory=set)
    added: dict[str, Any] = field(default_factory=dict)
    max_answer_tokens: int | None = None
    max_request_characters: int | None = None
    max_total_tokens: int | None = None
    characters_per_token: float = CHARACTERS_PER_TOKEN
    changes: int = 0

    def adapt(
        self, status: int, refusal: str, body: Mapping[str, Any], own_fields: Iterable[str], characters: int
    ) -> str:
        """Change what a refusal names, and return the change in words; empty if there is nothing to change.

        Parameters
        ----------
        status : int
        refusal : str
            Everything that the endpoint said, without what it repeats of the request.
        body : mapping
            The request that was refused.
        own_fields : iterable of str
            Fields that the endpoint had put on its messages, and that were given back.
        characters : int
            Size of the request.
        """
        if status not in _REFUSALS or self.changes >= MAX_CHANGES:
            return ""
        text = re.sub(r"(?<=\d)[,_](?=\d{3})", "", refusal.lower())
        change = ""
        asked = next((body[name] for name in (*_TOKENS, "max_output_tokens") if name in body), 0)
        if overrun := read_overrun(text, status, asked):
            change = self._ask_for_less(overrun, asked, characters)
        if not change and status in _REFUSALS_OF_PARAMETERS:
            change = (
                self._go_where_tools_are(text, body)
                or self._replace_parameter(text, body)
                or self._leave_out(text, body, own_fields)
                or self._write_differently(text, body)
            )
        self.changes += bool(change)
        return change

    def limit_answer(self, allowed: int, characters: int) -> int:
        """Return how many of the allowed tokens an answer to so many characters can have."""
        limits = [allowed, self.max_answer_tokens or allowed]
        if self.max_total_tokens:
            prompt = int(characters / self.characters_per_token)
            limits.append(max(self.max_total_tokens - prompt - _MARGIN_TOKENS, MIN_ANSWER_TOKENS))
        return min(limits)

    def _ask_for_less(self, overrun: Overrun, asked: int, characters: int) -> str:
        """Ask for a shorter answer, or send shorter requests, or both where the context is known."""
        before = (self.max_answer_tokens, self.max_request_characters, self.max_total_tokens)
        is_new = False
        known = (self.max_total_tokens, self.characters_per_token)
        if overrun.max_total:
            self._keep_to_context(overrun, characters)
            is_new = known != (self.max_total_tokens, self.characters_per_token)
        if not is_new:
            answer = 0 if overrun.is_of_prompt else overrun.max_answer or asked // 2
            if MIN_ANSWER_TOKENS <= answer < asked:
                self.max_answer_tokens = answer
            elif (shorter := max(int(characters * _SHARE_OF_PROMPT), MIN_REQUEST_CHARACTERS)) < characters:
                self.max_request_characters = shorter
        return self._describe_limits(before) or ("answers get less (max_answer_tokens)" if is_new else "")

    def _keep_to_context(self, overrun: Overrun, characters: int) -> None:
        if overrun.prompt:
            found = min(max(characters / overrun.prompt, _MIN_CHARACTERS_PER_TOKEN), CHARACTERS_PER_TOKEN)
            self.characters_per_token = min(self.characters_per_token, found)
        self.max_total_tokens = min(overrun.max_total, self.max_total_tokens or overrun.max_total)
        room = int(self.max_total_tokens * _SHARE_OF_PROMPT * self.characters_per_token)
        room = min(room, self.max_request_characters or room)
        self.max_request_characters = max(room, MIN_REQUEST_CHARACTERS)

    def _describe_limits(self, before: tuple[int | None, ...]) -> str:
        answer, characters, total = self.max_answer_tokens, self.max_request_characters, self.max_total_tokens
        parts = []
        if total != before[2]:
            parts.append(f"answers get what its context of {total} tokens leaves (max_answer_tokens)")
        if answer != before[0]:
            parts.append(f"it is asked for at most {answer} tokens per answer (max_answer_tokens)")
        if characters != before[1]:
            parts.append(f"it gets at most {characters} characters per request (max_request_characters)")
        return ", ".join(parts)

    def _go_where_tools_are(self, text: str, body: Mapping[str, Any]) -> str:
        """Go where tools are allowed: without reasoning, or at the responses API."""
        can_stop_reasoning = _names("reasoning_effort", text) and re.search(r"\bnone\b", text)
        is_new = "reasoning_effort" not in {*body, *self.left_out}
        if can_stop_reasoning and is_new and not self.uses_responses:
            self.added["reasoning_effort"] = "none"
            return "it gets reasoning_effort = none"
        if not self.uses_responses and _ONLY_RESPONSES.search(text):
            self.uses_responses = True
            self.added.pop("reasoning_effort", None)
            return "requests go to /responses"
        if _NO_AUTOMATIC_CHOICE.search(text) and "tool_choice" not in {*body, *self.left_out}:
            self.added["tool_choice"] = "required"
            return "it gets tool_choice = required"
        return ""

    def _replace_parameter(self, text: str, body: Mapping[str, Any]) -> str:
        """Use the other name of the limit on the answer, if one name is refused or the other is demanded."""
        used = self.tokens_parameter
        other = next((name for name in _TOKENS if name != used and name not in self.left_out), "")
        if used in body and (_names(used, text) or (other and _names(other, text))):
            self.left_out.add(used)
            self.tokens_parameter = other
            return f"it gets {other or 'no limit on the answer'} instead of {used}"
        return ""

    def _leave_out(self, text: str, body: Mapping[str, Any], own_fields: Iterable[str]) -> str:
        """Leave out all that is named: parameters, and fields of its own messages that it does not take."""
        candidates = ({*body} - _NEEDED) | {*own_fields}
        named = sorted(name for name in candidates - self.left_out if _names(name, text))
        for name in named:
            self.left_out.add(name)
            self.added.pop(name, None)
        return f"it gets no {', '.join(named)}" if named else ""

    def _write_differently(self, text: str, body: Mapping[str, Any]) -> str:
        """Put the rules into the user's message, or an empty text in place of null."""
        if self.has_system_role and not self.uses_responses and _NO_SYSTEM_ROLE.search(text):
            self.has_system_role = False
            return "it gets no message of the system"
        has_null = any(message.get("content", "") is None for message in body.get("messages", []))
        if has_null and self.sends_null and _NO_EMPTY_CONTENT.search(text):
            self.sends_null = False
            return "it gets empty texts instead of null"
        return ""


def _names(name: str, text: str) -> bool:
    """Return whether a text in small letters names a parameter, as `tool_choice` or `tool choice`."""
    pattern = re.escape(name.lower()).replace("_", "[ _-]?")
    if name.lower() in _PLAIN_WORDS or len(name) < _MIN_LENGTH_OF_BARE_NAME:
        return re.search(rf"['\"`]{pattern}['\"`]", text) is not None
    return re.search(rf"(?<![a-z0-9_]){pattern}(?![a-z0-9_])", text) is not None
