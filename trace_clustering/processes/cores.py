"""The cores that this process may use: those of its container, not of the machine."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

_PROC = Path("/proc/self")
_CGROUPS = Path("/sys/fs/cgroup")


def count_cores(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Return the number of cores that this process may use, at least 1.

    It is the number of processors that the process may run on (`sched_setaffinity`, `taskset`, a cpuset), or,
    if that is less, the processor time that its control group or one above it may use (`docker run --cpus`,
    limits of Kubernetes), rounded up. The machine may have many more, and a thread for each of them would
    only take memory.

    Parameters
    ----------
    proc : Path
        The folder of this process, with the file `cgroup`.
    cgroups : Path
        Where the control groups are mounted, of version 1, 2 or both.
    """
    quotas = [_read_quota(folder) for folder in _list_control_groups(proc, cgroups)]
    limits = [math.ceil(quota) for quota in quotas if quota is not None]
    return max(1, min([_count_processors(), *limits]))


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _list_control_groups(proc: Path, cgroups: Path) -> list[Path]:
    """Return the folders of the process's control groups that may limit its time, and of those above them."""
    folders: list[Path] = []
    for line in _read_lines(proc / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 1 mounts each set of controllers in a folder of its own. Version 2 has none.
        mounts = [cgroups / controllers, cgroups / "cpu"] if controllers else [cgroups, cgroups / "unified"]
        # In a container the path is often that of the machine, and the mount begins at the container's group.
        parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for mount in mounts:
            folders += [mount.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    return folders


def _read_quota(folder: Path) -> float | None:
    """Return how many cores a control group may use; None without a limit."""
    limit = " ".join(_read_lines(folder / "cpu.max")).split()
    if not limit:
        limit = [
            line for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us") for line in _read_lines(folder / name)
        ]
    try:
        quota, period = (int(number) for number in limit)
    except ValueError:  # no such file, or "max"
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read_lines(file: Path) -> list[str]:
    """Return the lines of a file of the kernel; none if there is no such file, as on other systems."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


@contextmanager
def use_one_blas_thread() -> Iterator[None]:
    """Compute matrix products in one thread: several add up in another order, and the last digits differ."""
    import scipy.linalg  # noqa: F401 - only libraries that are loaded can be limited
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
