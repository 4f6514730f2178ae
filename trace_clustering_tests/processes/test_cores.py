"""The cores are those that the process may use, and results do not depend on them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trace_clustering.processes.cores import count_cores

# The computations whose last digits depend on the threads of matrix products.
PROGRAM = """
import hashlib, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
import numpy as np
from trace_clustering.algorithms.map import compute_2d_coordinates
from trace_clustering.algorithms.steps import cluster_points, reduce_embeddings
from trace_clustering.processes.cores import count_cores
assert count_cores() <= int(sys.argv[1])
vectors = np.random.default_rng(0).normal(size=(900, 300)).astype(np.float32)
for method in ("pca", "none"):
    space = reduce_embeddings(vectors, normalization="l2", method=method, n_components=100, random_state=1)
    found = cluster_points(space, method="kmeans", params={}, random_state=1)
    places = compute_2d_coordinates(space.points, "pca")
    for values in (space.points, found.cluster_ids, found.distances_to_nearest, places):
        print(hashlib.sha256(values.tobytes()).hexdigest())
"""


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")


def count_with(tmp_path: Path, groups: str, files: dict[str, str]) -> int:
    write_files(tmp_path, {"proc/cgroup": groups, **{f"cgroup/{name}": text for name, text in files.items()}})
    return count_cores(tmp_path / "proc", tmp_path / "cgroup")


needs_two = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/", {"cpu.max": "100000 100000"}),
        ("0::/", {"cpu.max": "50000 100000"}),
        (
            "0::/kubepods/pod1/box",
            {"kubepods/pod1/box/cpu.max": "max 100000", "kubepods/cpu.max": "20000 100000"},
        ),
        ("0::/docker/abc", {"cpu.max": "1000 100000"}),  # the mount begins at the container's group
        ("0::/../outside", {"cpu.max": "100000 100000"}),
        (
            "4:cpu,cpuacct:/",
            {"cpu,cpuacct/cpu.cfs_quota_us": "100000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
        ),
        (
            "4:cpu,cpuacct:/docker/a",
            {"cpu/docker/a/cpu.cfs_quota_us": "5000", "cpu/docker/a/cpu.cfs_period_us": "10000"},
        ),
        (
            "3:memory:/\n2:cpu:/pod/box\n0::/",
            {
                "cpu/pod/box/cpu.cfs_quota_us": "-1",
                "cpu/pod/box/cpu.cfs_period_us": "100000",
                "cpu/pod/cpu.cfs_quota_us": "90000",
                "cpu/pod/cpu.cfs_period_us": "100000",
            },
        ),
    ],
)
def test_the_time_that_a_control_group_may_use_limits_the_cores(
    tmp_path: Path, groups: str, files: dict[str, str]
) -> None:
    assert count_with(tmp_path, groups, files) == 1


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/", {}),
        ("0::/", {"cpu.max": "max 100000"}),
        ("0::/", {"cpu.max": "6400000 100000"}),
        ("0::/", {"cpu.max": ""}),
        ("0::/box", {"other/cpu.max": "100000 100000"}),
        ("2:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}),
        ("2:cpuset:/", {"cpuset/cpu.cfs_quota_us": "100000", "cpuset/cpu.cfs_period_us": "100000"}),
    ],
)
def test_without_a_limit_all_cores_are_used_but_not_more(
    tmp_path: Path, groups: str, files: dict[str, str]
) -> None:
    assert count_with(tmp_path, groups, files) == len(os.sched_getaffinity(0))


@needs_two
def test_a_part_of_a_core_counts_as_one(tmp_path: Path) -> None:
    assert count_with(tmp_path, "0::/", {"cpu.max": "110000 100000"}) == 2


def test_where_the_kernel_has_no_control_groups_the_processors_count(tmp_path: Path) -> None:
    assert count_cores(tmp_path, tmp_path) == len(os.sched_getaffinity(0))


def test_only_processors_that_the_process_may_run_on_count(tmp_path: Path) -> None:
    allowed = os.sched_getaffinity(0)
    for some in ({min(allowed)}, {max(allowed)}, allowed):
        os.sched_setaffinity(0, some)
        try:
            assert count_cores(tmp_path, tmp_path) == len(some)
        finally:
            os.sched_setaffinity(0, allowed)


@needs_two
def test_one_core_and_two_give_the_same_results() -> None:
    results = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(cores)], capture_output=True, text=True, check=True
        ).stdout
        for cores in (1, 2)
    ]
    assert len(results[0].split()) == 8
    assert results[0] == results[1]
