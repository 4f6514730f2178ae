"""The state of the agent's graph. The labels are in the draft, which outlives the graph."""

import operator
from typing import Annotated, NotRequired, TypedDict

from langchain_core.messages import BaseMessage
from langgraph.managed import RemainingSteps


class AgentState(TypedDict):
    """What one step of the graph leaves to the next.

    Attributes
    ----------
    messages : list of messages
        All answers of the model, and what was said to each.
    iterations : int
        Answers of the model so far.
    idle : int
        Answers in a row of which no call was taken.
    unreadable : dict
        Calls of the last answer whose arguments could not be read, and why.
    ended : str
        Why the agent ended; empty while it works.
    remaining_steps : int
        Steps that LangGraph allows after this one.
    """

    messages: Annotated[list[BaseMessage], operator.add]
    iterations: int
    idle: int
    unreadable: dict[str, str]
    ended: str
    remaining_steps: NotRequired[RemainingSteps]
