"""numba's compiled code, kept on disk: otherwise UMAP compiles for half a minute in every process."""

import functools
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

_LOG = logging.getLogger(__name__)
_LOCK_TIMEOUT_SECONDS = 10.0


@functools.cache
def import_umap() -> ModuleType:
    """Import umap with a cache on disk for all compiled functions of umap and pynndescent.

    Without it, most of these functions are compiled again in every process. The cache is in the folder that
    `NUMBA_CACHE_DIR` names, else in the user's cache folder, else in a temporary folder of the user's own. If
    none of them can be written to, everything is compiled as without a cache.
    """
    with _use_forgiving_caches():
        import numba
        import umap
    if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
        _LOG.warning("NUMBA_DISABLE_JIT is set: nothing is compiled, and runs take many times as long")
        return umap  # type: ignore[no-any-return]
    # Without the GIL, threads lay out several graphs at once; layouts share no memory that is written to.
    umap.layouts._nb_optimize_layout_euclidean_single_epoch.targetoptions["nogil"] = True
    return umap  # type: ignore[no-any-return]


@functools.cache
def compile_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of this project as numba compiles it at its first call, cached as those of umap.

    Other threads run meanwhile.
    """
    with _use_forgiving_caches():
        import numba

        # Sums may be computed in another order: the processor then adds several numbers at once.
        return numba.njit(nogil=True, fastmath={"reassoc", "contract"})(function)


@functools.cache
def _name_libraries() -> str:
    # Compiled code has code of other functions built in, so a new version of any library needs a new folder.
    return "-".join(version(name) for name in ("numba", "llvmlite", "umap-learn", "pynndescent"))


def _find_cache_folder() -> Path | None:
    """Return a folder that only this user can write to, since code in it will be executed."""
    libraries = _name_libraries()
    for base in _list_cache_bases():
        folder = base / f"numba-{libraries}"
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
            if base.stat().st_uid == folder.stat().st_uid == os.getuid():
                return folder
        except OSError as error:
            _LOG.debug("No cache of compiled code in %s: %s", folder, error)
    return None


def _list_cache_bases() -> list[Path]:
    """Return the folders that may hold the cache, best first; none without a home and a temporary folder."""
    bases = []
    try:
        user_caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
        if user_caches.is_absolute():  # a relative folder would be somewhere else in every process
            bases.append(user_caches / "trace_clustering")
    except RuntimeError as error:  # no HOME, and the user is not in the list of users
        _LOG.debug("No home for compiled code: %s", error)
    try:
        bases.append(Path(tempfile.gettempdir()) / f"trace_clustering-{os.getuid()}")
    except OSError as error:
        _LOG.debug("No temporary folder for compiled code: %s", error)
    return bases


@contextmanager
def _use_forgiving_caches() -> Iterator[None]:
    """Give every function that is compiled in this context a cache whose faults cost only compile time.

    By default few functions have a cache. numba's own cache mixes up the files of two processes that save at
    the same time, and stops the computation if a folder cannot be written to, a file is damaged, or the disk
    is full.
    """
    import numba
    from numba.core import dispatcher
    from numba.core.caching import FunctionCache
    from numba.np.ufunc import ufuncbuilder

    makers: list[Any] = [dispatcher, ufuncbuilder]
    config: Any = numba.config
    if not config.CACHE_DIR and (folder := _find_cache_folder()):
        config.CACHE_DIR = str(folder)
    njit = numba.njit
    for maker in makers:
        maker.FunctionCache = _make_forgiving_cache
    numba.njit = functools.partial(njit, cache=True)  # type: ignore[assignment]
    try:
        yield
    finally:
        numba.njit = njit
        for maker in makers:
            maker.FunctionCache = FunctionCache


def _make_forgiving_cache(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - a class of numba
    """Return a cache for a function whose faults are logged, and cost no more than compiling it again."""
    from filelock import FileLock, Timeout
    from numba.core.caching import FunctionCache, NullCache

    class ForgivingCache(FunctionCache):
        def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
            try:
                return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            except Exception as error:  # pickle and LLVM raise many types for a damaged file
                _LOG.warning("Damaged cache of compiled code in %s: %r", self.cache_path, error)
                self._write_under_lock(self.flush)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
            self._write_under_lock(functools.partial(super().save_overload, sig, data))

        def _write_under_lock(self, write: Callable[[], None]) -> None:
            try:
                with FileLock(Path(self.cache_path) / ".lock", timeout=_LOCK_TIMEOUT_SECONDS):
                    write()
            except (OSError, Timeout) as error:
                _LOG.debug("Compiled code was not kept in %s: %s", self.cache_path, error)

    try:
        return ForgivingCache(function)  # type: ignore[no-untyped-call]
    except RuntimeError as error:  # no folder to write to
        _LOG.debug("Compiling without a cache: %s", error)
        return NullCache()
