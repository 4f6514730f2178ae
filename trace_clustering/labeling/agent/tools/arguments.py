"""The arguments of the tools. The model reads their descriptions."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from trace_clustering.errors import explain_validation
from trace_clustering.labeling.agent.draft import MAX_BULLETS
from trace_clustering.llm.json_answers import shorten
from trace_clustering.llm.reading import Integer, Lines, ModelInput, Text, read_list, read_texts
from trace_clustering.text import MAX_TITLE_LENGTH

MAX_TITLES = 100
MAX_DETAILS = 20
_MAX_LABELS = 500


class NoArguments(ModelInput):
    """Arguments of a tool that takes none."""


class SampleTitles(ModelInput):
    """Arguments of get_all_clusters_with_sample_titles."""

    titles_per_cluster: Integer = Field(default=10, ge=1, le=30, description="Titles per cluster (1 to 30).")


class TraceTitles(ModelInput):
    """Arguments of get_cluster_trace_titles."""

    cluster_id: Integer = Field(description="Id of the cluster.")
    limit: Integer = Field(default=30, ge=1, le=MAX_TITLES, description=f"Most titles (1 to {MAX_TITLES}).")


class TraceDetails(ModelInput):
    """Arguments of get_trace_details."""

    trace_ids: Annotated[list[str], BeforeValidator(read_texts)] = Field(
        min_length=1,
        max_length=MAX_DETAILS,
        description=f"Ids of traces (1 to {MAX_DETAILS}), as the tools give them.",
    )


class LabelArguments(ModelInput):
    """A label of one cluster."""  # part of what the model reads

    cluster_id: Integer = Field(description="Id of the cluster, an integer.")
    title: Text = Field(description=f"3 to 10 words, at most {MAX_TITLE_LENGTH} characters.")
    description: Lines = Field(description=f"2 to {MAX_BULLETS} lines, each starting with '- '.")


def _read_labels(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return labels as a list, also those that are an object by cluster id."""
    labels = read_list(value)
    only = labels[0] if isinstance(labels, list) and len(labels) == 1 else None
    if not isinstance(only, dict) or only.keys() & {"title", "description"}:
        return labels
    if not only or not all(isinstance(label, dict) for label in only.values()):
        return labels
    return [{"cluster_id": cluster, **label} for cluster, label in only.items()]


class BulkLabels(ModelInput):
    """Arguments of bulk_set_labels; each label is checked by itself."""

    labels: Annotated[list[Any], BeforeValidator(_read_labels)] = Field(
        min_length=1,
        max_length=_MAX_LABELS,
        description="The labels.",
        json_schema_extra={"items": LabelArguments.model_json_schema()},
    )

    @classmethod
    def shape(cls, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return the arguments as an object; labels, or one of them, may stand where it belongs."""
        shaped = super().shape(value)
        if isinstance(shaped, dict) and shaped and "labels" not in shaped:
            is_by_cluster = all(isinstance(label, dict) for label in shaped.values())
            return {"labels": [shaped]} if is_by_cluster or "title" in shaped else shaped
        return shaped


def explain_arguments(error: ValidationError, *, shows_values: bool = True) -> str:
    """Return the first faults of a call's arguments as a sentence that tells the model what to mend.

    For the log, `shows_values` is off, since the values may repeat what traces say.
    """
    return explain_validation(
        error, show=lambda _, value: shorten(repr(value), 60) if shows_values else "", max_faults=5
    )
