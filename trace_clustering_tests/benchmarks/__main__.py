"""The benchmark suite: `python -m trace_clustering_tests.benchmarks [CASE ...]`."""

import json
import os
import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from trace_clustering_tests.benchmarks.cases import CASES


@click.command()
@click.argument("names", metavar="[CASE]...", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--runs", default=3, show_default=True, help="Runs of each side; medians are shown.")
@click.option("--save", type=click.Path(path_type=Path), default=Path("benchmarks.json"), show_default=True)
def main(names: tuple[str, ...], runs: int, save: Path) -> None:
    """Measure the plain recipe and ours side by side, print the table and save the figures.

    Cases such as `recurrence`, `stream`, `levels`, `reading` and `assignment` have tables
    of their own; `--runs` changes only `reading` and the speed of `assignment` among them.
    """
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    click.echo(f"{machine}; times and memory are medians of {runs} runs")
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or CASES:
            for row in CASES[name](runs, Path(folder)):
                if columns != row.COLUMNS:
                    columns = row.COLUMNS
                    click.echo(f"\n{_join(columns)}\n|{'---|' * len(columns)}")
                click.echo(_join(row.format_cells()))
                rows.append(row.list_figures())
                _save(save, machine, runs, rows)


def _join(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _save(path: Path, machine: str, runs: int, rows: Sequence[dict[str, Any]]) -> None:
    content = {
        "machine": machine,
        "measured_at": datetime.now(UTC).isoformat(),
        "runs": runs,
        "rows": rows,
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
