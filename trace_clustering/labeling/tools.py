"""The eight tools of the agent, and how a call of a model becomes an answer.

What a tool does depends on its validated arguments and nothing else. A wrong call is answered with what
was wrong and what to do; no call raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from trace_clustering.labeling import tools_to_label, tools_to_look
from trace_clustering.labeling.answers import refusal
from trace_clustering.labeling.arguments import (
    Label,
    Labels,
    NoArguments,
    SampleTitles,
    TraceDetails,
    TraceTitles,
    what_was_wrong,
)
from trace_clustering.labeling.draft import Desk, RefusedError

FINALIZE = tools_to_label.finalize_labels.__name__


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
        Tool(tools_to_look.get_clusters_overview, NoArguments),
        Tool(tools_to_look.get_all_clusters_with_sample_titles, SampleTitles),
        Tool(tools_to_look.get_cluster_trace_titles, TraceTitles),
        Tool(tools_to_look.get_trace_details, TraceDetails),
        Tool(tools_to_look.get_current_labels, NoArguments),
        Tool(tools_to_label.set_cluster_label, Label),
        Tool(tools_to_label.bulk_set_labels, Labels),
        Tool(tools_to_label.finalize_labels, NoArguments),
    )
}


def call_tool(desk: Desk, name: str, arguments: Any, room: int) -> str:  # noqa: ANN401 - what a model sent
    """Answer one call of a model, whatever it is, within `room` characters."""
    tool = TOOLS.get(name)
    if tool is None:
        return refusal(f"there is no such tool; there are {', '.join(TOOLS)}", room)
    try:
        return tool.run(desk, tool.arguments.model_validate(arguments), room)
    except ValidationError as error:
        return refusal(what_was_wrong(error), room)
    except RefusedError as error:
        return refusal(str(error), room)


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
