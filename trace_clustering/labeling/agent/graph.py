"""The agent's graph: the model calls tools and reads their answers, until it finalizes or reaches a limit."""

import contextlib
import json
import logging
from collections import Counter
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall
from langgraph.graph import END, START, StateGraph

from trace_clustering.errors import LimitReachedError, RequestTooLongError
from trace_clustering.labeling.agent import prompts
from trace_clustering.labeling.agent.draft import ToolContext
from trace_clustering.labeling.agent.messages import (
    MAX_CALLS,
    make_tool_message,
    normalize_answer,
    select_messages,
)
from trace_clustering.labeling.agent.state import AgentState
from trace_clustering.labeling.agent.tools.registry import FINALIZE, TOOLS, call_tool
from trace_clustering.labeling.agent.tracing import keep_from_tracers
from trace_clustering.llm.endpoint.answers import Answer
from trace_clustering.llm.endpoint.client import Endpoint
from trace_clustering.llm.endpoint.request_size import measure_text
from trace_clustering.llm.json_answers import write_refusal
from trace_clustering.llm.text_calls import names_tool

FINALIZED = "finalized by the agent"
# After so many answers in a row without a call that was taken, a reminder will not help any more.
MAX_IDLE_ANSWERS = 3
_NOTHING_TAKEN = f"no call of the model's last {MAX_IDLE_ANSWERS} answers could be taken"
_NOT_PARSED = (
    "the model's tool calls stand in its text, because the endpoint does not parse them (vLLM: start it with "
    "--enable-auto-tool-choice and the --tool-call-parser of the model; llama.cpp: with --jinja)"
)

_SCHEMAS = [tool.schema() for tool in TOOLS.values()]
_OVERHEAD_CHARACTERS = len(json.dumps(_SCHEMAS)) + 400  # what a request holds besides its messages
# The answers of one turn leave space for the opening, the model's next answer, and what stands in for
# earlier turns.
_MAX_SHARE_OF_TOOL_ANSWERS = 0.45


