"""The map is a small PNG that Dagster's event log can carry."""

import base64

import numpy as np
import pytest

from trace_clustering.artifacts.clusters import Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.reports.map_picture import draw_map, embed_in_markdown
from trace_clustering_tests.examples import WINDOW

PNG = b"\x89PNG\r\n\x1a\n"


def make_projection(n: int, clusters: int, noise: bool = True) -> Projection2D:
    cluster_ids = np.arange(n) % (clusters + noise) - noise
    ids = [*range(clusters), *([-1] if noise else [])]
    random = np.random.default_rng(1)
    return Projection2D(
        provenance=Provenance(1, WINDOW, {"run_label": ""}),
        trace_ids=np.array([f"trace-{number}" for number in range(n)], dtype=object),
        timestamps=np.full(n, "2025-01-20", dtype="datetime64[ms]"),
        trace_times=np.full(n, "NaT", dtype="datetime64[us]"),
        batch_run_ids=np.full(n, "", dtype=object),
        weights=np.ones(n, dtype=np.int64),
        cluster_ids=cluster_ids,
        coordinates=random.normal(0, 10, (n, 2)).astype(np.float32),
        clusters=ids,
        centroid_coordinates=random.normal(0, 10, (len(ids), 2)).astype(np.float32),
    )


@pytest.mark.parametrize("clusters", [0, 1, 12, 30])
def test_a_thousand_traces_make_a_png_under_100_kb(clusters: int) -> None:
    picture = draw_map(make_projection(1000, clusters))
    assert picture.startswith(PNG)
    assert len(picture) < 100_000


def test_a_hundred_thousand_traces_all_over_the_map_make_a_png_under_400_kb() -> None:
    assert len(draw_map(make_projection(100_000, 40))) < 400_000


@pytest.mark.parametrize(("n", "clusters", "noise"), [(1, 1, False), (1, 0, True), (20, 2, False)])
def test_small_maps_can_be_drawn_too(n: int, clusters: int, noise: bool) -> None:
    assert draw_map(make_projection(n, clusters, noise)).startswith(PNG)


def test_traces_that_all_lie_in_one_place_can_be_drawn() -> None:
    one_place = make_projection(20, 1)
    one_place.coordinates[:] = 0
    assert draw_map(one_place).startswith(PNG)


def test_the_same_map_is_the_same_picture_and_another_is_not() -> None:
    assert draw_map(make_projection(50, 3)) == draw_map(make_projection(50, 3))
    assert draw_map(make_projection(50, 3)) != draw_map(make_projection(50, 4))


def test_a_picture_in_markdown_carries_its_own_data() -> None:
    before, data = embed_in_markdown(PNG, "Map of a run").split(",")
    assert before == "![Map of a run](data:image/png;base64"
    assert base64.b64decode(data.removesuffix(")"), validate=True) == PNG
