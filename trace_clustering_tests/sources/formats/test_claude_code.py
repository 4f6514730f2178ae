"""Claude Code sessions, made up by hand: a test for each trap."""

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.claude_code import CLAUDE_CODE
from trace_clustering_tests.sources.formats.building import build_one, build_traces

Row = dict[str, Any]


def user(uuid: str, parent: str | None, content: object, second: int, **more: Any) -> Row:
    """Return a record of the role `user`; its time is that second of nine o'clock."""
    row = {"type": "user", "uuid": uuid, "parentUuid": parent, "sessionId": "s1", "isSidechain": False}
    time = f"2026-08-01T09:00:{second:02}.000Z"
    return {**row, "timestamp": time, "message": {"role": "user", "content": content}, **more}


def answer(uuid: str, parent: str | None, block: str | Row, second: int, **more: Any) -> Row:
    """Return a record of an answer of the model, which has one block; `id` is that of the message."""
    usage = more.pop("usage", {"input_tokens": 10, "output_tokens": 5})
    content = [{"type": "text", "text": block} if isinstance(block, str) else block]
    message = {"id": more.pop("id", f"msg_{uuid}"), "role": "assistant", "model": more.pop("model", "m-1")}
    row = user(uuid, parent, content, second, **more)
    return {**row, "type": "assistant", "message": {**message, "content": content, "usage": usage}}


