"""The arguments of the tools. The model reads their descriptions."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trace_clustering.errors import explain_validation
from trace_clustering.labeling.agent.draft import MAX_BULLETS
from trace_clustering.labeling.json_answers import shorten
from trace_clustering.text import MAX_TITLE_LENGTH

MAX_TITLES = 100
MAX_DETAILS = 20
_MAX_LABELS = 500


class _Arguments(BaseModel):
    model_config = ConfigDict(strict=True)


class NoArguments(_Arguments):
    """Arguments of a tool that takes none."""


class SampleTitles(_Arguments):
    """Arguments of get_all_clusters_with_sample_titles."""

    titles_per_cluster: int = Field(default=10, ge=1, le=30, description="Titles per cluster (1 to 30).")


class TraceTitles(_Arguments):
    """Arguments of get_cluster_trace_titles."""

    cluster_id: int = Field(description="Id of the cluster.")
    limit: int = Field(default=30, ge=1, le=MAX_TITLES, description=f"Most titles (1 to {MAX_TITLES}).")


class TraceDetails(_Arguments):
    """Arguments of get_trace_details."""

    trace_ids: list[str] = Field(
        min_length=1,
        max_length=MAX_DETAILS,
        description=f"Ids of traces (1 to {MAX_DETAILS}), as the tools give them.",
    )


class LabelArguments(_Arguments):
    """A label of one cluster."""  # part of what the model reads

    cluster_id: int = Field(description="Id of the cluster, an integer.")
    title: str = Field(description=f"3 to 10 words, at most {MAX_TITLE_LENGTH} characters.")
    description: str = Field(description=f"2 to {MAX_BULLETS} lines, each starting with '- '.")


class BulkLabels(_Arguments):
    """Arguments of bulk_set_labels; each label is checked by itself."""

    labels: list[Any] = Field(
        min_length=1,
        max_length=_MAX_LABELS,
        description="The labels.",
        json_schema_extra={"items": LabelArguments.model_json_schema()},
    )


def explain_arguments(error: ValidationError) -> str:
    """Return the first faults of a call's arguments as a sentence that tells the model what to mend."""
    return explain_validation(error, show=lambda _, value: shorten(repr(value), 60), max_faults=5)
