"""What was planted in the demo's traces, as its page tells it."""

import bisect
import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pyarrow.parquet as pq
import pytest

from trace_clustering.demo.run import DEMO_WEEKS


def test_the_demo_traces_are_of_many_themes_and_small() -> None:
    with (files("trace_clustering.demo") / "traces.parquet").open("rb") as file:
        size = file.seek(0, 2)
        table = pq.read_table(file)
    themes = Counter(table["label"].to_pylist())
    outliers = themes.pop("outlier")
    assert size < 3_000_000
    assert table.num_rows >= 600
    assert 12 <= len(themes) <= 20
    assert max(themes.values()) > 3 * min(themes.values())
    assert outliers >= 20
    assert len(set(table["trace_id"].to_pylist())) == table.num_rows
    texts = zip(table["title"].to_pylist(), table["bullets"].to_pylist(), strict=True)
    assert len({(title, *bullets) for title, bullets in texts}) == table.num_rows


def test_the_story_of_the_page_is_in_the_demo_traces() -> None:
    weeks = read_weeks()
    sizes = [Counter(label for label, _ in week) for week in weeks]
    assert [sum(size.values()) for size in sizes] == [691, 691, 726]
    assert [size["translation"] for size in sizes] == [0, 0, 21]
    assert [size["card_readers"] for size in sizes] == [36, 31, 0]
    assert [size["custom_domain"] for size in sizes] == [11, 12, 37]
    assert max(measure_errors(week, "product_import", 7) for week in weeks) < 0.15
    assert measure_errors(weeks[2], "product_import", 8) > 0.75
    others = [(label, properties) for label, properties in weeks[2] if label != "product_import"]
    of_others = [measure_errors(others, "", version) for version in (7, 8)]
    assert of_others == pytest.approx([0.04, 0.04], abs=0.01)


def read_weeks() -> list[list[tuple[str, dict[str, Any]]]]:
    """Return label and properties of the traces of each week."""
    with (files("trace_clustering.demo") / "traces.parquet").open("rb") as file:
        rows = pq.read_table(file, columns=["timestamp", "label", "properties"]).to_pylist()
    weeks: list[list[tuple[str, dict[str, Any]]]] = [[] for _ in DEMO_WEEKS]
    for row in rows:
        position = bisect.bisect_left(DEMO_WEEKS, row["timestamp"].date())
        weeks[position].append((row["label"], json.loads(row["properties"])))
    return weeks


def measure_errors(week: list[tuple[str, dict[str, Any]]], theme: str, version: int) -> float:
    """Return the share of traces with an error in a theme, or in all, under a version of the prompt."""
    failed = [
        properties["$ai_is_error"]
        for label, properties in week
        if label.startswith(theme) and properties["$ai_prompt_version"] == version
    ]
    return sum(failed) / len(failed)