def call(name: str, call_id: str) -> Row:
    """Return the block of a call."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": {}}


def result(call_id: str, text: str, **more: Any) -> list[Row]:
    """Return the content of a record with the result of a call."""
    return [{"type": "tool_result", "tool_use_id": call_id, "content": text, **more}]


ASK = user("u1", None, "Fix the login bug", 1)
DONE = answer("a1", "u1", "Fixed.", 2)


def tell_texts(*rows: Row) -> list[str]:
    """Return the texts of the only trace of these records."""
    return [turn.text for turn in build_one(CLAUDE_CODE, *rows).turns]


def test_usage_that_each_block_repeats_counts_once() -> None:
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
        "output_tokens": 1,
    }
    rows = [
        ASK,
        answer("a1", "u1", {"type": "thinking", "thinking": "Hm."}, 2, id="m", usage=usage),
        answer("a2", "a1", "I look.", 3, id="m", usage=usage),
        answer("a3", "a2", call("Read", "t1"), 4, id="m", usage={**usage, "output_tokens": 40}),
        user("r1", "a3", result("t1", "def login()"), 5, toolUseResult={"file": "big"}),
        answer("a4", "r1", "Fixed.", 6, usage=usage),
    ]
    trace = build_one(CLAUDE_CODE, *rows)
    assert [(one.input_tokens, one.output_tokens) for one in trace.calls] == [(123, 40), (123, 1)]
    assert (trace.input_tokens, trace.output_tokens) == (246, 41)
    assert [turn.text for turn in trace.turns] == ["Fix the login bug", "I look.", "Fixed."]
    assert [(one.name, one.result) for one in trace.tool_calls] == [("Read", "def login()")]
    assert trace.calls[0].end == datetime(2026, 8, 1, 9, 0, 4, tzinfo=UTC)
    assert trace.is_error is None


def test_branches_that_were_left_are_left_out() -> None:
    rows = [
        ASK,
        DONE,
        user("u2", "a1", "Now paint it blue", 3),
        answer("a2", "u2", "It is blue.", 4),
        user("u3", "a1", "Now paint it green", 5),
        answer("a3", "u3", "It is green.", 6),
    ]
    trace = build_one(CLAUDE_CODE, *rows)
    assert trace.list_texts("user") == ["Fix the login bug", "Now paint it green"]
    assert (len(trace.calls), trace.input_tokens) == (2, 20)


def test_a_first_prompt_that_was_changed_counts_as_it_is_now() -> None:
    rows = [ASK, DONE, user("u2", None, "Fix the logout bug", 3), answer("a2", "u2", "Done.", 4)]
    assert tell_texts(*rows) == ["Fix the logout bug", "Done."]


def test_tools_side_by_side_keep_their_results() -> None:
    rows = [
        ASK,
        answer("a1", "u1", call("Read", "t1"), 2, id="m"),
        user("r1", "a1", result("t1", "one"), 3),
        answer("a2", "a1", call("Grep", "t2"), 3, id="m"),
        user("r2", "a2", result("t2", "two", is_error=True), 4),
        answer("a3", "r1", "Fixed.", 5),
    ]
    trace = build_one(CLAUDE_CODE, *rows)
    assert [(one.name, one.result, one.error) for one in trace.tool_calls] == [
        ("Read", "one", None),
        ("Grep", None, "two"),
    ]
    assert [turn.role for turn in trace.turns] == ["user", "assistant", "assistant"]
    assert len(trace.calls) == 2


def test_a_result_that_is_recorded_twice_counts_once() -> None:
    rows = [
        ASK,
        answer("a1", "u1", call("Read", "t1"), 2),
        user("r1", "a1", result("t1", "one"), 3),
        user("r2", "r1", result("t1", "one"), 4),
    ]
    trace = build_one(CLAUDE_CODE, *rows)
    assert [turn.role for turn in trace.turns] == ["user", "assistant"]


def test_a_branch_runs_through_records_in_which_nobody_speaks() -> None:
    rows = [
        ASK,
        {**user("x1", "u1", "", 2), "type": "progress", "data": {"type": "hook_progress"}},
        {**user("x2", "x1", "", 2), "type": "system", "subtype": "informational"},
        answer("a1", "x2", "Fixed.", 3),
    ]
    assert tell_texts(*rows) == ["Fix the login bug", "Fixed."]


def test_where_a_record_is_missing_what_was_said_before_goes_on() -> None:
    rows = [ASK, DONE, user("u2", "lost", "And the logout?", 3), answer("a2", "u2", "Too.", 4)]
    assert tell_texts(*rows) == ["Fix the login bug", "Fixed.", "And the logout?", "Too."]


def test_sub_agents_are_traces_of_their_own() -> None:
    more: Row = {"isSidechain": True}
    rows = [
        ASK,
        answer("a1", "u1", call("Task", "t1"), 2),
        user("x1", "a1", "Search for login", 3, **more),
        answer("x2", "x1", "Found it.", 4, **more),
        answer("x3", "x2", "All of it.", 4, **more),
        user("y1", None, "Search for tests", 3, agentId="ag2", **more),
        answer("y2", "y1", "No tests.", 4, agentId="ag2", **more),
        user("r1", "a1", result("t1", "Found it."), 5),
        answer("a2", "r1", "Fixed.", 6),
    ]
    main, first, second = build_traces(CLAUDE_CODE, rows)
    assert (main.trace_id, main.is_automation, main.input_tokens) == ("s1", False, 20)
    assert main.list_texts("user") == ["Fix the login bug"]
    assert (first.trace_id, first.session_id, first.is_automation) == ("s1:x1", "s1", True)
    assert [turn.text for turn in first.turns] == ["Search for login", "Found it.", "All of it."]
    assert (second.trace_id, second.is_automation) == ("s1:ag2", True)


@pytest.mark.parametrize(
    "prompt", ["Warmup", "Please write a 5-10 word title for the following conversation: bug"]
)
def test_what_claude_code_asks_for_itself_is_automation(prompt: str) -> None:
    trace = build_one(CLAUDE_CODE, user("u1", None, prompt, 1), answer("a1", "u1", "Login bug", 2))
    assert trace.is_automation
    assert not build_one(CLAUDE_CODE, ASK, DONE).is_automation


@pytest.mark.parametrize(
    "row",
    [
        user("m1", None, "Caveat: not typed", 0, isMeta=True),
        user("m1", None, "<local-command-stdout>Set model</local-command-stdout>", 0),
        user("m1", None, "<command-name>/clear</command-name>\n<command-args></command-args>", 0),
        user("m1", None, "<bash-input>ls</bash-input><bash-stdout>a.py</bash-stdout>", 0),
        user("m1", None, "[Request interrupted by user for tool use]", 0),
        user("m1", None, [{"type": "text", "text": "[Request interrupted by user]"}], 0),
        user("m1", None, "<task-notification>done</task-notification>", 0),
        user("m1", None, "A task has ended", 0, origin={"kind": "task-notification"}),
        user("m1", None, "Go on", 0, promptSource="system"),
        user("m1", None, "This session is being continued from a previous conversation that", 0),
        answer("m1", None, "No response requested.", 0, model="<synthetic>"),
    ],
)
def test_what_nobody_typed_is_no_turn(row: Row) -> None:
    trace = build_one(CLAUDE_CODE, row, {**ASK, "parentUuid": "m1"}, DONE)
    assert [turn.text for turn in trace.turns] == ["Fix the login bug", "Fixed."]
    assert len(trace.calls) == 1


def test_reminders_are_cut_from_what_was_typed() -> None:
    text = "<ide_opened_file>a.py</ide_opened_file>\nFix it\n<system-reminder>Be kind.</system-reminder>"
    assert tell_texts(user("u1", None, text, 1), DONE) == ["Fix it", "Fixed."]
    quoted = "What does <command-name>x</command-name> mean?"
    assert tell_texts(user("u1", None, quoted, 1), DONE) == [quoted, "Fixed."]


def test_a_command_that_the_model_answers_is_what_was_asked() -> None:
    command = "<command-message>review</command-message>\n<command-name>/review</command-name>\n"
    rows = [
        user("u1", None, f"{command}<command-args>the login page</command-args>", 1),
        user("m1", "u1", [{"type": "text", "text": "You are a reviewer ..."}], 1, isMeta=True),
        answer("a1", "m1", "Looks good.", 2),
    ]
    assert tell_texts(*rows) == ["/review the login page", "Looks good."]


def test_what_was_typed_while_the_model_was_at_work_counts() -> None:
    queued = {"type": "queued_command", "prompt": "Use Python, please", "commandMode": "prompt"}
    told = {"type": "queued_command", "prompt": "A task has ended", "commandMode": "task-notification"}
    rows = [
        ASK,
        {**user("q1", "u1", "", 2), "type": "attachment", "attachment": queued, "message": None},
        {**user("q2", "q1", "", 2), "type": "attachment", "attachment": told, "message": None},
        answer("a1", "q2", "Fixed.", 3),
    ]
    assert tell_texts(*rows) == ["Fix the login bug", "Use Python, please", "Fixed."]


def test_a_compaction_repeats_nothing_and_loses_nothing() -> None:
    boundary = {"type": "system", "subtype": "compact_boundary", "logicalParentUuid": "a1", "message": None}
    summary = user("c1", "b1", "This session is being continued ...", 3, isCompactSummary=True)
    rows = [ASK, DONE, {**user("b1", None, "", 3), **boundary}, summary, user("u2", "c1", "And now?", 4)]
    assert tell_texts(*rows) == ["Fix the login bug", "Fixed.", "And now?"]
    left = [user("u3", "u1", "Stop", 2), answer("a3", "u3", "Stopped.", 2)]
    assert tell_texts(*rows, *left) == ["Fix the login bug", "Fixed.", "And now?"]
    del boundary["logicalParentUuid"]
    rows[2] = {**user("b1", None, "", 3), **boundary}
    assert tell_texts(*rows) == ["Fix the login bug", "Fixed.", "And now?"]


def test_a_history_that_a_second_file_repeats_counts_once() -> None:
    more = [user("u2", "a1", "And now?", 3), answer("a2", "u2", "Nothing.", 4)]
    trace = build_one(CLAUDE_CODE, ASK, DONE, ASK, DONE, *more)
    assert trace.list_texts("user") == ["Fix the login bug", "And now?"]
    assert trace.input_tokens == 20
    # Some versions give the copies other ids of their own, but not of their messages.
    copies = [user("v1", None, "Fix the login bug", 3), answer("b1", "v1", "Fixed.", 4, id="msg_a1")]
    trace = build_one(CLAUDE_CODE, ASK, DONE, *copies)
    assert [turn.text for turn in trace.turns] == ["Fix the login bug", "Fixed."]
    assert (len(trace.calls), trace.input_tokens) == (1, 10)


def test_a_fork_holds_only_what_is_new() -> None:
    copied = [{**row, "forkedFrom": {"sessionId": "s0", "messageUuid": row["uuid"]}} for row in (ASK, DONE)]
    assert tell_texts(*copied, user("u2", "a1", "And now?", 3), answer("a2", "u2", "Nothing.", 4)) == [
        "And now?",
        "Nothing.",
    ]
    assert build_traces(CLAUDE_CODE, copied) == []


def test_titles_and_tags() -> None:
    titles = [
        {"type": "summary", "summary": "Of whom?", "leafUuid": "x"},
        {"type": "ai-title", "aiTitle": "Login", "sessionId": "s1"},
        {"type": "ai-title", "aiTitle": "Login bug", "sessionId": "s1"},
        {"type": "tag", "tag": "web", "sessionId": "s1"},
        {"type": "queue-operation", "operation": "dequeue", "sessionId": "s1"},
        {"type": "file-history-snapshot", "messageId": "u1", "snapshot": {}},
    ]
    assert all(map(CLAUDE_CODE.recognizes, titles))
    trace = build_one(CLAUDE_CODE, *titles, ASK, DONE)
    assert (trace.name, trace.tags) == ("Login bug", ("web",))
    custom = {"type": "custom-title", "customTitle": "My bug", "sessionId": "s1"}
    assert build_one(CLAUDE_CODE, custom, *titles, ASK, DONE).name == "My bug"


def test_an_api_error_is_an_error_and_nothing_that_the_model_said() -> None:
    error = answer("a1", "u1", "API Error: 529 overloaded", 2, model="<synthetic>", isApiErrorMessage=True)
    trace = build_one(CLAUDE_CODE, ASK, error)
    assert (trace.is_error, trace.error) == (True, "API Error: 529 overloaded")
    assert [turn.text for turn in trace.turns] == ["Fix the login bug"]
    assert (trace.models, trace.input_tokens) == ((), None)


def test_costs_and_latencies_of_old_versions_count_once_per_answer() -> None:
    more: Row = {"id": "m", "costUSD": 0.25, "durationMs": 1500}
    trace = build_one(
        CLAUDE_CODE, ASK, answer("a1", "u1", "I look.", 2, **more), answer("a2", "a1", "Done.", 3, **more)
    )
    assert (trace.cost, trace.calls[0].latency) == (0.25, 1.5)
    assert build_one(CLAUDE_CODE, ASK, DONE).cost is None


def test_folder_and_branch_can_be_filtered() -> None:
    trace = build_one(CLAUDE_CODE, {**ASK, "cwd": "/home/me/shop", "gitBranch": "main"}, DONE)
    assert trace.properties == {"cwd": "/home/me/shop", "git_branch": "main"}


def test_images_are_not_kept() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "AAAA"}}
    rows = [user("u1", None, [image, {"type": "text", "text": "What is this?"}], 1), DONE]
    assert tell_texts(*rows) == ["[image]\nWhat is this?", "Fixed."]
    assert "AAAA" not in json.dumps([part for row in rows for _, part in CLAUDE_CODE.split(row)])


def test_the_order_of_the_lines_does_not_matter() -> None:
    rows = [
        ASK,
        answer("a1", "u1", call("Read", "t1"), 2, id="m"),
        answer("a2", "a1", call("Grep", "t2"), 2, id="m"),
        user("r1", "a1", result("t1", "one"), 2),
        user("r2", "a2", result("t2", "two"), 2),
        answer("a3", "r2", "Fixed.", 3),
        user("u2", "a3", "Left", 4),
        user("u3", "a3", "Taken", 5),
    ]
    turns = build_one(CLAUDE_CODE, *rows).turns
    for seed in range(10):
        mixed = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
        assert build_one(CLAUDE_CODE, *mixed).turns == turns


def test_a_session_of_commands_alone_is_no_trace() -> None:
    assert build_traces(CLAUDE_CODE, [user("u1", None, "<command-name>/exit</command-name>", 1)]) == []


def test_a_circle_of_parents_ends() -> None:
    assert tell_texts({**ASK, "parentUuid": "a1"}, DONE) == ["Fix the login bug", "Fixed."]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"timestamp": "yesterday"}, "timestamp must be a time, not 'yesterday'"),
        ({"message": "hello"}, "message must be an object, not 'hello'"),
        ({"uuid": None}, "uuid is missing"),
        (
            {"message": {"content": "", "usage": {"output_tokens": "many"}}},
            "usage.output_tokens must be a number, not 'many'",
        ),
        ({"costUSD": "much"}, "costUSD must be a number, not 'much'"),
    ],
)
def test_a_bad_record_is_named_where_it_is_read(more: Row, reason: str) -> None:
    with pytest.raises(BadValueError, match=reason):
        list(CLAUDE_CODE.split({**ASK, **more}))
