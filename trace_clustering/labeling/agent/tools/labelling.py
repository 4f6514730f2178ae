"""The tools that set labels and end the work.

The model reads their docstrings. Each answers within `room` characters.
"""

from typing import Any

from pydantic import ValidationError

from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.draft import ToolContext
from trace_clustering.labeling.agent.tools.arguments import (
    BulkLabels,
    LabelArguments,
    NoArguments,
    explain_arguments,
)
from trace_clustering.llm.json_answers import dump_json, fit_rows, shorten

# A model that cannot mend its labels must be able to end.
MAX_REFUSED_ENDINGS = 3


def set_cluster_label(context: ToolContext, arguments: LabelArguments, room: int) -> str:  # noqa: ARG001
    """Set or replace the label of one cluster."""
    label = context.draft.set_label(arguments.cluster_id, arguments.title, arguments.description)
    context.draft.save()
    return dump_json({"set": arguments.cluster_id, "title": label.title})


def bulk_set_labels(context: ToolContext, arguments: BulkLabels, room: int) -> str:
    """Set or replace the labels of many clusters at once."""
    done: list[int] = []
    refused: list[Any] = []
    for number, item in enumerate(arguments.labels):
        try:
            label = LabelArguments.model_validate(item)
            context.draft.set_label(label.cluster_id, label.title, label.description)
            done.append(label.cluster_id)
        except ValidationError as error:
            refused.append({"item": number, "error": shorten(explain_arguments(error), 300)})
            context.draft.note_refusal(f"a label: {explain_arguments(error, shows_values=False)}")
        except ToolCallRefusedError as error:
            refused.append({"item": number, "error": shorten(str(error), 300)})
            context.draft.note_refusal(f"a label: {error}")
    if done:
        context.draft.save()
    else:
        context.draft.accepted_calls -= 1  # a call of which nothing was taken is none
    missing = [*context.draft.list_unlabelled(), *context.draft.list_unlabelled_groups()]
    summary = [{"set": len(set(done)), "without_label": missing[:50]}]
    return fit_rows(lambda _: [*summary, *refused], (0,), room)


def finalize_labels(context: ToolContext, arguments: NoArguments, room: int) -> str:  # noqa: ARG001
    """End the work, once every cluster has a label and no two titles are nearly equal.

    Groups of clusters that have no label are asked for once: they can be named by keywords too.
    """
    draft = context.draft
    labels = draft.list_all_labels()
    problems: list[Any] = []
    if missing := draft.list_unlabelled():
        problems.append({"problem": "these clusters have no label", "cluster_ids": missing})
    if (groups := draft.list_unlabelled_groups()) and not draft.has_named_missing_groups:
        draft.has_named_missing_groups = True
        problems.append({"problem": "these groups of clusters have no label", "cluster_ids": groups})
    problems += [
        {
            "problem": "these titles are nearly equal; say in each what the other lacks",
            "titles": {str(cluster): labels[cluster].title for cluster in pair},
            **({"fixed": [cluster for cluster in pair if cluster in draft.fixed]} if draft.fixed else {}),
        }
        for pair in draft.find_similar_titles()
    ]
    if problems and draft.refused_endings < MAX_REFUSED_ENDINGS:
        draft.refused_endings += 1
        return fit_rows(lambda _: [{"finalized": False}, *problems], (0,), room)
    draft.finalized = True
    return dump_json(
        [{"finalized": True, "labelled": len(draft.list_labels()), "clusters": len(draft.sizes)}]
    )
