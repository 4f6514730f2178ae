"""The map as a picture, small enough for Dagster's event log."""

import base64
import io

import numpy as np

from trace_clustering.artifacts.clusters import Projection2D
from trace_clustering.constants import NOISE_CLUSTER_ID

_SIZE_INCHES = (8, 6)
_DOTS_PER_INCH = 72
_TRACES_AT_FULL_SIZE = 1000


def draw_map(projection: Projection2D) -> bytes:
    """Draw every trace in its cluster's colour, noise as grey crosses, each cluster's id at its centre.

    Returns
    -------
    bytes
        A PNG picture.
    """
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    colours = matplotlib.colormaps["tab20"]
    x, y = projection.coordinates.T
    noise = projection.cluster_ids == NOISE_CLUSTER_ID
    # The more dots, the smaller: groups of tens of thousands would be blots.
    scale = min(1.0, (_TRACES_AT_FULL_SIZE / max(len(projection), 1)) ** 0.5)
    axes.scatter(x[noise], y[noise], s=16 * scale, marker="x", linewidths=0.8 * scale, color="0.6")
    axes.scatter(
        x[~noise],
        y[~noise],
        s=26 * scale,
        linewidths=0.3 * scale,
        edgecolors="white",
        c=colours(projection.cluster_ids[~noise] % 20),
    )
    for cluster, (centre_x, centre_y) in zip(
        projection.clusters, projection.centroid_coordinates, strict=True
    ):
        if cluster != NOISE_CLUSTER_ID:
            axes.annotate(
                str(cluster),
                (centre_x, centre_y),
                xytext=(0, 7),  # above the dots, which are often packed into a few pixels
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": colours(cluster % 20), "alpha": 0.8},
            )
    clusters = int(np.sum(np.array(projection.clusters) != NOISE_CLUSTER_ID))
    axes.set_title(
        f"{projection.provenance.run_id}: {len(projection)} traces, {clusters} clusters, "
        f"{int(noise.sum())} outliers",
        fontsize=9,
        loc="left",
    )
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def markdown_image(png: bytes, alternative_text: str) -> str:
    """Return a picture as Markdown that carries its own data."""
    return f"![{alternative_text}](data:image/png;base64,{base64.b64encode(png).decode()})"
