"""The eight tools of the agent, and how a call of a model becomes an answer.

What a tool does depends on its validated arguments and nothing else. A wrong call is answered with what
was wrong and what to do; no call raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from trace_clustering.errors import ToolCallRefusedError
from trace_clustering.labeling.agent.draft import Desk
from trace_clustering.labeling.agent.tools import labelling, looking
from trace_clustering.labeling.agent.tools.arguments import (
    Label,
    Labels,
    NoArguments,
    SampleTitles,
    TraceDetails,
    TraceTitles,
    explain_arguments,
)
from trace_clustering.labeling.fitted_json import refusal

FINALIZE = labelling.finalize_labels.__name__


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
        Tool(looking.get_clusters_overview, NoArguments),
        Tool(looking.get_all_clusters_with_sample_titles, SampleTitles),
        Tool(looking.get_cluster_trace_titles, TraceTitles),
        Tool(looking.get_trace_details, TraceDetails),
        Tool(looking.get_current_labels, NoArguments),
        Tool(labelling.set_cluster_label, Label),
        Tool(labelling.bulk_set_labels, Labels),
        Tool(labelling.finalize_labels, NoArguments),
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
        return refusal(explain_arguments(error), room)
    except ToolCallRefusedError as error:
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
