"""Reads the rows of a file, whatever it is: JSON, CSV or Parquet."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from trace_clustering.sources.csv_text import read_csv
from trace_clustering.sources.inputs import CSV_SUFFIXES, JSON_SUFFIXES, PARQUET_SUFFIXES, find_suffix
from trace_clustering.sources.json_text import count_json, find_unit, read_json
from trace_clustering.sources.packed import unpack_file
from trace_clustering.sources.parquet import read_parquet
from trace_clustering.sources.parquet_probe import probe_parquet

# A row, or the reason why it cannot be read.
Row = dict[str, Any] | str


def read_rows(
    path: Path, columns: Sequence[str] | None = None, *, in_pieces: bool = False
) -> Iterator[tuple[int, Row]]:
    """Yield each row of a file with its number, or the reason why it cannot be read.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
        Names of the columns of a Parquet file that are read; by default all.
    in_pieces : bool
        Whether a JSON object that is too long for memory is split into `Piece` at the long list inside it.
        An array is then read in a file of lines too.

    Raises
    ------
    InvalidRecordError
        If the file is damaged.
    """
    suffix = find_suffix(path)
    if suffix in PARQUET_SUFFIXES:
        with unpack_file(path) as plain:
            yield from read_parquet(plain, columns)
    elif suffix in CSV_SUFFIXES:
        yield from read_csv(path)
    else:
        yield from read_json(path, in_pieces=in_pieces)


def count_rows(path: Path, columns: Sequence[str] | None = None) -> int:
    """Return the approximate number of rows of a file, without parsing them.

    Raises
    ------
    InvalidRecordError
        If the file is damaged.
    """
    if find_suffix(path) not in PARQUET_SUFFIXES:
        return count_json(path)
    with unpack_file(path) as plain:
        return probe_parquet(plain, columns)[0]


def name_unit(path: Path, *, in_pieces: bool = False) -> str:
    """Return what the numbers of rows count in a file: lines, rows or records."""
    return find_unit(path, in_pieces=in_pieces) if find_suffix(path) in JSON_SUFFIXES else "row"
