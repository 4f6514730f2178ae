"""Between the artifacts of a day and the steps of the ingestion."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import numpy as np

from trace_clustering.artifacts.ingestion import DayArtifact
from trace_clustering.ingestion.ingest import IngestedTrace


def build_columns(traces: Sequence[IngestedTrace]) -> dict[str, Any]:
    """Return the columns of an artifact with these traces."""
    moments = [trace.moment.astimezone(UTC).replace(tzinfo=None) for trace in traces]
    return {
        "trace_ids": np.array([trace.trace_id for trace in traces], dtype=object),
        "moments": np.array(moments, dtype="datetime64[us]"),
        "digests": np.array([trace.digest for trace in traces], dtype=object),
        "automation": np.array([trace.is_automation for trace in traces], dtype=bool),
    }


def list_traces(artifact: DayArtifact) -> list[IngestedTrace]:
    """Return the traces of an artifact."""
    moments = [moment.replace(tzinfo=UTC) for moment in artifact.moments.tolist()]
    columns = (artifact.trace_ids, moments, artifact.digests, artifact.automation.tolist())
    return [IngestedTrace(*values) for values in zip(*columns, strict=True)]


def take_columns(artifact: DayArtifact) -> dict[str, Any]:
    """Return the columns that an artifact made from this one takes over."""
    return {name: getattr(artifact, name) for name in ("trace_ids", "moments", "digests", "automation")}