class LabelingGraph:
    """The nodes of the graph, and what they share. The labels are in the draft of the context."""

    def __init__(self, context: ToolContext, endpoint: Endpoint, log: logging.Logger) -> None:
        self._context = context
        self._endpoint = endpoint
        self._log = log
        self._refusals_told = 0
        self._reads_text = self._has_unread_calls = False
        self._limits = endpoint.budget.limits
        self._opening: list[BaseMessage] = [
            SystemMessage(prompts.AGENT),
            HumanMessage(prompts.write_opening(context.evidence, context.draft, self._room // 4)),
        ]

    @property
    def _room(self) -> int:
        """Characters for messages; less than at first once the endpoint refused a long request."""
        return self._endpoint.max_request_characters - _OVERHEAD_CHARACTERS

    def run(self) -> str:
        """Let the agent work, and return why it ended.

        Raises
        ------
        EndpointDownError
            If the endpoint gives no answer; the labels that were set by then are in the draft.
        """
        graph = StateGraph(AgentState)
        graph.add_node("model", self._ask_model)
        graph.add_node("tools", self._answer_calls)
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", _route_to("tools"))
        graph.add_conditional_edges("tools", _route_to("model"))
        start: AgentState = {"messages": [], "iterations": 0, "idle": 0, "unreadable": {}, "ended": ""}
        with keep_from_tracers():
            final = graph.compile().invoke(start, {"recursion_limit": self._limits.recursion_limit})
        return str(final["ended"])

    def _ask_model(self, state: AgentState) -> dict[str, Any]:
        limits = self._limits
        if state["iterations"] >= limits.max_iterations:
            return {"ended": f"it made all its iterations ({limits.describe('max_iterations')})"}
        if state["remaining_steps"] < 3:  # the tools need one, and the end needs one
            return {"ended": f"it made all its steps ({limits.describe('recursion_limit')})"}
        try:
            answer = self._ask_in_room(state["messages"])
        except LimitReachedError as limit:
            return {"ended": str(limit)}
        message, unreadable = normalize_answer(answer)
        self._note_troubles(answer, message)
        return {"messages": [message], "iterations": state["iterations"] + 1, "unreadable": unreadable}

    def _note_troubles(self, answer: Answer, message: AIMessage) -> None:
        if len(answer.calls) > MAX_CALLS:
            self._context.draft.note_refusal(f"more than {MAX_CALLS} calls in one answer")
        if not answer.calls and message.tool_calls and not self._reads_text:
            self._reads_text = True
            self._log.warning(f"Labeling: {_NOT_PARSED}; they are read from there")
        if not message.tool_calls and names_tool(answer.text, TOOLS):
            self._has_unread_calls = True

    def list_troubles(self) -> list[str]:
        """Return what kept the model from setting labels, for the report."""
        draft = self._context.draft
        refusals = draft.describe_refusals()
        is_unread = self._has_unread_calls and draft.list_unlabelled()
        return [*([_NOT_PARSED] if is_unread else []), *([f"refused: {refusals}"] if refusals else [])]

    def _ask_in_room(self, messages: list[BaseMessage]) -> Answer:
        while True:  # until the request fits, or the endpoint takes none; it counts its changes
            selected = select_messages(self._opening, messages, self._write_stand_in, self._room)
            with contextlib.suppress(RequestTooLongError):
                return self._endpoint.ask(selected, _SCHEMAS)

    def _answer_calls(self, state: AgentState) -> dict[str, Any]:
        answer = state["messages"][-1]
        calls = answer.tool_calls if isinstance(answer, AIMessage) else []
        idle = state["idle"] + 1
        if not calls:
            self._log_iteration(state, calls)
            ended = "the model stopped calling tools" if idle >= MAX_IDLE_ANSWERS else ""
            return {"messages": [HumanMessage(prompts.GO_ON)], "idle": idle, "ended": ended}
        draft = self._context.draft
        accepted = draft.accepted_calls
        answers: dict[str, str] = {}
        left = int(self._room * _MAX_SHARE_OF_TOOL_ANSWERS)
        # Finalizing comes last, so that the labels which the same message sets are taken before.
        for number, call in enumerate(sorted(calls, key=lambda call: call["name"] == FINALIZE)):
            room = left // (len(calls) - number)
            text = self._answer_call(call, state["unreadable"], room)
            answers[call["id"] or ""] = text
            left -= measure_text(text)
        self._log_iteration(state, calls)
        messages: list[BaseMessage] = [make_tool_message(call, answers[call["id"] or ""]) for call in calls]
        if draft.accepted_calls > accepted:
            return {"messages": messages, "idle": 0, "ended": FINALIZED if draft.finalized else ""}
        return {
            "messages": messages,
            "idle": idle,
            "ended": _NOTHING_TAKEN if idle >= MAX_IDLE_ANSWERS else "",
        }

    def _answer_call(self, call: ToolCall, unreadable: dict[str, str], room: int) -> str:
        reason = unreadable.get(call["id"] or "")
        if reason and call["name"] in TOOLS:
            self._context.draft.note_refusal(f"{call['name']}: {reason.partition(';')[0]}")
            return write_refusal(reason, room)
        return call_tool(self._context, call["name"], call["args"], room)

    def _write_stand_in(self, room: int) -> str:
        return prompts.write_stand_in(self._context.draft.list_all_labels(), room)

    def _log_iteration(self, state: AgentState, calls: list[ToolCall]) -> None:
        """Log the called tools and some figures, but no text of a model or a trace."""
        names = Counter(call["name"] if call["name"] in TOOLS else "an unknown tool" for call in calls)
        called = ", ".join(f"{name} x {count}" if count > 1 else name for name, count in names.items())
        draft, usage = self._context.draft, self._endpoint.budget.usage
        labelled = len(draft.list_labels())
        refused = draft.refusals.total() - self._refusals_told
        self._refusals_told += refused
        self._log.info(
            f"Labeling, iteration {state['iterations']}: {called or 'no tool'}; "
            f"{f'{refused} refused; ' if refused else ''}"
            f"{labelled} of {len(draft.sizes)} clusters have labels; so far {usage.prompt_tokens} "
            f"prompt and {usage.completion_tokens} completion tokens in {usage.requests} requests"
        )


def _route_to(node: str) -> Any:  # noqa: ANN401 - a router of LangGraph
    def route(state: AgentState) -> str:
        return END if state["ended"] else node

    return route
