"""What a format is: how its records are recognised, taken apart, and put together to traces."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trace_clustering.traces.trace import Trace

# A record of a file, or a part of one: JSON values, and from Parquet also times, decimals and bytes.
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Format:
    """One shape in which people keep traces.

    Attributes
    ----------
    name : str
        As a user names it in `--format`.
    title : str
        As messages and pages call it.
    recognizes : callable
        Given a record, says whether its keys are those of this format. It must not raise.
    split : callable
        Given a record, returns its parts, each with the id of its trace, and none for a record that holds
        nothing of a trace. A part must be JSON, because it may be kept in a file for a while.
    build : callable
        Given the id of a trace and all its parts in the order of the files, returns the traces: mostly one;
        a sub-agent may be another.
    is_spread : bool
        Whether the parts of a trace can be in several records. If not, each record is complete.

    Notes
    -----
    `split` and `build` raise `BadValueError` for what they cannot read, with the name of the field and its
    value; everything else that they raise is a fault of this program.
    """

    name: str
    title: str
    recognizes: Callable[[Record], bool]
    split: Callable[[Record], Iterable[tuple[str, Record]]]
    build: Callable[[str, Sequence[Record]], Iterable[Trace]]
    is_spread: bool = False
