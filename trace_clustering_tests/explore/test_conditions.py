"""Conditions narrow an exploration; what is unknown satisfies none but the negative ones."""

import pytest

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.explore.conditions import parse_condition
from trace_clustering.traces.trace import ModelCall, ToolCall, Trace, Turn

TRACE = Trace(
    trace_id="a",
    user_id="Ada",
    tags=("beta", "shop"),
    cost=0.5,
    turns=(
        Turn("user", "Where is my Parcel = box?"),
        Turn("assistant", "", (ToolCall("find_parcel"),)),
    ),
    calls=(ModelCall(model="m-small"), ModelCall(model="m-large")),
)


@pytest.mark.parametrize(
    "text",
    [
        *("model=m-large", "model!=m-huge", "user=ada", " user = Ada ", "tag=shop", "tool=find_parcel"),
        *("text~parcel = BOX", "text!~refund", "cost>0.4", "cost<1e0", "turns=2", "error=", "session!=x"),
        *("latency!=3", "model~LARGE"),
    ],
)
def test_a_condition_that_holds(text: str) -> None:
    assert parse_condition(text).is_met(TRACE)


@pytest.mark.parametrize(
    "text", ["model=m", "user!=ADA", "cost>0.5", "latency>0", "latency<9", "text~refund", "tag!=beta"]
)
def test_a_condition_that_does_not_hold(text: str) -> None:
    assert not parse_condition(text).is_met(TRACE)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("model", "is no condition"),
        ("=x", "is no condition"),
        ("colour=red", "there is no field 'colour'; choose one of model"),
        ("cost>much", "'much' is no number"),
        ("cost>", "'' is no number"),
    ],
)
def test_anything_else_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidSettingsError, match=reason):
        parse_condition(text)
