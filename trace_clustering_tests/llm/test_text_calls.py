"""Calls that a model left in its text are read if they are whole and name a tool."""

import json
from typing import Any

import pytest

from trace_clustering.labeling.agent.tools.registry import TOOLS
from trace_clustering.llm.text_calls import find_calls, names_tool
from trace_clustering_tests.labeling.conftest import Labeling
from trace_clustering_tests.labeling.models import FINALIZE, OVERVIEW, labels_all
from trace_clustering_tests.llm.llm_server import Call, Request, Says, in_turn, says

BAR = "\N{FULLWIDTH VERTICAL LINE}"
NAME = "get_cluster_trace_titles"
ARGUMENTS = {"cluster_id": 3, "limit": 7}
JSON = json.dumps({"name": NAME, "arguments": ARGUMENTS})


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{JSON}\n</tool_call>",
        f"<think>I could call finalize_labels: {{}}</think>\n<tool_call>{JSON}</tool_call>",
        f"I will look.\n```json\n{JSON}\n```",
        f"[TOOL_CALLS][{JSON}]",
        f"[TOOL_CALLS]{NAME}[ARGS]{json.dumps(ARGUMENTS)}",
        f"<|python_tag|>{json.dumps({'name': NAME, 'parameters': ARGUMENTS})}",
        f"<function={NAME}>{json.dumps(ARGUMENTS)}</function>",
        f"<function={NAME}>\n<parameter=cluster_id>\n3\n</parameter>\n<parameter=limit>7</parameter>\n</function>",
        f'<invoke name="{NAME}"><parameter name="cluster_id">3</parameter>'
        '<parameter name="limit">7</parameter></invoke>',
        f"<tool_call>{NAME}\n<arg_key>cluster_id</arg_key>\n<arg_value>3</arg_value>\n<arg_key>limit</arg_key>"
        "<arg_value>7</arg_value></tool_call>",
        f"<|tool_call_begin|>functions.{NAME}:0<|tool_call_argument_begin|>{json.dumps(ARGUMENTS)}"
        "<|tool_call_end|>",
        f"<{BAR}tool▁call▁begin{BAR}>function<{BAR}tool▁sep{BAR}>{NAME}\n"
        f"```json\n{json.dumps(ARGUMENTS)}\n```<{BAR}tool▁call▁end{BAR}>",
        f"<|channel|>commentary to=functions.{NAME} <|constrain|>json<|message|>"
        f"{json.dumps(ARGUMENTS)}<|call|>",
        json.dumps({"tool_calls": [{"function": {"name": NAME, "arguments": json.dumps(ARGUMENTS)}}]}),
        json.dumps({"tool_uses": [{"recipient_name": f"functions.{NAME}", "parameters": ARGUMENTS}]}),
        json.dumps({NAME: ARGUMENTS}),
        f"[{NAME}(cluster_id=3, limit=7)]",
        f"```tool_code\nprint(default_api.{NAME}(cluster_id=3, limit=7))\n```",
        f"{NAME}({json.dumps(ARGUMENTS)})",
    ],
)
def test_a_whole_call_is_read(text: str) -> None:
    (call,) = find_calls(text, TOOLS)
    arguments = json.loads(call.arguments) if isinstance(call.arguments, str) else call.arguments
    assert call.name == NAME
    assert {name: int(value) for name, value in arguments.items()} == ARGUMENTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I will call finalize_labels now.",
        f"<tool_call>{JSON[:-5]}",
        f"<function={NAME}><parameter=cluster_id>3",
        f"<think>{JSON}</think> Done.",
        f'{{"name": "delete_everything", "arguments": {{}}}} is no {NAME}',
        f"You could use {NAME} with these: {{}}",
        f"{NAME}(cluster_id=",
        f"{NAME} " + "{" * 10_000,
        f"import os; os.system('x') or {NAME}()",
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_whole_call_is_not_read(text: str) -> None:
    assert find_calls(text, TOOLS) == []


def test_several_calls_keep_their_order() -> None:
    text = "".join(f"<tool_call>{json.dumps({'name': name, 'arguments': {}})}</tool_call>" for name in TOOLS)
    assert [call.name for call in find_calls(text, TOOLS)] == list(TOOLS)


def test_a_tool_is_named_only_outside_of_thoughts() -> None:
    assert names_tool("now finalize_labels", TOOLS)
    assert not names_tool("<think>now finalize_labels</think> Hello", TOOLS)


def write_as_text(reply: Any, write: Any) -> Any:
    def model(request: Request) -> Says:
        calls: tuple[Call, ...] = (reply(request) if callable(reply) else reply).calls
        return says(text="".join(map(write, calls)))

    return model


@pytest.mark.parametrize(
    "write",
    [
        lambda call: f"<tool_call>{json.dumps({'name': call.name, 'arguments': call.arguments})}</tool_call>",
        lambda call: f"<function={call.name}>{json.dumps(call.arguments)}</function>",
    ],
    ids=["tool_call", "function"],
)
def test_a_model_whose_calls_are_not_parsed_works_nonetheless(
    labeling: Labeling, write: Any, caplog: pytest.LogCaptureFixture
) -> None:
    script = (write_as_text(reply, write) for reply in (says(OVERVIEW), labels_all, says(FINALIZE)))
    result, server = labeling.run(in_turn(*script))
    assert len(result.labels) == 5
    assert result.report["ended"] == "finalized by the agent"
    assert server.requests[1].messages[2]["tool_calls"][0]["function"]["name"] == "get_clusters_overview"
    assert caplog.text.count("the endpoint does not parse them") == 1


@pytest.mark.parametrize("text", [f"<tool_call>{JSON[:-5]}", "Now I will call bulk_set_labels."])
def test_calls_that_are_not_whole_are_told_in_the_report(labeling: Labeling, text: str) -> None:
    result, server = labeling.run(in_turn(says(text=text)))
    assert len(server.requests) == 3
    assert result.report["ended"].startswith(
        "the model stopped calling tools; the model's tool calls stand in"
    )
    assert "--tool-call-parser" in result.report["ended"]
