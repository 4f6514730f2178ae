"""How the spans of a trace hang together: duplicates, order, parents."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from trace_clustering.sources.span import Span

LATEST: Final = datetime.max.replace(tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


class SpanTree:
    """The spans of a trace, each once, in the order of time.

    Spans whose parent is missing are roots. Parents that form a circle are harmless.
    """

    def __init__(self, spans: Iterable[Span]) -> None:
        rows: dict[str, list[Span]] = {}
        for span in spans:
            rows.setdefault(span.span_id, []).append(span)
        # A row without an id is a span of its own.
        nameless = [replace(s, span_id=f"row {n}") for n, s in enumerate(sorted(rows.pop("", []), key=repr))]
        newest = [_choose_newest(versions) for versions in rows.values()]
        self.spans = sorted([*newest, *nameless], key=_rank_time)
        self._by_id = {span.span_id: span for span in self.spans}

    @property
    def root(self) -> Span:
        """The first span without a parent, no tool if possible; the first of all if there is none."""
        roots = [span for span in self.spans if self.get_parent(span) is None] or self.spans
        return next((span for span in roots if span.kind != "tool"), roots[0])

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

    def map_to_nearest(self, is_meant: Callable[[Span], bool]) -> dict[str, str]:
        """Return for the id of each span that of the nearest one above it that is meant; empty if none is."""
        nearest: dict[str, str] = {}
        for span in self.spans:
            path: list[Span] = []
            node: Span | None = span
            while node is not None and node.span_id not in nearest:
                nearest[node.span_id] = ""  # Ends circles.
                path.append(node)
                node = self.get_parent(node)
            for node in reversed(path):
                if parent := self.get_parent(node):
                    above = parent.span_id if is_meant(parent) else nearest[parent.span_id]
                    nearest[node.span_id] = above
        return nearest


def _choose_newest(rows: Sequence[Span]) -> Span:
    return rows[0] if len(rows) == 1 else max(rows, key=_rank_version)


def _rank_version(span: Span) -> tuple[datetime, datetime, int, str]:
    # An export of a trace that still ran has spans without an end; the last makes the choice independent of
    # the order of rows.
    return span.version or _EARLIEST, span.call.end or _EARLIEST, len(span.messages), repr(span)


def _rank_time(span: Span) -> tuple[datetime, datetime, int, str]:
    # Of two calls within one millisecond, the later one has the longer history.
    start, end = span.call.start or span.call.end or LATEST, span.call.end or LATEST
    return start, end, len(span.messages), span.span_id
