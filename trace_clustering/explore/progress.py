"""What an exploration prints while it works."""

import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console, RenderableType
from rich.status import Status

if TYPE_CHECKING:
    import dagster as dg

T = TypeVar("T")
_WIDTH_OF_A_FILE = 140
_UPDATE_EVERY = 100


class Progress:
    """Lines on the terminal, and below them what is being done."""

    def __init__(self) -> None:
        # Dagster redirects the standard output to a file while a step runs; a descriptor of its own keeps the
        # console on the terminal.
        file = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="replace")
        width = None if file.isatty() else _WIDTH_OF_A_FILE
        self._console = Console(file=file, highlight=False, width=width)
        self._status: Status | None = None
        self._brief = ""
        self._lock = threading.RLock()

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Show inside the block what is being done."""
        with self._lock:
            self._status = self._console.status(text)
            self._status.start()
        try:
            yield
        finally:
            with self._lock:
                self._status.stop()

    @contextmanager
    def doing_briefly(self, text: str) -> Iterator[None]:
        """Show inside the block what is being done; of Dagster's log, print warnings and errors only."""
        self._brief = text
        try:
            with self.doing(text):
                yield
        finally:
            self._brief = ""

    def track(self, items: Iterable[T], total: int, description: str) -> Iterator[T]:
        """Yield the items, and show how many of them are done."""
        for done, item in enumerate(items):
            if self._status is not None and done % _UPDATE_EVERY == 0:
                self._status.update(f"{description} {done:,} of {total:,}")
            yield item

    def say(self, text: RenderableType, style: str | None = None, *, is_command: bool = False) -> None:
        """Print a text or a table; a command is not broken into lines, so that it can be pasted."""
        with self._lock:
            self._console.print(text, style=style, markup=False, soft_wrap=is_command)

    def end(self, text: str) -> None:
        """Print a last text from another thread; whoever wants to print after that waits for ever."""
        self._lock.acquire()
        if self._status is not None:
            self._status.stop()
        self.say(text)

    def make_logger(self) -> "dg.LoggerDefinition":
        """Return a Dagster logger that prints finished assets, their messages, warnings and errors."""
        import dagster as dg

        def create(_: dg.InitLoggerContext) -> logging.Logger:
            return self.make_python_logger()

        return dg.LoggerDefinition(create)

    def make_python_logger(self) -> logging.Logger:
        """Return a logger that prints here."""
        logger = logging.Logger("trace_clustering.explore")
        logger.addHandler(_Handler(self))
        return logger

    def tell(self, record: logging.LogRecord) -> None:
        """Print what a record of Dagster's log says, if it is of interest."""
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if record.levelno >= logging.WARNING:
            self.say(record.getMessage(), "red")
        elif self._brief:
            if event is not None and event.event_type_value == "STEP_START" and self._status is not None:
                self._status.update(f"{self._brief}: {event.step_key}")
        elif event is None and record.levelno >= logging.INFO:
            self.say(f"  {meta.get('orig_message', record.getMessage())}")
        elif event is not None and event.event_type_value == "STEP_START" and self._status is not None:
            self._status.update(f"Materializing {event.step_key}")
        elif event is not None and event.event_type_value == "STEP_SUCCESS":
            self.say(f"✓ {event.step_key} [{event.event_specific_data.duration_ms / 1000:.1f} s]")


class _Handler(logging.Handler):
    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        self._progress.tell(record)
