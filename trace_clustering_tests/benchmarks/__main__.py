"""The benchmark suite: `python -m trace_clustering_tests.benchmarks [CASE ...]`."""

import json
import os
import platform
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from trace_clustering_tests.benchmarks.cases import CASES, Row


@click.command()
@click.argument("names", metavar="[CASE]...", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--runs", default=3, show_default=True, help="Runs of each side; medians are shown.")
@click.option("--save", type=click.Path(path_type=Path), default=Path("benchmarks.json"), show_default=True)
def main(names: tuple[str, ...], runs: int, save: Path) -> None:
    """Measure the plain recipe and ours side by side, print the table and save the figures."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    click.echo(f"{machine}, medians of {runs} runs\n\n| work | measure | plain | ours | ratio | bar |")
    click.echo("|---|---|---|---|---|---|")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names or CASES:
            for row in CASES[name](runs, Path(folder)):
                click.echo(_format_row(row))
                rows.append(row)
                _save_rows(save, machine, runs, rows)


def _format_row(row: Row) -> str:
    plain, ours = (f"{value:.3g} {row.unit}" for value in (row.plain, row.ours))
    return f"| {row.work} | {row.measure} | {plain} | {ours} | {row.ratio:.2f} | {row.bar} |"


def _save_rows(path: Path, machine: str, runs: int, rows: Iterable[Row]) -> None:
    content = {
        "machine": machine,
        "measured_at": datetime.now(UTC).isoformat(),
        "runs": runs,
        "rows": [{**asdict(row), "ratio": row.ratio} for row in rows],
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
