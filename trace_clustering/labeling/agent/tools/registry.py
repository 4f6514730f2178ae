"""The eight tools of the agent, and how a call of the model is answered.

A tool acts on its validated arguments and on nothing else. The answer to a wrong call says what was wrong
and what to do; no call raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.draft import ToolContext
from trace_clustering.labeling.agent.tools import labelling, looking
from trace_clustering.labeling.agent.tools.arguments import (
    BulkLabels,
    LabelArguments,
    NoArguments,
    SampleTitles,
    TraceDetails,
    TraceTitles,
    explain_arguments,
)
from trace_clustering.llm.json_answers import write_refusal
from trace_clustering.llm.reading import ModelInput, read_json

FINALIZE = labelling.finalize_labels.__name__


@dataclass(frozen=True)
class Tool:
    """A function of the agent and the model of its arguments."""

    run: Callable[[ToolContext, Any, int], str]
    arguments: type[ModelInput]

    def schema(self) -> dict[str, Any]:
        """Return the tool as a request for a chat completion declares it."""
        return {
            "type": "function",
            "function": {
                "name": self.run.__name__,
                "description": " ".join((self.run.__doc__ or "").split()),
                "parameters": _make_schema(self.arguments),
            },
        }


TOOLS: dict[str, Tool] = {
    tool.run.__name__: tool
    for tool in (
        Tool(looking.get_clusters_overview, NoArguments),
        Tool(looking.get_all_clusters_with_sample_titles, SampleTitles),
        Tool(looking.get_cluster_trace_titles, TraceTitles),
        Tool(looking.get_trace_details, TraceDetails),
        Tool(looking.get_current_labels, NoArguments),
        Tool(labelling.set_cluster_label, LabelArguments),
        Tool(labelling.bulk_set_labels, BulkLabels),
        Tool(labelling.finalize_labels, NoArguments),
    )
}


def read_arguments(name: str, arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return the arguments of a call as an object, in whatever form they came.

    Raises
    ------
    ValueError
        If they are no object.
    """
    model = TOOLS[name].arguments if name in TOOLS else ModelInput
    shaped = model.shape(read_json(arguments) if arguments != "" else None)
    if not isinstance(shaped, dict):
        raise ValueError("it is no object")
    return shaped


def call_tool(context: ToolContext, name: str, arguments: Any, room: int) -> str:  # noqa: ANN401 - any JSON
    """Answer any call that the model makes, within `room` characters; the draft counts what is refused."""
    draft = context.draft
    tool = TOOLS.get(name)
    if tool is None:
        draft.note_refusal("there is no such tool")
        return write_refusal(f"there is no such tool; there are {', '.join(TOOLS)}", room)
    try:
        text = tool.run(context, tool.arguments.model_validate(arguments), room)
    except ValidationError as error:
        draft.note_refusal(f"{name}: {explain_arguments(error, shows_values=False)}")
        return write_refusal(explain_arguments(error), room)
    except ToolCallRefusedError as error:
        draft.note_refusal(f"{name}: {error}")
        return write_refusal(str(error), room)
    draft.accepted_calls += 1
    return text


def _make_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a model, without the titles of pydantic, which only cost tokens."""

    def strip(node: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, dict):
            return {
                key: strip(value)
                for key, value in node.items()
                if not (key == "title" and isinstance(value, str))
            }
        return node

    schema: dict[str, Any] = strip(model.model_json_schema())
    schema.pop("description", None)
    return {"type": "object", "properties": {}, **schema}
