"""The tools that show something: clusters, traces, and the labels so far.

The model reads their docstrings. Each answers within `room` characters.
"""

from typing import Any

from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.draft import ToolContext
from trace_clustering.labeling.agent.evidence import ClusterEvidence
from trace_clustering.labeling.agent.tools.arguments import (
    NoArguments,
    SampleTitles,
    TraceDetails,
    TraceTitles,
)
from trace_clustering.labeling.parents import Group
from trace_clustering.llm.json_answers import fit_rows, shorten
from trace_clustering.text import clean_line

_MAX_TRACE_ID_LENGTH = 200


def get_clusters_overview(context: ToolContext, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """Every cluster: size, the terms that set it apart, and its nearest neighbours with examples of theirs.

    The examples are those traces of the neighbour that come closest to this cluster: a good title is true of
    the cluster and wrong for them. A cluster with a fixed title has only that. Groups of clusters, if there
    are any, come last, with the ids of their clusters and the terms that these share.
    """
    fixed = context.draft.fixed

    def build(detail: int) -> list[Any]:
        return [
            _show_fixed(context, cluster)
            if cluster.cluster_id in fixed
            else {
                "cluster_id": cluster.cluster_id,
                "size": cluster.size,
                **({"terms": cluster.terms[: 2 * detail]} if detail else {}),
                **(
                    {
                        "neighbours": [
                            {
                                "cluster_id": other.cluster_id,
                                "contrasting_examples": [
                                    context.evidence.title(trace) for trace in other.trace_ids[: detail - 1]
                                ],
                            }
                            for other in cluster.neighbours
                        ]
                    }
                    if detail > 1 and cluster.neighbours
                    else {}
                ),
            }
            for cluster in context.evidence.clusters.values()
        ] + [_show_group(context, group, detail) for group in context.evidence.groups.values()]

    return fit_rows(build, (3, 2, 1, 0), room)


def get_all_clusters_with_sample_titles(context: ToolContext, arguments: SampleTitles, room: int) -> str:
    """Every cluster whose title is not fixed, with the titles of its most typical traces (rank 0 first)."""

    def build(titles: int) -> list[Any]:
        return [
            {
                "cluster_id": cluster.cluster_id,
                "size": cluster.size,
                "sample_titles": [context.evidence.title(trace) for trace in cluster.trace_ids[:titles]],
            }
            for cluster in context.evidence.clusters.values()
            if cluster.cluster_id not in context.draft.fixed
        ]

    return fit_rows(build, range(arguments.titles_per_cluster, -1, -1), room)


def get_cluster_trace_titles(context: ToolContext, arguments: TraceTitles, room: int) -> str:
    """Titles of one cluster's traces: from the most typical (rank 0) to the edge, evenly picked.

    In cluster -1, the outliers, rank 0 is the trace farthest from every cluster.
    """
    cluster = context.evidence.clusters.get(arguments.cluster_id)
    if arguments.cluster_id in context.evidence.groups:
        raise ToolCallRefusedError(f"{arguments.cluster_id} is a group; look at the clusters in it")
    if cluster is None:
        raise ToolCallRefusedError(f"there is no cluster {arguments.cluster_id}; the overview lists the ids")
    count = len(cluster.trace_ids)

    def build(titles: int) -> list[Any]:
        ranks = dict.fromkeys(number * (count - 1) // max(titles - 1, 1) for number in range(titles))
        return [
            {"rank": rank, "trace_id": trace, "title": context.evidence.title(trace)}
            for rank, trace in ((rank, cluster.trace_ids[rank]) for rank in ranks)
        ]

    return fit_rows(build, range(min(arguments.limit, count), -1, -1), room)


def get_trace_details(context: ToolContext, arguments: TraceDetails, room: int) -> str:
    """Summaries of some traces: flow, bullets, notes. Look at a few of an unclear cluster."""
    summaries = context.evidence.summaries

    def build(length: int) -> list[Any]:
        rows: list[Any] = []
        for trace_id in dict.fromkeys(arguments.trace_ids):
            summary = summaries.get(trace_id)
            if summary is None:
                shown_id = clean_line(trace_id, _MAX_TRACE_ID_LENGTH)  # the model may have made it up
                rows.append({"trace_id": shown_id, "error": "there is no such trace"})
                continue
            rows.append(
                {
                    "trace_id": trace_id,
                    "title": context.evidence.title(trace_id),
                    "flow_diagram": clean_line(summary["flow_diagram"], length),
                    "bullets": clean_line(" / ".join(summary["bullets"]), length),
                    "interesting_notes": clean_line(" / ".join(summary["interesting_notes"]), length),
                }
            )
        return rows

    return fit_rows(build, (800, 400, 200, 100, 50, 1), room)


def get_current_labels(context: ToolContext, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """All labels so far, null where there is none yet; those that are fixed say so."""
    labels = context.draft.list_all_labels()

    def build(length: int) -> list[Any]:
        rows: list[Any] = []
        for cluster in [*context.draft.sizes, *context.draft.groups]:
            label = labels.get(cluster)
            row: dict[str, Any] = {"cluster_id": cluster, "title": label.title if label else None}
            if label and length:
                row["description"] = shorten(label.description, length)
            if cluster in context.draft.fixed:
                row["fixed"] = True
            rows.append(row)
        return rows

    return fit_rows(build, (1500, 300, 100, 0), room)


def _show_group(context: ToolContext, group: Group, detail: int) -> dict[str, Any]:
    row = {
        "cluster_id": group.group_id,
        "group_of": list(group.cluster_ids),
        "size": context.draft.groups[group.group_id],
    }
    if group.group_id in context.draft.fixed:
        return row | {"fixed_title": context.draft.fixed[group.group_id].title}
    return row | ({"terms": [clean_line(term, 40) for term in group.terms[: 2 * detail]]} if detail else {})


def _show_fixed(context: ToolContext, cluster: ClusterEvidence) -> dict[str, Any]:
    title = context.draft.fixed[cluster.cluster_id].title
    return {"cluster_id": cluster.cluster_id, "size": cluster.size, "fixed_title": title}
