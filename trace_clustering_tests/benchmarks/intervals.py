"""How often intervals of mix and rate hold the truth, and how often a comparison of equals names a topic."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from trace_clustering_tests.topics.drawn_sides import Change, Coverage, measure_coverage

_REPETITIONS = 2000


@dataclass(frozen=True)
class IntervalRow:
    """One line of the table: sides of `traces` traces each, drawn from as many topics."""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        *("figure", "traces per side", "topics", "sides differ"),
        *(
            "difference",
            "all mix",
            "all rate",
            "mix of a topic",
            "rate of a topic",
            "names a topic",
            "perhaps",
        ),
    )

    figure: str
    traces: int
    topics: int
    change: str
    coverage: Coverage

    def format_cells(self) -> tuple[str, ...]:
        """Return what the table says."""
        shares = (f"{value:.3f}" for value in asdict(self.coverage).values())
        return self.figure, f"{self.traces:,}", str(self.topics), self.change, *shares

    def list_figures(self) -> dict[str, Any]:
        """Return what is saved."""
        return asdict(self)


def intervals(runs: int, folder: Path) -> Iterator[IntervalRow]:
    """Coverage of the 95 % intervals of mix and rate on made-up sides."""
    del runs, folder
    for figure in ("errors", "latency", "cost"):
        for traces, topics in ((200, 8), (1000, 20), (5000, 40)):
            for change in Change:
                found = measure_coverage(
                    figure, change, traces=traces, topics=topics, repetitions=_REPETITIONS
                )
                yield IntervalRow(figure, traces, topics, "yes" if change is Change.ALL else "no", found)
