"""A command on a terminal: a pseudo-terminal of some width, on which keys can be pressed."""

import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CTRL_C = b"\x03"


@dataclass(frozen=True)
class Screen:
    """What a command left on the terminal: its exit code, and the lines that can be read."""

    exit_code: int
    lines: list[str]
    is_cursor_shown: bool


def run_on_terminal(
    command: list[str | Path], columns: int, environment: Mapping[str, str], *, interrupt_at: str = ""
) -> Screen:
    """Run a command on a terminal, and press Ctrl-C once when a text appears."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.execve(command[0], list(map(str, command)), dict(environment))  # noqa: S606 - our own
    printed, is_interrupted = b"", False
    signal.alarm(400)  # a command that hangs ends the test
    try:
        while piece := _read(terminal):
            printed += piece
            if interrupt_at and not is_interrupted and interrupt_at.encode() in printed:
                os.write(terminal, CTRL_C)
                is_interrupted = True
        _, status = os.waitpid(child, 0)
    finally:
        signal.alarm(0)
        os.close(terminal)
    text = printed.decode()
    return Screen(
        os.waitstatus_to_exitcode(status), _render(text), text.rfind("\x1b[?25l") <= text.rfind("\x1b[?25h")
    )


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody is left on the other side
        return b""


def _render(text: str) -> list[str]:
    """Return the lines as they can be read: what was erased or overwritten is gone, and so are colours."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        erased = re.split(r"\x1b\[(?:1A\x1b\[)?2K", line)[-1]
        lines.append(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", erased))
    return lines
