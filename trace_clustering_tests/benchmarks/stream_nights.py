"""The nights of a stream: its windows, clustered in every layout of the ensemble once and kept on disk."""

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trace_clustering import constants
from trace_clustering.algorithms.clusters.hdbscan import find_density_clusters
from trace_clustering.algorithms.steps import reduce_embeddings
from trace_clustering.traces.arrays import FloatArray, IntArray
from trace_clustering_tests.benchmarks.stream import NIGHTS, Stream

# A night takes seconds; what is tried out on identities and trends changes nothing of this.
CACHE = Path(tempfile.gettempdir()) / "trace_clustering_streams"
_RANDOM_STATE = constants.DEFAULT_RANDOM_STATE


@dataclass(frozen=True, eq=False)
class Night:
    """One night of a stream.

    Attributes
    ----------
    night : int
        The last day of its window.
    rows : int64 array, shape (n,)
        The rows of the sample in the stream.
    clusterings : int64 array, shape (m, n)
        Cluster ids in m layouts, as `find_consensus_labels` takes them; -1 is noise.
    """

    night: int
    rows: IntArray
    clusterings: NDArray[np.int64]


def cluster_nights(stream: Stream, cache: Path = CACHE) -> Iterator[Night]:
    """Cluster all layouts of the samples of all nights, or read from the cache what was found before.

    The first time takes about 5 s a night on an idle core.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for night in NIGHTS:
        rows = stream.sample_window(night)
        embeddings = stream.embeddings[rows]
        digest = hashlib.blake2b(np.ascontiguousarray(embeddings).view(np.uint8).data, digest_size=16)
        path = cache / f"{digest.hexdigest()}.npy"
        if not path.exists():
            found = _cluster_layouts(embeddings)
            partial = path.with_suffix(".partial.npy")
            np.save(partial, found.astype(np.int16))
            partial.replace(path)
        yield Night(night, rows, np.load(path).astype(np.int64))


def _cluster_layouts(embeddings: FloatArray) -> NDArray[np.int64]:
    """Cluster every layout with the default settings, shape (m, n)."""
    space = reduce_embeddings(
        embeddings,
        normalization=constants.DEFAULT_EMBEDDING_NORMALIZATION,
        method=constants.DEFAULT_DIMENSIONALITY_REDUCTION_METHOD,
        n_components=constants.DEFAULT_UMAP_N_COMPONENTS,
        ensemble_size=constants.DEFAULT_ENSEMBLE_SIZE,
        random_state=_RANDOM_STATE,
    )
    layouts = np.split(space.points, space.n_layouts, axis=1)
    return np.stack(
        [
            find_density_clusters(
                layout,
                constants.DEFAULT_MIN_CLUSTER_SIZE_FRACTION,
                constants.DEFAULT_HDBSCAN_MIN_SAMPLES,
                _RANDOM_STATE,
            ).labels
            for layout in layouts
        ]
    )
