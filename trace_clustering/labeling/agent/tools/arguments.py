"""The arguments of the tools. Their descriptions are what the model reads about them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trace_clustering.errors import explain_validation
from trace_clustering.labeling.fitted_json import cut

MOST_TITLES = 100
MOST_DETAILS = 20
_MOST_LABELS = 500


class _Arguments(BaseModel):
    model_config = ConfigDict(strict=True)


class NoArguments(_Arguments):
    """A tool without arguments."""


class SampleTitles(_Arguments):
    """Arguments of get_all_clusters_with_sample_titles."""

    titles_per_cluster: int = Field(default=10, ge=1, le=30, description="Titles per cluster (1 to 30).")


class TraceTitles(_Arguments):
    """Arguments of get_cluster_trace_titles."""

    cluster_id: int = Field(description="Id of the cluster.")
    limit: int = Field(default=30, ge=1, le=MOST_TITLES, description="Most titles (1 to 100).")


class TraceDetails(_Arguments):
    """Arguments of get_trace_details."""

    trace_ids: list[str] = Field(
        min_length=1, max_length=MOST_DETAILS, description="Ids of traces (1 to 20), as the tools give them."
    )


class Label(_Arguments):
    """A label of one cluster."""

    cluster_id: int = Field(description="Id of the cluster, an integer.")
    title: str = Field(description="3 to 10 words, at most 120 characters.")
    description: str = Field(description="2 to 5 lines, each starting with '- '.")


class Labels(_Arguments):
    """Arguments of bulk_set_labels; each label is checked by itself."""

    labels: list[Any] = Field(
        min_length=1,
        max_length=_MOST_LABELS,
        description="The labels.",
        json_schema_extra={"items": Label.model_json_schema()},
    )


def explain_arguments(error: ValidationError) -> str:
    """Return the first faults of some arguments in a sentence that a model can act on."""
    return explain_validation(error, show=lambda _, value: cut(repr(value), 60), max_faults=5)
