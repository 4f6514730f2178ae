"""Compiled code needs no home, no entry in the list of users, no temporary folder, and no compiler."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Prints the folder of the cache, and what a small function returns.
PROGRAM = """
import numpy as np
from trace_clustering.processes import compiled_code
print(compiled_code._find_cache_folder())
def add(values):
    total = 0.0
    for value in values:
        total += value
    return total
add.__module__ = "add"
print(compiled_code.compile_function(add)(np.arange(4.0)))
"""
LAY_OUT = """
import numpy as np
from trace_clustering.algorithms.steps import reduce_embeddings
vectors = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
space = reduce_embeddings(
    vectors, normalization="l2", method="umap", n_components=4, random_state=1, ensemble_size=2
)
print(space.points.shape, np.isfinite(space.points).all())
"""
UNKNOWN_USER = 54_321
# The interpreter's own files may be for root only, so what is needed is imported first.
BECOME_UNKNOWN = f"""
import os
from trace_clustering.processes.compiled_code import compile_function, import_umap
import_umap()
compile_function(lambda value: value + 1)(1)
os.setuid({UNKNOWN_USER})
compile_function.cache_clear()
"""


def run_program(program: str, folder: Path, remove: tuple[str, ...] = (), **environment: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", *remove)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=kept | {"PYTHONPATH": str(Path.cwd()), "TMPDIR": str(folder)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can run a program as a user who does not exist")
def test_a_user_without_home_and_entry_has_the_cache_in_the_temporary_folder() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o777)
        folder, total = run_program(BECOME_UNKNOWN + PROGRAM, Path(temporary), ("HOME", "XDG_CACHE_HOME"))
        assert folder.startswith(f"{temporary}/trace_clustering-{UNKNOWN_USER}/numba-")
        assert total == "6.0"
        assert not (Path(temporary) / "~").exists()


@pytest.mark.parametrize("caches", ["caches", "./x"])
def test_a_relative_folder_of_caches_is_not_used(tmp_path: Path, caches: str) -> None:
    folder, total = run_program(PROGRAM, tmp_path, XDG_CACHE_HOME=caches)
    assert folder.startswith(str(tmp_path / f"trace_clustering-{os.getuid()}"))
    assert total == "6.0"
    assert not (tmp_path / caches).exists()


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nowhere"])
def test_a_home_that_is_no_folder_costs_only_the_cache_there(tmp_path: Path, home: str) -> None:
    folder, total = run_program(PROGRAM, tmp_path, ("XDG_CACHE_HOME",), HOME=home)
    assert folder.startswith(str(tmp_path))
    assert total == "6.0"


def test_with_the_compiler_switched_off_runs_are_slow_but_run(tmp_path: Path) -> None:
    assert run_program(LAY_OUT, tmp_path, NUMBA_DISABLE_JIT="1") == ["(20, 4) True"]
