"""The map as a picture that is small enough for Dagster's event log."""

import base64
import io
from typing import TYPE_CHECKING, Any

from trace_clustering.artifacts.clusters import Projection2D
from trace_clustering.constants import NOISE_CLUSTER_ID

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES = (8, 6)
_DOTS_PER_INCH = 72
_MAX_TRACES_AT_FULL_SIZE = 1000


def draw_map(projection: Projection2D) -> bytes:
    """Draw every trace in its cluster's colour, noise as grey crosses, each cluster's id at its centre.

    Returns
    -------
    bytes
        A PNG picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    _draw_dots(axes, projection)
    _write_cluster_ids(axes, projection)
    clusters = sum(cluster != NOISE_CLUSTER_ID for cluster in projection.clusters)
    outliers = int((projection.cluster_ids == NOISE_CLUSTER_ID).sum())
    axes.set_title(
        f"{projection.provenance.run_id}: {len(projection)} traces, {clusters} clusters, {outliers} outliers",
        fontsize=9,
        loc="left",
    )
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_dots(axes: "Axes", projection: Projection2D) -> None:
    x, y = projection.coordinates.T
    noise = projection.cluster_ids == NOISE_CLUSTER_ID
    # At full size, the dots of a cluster of tens of thousands of traces would merge into a blot.
    scale = min(1.0, (_MAX_TRACES_AT_FULL_SIZE / max(len(projection), 1)) ** 0.5)
    axes.scatter(x[noise], y[noise], s=16 * scale, marker="x", linewidths=0.8 * scale, color="0.6")
    axes.scatter(
        x[~noise],
        y[~noise],
        s=26 * scale,
        linewidths=0.3 * scale,
        edgecolors="white",
        c=_choose_colours(projection.cluster_ids[~noise]),
    )


def _write_cluster_ids(axes: "Axes", projection: Projection2D) -> None:
    for cluster, (centre_x, centre_y) in zip(
        projection.clusters, projection.centroid_coordinates, strict=True
    ):
        if cluster != NOISE_CLUSTER_ID:
            axes.annotate(
                str(cluster),
                (centre_x, centre_y),
                xytext=(0, 7),  # above the dots, which often cover only a few pixels
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8,
                bbox={
                    "boxstyle": "round,pad=0.15",
                    "fc": "white",
                    "ec": _choose_colours(cluster),
                    "alpha": 0.8,
                },
            )


def _choose_colours(cluster_ids: Any) -> Any:  # noqa: ANN401 - as matplotlib's colour maps take and return them
    """Return the colours of one or many cluster ids; after 20 clusters, colours repeat."""
    import matplotlib

    return matplotlib.colormaps["tab20"](cluster_ids % 20)


def embed_in_markdown(png: bytes, alternative_text: str) -> str:
    """Return a picture as Markdown that contains the data of the picture."""
    return f"![{alternative_text}](data:image/png;base64,{base64.b64encode(png).decode()})"
