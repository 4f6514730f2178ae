"""The flow of a trace: its tools in order, with repeats folded."""

import pytest

from trace_clustering.documents.flow import MAX_FLOW_STEPS, write_flow
from trace_clustering_tests.documents.conversations import call_tools, make_trace


@pytest.mark.parametrize(
    ("names", "flow"),
    [
        ("", ""),
        ("a", "a"),
        ("a b c", "a -> b -> c"),
        ("a b b b c", "a -> b x3 -> c"),
        ("a b a b a b c", "(a -> b) x3 -> c"),
        ("a b a", "a -> b -> a"),
        ("a a a a", "a x4"),
        ("a b c d e a b c d e", "a -> b -> c -> d -> e -> a -> b -> c -> d -> e"),
    ],
)
def test_repeats_are_folded(names: str, flow: str) -> None:
    assert write_flow(make_trace("Do it.", tools=call_tools(*names.split()))) == flow


def test_a_long_flow_is_cut_in_the_middle_and_counted() -> None:
    flow = write_flow(make_trace("Do it.", tools=call_tools(*(f"tool_{i}" for i in range(100)))))
    assert flow.startswith("tool_0 -> tool_1 -> ")
    assert f"-> ... ({100 - MAX_FLOW_STEPS} more) ... ->" in flow
    assert flow.endswith("-> tool_98 -> tool_99")


def test_names_of_tools_are_clean() -> None:
    assert write_flow(make_trace("Do it.", tools=call_tools("get\n\x1b[1mname", " "))) == "get 1mname"
