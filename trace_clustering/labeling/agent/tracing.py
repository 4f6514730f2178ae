"""Texts of traces go to the endpoint and nowhere else, whatever variables of the agent's libraries say."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keep_from_tracers() -> Iterator[None]:
    """Switch off the tracing of LangChain, which variables such as `LANGSMITH_TRACING` switch on.

    It holds for what the context calls, in other threads too: they take over the context of their caller.
    """
    from langsmith import tracing_context

    with tracing_context(enabled=False):
        yield
