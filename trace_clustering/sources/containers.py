"""Reads the rows of a file, whatever it is: JSON or Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trace_clustering.sources.inputs import PARQUET_SUFFIXES, find_suffix
from trace_clustering.sources.json_text import count_json, find_unit, read_json
from trace_clustering.sources.parquet import read_parquet
from trace_clustering.sources.parquet_probe import probe_parquet

# A row, or the reason why it cannot be read.
Row = dict[str, Any] | str


def read_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[tuple[int, Row]]:
    """Yield each row of a file with its number, or the reason why it cannot be read.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Names of the columns of a Parquet file that are read; by default all.

    Raises
    ------
    InvalidRecordError
        If the file is damaged.
    """
    return read_parquet(path, columns) if _is_parquet(path) else read_json(path)


def count_rows(path: Path, columns: Sequence[str] | None = None) -> int:
    """Return the approximate number of rows of a file, without parsing them.

    Raises
    ------
    InvalidRecordError
        If the file is damaged.
    """
    return probe_parquet(path, columns)[0] if _is_parquet(path) else count_json(path)


def name_unit(path: Path) -> str:
    """Return what the numbers of rows count in a file: lines, rows or records."""
    return "row" if _is_parquet(path) else find_unit(path)


def _is_parquet(path: Path) -> bool:
    return find_suffix(path) in PARQUET_SUFFIXES
