"""Reads a Parquet file to its end with limited memory and time, in a process of its own.

A file of 8 kB can stand for gigabytes, and native code may crash on a damaged one. So a file is opened in
the process of the load only after this one got through it.
"""

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from trace_clustering.constants import MAX_BATCH_RECORDS, MAX_PARQUET_BYTES, MAX_PARQUET_SECONDS
from trace_clustering.errors import InvalidRecordError

READ_BUFFER_BYTES: Final = 1024**2  # else a whole column of a row group is in memory
_PROGRAM: Final = f"import sys; sys.path[:] = sys.argv[3:]; from {__name__} import main; main(*sys.argv[1:3])"


def choose_columns(names: Sequence[str], wanted: Sequence[str] | None) -> list[str] | None:
    """Return those of the wanted columns that are there, or None for all."""
    return None if wanted is None else [name for name in wanted if name in names]


def probe_parquet(path: Path, columns: Sequence[str] | None = None) -> tuple[int, int]:
    """Return the number of rows of a file, and how many rows can be read at once.

    Raises
    ------
    InvalidRecordError
        If the file is damaged, or takes more than `MAX_PARQUET_BYTES` or `MAX_PARQUET_SECONDS` to read.
    """
    status = path.stat()
    return _probe_version(
        path, status.st_size, status.st_mtime_ns, None if columns is None else tuple(columns)
    )


@lru_cache(maxsize=1024)
def _probe_version(
    path: Path,
    size: int,  # noqa: ARG001 - the key
    modified: int,  # noqa: ARG001
    columns: tuple[str, ...] | None,
) -> tuple[int, int]:
    command = [sys.executable, "-P", "-c", _PROGRAM, str(path), json.dumps(columns), *sys.path]
    # Arrow's own allocators reserve more than they use, which counts as used.
    variables = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
    try:
        process = subprocess.run(  # noqa: S603 - our own code
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=MAX_PARQUET_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise InvalidRecordError(
            f"{path} cannot be read as Parquet within {MAX_PARQUET_SECONDS} s; split it into several files"
        ) from None
    try:
        found: dict[str, Any] = json.loads(process.stdout)
    except ValueError:
        raise InvalidRecordError(
            f"{path} cannot be read as Parquet: reading it ended the process ({process.returncode})"
        ) from None
    if "error" in found:
        raise InvalidRecordError(f"{path} cannot be read as Parquet: {found['error']}")
    return found["rows"], found["rows_at_once"]


def _probe(path: str, columns: list[str] | None) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    _limit_process()
    rows_at_once = MAX_BATCH_RECORDS
    while True:
        try:
            with pq.ParquetFile(path, buffer_size=READ_BUFFER_BYTES) as file:
                names = choose_columns(file.schema_arrow.names, columns)
                for _ in file.iter_batches(batch_size=rows_at_once, columns=names, use_threads=False):
                    pass
                return {"rows": file.metadata.num_rows, "rows_at_once": rows_at_once}
        except MemoryError:
            if rows_at_once == 1:
                return {
                    "error": "a row, or the distinct values of a column that stand together, takes more "
                    f"than {MAX_PARQUET_BYTES // 1024**2} MiB of memory; write smaller row groups"
                }
            rows_at_once = rows_at_once // 10 or 1
        except (pa.ArrowException, OSError, ValueError) as error:  # OSError: a damaged footer or page
            return {"error": str(error)}


def _limit_process() -> None:
    """Limit memory to what is used now and `MAX_PARQUET_BYTES`, where the system keeps such a limit."""
    status = Path("/proc/self/status")
    used = re.search(r"VmData:\s*(\d+) kB", status.read_text()) if status.exists() else None
    limit = MAX_PARQUET_BYTES + (1024 * int(used[1]) if used else 0)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_PARQUET_SECONDS, MAX_PARQUET_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: str, columns: str) -> None:
    """Print what was found in a file as JSON; this is all that the other process does.

    `columns` is the list of their names as JSON.
    """
    print(json.dumps(_probe(path, json.loads(columns))))
