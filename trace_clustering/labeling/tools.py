"""The tools of the agent. Their docstrings and fields are what the model reads about them.

What a tool does depends on its validated arguments and nothing else. A wrong call is answered with what
was wrong and what to do; no call raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trace_clustering.labeling.answers import compact, cut, fitted, refusal
from trace_clustering.labeling.draft import Draft, RefusedError
from trace_clustering.labeling.evidence import Evidence
from trace_clustering.text import plain_line

MOST_TITLES = 100
MOST_DETAILS = 20
_MOST_LABELS = 500
_LONGEST_ID = 200


@dataclass(frozen=True)
class Desk:
    """What the tools work with: what can be looked at, and the labels so far."""

    evidence: Evidence
    draft: Draft


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


def get_clusters_overview(desk: Desk, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """Every cluster: size, the terms that set it apart, and its nearest neighbours with examples of theirs.

    The examples are those traces of the neighbour that come closest to this cluster: a good title is true of
    the cluster and wrong for them.
    """

    def build(detail: int) -> list[Any]:
        return [
            {
                "cluster_id": cluster.cluster_id,
                "size": cluster.size,
                **({"terms": cluster.terms[: 2 * detail]} if detail else {}),
                **(
                    {
                        "neighbours": [
                            {
                                "cluster_id": other.cluster_id,
                                "contrasting_examples": [
                                    desk.evidence.title(trace) for trace in other.trace_ids[: detail - 1]
                                ],
                            }
                            for other in cluster.neighbours
                        ]
                    }
                    if detail > 1 and cluster.neighbours
                    else {}
                ),
            }
            for cluster in desk.evidence.clusters.values()
        ]

    return fitted(build, (3, 2, 1, 0), room)


def get_all_clusters_with_sample_titles(desk: Desk, arguments: SampleTitles, room: int) -> str:
    """Every cluster with the titles of its most typical traces (rank 0 first)."""

    def build(titles: int) -> list[Any]:
        return [
            {
                "cluster_id": cluster.cluster_id,
                "size": cluster.size,
                "sample_titles": [desk.evidence.title(trace) for trace in cluster.trace_ids[:titles]],
            }
            for cluster in desk.evidence.clusters.values()
        ]

    return fitted(build, range(arguments.titles_per_cluster, -1, -1), room)


def get_cluster_trace_titles(desk: Desk, arguments: TraceTitles, room: int) -> str:
    """Titles of one cluster's traces: from the most typical (rank 0) to the edge, evenly picked.

    In cluster -1, the outliers, rank 0 is the trace farthest from every cluster.
    """
    cluster = desk.evidence.clusters.get(arguments.cluster_id)
    if cluster is None:
        raise RefusedError(f"there is no cluster {arguments.cluster_id}; the overview lists the ids")
    count = len(cluster.trace_ids)
    shown = min(arguments.limit, count)

    def build(titles: int) -> list[Any]:
        ranks = dict.fromkeys(number * (count - 1) // max(titles - 1, 1) for number in range(titles))
        return [
            {"rank": rank, "trace_id": trace, "title": desk.evidence.title(trace)}
            for rank, trace in ((rank, cluster.trace_ids[rank]) for rank in ranks)
        ]

    return fitted(build, range(shown, -1, -1), room)


def get_trace_details(desk: Desk, arguments: TraceDetails, room: int) -> str:
    """Summaries of some traces: flow, bullets, notes. Look at a few of an unclear cluster."""
    summaries = desk.evidence.summaries

    def build(length: int) -> list[Any]:
        rows: list[Any] = []
        for trace_id in dict.fromkeys(arguments.trace_ids):
            summary = summaries.get(trace_id)
            if summary is None:
                rows.append(
                    {"trace_id": plain_line(trace_id, _LONGEST_ID), "error": "there is no such trace"}
                )
                continue
            rows.append(
                {
                    "trace_id": trace_id,
                    "title": desk.evidence.title(trace_id),
                    "flow_diagram": plain_line(summary["flow_diagram"], length),
                    "bullets": plain_line(" / ".join(summary["bullets"]), length),
                    "interesting_notes": plain_line(" / ".join(summary["interesting_notes"]), length),
                }
            )
        return rows

    return fitted(build, (800, 400, 200, 100, 50, 1), room)


def get_current_labels(desk: Desk, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """All labels so far, null where there is none yet."""

    def build(length: int) -> list[Any]:
        rows: list[Any] = []
        for cluster in desk.draft.sizes:
            label = desk.draft.labels.get(cluster)
            row: dict[str, Any] = {"cluster_id": cluster, "title": label.title if label else None}
            if label and length:
                row["description"] = cut(label.description, length)
            rows.append(row)
        return rows

    return fitted(build, (1500, 300, 100, 0), room)


def set_cluster_label(desk: Desk, arguments: Label, room: int) -> str:  # noqa: ARG001
    """Set or replace the label of one cluster."""
    label = desk.draft.set(arguments.cluster_id, arguments.title, arguments.description)
    desk.draft.keep()
    return compact({"set": arguments.cluster_id, "title": label.title})


def bulk_set_labels(desk: Desk, arguments: Labels, room: int) -> str:
    """Set or replace the labels of many clusters at once."""
    done: list[int] = []
    refused: list[Any] = []
    for number, item in enumerate(arguments.labels):
        try:
            label = Label.model_validate(item)
            desk.draft.set(label.cluster_id, label.title, label.description)
            done.append(label.cluster_id)
        except (ValidationError, RefusedError) as error:
            refused.append({"item": number, "error": cut(_what_was_wrong(error), 300)})
    if done:
        desk.draft.keep()
    summary = [{"set": len(set(done)), "without_label": desk.draft.unlabelled()[:50]}]
    return fitted(lambda _: [*summary, *refused], (0,), room)


def finalize_labels(desk: Desk, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """End the work, once every cluster has a label and no two titles are nearly equal."""
    draft = desk.draft
    problems: list[Any] = []
    if missing := draft.unlabelled():
        problems.append({"problem": "these clusters have no label", "cluster_ids": missing})
    problems += [
        {
            "problem": "these titles are nearly equal; say in each what the other lacks",
            "titles": {str(cluster): draft.labels[cluster].title for cluster in pair},
        }
        for pair in draft.similar()
    ]
    if draft.refuse_to_end():
        return fitted(lambda _: [{"finalized": False}, *problems], (0,), room)
    draft.finalized = True
    return compact([{"finalized": True, "labelled": len(draft.labels), "clusters": len(draft.sizes)}])


@dataclass(frozen=True)
class Tool:
    """A function of the agent and the model of its arguments."""

    run: Callable[[Desk, Any, int], str]
    arguments: type[BaseModel]

    def schema(self) -> dict[str, Any]:
        """Return what a chat completion request says about the tool."""
        return {
            "type": "function",
            "function": {
                "name": self.run.__name__,
                "description": " ".join((self.run.__doc__ or "").split()),
                "parameters": _plain_schema(self.arguments),
            },
        }


TOOLS: dict[str, Tool] = {
    tool.run.__name__: tool
    for tool in (
        Tool(get_clusters_overview, NoArguments),
        Tool(get_all_clusters_with_sample_titles, SampleTitles),
        Tool(get_cluster_trace_titles, TraceTitles),
        Tool(get_trace_details, TraceDetails),
        Tool(get_current_labels, NoArguments),
        Tool(set_cluster_label, Label),
        Tool(bulk_set_labels, Labels),
        Tool(finalize_labels, NoArguments),
    )
}


def call_tool(desk: Desk, name: str, arguments: Any, room: int) -> str:  # noqa: ANN401 - what a model sent
    """Answer one call of a model, whatever it is, within `room` characters."""
    tool = TOOLS.get(name)
    if tool is None:
        return refusal(f"there is no such tool; there are {', '.join(TOOLS)}", room)
    try:
        return tool.run(desk, tool.arguments.model_validate(arguments), room)
    except (ValidationError, RefusedError) as error:
        return refusal(_what_was_wrong(error), room)


def _what_was_wrong(error: ValidationError | RefusedError) -> str:
    if isinstance(error, RefusedError):
        return str(error)
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}"
        + ("" if fault["type"] == "missing" else f", not {cut(repr(fault['input']), 60)}")
        for fault in error.errors(include_url=False, include_context=False)[:5]
    )


def _plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return a JSON schema without the titles that pydantic adds, which only cost tokens."""

    def plain(node: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, dict):
            return {
                key: plain(value)
                for key, value in node.items()
                if not (key == "title" and isinstance(value, str))
            }
        return node

    schema: dict[str, Any] = plain(model.model_json_schema())
    schema.pop("description", None)
    return {"type": "object", "properties": {}, **schema}
