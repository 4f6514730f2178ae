"""What was read of files of traces, and what was left out and why."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from trace_clustering.sources.bad_records import BadRecordCount
from trace_clustering.text import escape_controls

_MAX_FILES_SHOWN: Final = 5


@dataclass
class ReadReport(BadRecordCount):
    """Counts what `read_traces` finds; complete when its last trace was taken.

    Attributes
    ----------
    files, records, traces : int
    automation : int
        Number of those traces that no person started.
    formats : Counter of str
        Number of traces by title of the format.
    repaired : int
        Number of records with text that was no Unicode, and was repaired.
    left_out : Counter of str
        Number of what was left out, by reason in words.
    unknown_files : list of str
        Names of the files in which no format was recognised.
    """

    files: int = 0
    records: int = 0
    traces: int = 0
    automation: int = 0
    repaired: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    unknown_files: list[str] = field(default_factory=list)

    def describe(self) -> list[str]:
        """Return what was read and what was left out, as sentences."""
        found = ", ".join(
            f"{count:,} {escape_controls(title)}" for title, count in self.formats.most_common()
        )
        lines = [
            f"Read {self.traces:,} traces from {self.records:,} records of {self.files:,} "
            f"file{'' if self.files == 1 else 's'}" + (f": {found}." if found else ".")
        ]
        if self.automation:
            lines.append(f"{self.automation:,} of them no person started (sub-agents and the like).")
        if self.repaired:
            lines.append(f"{self.repaired:,} records held what is no character; \ufffd stands for it now.")
        lines += [f"Left out {reason}: {count:,}." for reason, count in sorted(self.left_out.items())]
        if self.unknown_files:
            names = ", ".join(map(escape_controls, self.unknown_files[:_MAX_FILES_SHOWN]))
            more = len(self.unknown_files) - _MAX_FILES_SHOWN
            lines.append(f"No known format was found in {names}{f' and {more:,} more' if more > 0 else ''}.")
        if self.bad_count:
            lines.append(f"Left out {self.describe_bad_records()}")
        return lines
