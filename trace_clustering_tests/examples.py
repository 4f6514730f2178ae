"""Made-up traces for tests: a few themes, well apart, and some traces that fit nowhere."""

from datetime import UTC, datetime, timedelta

import numpy as np

from trace_clustering.traces.record import TraceRecord
from trace_clustering.traces.window import Window

DAY = "2025-01-22"
ASSETS = (
    "embeddings",
    "reduced_embeddings",
    "cluster_assignments",
    "projection_2d",
    "cluster_identities",
    "cluster_labels",
    "window_assignments",
    "cluster_metrics",
    "emitted_cluster_event",
)
INGESTION = ("ingested_traces", "trace_summaries", "document_embeddings")
WINDOW = Window(datetime(2025, 1, 16, tzinfo=UTC), datetime(2025, 1, 23, tzinfo=UTC))

THEMES = ("refund of a broken kettle", "password reset mail missing", "invoice with a wrong tax rate")


def themed_vectors(
    themes: int = 3, per_theme: int = 30, outliers: int = 6, dimensions: int = 16
) -> np.ndarray:
    """Return unit vectors, theme after theme and then outliers, shape (themes * per_theme + outliers, d)."""
    random = np.random.default_rng(7)
    centres = np.eye(themes, dimensions)
    vectors = np.repeat(centres, per_theme, axis=0) + random.normal(0, 0.02, (themes * per_theme, dimensions))
    vectors = np.vstack([vectors, random.normal(0, 1, (outliers, dimensions))])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def themed_records(per_theme: int = 30, outliers: int = 6) -> list[TraceRecord]:
    """Return records of three themes, one every minute from the middle of the window on."""
    vectors = themed_vectors(len(THEMES), per_theme, outliers)
    start = datetime(2025, 1, 20, tzinfo=UTC)
    records = []
    for number, vector in enumerate(vectors):
        theme = number // per_theme
        title = f"{THEMES[theme]} {number}" if theme < len(THEMES) else f"oddity {number}"
        records.append(
            TraceRecord(
                trace_id=f"trace-{number:03d}",
                timestamp=start + timedelta(minutes=number),
                title=title,
                flow_diagram="question -> answer",
                bullets=[f"The user asks about: {title}."],
                interesting_notes=[],
                properties={"$ai_model": "small", "$ai_latency": 1.5},
                embedding=vector,
            )
        )
    return records
