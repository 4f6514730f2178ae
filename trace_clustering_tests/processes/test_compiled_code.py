"""Compiled code is kept from process to process, and a faulty cache never stops a computation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Fits UMAP in a fresh process, and prints its result and the numbers of cached and compiled functions.
FIT = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, filename=sys.argv[1])
logging.getLogger("numba").setLevel(logging.WARNING)
import numpy as np
from numba.core.registry import CPUDispatcher
from trace_clustering.algorithms.space.neighbors import find_nearest_neighbors
from trace_clustering.algorithms.space.umap_layout import fit_umap

def count(which):
    return sum(
        sum(getattr(value.stats, which).values())
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in ("umap", "pynndescent", "trace_clustering")
        for value in vars(module).values()
        if isinstance(value, CPUDispatcher) and value.py_func.__module__ == name
    )

points = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
found = fit_umap(find_nearest_neighbors(points, 10), n_components=2, min_dist=0.0, random_state=3)
print(found.tobytes().hex(), count("cache_hits"), count("cache_misses"))
"""


class Fits:
    """Fresh processes with a home, a cache folder and a temporary folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "caches"),
            "TMPDIR": str(folder),
        }
        self.environment.pop("NUMBA_CACHE_DIR", None)

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FIT, str(self.log)],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment | environment,
        )

    def run(self, **environment: str) -> tuple[str, int, int]:
        return finish(self.start(**environment))

    def find_cached_files(self, base: str) -> list[Path]:
        return sorted((self.folder / base).rglob("*.nbc"))


def finish(process: subprocess.Popen[str]) -> tuple[str, int, int]:
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    result, hits, misses = output.split()
    return result, int(hits), int(misses)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fits, str]:
    """Two processes at once have filled one cache."""
    fits = Fits(tmp_path_factory.mktemp("fits"))
    both = [fits.start() for _ in range(2)]
    results = {finish(process)[0] for process in both}
    assert len(results) == 1
    return fits, results.pop()


def test_the_next_process_compiles_nothing_and_computes_the_same(warm: tuple[Fits, str]) -> None:
    fits, expected = warm
    result, hits, misses = fits.run()
    assert result == expected
    assert misses == 0
    assert hits > 0


def test_the_folder_is_the_users_own_and_named_by_the_versions_of_the_libraries(
    warm: tuple[Fits, str],
) -> None:
    fits, _ = warm
    (folder,) = (fits.folder / "caches" / "trace_clustering").iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    assert folder.name.startswith("numba-")
    assert folder.name.count("-") == 4


def test_the_folder_that_numbas_own_variable_names_goes_before(
    warm: tuple[Fits, str], tmp_path: Path
) -> None:
    fits, expected = warm
    (folder,) = (fits.folder / "caches" / "trace_clustering").iterdir()
    shutil.copytree(folder, tmp_path / "mine")
    other = Fits(tmp_path)
    assert other.run(NUMBA_CACHE_DIR=str(tmp_path / "mine"))[::2] == (expected, 0)
    assert not other.find_cached_files("caches")


def test_a_home_that_cannot_be_written_to_leaves_the_temporary_folder(
    warm: tuple[Fits, str], tmp_path: Path
) -> None:
    fits, expected = warm
    temporary = tmp_path / f"trace_clustering-{os.getuid()}"
    shutil.copytree(fits.folder / "caches" / "trace_clustering", temporary)
    other = Fits(tmp_path)
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/caches"}
    assert other.run(**nowhere)[::2] == (expected, 0)


def test_damaged_files_are_compiled_anew_and_replaced(warm: tuple[Fits, str]) -> None:
    fits, expected = warm
    caches = fits.folder / "caches"
    for name, content in (
        ("umap_.smooth_knn*.nbc", b"cut short"),
        ("umap_.compute_membership*.nbc", b""),
        ("neighbors._measure_candidates*.nbi", b"no index"),
        ("layouts.rdist*.nbc", b"read when umap is imported"),
    ):
        (file,) = caches.rglob(name)
        file.write_bytes(content)
    result, _, misses = fits.run()
    assert result == expected
    assert misses > 0
    assert "Damaged cache of compiled code" in fits.log.read_text()
    assert fits.run()[::2] == (expected, 0)


def test_without_any_folder_to_write_to_everything_is_compiled_as_before(
    warm: tuple[Fits, str], tmp_path: Path
) -> None:
    nowhere = {name: "/dev/null" for name in ("HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR")}
    fits = Fits(tmp_path)
    # numba's next choice would be the package's own folder; this excludes it.
    result, hits, _ = fits.run(**nowhere, NUMBA_CACHE_LOCATOR_CLASSES="UserProvidedCacheLocator")
    assert (result, hits) == (warm[1], 0)
    assert "Compiling without a cache" in fits.log.read_text()
