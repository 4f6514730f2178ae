"""What all commands share: how they print errors and end when they are interrupted."""

import logging
import signal
from typing import Any

import click

from trace_clustering.errors import TraceClusteringError

_INTERRUPTED = 128 + signal.SIGINT  # as a shell reports it


class Commands(click.Group):
    """Commands that print an error of this project as one sentence, without a traceback."""

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401
        """Run the command; errors of other kinds keep their traceback."""
        # The client library also logs the errors that it raises, so they would be printed twice.
        logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
        try:
            return super().invoke(context)
        except TraceClusteringError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nInterrupted; the same command completes what is missing.", err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None
