"""How the spans of a trace hang together: duplicates, order, parents."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from trace_clustering.sources.span import Span

_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class SpanTree:
    """The spans of a trace, each once, in the order of time.

    Spans whose parent is missing are roots. Parents that form a circle are harmless.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        newest: dict[str, Span] = {}
        nameless: list[Span] = []
        for span in spans:
            if not span.span_id:
                nameless.append(span)
            elif span.span_id not in newest or _rank_version(span) > _rank_version(newest[span.span_id]):
                newest[span.span_id] = span
        self._by_id = newest
        self.spans = sorted([*newest.values(), *nameless], key=_rank_time)

    @property
    def root(self) -> Span:
        """The first span without a parent; the first of all if there is none."""
        return next((span for span in self.spans if self.get_parent(span) is None), self.spans[0])

    def get_parent(self, span: Span) -> Span | None:
        """Return the span above, or None for a root."""
        return None if span.parent_id == span.span_id else self._by_id.get(span.parent_id)

    def find_above(self, spans: Iterable[Span], *, below_tools: bool = False) -> set[str]:
        """Return the ids of all spans above any of these.

        Parameters
        ----------
        below_tools : bool
            Stop at the first tool, because what stands above it is another agent's.
        """
        above: set[str] = set()
        for span in spans:
            parent = self.get_parent(span)
            # What stands above a span that is known here is known, too.
            while parent is not None and parent.span_id not in above:
                if below_tools and parent.kind == "tool":
                    break
                above.add(parent.span_id)
                parent = self.get_parent(parent)
        return above

    def find_tool_above(self, span: Span) -> str:
        """Return the id of the nearest tool above a span; empty if none is."""
        return next((above.span_id for above in self._walk_up(span) if above.kind == "tool"), "")

    def _walk_up(self, span: Span) -> Iterator[Span]:
        seen: set[str] = set()
        parent = self.get_parent(span)
        while parent is not None and parent.span_id not in seen:
            seen.add(parent.span_id)
            yield parent
            parent = self.get_parent(parent)


def _rank_version(span: Span) -> tuple[datetime, bool, int, str]:
    # The last two only make the choice independent of the order of rows.
    is_ended = span.call.end is not None
    return span.version or _EARLIEST, is_ended, len(span.messages), repr(span)


def _rank_time(span: Span) -> tuple[datetime, datetime, str]:
    return span.call.start or _LATEST, span.call.end or _LATEST, span.span_id
