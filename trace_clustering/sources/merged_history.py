"""One conversation out of many calls, of which each repeats what was said before, or a part of it.

The messages of a call are laid beside those that are known, from the place where they begin. What lies beside
a message that is the same is known, what follows is new. Each message is compared with one or two others, so
that the work grows with the size of the calls.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from trace_clustering.sources.messages import Message
from trace_clustering.sources.same_message import get_key, is_same, is_telling

# How many of the last places are tried at which a call may begin, and how many messages after its first.
_MAX_PLACES: Final = 8
_MAX_FIRSTS: Final = 8
# How many messages a call may leave out before one that was cut.
_MAX_LEFT_OUT: Final = 3
# So many messages in a row are not said twice.
_MIN_RUN: Final = 3


@dataclass
class _Match:
    """How messages of a call lie beside known ones.

    Attributes
    ----------
    first, end : int
        The messages of the call from `first` up to before `end` are known.
    places : list of int
        Beside which known message each of those before `end` lies.
    run : int
        How many are the same.
    late : list of Message
        Results of tools that are told only now, between known messages.
    """

    first: int
    end: int
    places: list[int]
    run: int = 0
    late: list[Message] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.places[self.end - 1]


class MergedHistory:
    """The messages of a trace so far, each once.

    System prompts are not compared: they change with the time of day, and are no part of what is said. Each
    is kept once, before the conversation that it opens.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._systems: set[str] = set()
        self._said: list[Message] = []  # without system prompts
        self._positions: defaultdict[object, list[int]] = defaultdict(list)
        self._found_within: set[object] = set()
        self._starts: set[int] = set()
        self._last_user = -1
        self._tool_runs: list[int | None] = []
        self._ends_of_runs: list[int] = []
        self._previous: list[Message] = []
        self._previous_places: list[int] = []

    def add(self, messages: Sequence[Message]) -> None:
        """Add what is new in a call, of which these are the messages that went in and came out."""
        indices = [index for index, message in enumerate(messages) if message.role != "system"]
        said = messages if len(indices) == len(messages) else [messages[index] for index in indices]
        match = self._find_match(said)
        if match is None:
            self._starts.add(len(self._said))
            places = list(range(len(self._said), len(self._said) + len(said)))
            self._append(messages)
        else:
            self._add_first_system(messages)
            is_changed = match.first == 1 and self._opens_anew(said[0], match.places[1] - 1)
            self._append([*(() if is_changed else said[: match.first]), *match.late])
            added = len(said) - match.end
            places = match.places + list(range(len(self._said), len(self._said) + added))
            self._append(messages[indices[match.end - 1] + 1 :])
        self._previous, self._previous_places = list(said), places

    def add_end(self, messages: Sequence[Message]) -> None:
        """Add what a step around the calls says at its end, after the last message that is known.

        All is new if nothing is known. Guesses are left out, and the results of tools.
        """
        said = [m for m in messages if m.role in ("user", "assistant") and not m.is_guess]
        known = next((i for i in range(len(said), 0, -1) if self._is_known(said[i - 1])), 0)
        self._add_first_system(messages)
        self._append(said[known:])

    def _append(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.role == "system":
                if message.text in self._systems:
                    continue
                self._systems.add(message.text)
            else:
                self._positions[get_key(message)].append(len(self._said))
                if message.role == "user":
                    self._last_user = len(self._said)
                self._said.append(message)
                self._count_run(message)
            self.messages.append(message)

    def _count_run(self, message: Message) -> None:
        """Note in which run of calls and results the last message is, and where that ends."""
        if message.role != "tool" and not message.tool_calls:
            self._tool_runs.append(None)
            return
        if not self._tool_runs or self._tool_runs[-1] is None:
            self._ends_of_runs.append(0)
        self._tool_runs.append(len(self._ends_of_runs) - 1)
        self._ends_of_runs[-1] = len(self._said)

    def _add_first_system(self, messages: Sequence[Message]) -> None:
        """Put a system prompt before everything, if there has been none."""
        if messages and messages[0].role == "system" and not self._systems:
            self._systems.add(messages[0].text)
            self.messages.insert(0, messages[0])

    def _opens_anew(self, message: Message, place: int) -> bool:
        """Return whether a message is another version of that with which a conversation began."""
        return place in self._starts and self._said[place].role == message.role

    def _is_known(self, message: Message) -> bool:
        """Return whether a message, or a prompt that was made of it, was said before."""
        key = get_key(message)
        if key in self._positions or key in self._found_within:
            return True
        text = message.text.strip()
        same_role = (known for known in self._said if known.role == message.role)
        if message.tool_calls:
            is_known = any(is_same(message, known) for known in same_role if known.tool_calls)
        else:
            is_known = any(text in known.text for known in same_role)
        if is_known:
            self._found_within.add(key)
        return is_known

    def _find_match(self, said: Sequence[Message]) -> _Match | None:
        """Return how a call continues what is known; None if it begins something new."""
        anchors = range(min(len(said), _MAX_FIRSTS))
        rare = [i for i in anchors if len(self._find_positions(said[i])) <= _MAX_PLACES]
        for anchor in [*rare, *(i for i in anchors if i not in rare)]:
            found: list[_Match] = []
            for place in self._list_places(said[anchor]):
                match = self._lay(said, anchor, place)
                if match.first == 0 and match.places[0] == 0 and match.last == len(self._said) - 1:
                    return match
                found.append(match)
            convincing = [match for match in found if self._is_convincing(said, match)]
            if convincing:
                return max(convincing, key=lambda match: (match.last == len(self._said) - 1, match.run))
        return None

    def _find_positions(self, message: Message) -> list[int]:
        return self._positions.get(get_key(message), [])

    def _list_places(self, message: Message) -> Iterator[int]:
        """Yield where a message may be known from: where conversations begin, and its last places."""
        positions = self._find_positions(message)
        starts = [position for position in positions if position in self._starts][-_MAX_PLACES:]
        yield from starts
        yield from (p for p in positions[-_MAX_PLACES:] if p not in starts)

    def _is_convincing(self, said: Sequence[Message], match: _Match) -> bool:
        """Return whether a match is a repetition, rather than the same words said again."""
        reaches_end = match.last == len(self._said) - 1
        begins = match.places[match.first]
        is_telling_run = match.run >= _MIN_RUN or any(map(is_telling, said[match.first : match.end]))
        if match.first:  # Its first messages are new: an answer alone may be the same by chance.
            return is_telling_run and reaches_end and match.end < len(said)
        if reaches_end or begins == 0 or match.run >= _MIN_RUN:
            return True
        return is_telling_run and (begins in self._starts or self._last_user <= match.last)

    def _lay(self, said: Sequence[Message], anchor: int, place: int) -> _Match:
        """Lay a call's messages beside the known ones, so that one lies beside the one at a place."""
        first, begin = anchor, place
        while first > 0 and begin > 0 and is_same(said[first - 1], self._said[begin - 1]):
            first, begin = first - 1, begin - 1
        match = _Match(first, first, [begin] * first)
        if first == 0 and self._previous_places and begin == self._previous_places[0]:
            shared = _count_shared(said, self._previous)
            match.places, match.end, match.run = self._previous_places[:shared], shared, shared
            begin = match.last + 1 if shared else begin
        self._lay_forward(said, match, begin)
        return match

    def _lay_forward(self, said: Sequence[Message], match: _Match, place: int) -> None:
        while match.end < len(said):
            found = self._find_beside(said, match.end, place)
            if found is not None:
                match.run += 1
            elif self._is_late_result(said, match.end, place):
                match.late.append(said[match.end])
                found = place - 1
            elif self._is_changed(said, match.end, place):
                found = place
            else:
                return
            match.places.append(found)
            match.end += 1
            place = found + 1

    def _find_beside(self, said: Sequence[Message], index: int, place: int) -> int | None:
        """Return the known message that one of a call is; the call may leave out some before it."""
        message = said[index]
        if place < len(self._said) and is_same(message, self._said[place]):
            return place
        near = [self._skip_tools(place), *range(place + 1, place + 1 + _MAX_LEFT_OUT)]
        found = next((p for p in near if p < len(self._said) and is_same(message, self._said[p])), None)
        if found is None and place < len(self._said):
            positions = self._find_positions(message)
            later = bisect_left(positions, place)
            found = positions[later] if later < len(positions) else None
        if found is None:
            return None
        follows = index + 1 < len(said) and found + 1 < len(self._said)
        is_followed = follows and is_same(said[index + 1], self._said[found + 1])
        return found if is_followed or is_telling(message) or found <= self._skip_tools(place) else None

    def _skip_tools(self, place: int) -> int:
        """Return the first place from this one on that is neither the call of a tool nor a result."""
        is_known = place < len(self._tool_runs) and self._tool_runs[place] is not None
        return self._ends_of_runs[self._tool_runs[place] or 0] if is_known else place

    def _is_late_result(self, said: Sequence[Message], index: int, place: int) -> bool:
        is_result = said[index].role == "tool" and index + 1 < len(said) and place < len(self._said)
        return is_result and is_same(said[index + 1], self._said[place])

    def _is_changed(self, said: Sequence[Message], index: int, place: int) -> bool:
        """Return whether a message stands for a known one, because what follows is the same."""
        if index + 2 >= len(said) or place + 1 >= len(self._said):
            return False
        is_candidate = said[index].role == self._said[place].role and said[index].role != "user"
        return is_candidate and is_same(said[index + 1], self._said[place + 1])


def _count_shared(one: Sequence[Message], other: Sequence[Message]) -> int:
    """Return how many of the first messages are the same objects."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a is not b), min(len(one), len(other)))
