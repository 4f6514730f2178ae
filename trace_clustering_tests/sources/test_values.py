import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from trace_clustering.errors import BadValueError
from trace_clustering.sources.values import (
    Unit,
    make_json,
    read_count,
    read_flag,
    read_mapping,
    read_number,
    read_time,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECONDS = 1_772_366_400


@pytest.mark.parametrize(
    "value",
    [
        NOON,
        NOON.replace(tzinfo=None),
        NOON.astimezone(timezone(timedelta(hours=-5))),
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00:00.000000000",
        "2026-03-01 12:00:00.000 UTC",
        " 2026-03-01T14:00:00+02:00 ",
        SECONDS,
        float(SECONDS),
        Decimal(SECONDS),
        str(SECONDS),
        f"{SECONDS}.0",
    ],
)
def test_a_time_is_read_in_every_notation(value: object) -> None:
    assert read_time(value, "start") == NOON


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_the_unit_of_a_number_is_named_or_told_by_its_size(unit: Unit, factor: int) -> None:
    assert read_time(SECONDS * factor, "start", unit) == NOON
    assert read_time(str(SECONDS * factor), "start", "any") == NOON


def test_a_date_is_its_midnight() -> None:
    assert read_time(date(2026, 3, 1), "start") == NOON - timedelta(hours=12)


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_value_is_unknown(value: object) -> None:
    assert (read_time(value, "x"), read_number(value, "x"), read_count(value, "x")) == (None, None, None)


@pytest.mark.parametrize(
    "value",
    ["noon", "²", True, [], math.nan, math.inf, 10**30, "9" * 5000, -(10**18), "0001-01-01T00:00+14:00"],
)
def test_what_is_no_time_is_named(value: object) -> None:
    with pytest.raises(BadValueError, match="start must be a time, not "):
        read_time(value, "start")


@pytest.mark.parametrize("value", ["many", True, [], math.nan, "nan", "inf", "1e999"])
def test_what_is_no_number_is_named(value: object) -> None:
    with pytest.raises(BadValueError, match="cost must be a number, not "):
        read_number(value, "cost")


@pytest.mark.parametrize(("value", "count"), [("12", 12), (12.0, 12), ("12.0", 12), (Decimal("12.00"), 12)])
def test_a_count_may_be_written_as_a_fraction(value: object, count: int) -> None:
    assert read_count(value, "tokens") == count


@pytest.mark.parametrize(
    ("value", "flag"),
    [(True, True), ("True", True), (0, False), ("false", False), (None, None), ("maybe", None)],
)
def test_a_flag_that_is_not_told_is_unknown(value: object, flag: bool | None) -> None:
    assert read_flag(value) is flag


@pytest.mark.parametrize("value", [None, "text", "[1]", 3, "{"])
def test_what_is_no_object_is_empty(value: object) -> None:
    assert read_mapping(value) == {}


def test_values_of_parquet_become_json() -> None:
    row = {
        "time": NOON,
        "day": date(2026, 3, 1),
        "cost": Decimal("0.25"),
        "nothing": math.nan,
        "raw": b"text \xff",
        "list": [(1, None)],
        "object": {"flag": True},
    }
    assert make_json(row) == {
        "time": "2026-03-01T12:00:00+00:00",
        "day": "2026-03-01",
        "cost": 0.25,
        "nothing": None,
        "raw": "text \ufffd",
        "list": [[1, None]],
        "object": {"flag": True},
    }
