"""Brings the results of tools to the calls that they answer."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from trace_clustering.sources.messages import Message
from trace_clustering.traces.trace import ToolCall

_Place = tuple[int, int]  # the position of the turn, and that of the call in it


class ToolResults:
    """Collects calls and results in the order of a conversation."""

    def __init__(self) -> None:
        self._by_id: defaultdict[str, deque[_Place]] = defaultdict(deque)
        # By the name of the tool, and whether the call has an id.
        self._by_name: defaultdict[tuple[str, bool], list[_Place]] = defaultdict(list)
        self._latest: list[_Place] = []  # the calls since something else was said
        self._answers: dict[_Place, Message] = {}

    def add_calls(self, turn: int, calls: Sequence[ToolCall]) -> None:
        """Add the calls of a turn; those that have a result already wait for none."""
        if not calls:
            self._latest = []
        for index, call in enumerate(calls):
            if call.result is None and call.error is None:
                self._latest.append((turn, index))
                self._by_name[call.name, bool(call.call_id)].append((turn, index))
                if call.call_id:
                    self._by_id[call.call_id].append((turn, index))

    def answer(self, message: Message) -> bool:
        """Take a result to its call, and return whether there is one that waits for it.

        A result without an id belongs to the last turn that called its tool, and one without a name as well
        to the first call that waits. An id may also be one that the call does not have.
        """
        place = self._find(message)
        if place is not None:
            self._answers[place] = message
        return place is not None

    def fill(self, turn: int, calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
        """Return the calls of a turn with their results."""
        return tuple(self._fill(call, (turn, index)) for index, call in enumerate(calls))

    def _find(self, message: Message) -> _Place | None:
        waiting = self._by_id.get(message.call_id, deque())
        while waiting:
            if (place := waiting.popleft()) not in self._answers:
                return place
        for has_id in (False,) if message.call_id else (False, True):
            named = self._by_name.get((message.tool_name, has_id), [])
            if (found := self._take_first(named)) is not None:
                return found
        if message.call_id or message.tool_name:
            return None
        return next((place for place in self._latest if place not in self._answers), None)

    def _take_first(self, places: list[_Place]) -> _Place | None:
        """Take out the first call of the last turn among these that is not answered."""
        while places and places[-1] in self._answers:
            places.pop()
        if not places:
            return None
        first = len(places) - 1
        while first > 0 and places[first - 1][0] == places[-1][0]:
            first -= 1
        return next((p for p in places[first:] if p not in self._answers), None)

    def _fill(self, call: ToolCall, place: _Place) -> ToolCall:
        answer = self._answers.get(place)
        if answer is None:
            return call
        if answer.is_error:
            return replace(call, error=answer.text)
        return replace(call, result=answer.text)
