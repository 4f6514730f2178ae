"""The embedded engine: opened once per process, and handed over when another process waits for its folder.

Every opening of the engine costs descriptors, threads and memory that a process never gets back. A process
therefore keeps the engine open between its sessions. Two locks beside the folder make processes take turns:

* `<folder>.lock` is held by the process that has the engine open.
* `<folder>.lock.next` is held by the one process that waits for it. Whoever has the engine looks at it at the
  end of a session and from time to time; if it is held, the engine is closed, and is not opened again
  before the process that waited has had its turn.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock

from trace_clustering.errors import ClickHouseSetupError, ClickHouseUnavailableError
from trace_clustering.folders import make_private_folder

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

_SECONDS_BETWEEN_LOOKS: Final = 0.1
_MAX_SECONDS_TO_START: Final = 2.0
_MAX_SECONDS_TO_CLOSE: Final = 5.0
# Two processes that work side by side for long would take turns until their descriptors are used up. After
# the quick openings, each turn is therefore a bit longer than the one before.
_MAX_QUICK_OPENINGS: Final = 20
_SECONDS_PER_FURTHER_OPENING: Final = 0.25
_MAX_SECONDS_PER_TURN: Final = 30.0


@dataclass(frozen=True)
class _Engine:
    """An open engine of this process, and the lock on its folder.

    Attributes
    ----------
    places : tuple
        Identities on disk of the folder and of its lock. If they change, somebody has deleted them.
    turn_ends : float
        Until when, on the monotonic clock, other processes have to wait.
    """

    folder: Path
    lock: filelock.BaseFileLock
    client: "Client"
    places: tuple[tuple[int, int], ...]
    turn_ends: float


# Held by the thread of this process that has a session, or that looks after the engine between sessions.
_turn = threading.RLock()
_engine: _Engine | None = None
_open_sessions = 0
_openings = 0
_watcher: threading.Thread | None = None
_is_forked = False


def name_lock_file(folder: Path) -> Path:
    """Return the file whose lock the process holds that has the engine of a folder open."""
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def use_engine(folder: Path, seconds: float) -> Iterator[None]:
    """Have the engine of a folder open inside the block, and no other thread or process in it.

    Parameters
    ----------
    folder : Path
        Resolved; it is created if it does not exist.
    seconds : float
        How long to wait for others.

    Raises
    ------
    filelock.Timeout
        If others did not leave the folder in time.
    OSError
        If the folder or its lock cannot be used.
    ClickHouseSetupError, ClickHouseUnavailableError
        If this process cannot have this engine, or the engine does not start.
    """
    global _open_sessions
    if _is_forked:
        raise ClickHouseSetupError(
            f"The embedded ClickHouse in {folder} cannot be opened: this process was forked from one that "
            "has used it, and its threads did not come along; start it with the method spawn or forkserver"
        )
    deadline = time.monotonic() + seconds
    if not _turn.acquire(timeout=max(seconds, 0)):
        raise filelock.Timeout(str(name_lock_file(folder)))
    try:
        _open(folder, deadline)
        _open_sessions += 1
        try:
            yield
        finally:
            _open_sessions -= 1
            _close_if_over()
    finally:
        _turn.release()


def close_engine() -> None:
    """Close the engine that this process keeps, so that any program can open its folder."""
    if not _is_forked and _turn.acquire(timeout=_MAX_SECONDS_TO_CLOSE):
        try:
            if _open_sessions == 0:
                _close()
        finally:
            _turn.release()


def _open(folder: Path, deadline: float) -> None:
    """Have the engine of a folder open, the one that is kept or a new one; `_turn` is held."""
    global _engine, _watcher, _openings
    if _open_sessions and _engine is not None:  # around this session, in the same thread
        if _engine.folder == folder:
            return
        raise ClickHouseSetupError(
            f"The embedded ClickHouse in {folder} cannot be opened inside a session of {_engine.folder}: "
            "a process can open one folder at a time; end that session first"
        )
    if _engine is not None and _engine.folder != folder:
        _close()
    _close_if_over()
    if _engine is not None:
        return
    make_private_folder(folder)
    lock = filelock.FileLock(name_lock_file(folder), thread_local=False)
    with _lock_next(folder).acquire(timeout=_seconds_until(deadline)):
        lock.acquire(timeout=_seconds_until(deadline))
    try:
        client = _start_engine(folder)
        _openings += 1
        further = max(_openings - _MAX_QUICK_OPENINGS, 0)
        turn = min(further * _SECONDS_PER_FURTHER_OPENING, _MAX_SECONDS_PER_TURN)
        _engine = _Engine(folder, lock, client, _identify(folder), time.monotonic() + turn)
    except BaseException:
        lock.release()
        raise
    if _watcher is None or not _watcher.is_alive():
        _watcher = threading.Thread(target=_watch, name="embedded-engine", daemon=True)
        _watcher.start()


def _start_engine(folder: Path) -> "Client":
    # Imported this late because the engine starts threads: no process may fork after that.
    import clickhouse_connect
    from clickhouse_connect.driver.exceptions import ClickHouseError

    # The engine has a lock of its own in the folder; that of a killed process may outlast ours by a moment.
    deadline = time.monotonic() + _MAX_SECONDS_TO_START
    while True:
        try:
            return clickhouse_connect.get_client(interface="chdb", path=str(folder))
        except ClickHouseError as error:
            if time.monotonic() < deadline:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                continue
            raise ClickHouseUnavailableError(
                f"The embedded ClickHouse in {folder} does not start; end other programs that have this "
                "folder open, or look for damaged files, a full disk, or too many open files "
                f"(`ulimit -n`): {error}"
            ) from error


def _close() -> None:
    """Close the engine and free its folder; `_turn` is held."""
    global _engine
    if _engine is None:
        return
    engine, _engine = _engine, None
    try:
        engine.client.close()
    finally:
        engine.lock.release()


def _close_if_over() -> None:
    """Close the engine, between sessions, if others wait for its folder or deleted it; `_turn` is held."""
    if _engine is None or _open_sessions:
        return
    if _identify(_engine.folder) != _engine.places or (
        time.monotonic() >= _engine.turn_ends and _is_wanted(_engine.folder)
    ):
        _close()


def _watch() -> None:
    """Look after the engine between sessions, in a thread of its own that ends with it."""
    global _watcher
    while True:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        if not _turn.acquire(blocking=False):
            continue
        try:
            _close_if_over()
            if _engine is None:
                _watcher = None
                return
        finally:
            _turn.release()


def _is_wanted(folder: Path) -> bool:
    """Return whether another process waits for the folder."""
    try:
        with _lock_next(folder).acquire(blocking=False):
            return False
    except OSError:  # it is held (Timeout is an OSError), or nobody can tell
        return True


def _lock_next(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(folder.with_name(f"{folder.name}.lock.next"))


def _identify(folder: Path) -> tuple[tuple[int, int], ...]:
    """Return the identities on disk of a folder and of its lock; none if one of them does not exist."""
    try:
        found = [place.stat() for place in (folder, name_lock_file(folder))]
    except OSError:
        return ()
    return tuple((place.st_dev, place.st_ino) for place in found)


def _seconds_until(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0)


def _start_anew_after_fork() -> None:
    """Refuse the engine in a forked process: its threads, and what they were doing, are the parent's."""
    global _is_forked, _turn
    _is_forked = _is_forked or _openings > 0
    _turn = threading.RLock()


os.register_at_fork(after_in_child=_start_anew_after_fork)
# Unlike atexit, Finalize also runs in processes of multiprocessing, as runs of Dagster's services are.
Finalize(None, close_engine, exitpriority=5)
