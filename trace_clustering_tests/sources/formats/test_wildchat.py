"""WildChat, LMSYS-Chat and its battles, made up by hand."""

from datetime import UTC, datetime
from typing import Any

from trace_clustering.sources.formats.wildchat import WILDCHAT
from trace_clustering_tests.sources.formats.building import build_one, build_traces

SAID = [{"role": "user", "content": "Write a poem"}, {"role": "assistant", "content": "Roses are red"}]


def wild(turn: int) -> dict[str, Any]:
    """Return a record of WildChat as Parquet gives it."""
    time = datetime(2026, 8, 1, 9, 0, 5, tzinfo=UTC)
    extra = [{"turn_identifier": turn, "timestamp": None}, {"turn_identifier": turn, "timestamp": time}]
    return {
        "conversation_hash": "h1",
        "model": "m-small",
        "timestamp": datetime(2026, 8, 1, 9, 0, 7, tzinfo=UTC),
        "hashed_ip": "someone",
        "conversation": [{**said, **more} for said, more in zip(SAID, extra, strict=True)],
    }


def test_times_models_and_users() -> None:
    trace = build_one(WILDCHAT, wild(7))
    assert (trace.models, trace.user_id) == (("m-small",), "someone")
    assert trace.start == trace.calls[0].start == datetime(2026, 8, 1, 9, 0, 5, tzinfo=UTC)
    assert trace.end == datetime(2026, 8, 1, 9, 0, 7, tzinfo=UTC)


def test_people_who_said_the_same_words_are_two_traces() -> None:
    assert [trace.trace_id for trace in build_traces(WILDCHAT, [wild(7), wild(9)])] == ["h1-7", "h1-9"]


def test_lmsys() -> None:
    record = {"conversation_id": "c1", "model": "m-small", "conversation": SAID, "turn": 1}
    trace = build_one(WILDCHAT, {**record, "language": "English"})
    assert trace.properties == {"turn": 1, "language": "English"}
    assert (trace.trace_id, trace.list_texts("user")) == ("c1", ["Write a poem"])


def test_a_battle_is_two_traces() -> None:
    other = [SAID[0], {"role": "assistant", "content": "Violets are blue"}]
    battle = {
        "question_id": "q1",
        "model_a": "m-small",
        "model_b": "m-large",
        "winner": "tie",
        "judge": "user 3",
        "conversation_a": SAID,
        "conversation_b": other,
        "tstamp": 1736986200.5,
    }
    assert WILDCHAT.recognizes(battle)
    first, second = build_traces(WILDCHAT, [battle])
    assert (first.trace_id, first.models) == ("q1_a", ("m-small",))
    assert (second.trace_id, second.models) == ("q1_b", ("m-large",))
    assert second.list_texts("assistant") == ["Violets are blue"]
    assert second.end == datetime(2025, 1, 16, 0, 10, 0, 500000, tzinfo=UTC)
