"""How well texts alone are clustered, with the vectors of the local model, on real labelled sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from trace_clustering.documents.embedder import Embedder
from trace_clustering.documents.extract import extract_summary
from trace_clustering.documents.text import write_embedded_text
from trace_clustering.traces.trace import ToolCall, Trace, Turn
from trace_clustering_tests.benchmarks.our_recipe import find_clusters

pytestmark = pytest.mark.slow


def read_rows(folder: Path, name: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def score(rows: list[dict[str, Any]], vectors: np.ndarray) -> float:
    _, found = find_clusters(vectors, 42)
    return adjusted_rand_score([row["label"] for row in rows], found.cluster_ids)


@pytest.mark.parametrize(
    ("name", "least"),
    [("clinc35_1000", 0.70), ("banking77_3080", 0.43)],
)
def test_groups_of_requests_are_found_from_their_texts(real_data: Path, name: str, least: float) -> None:
    rows = read_rows(real_data, name)
    texts = [
        write_embedded_text(row["title"], row["flow_diagram"], row["bullets"], row["interesting_notes"])
        for row in rows
    ]
    assert score(rows, Embedder().load().embed(texts)) >= least


def test_conversations_are_grouped_no_worse_than_by_the_vectors_that_came_with_them(real_data: Path) -> None:
    rows = read_rows(real_data, "tau_airline_200")
    given = np.array([row["embedding"] for row in rows], dtype=np.float32)
    texts = [write_extract(row) for row in rows]
    assert score(rows, Embedder().load().embed(texts)) >= score(rows, given)


def write_extract(row: dict[str, Any]) -> str:
    """Return the text that is embedded of a conversation of which users' messages and tools are known."""
    calls = tuple(ToolCall(name, "{}", "") for name in row["flow_diagram"].split(" -> ") if name)
    turns = [Turn("user", row["title"]), Turn("assistant", "", calls)]
    for text in row["bullets"]:
        turns += [Turn("user", text), Turn("assistant", "I look into it.")]
    summary = extract_summary(Trace(row["trace_id"], turns=tuple(turns)))
    return write_embedded_text(
        summary["title"], summary["flow_diagram"], summary["bullets"], summary["interesting_notes"]
    )
