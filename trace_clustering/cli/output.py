"""Where commands print, and how."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from trace_clustering.clickhouse.resource import ClickHouse

T = TypeVar("T")


def say_place(preposition: str, clickhouse: "ClickHouse") -> None:
    """Tell on standard error which ClickHouse was used.

    What a program reads of a command stands alone in its standard output.
    """
    click.echo(f"{preposition} {clickhouse.describe_place()}", err=True)


def make_console() -> Any:  # noqa: ANN401
    """Return a console of rich; output to a file or a pipe is not bound to the width of a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


def track_progress(records: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Yield the records, and show on standard error how many of them are done."""
    from rich.console import Console
    from rich.progress import track

    return iter(track(records, description, total=total, console=Console(stderr=True)))
