"""The tools that set labels and end the work.

Their docstrings are what the model reads about them. Each answers within `room` characters.
"""

from typing import Any

from pydantic import ValidationError

from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.draft import Desk
from trace_clustering.labeling.agent.tools.arguments import Label, Labels, NoArguments, explain_arguments
from trace_clustering.labeling.fitted_json import compact, cut, fitted


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
        except ValidationError as error:
            refused.append({"item": number, "error": cut(explain_arguments(error), 300)})
        except ToolCallRefusedError as error:
            refused.append({"item": number, "error": cut(str(error), 300)})
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
