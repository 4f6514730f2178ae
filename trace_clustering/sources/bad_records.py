"""Counts bad records, and names the first of them."""

from dataclasses import dataclass, field
from typing import Final

from trace_clustering.sources.parse import BadRecord
from trace_clustering.text import escape_controls

_MAX_BAD_RECORDS_LISTED: Final = 20


@dataclass
class BadRecordCount:
    """Counts the bad records of what is read.

    Attributes
    ----------
    bad_count : int
        Number of bad records.
    first_bad : list of BadRecord
        The first bad records; a message lists only these.
    """

    bad_count: int = 0
    first_bad: list[BadRecord] = field(default_factory=list)

    def add_bad_record(self, record: BadRecord) -> None:
        """Count a bad record, and keep it if it is among the first."""
        self.bad_count += 1
        if len(self.first_bad) < _MAX_BAD_RECORDS_LISTED:
            self.first_bad.append(record)

    def add_bad_trace(self, trace_id: str, reason: str) -> None:
        """Count a trace of a table that cannot be read."""
        self.add_bad_record(BadRecord(0, reason, f"trace {escape_controls(trace_id)}"))

    def describe_bad_records(self) -> str:
        """Return how many bad records there are, and the first of them, one per line."""
        lines = [f"{self.bad_count} bad record{'s' if self.bad_count > 1 else ''}:"]
        lines += [f"  {record.place}: {record.reason}" for record in self.first_bad]
        if self.bad_count > len(self.first_bad):
            lines.append(f"  and {self.bad_count - len(self.first_bad)} more")
        return "\n".join(lines)
