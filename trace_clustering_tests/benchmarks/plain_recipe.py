"""The plain recipe: the steps of the original workflow, written straight with umap-learn and scikit-learn."""

import numpy as np

N_COMPONENTS = 100
N_NEIGHBORS = 15


def cluster(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Normalize, reduce, cluster, measure distances and draw the map; return the labels, shape (n,)."""
    import umap
    from sklearn.cluster import HDBSCAN

    n, d = vectors.shape
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    normalized = vectors / np.where(norms == 0, 1, norms)
    points = umap.UMAP(
        n_components=min(N_COMPONENTS, max(2, n - 2), d),
        n_neighbors=min(N_NEIGHBORS, n - 1),
        min_dist=0.0,
        metric="euclidean",
        init="random",
        random_state=seed,
    ).fit_transform(normalized)
    size = min(n, max(5, int(n * 0.01)))
    labels = HDBSCAN(min_cluster_size=size, min_samples=min(5, size), copy=True).fit_predict(points)
    centroids = np.array([points[labels == cluster].mean(axis=0) for cluster in range(labels.max() + 1)])
    distances = np.stack([np.linalg.norm(points - centroid, axis=1) for centroid in centroids], axis=1)
    assert distances.shape == (n, len(centroids))
    chart = umap.UMAP(
        n_components=2,
        n_neighbors=min(N_NEIGHBORS, n - 1),
        min_dist=0.1,
        metric="euclidean",
        init="random",
        random_state=seed,
    ).fit(points)
    assert chart.transform(centroids).shape == (len(centroids), 2)
    return np.asarray(labels)
