"""The table of labels reads as a person would write it: largest cluster first, shares in per cent."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trace_clustering.reports.labels_table import tabulate_labels
from trace_clustering_tests.posthog.cluster_events import ASSIGNMENTS, CLUSTER_LABELS


def rows(**changes: Any) -> list[dict[str, Any]]:
    table = tabulate_labels(replace(CLUSTER_LABELS, **changes), ASSIGNMENTS)
    return [dict(record.data) for record in table.records]


def test_the_largest_cluster_comes_first_and_noise_last_whatever_its_size() -> None:
    assert [row["cluster"] for row in rows()] == [1, 0, -1]
    assert [row["cluster"] for row in rows(sizes=np.array([9, 1, 1]))] == [0, 1, -1]


def test_shares_stability_and_accuracy_are_per_cent_and_empty_where_unknown() -> None:
    assert [row["share"] for row in rows()] == ["50.0%", "16.7%", "33.3%"]
    assert [row["stability"] for row in rows()] == ["94%", "", ""]
    assert [row["accuracy"] for row in rows()] == ["75%", "100%", ""]


@pytest.mark.parametrize("column", ["accuracy", "stability"])
def test_what_was_not_measured_has_no_column(column: str) -> None:
    unknown = replace(ASSIGNMENTS, stabilities=np.full(2, np.nan, dtype=np.float32))
    labels = replace(CLUSTER_LABELS, accuracies=np.full(3, np.nan, dtype=np.float32))
    assert not any(column in record.data for record in tabulate_labels(labels, unknown).records)


def test_the_points_of_a_description_stay_apart_on_the_one_line_that_a_cell_has() -> None:
    points = np.array(
        ["", "- 3 of 6 traces (50%)\n- Distinguishing terms: refund, parcel", "one"], dtype=object
    )
    assert [row["description"] for row in rows(descriptions=points)] == [
        "3 of 6 traces (50%) · Distinguishing terms: refund, parcel",
        "one",
        "",
    ]
