"""What is clustered: made-up groups of any size, the demo, and the real labelled sets."""

from datetime import timedelta
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from trace_clustering.demo.run import DEMO_WEEKS
from trace_clustering_tests.conftest import REAL_DATA


def make_groups(n: int, d: int) -> np.ndarray:
    """Return vectors in 40 random groups, shape (n, d), float32."""
    random = np.random.default_rng(n + d)
    centres = random.normal(0, 1, (40, d)).astype(np.float32)
    vectors = centres[random.integers(0, len(centres), n)]
    for start in range(0, n, 1000):  # in blocks: a second whole matrix may not fit into memory
        block = vectors[start : start + 1000]
        block += random.normal(0, 1, block.shape).astype(np.float32)
    return vectors


def load_labelled_set(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors, shape (n, d), and labels, shape (n,), of a labelled set.

    Raises
    ------
    FileNotFoundError
        If the set is absent; `TRACE_CLUSTERING_TEST_DATA` names the folder.
    """
    return _read(REAL_DATA / f"{name}.parquet")


def load_titles(name: str) -> np.ndarray:
    """Return the titles of a labelled set, shape (n,), objects.

    Raises
    ------
    FileNotFoundError
        As `load_labelled_set`.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(REAL_DATA / f"{name}.parquet", columns=["title"])
    return np.array(table["title"].to_pylist(), dtype=object)


def demo() -> np.ndarray:
    """Return the vectors of the last week of the packaged demo traces, shape (n, d)."""
    import pyarrow.parquet as pq

    with as_file(files("trace_clustering.demo") / "traces.parquet") as path:
        moments = pq.read_table(path, columns=["timestamp"])["timestamp"].to_numpy()
        return _read(path)[0][moments >= np.datetime64(DEMO_WEEKS[-2] + timedelta(days=1))]


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["embedding", "label"])
    vectors = table["embedding"].combine_chunks().flatten().to_numpy()
    return vectors.reshape(len(table), -1).astype(np.float32), np.array(table["label"].to_pylist())
