"""UMAP without half a minute of compiling: what numba has compiled once is kept on disk."""

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
    """Import umap with numba's cache on disk switched on for all functions of umap and pynndescent.

    Both compile most of their functions anew in every process. The cache is kept where `NUMBA_CACHE_DIR`
    says, else in the user's cache folder, else in a temporary folder of the user's own. Where none of them
    can be written, everything is compiled as before.
    """
    with _forgiving_caches():
        import umap
    # One layout's steps touch nothing of another's, so threads may work on several.
    umap.layouts._nb_optimize_layout_euclidean_single_epoch.targetoptions["nogil"] = True
    return umap  # type: ignore[no-any-return]


@functools.cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of our own as numba compiles it at its first call, kept on disk like those of umap.

    While it runs, other threads do too.
    """
    with _forgiving_caches():
        import numba

        # Sums may be added up in another order, so that several numbers are added at once.
        return numba.njit(nogil=True, fastmath={"reassoc", "contract"})(function)


def _cache_folder() -> Path | None:
    """Return a folder that only this user can write to: what lies in it will be executed."""
    # Compiled code contains that of other functions, so it must not outlive any of the libraries.
    libraries = "-".join(version(name) for name in ("numba", "llvmlite", "umap-learn", "pynndescent"))
    user_caches = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    for base in (
        Path(user_caches) / "trace_clustering",
        Path(tempfile.gettempdir()) / f"trace_clustering-{os.getuid()}",
    ):
        folder = base / f"numba-{libraries}"
        try:
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            _LOG.debug("No cache of compiled code in %s: %s", folder, error)
            continue
        if base.stat().st_uid == folder.stat().st_uid == os.getuid():
            return folder
    return None


@contextmanager
def _forgiving_caches() -> Iterator[None]:
    """Let numba, while this lasts, give all functions caches whose troubles only cost the time to compile.

    Without it few functions ask for one. Numba's own let two processes that save at the same time mix up
    their files, and end the computation if a folder cannot be written, a file is damaged, or the disk is
    full.
    """
    import numba
    from filelock import FileLock, Timeout
    from numba.core import dispatcher
    from numba.core.caching import FunctionCache, NullCache
    from numba.np.ufunc import ufuncbuilder

    class ForgivingCache(FunctionCache):
        def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401
            try:
                return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
            except Exception as error:  # whatever a damaged file makes pickle or LLVM raise
                _LOG.warning("Damaged cache of compiled code in %s: %r", self.cache_path, error)
                self._under_lock(self.flush)
                return None

        def save_overload(self, sig: Any, data: Any) -> None:  # noqa: ANN401
            self._under_lock(functools.partial(super().save_overload, sig, data))

        def _under_lock(self, write: Callable[[], None]) -> None:
            try:
                with FileLock(Path(self.cache_path) / ".lock", timeout=_LOCK_TIMEOUT_SECONDS):
                    write()
            except (OSError, Timeout) as error:
                _LOG.debug("Compiled code was not kept in %s: %s", self.cache_path, error)

    def forgiving_cache(function: Callable[..., Any]) -> ForgivingCache | NullCache:
        try:
            return ForgivingCache(function)  # type: ignore[no-untyped-call]
        except RuntimeError as error:  # no folder to write to
            _LOG.debug("Compiling without a cache: %s", error)
            return NullCache()

    makers: list[Any] = [dispatcher, ufuncbuilder]
    config: Any = numba.config
    if not config.CACHE_DIR and (folder := _cache_folder()):
        config.CACHE_DIR = str(folder)
    njit = numba.njit
    for maker in makers:
        maker.FunctionCache = forgiving_cache
    numba.njit = functools.partial(njit, cache=True)  # type: ignore[assignment]
    try:
        yield
    finally:
        numba.njit = njit
        for maker in makers:
            maker.FunctionCache = FunctionCache
