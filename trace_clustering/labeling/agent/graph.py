"""The agent's graph: the model speaks, its tools answer, until it finalizes or a limit ends the work."""

import json
import logging
from collections import Counter
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall
from langgraph.graph import END, START, StateGraph

from trace_clustering.errors import LimitReachedError
from trace_clustering.labeling.agent import prompts
from trace_clustering.labeling.agent.draft import Desk
from trace_clustering.labeling.agent.messages import answered, orderly, request_messages
from trace_clustering.labeling.agent.state import AgentState
from trace_clustering.labeling.agent.tools.registry import FINALIZE, TOOLS, call_tool
from trace_clustering.labeling.endpoint.client import Endpoint
from trace_clustering.labeling.fitted_json import refusal, size_in_request

FINALIZED = "finalized by the agent"
# Answers in a row without a tool call, after which the model is left alone.
MOST_IDLE_ANSWERS = 3

_SCHEMAS = [tool.schema() for tool in TOOLS.values()]
_AROUND_THE_MESSAGES = len(json.dumps(_SCHEMAS)) + 400
_SHARE_OF_ANSWERS = 0.45


class LabelingGraph:
    """The nodes of the graph, and what they share.

    Faults of the endpoint leave it as `EndpointDownError`; the labels set by then are in the draft.
    """

    def __init__(self, desk: Desk, endpoint: Endpoint, log: logging.Logger) -> None:
        self._desk = desk
        self._endpoint = endpoint
        self._log = log
        self._limits = endpoint.budget.limits
        self._room = self._limits.max_request_characters - _AROUND_THE_MESSAGES
        self._opening: list[BaseMessage] = [
            SystemMessage(prompts.AGENT),
            HumanMessage(prompts.begin(desk.evidence, desk.draft.labels)),
        ]

    def run(self) -> str:
        """Let the agent work, and return why it ended.

        Raises
        ------
        EndpointDownError
            If the endpoint gives no answer.
        """
        graph = StateGraph(AgentState)
        graph.add_node("model", self._ask_model)
        graph.add_node("tools", self._answer_calls)
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", _goes_on("tools"))
        graph.add_conditional_edges("tools", _goes_on("model"))
        start: AgentState = {"turns": [], "iterations": 0, "idle": 0, "unreadable": {}, "ended": ""}
        final = graph.compile().invoke(start, {"recursion_limit": self._limits.recursion_limit})
        return str(final["ended"])

    def _ask_model(self, state: AgentState) -> dict[str, Any]:
        limits = self._limits
        if state["iterations"] >= limits.max_iterations:
            return {"ended": f"it made all its iterations (max_iterations = {limits.max_iterations})"}
        if state["remaining_steps"] < 3:  # for the tools, and to end in good order
            return {"ended": f"it made all its steps (recursion_limit = {limits.recursion_limit})"}
        messages = request_messages(self._opening, state["turns"], self._stand_in, self._room)
        try:
            answer, unreadable = orderly(self._endpoint.ask(messages, _SCHEMAS))
        except LimitReachedError as limit:
            return {"ended": str(limit)}
        return {"turns": [answer], "iterations": state["iterations"] + 1, "unreadable": unreadable}

    def _answer_calls(self, state: AgentState) -> dict[str, Any]:
        answer = state["turns"][-1]
        calls = answer.tool_calls if isinstance(answer, AIMessage) else []
        if not calls:
            self._tell(state, calls)
            idle = state["idle"] + 1
            ended = "the model stopped calling tools" if idle >= MOST_IDLE_ANSWERS else ""
            return {"turns": [HumanMessage(prompts.GO_ON)], "idle": idle, "ended": ended}
        answers: dict[str, str] = {}
        left = int(self._room * _SHARE_OF_ANSWERS)
        # Finalizing comes last, wherever it stands: what is called beside it counts.
        for number, call in enumerate(sorted(calls, key=lambda call: call["name"] == FINALIZE)):
            room = left // (len(calls) - number)
            text = self._answer(call, state["unreadable"], room)
            answers[call["id"] or ""] = text
            left -= size_in_request(text)
        self._tell(state, calls)
        turns: list[BaseMessage] = [answered(call, answers[call["id"] or ""]) for call in calls]
        return {"turns": turns, "idle": 0, "ended": FINALIZED if self._desk.draft.finalized else ""}

    def _answer(self, call: ToolCall, unreadable: dict[str, str], room: int) -> str:
        reason = unreadable.get(call["id"] or "")
        if reason and call["name"] in TOOLS:
            return refusal(reason, room)
        return call_tool(self._desk, call["name"], call["args"], room)

    def _stand_in(self, room: int) -> str:
        return prompts.left_out(self._desk.draft.labels, room)

    def _tell(self, state: AgentState, calls: list[ToolCall]) -> None:
        """Log what the model does: names of tools and figures, no text of a model or a trace."""
        names = Counter(call["name"] if call["name"] in TOOLS else "an unknown tool" for call in calls)
        did = ", ".join(f"{name} x {count}" if count > 1 else name for name, count in names.items())
        draft, usage = self._desk.draft, self._endpoint.budget.usage
        self._log.info(
            f"Labeling, iteration {state['iterations']}: {did or 'no tool'}; "
            f"{len(draft.labels)} of {len(draft.sizes)} clusters have labels; so far {usage.prompt_tokens} "
            f"prompt and {usage.completion_tokens} completion tokens in {usage.requests} requests"
        )


def _goes_on(node: str) -> Any:  # noqa: ANN401 - a router of LangGraph
    def route(state: AgentState) -> str:
        return END if state["ended"] else node

    return route
