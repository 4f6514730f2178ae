"""Each kind of bad record is reported with its line and field."""

import json
from datetime import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trace_clustering.sources.files import read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering_tests.sources.record_files import (
    GOOD,
    MOMENT,
    list_bad_lines,
    read_only_bad_reason,
    write_json_lines,
    write_parquet,
)


@pytest.mark.parametrize("field", ["trace_id", "timestamp", "embedding"])
def test_a_record_without_id_time_or_vector_is_bad(tmp_path: Path, field: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != field}
    lines = write_json_lines(tmp_path / "a.jsonl", GOOD, without, GOOD | {field: None}, GOOD)
    columns = write_parquet(tmp_path / "a.parquet", **{field: None})
    for path, expected in ((lines, [2, 3]), (columns, [1, 2])):
        records = list(read_records(path))
        assert list_bad_lines(records) == expected
        assert all(field in record.reason for record in records if isinstance(record, BadRecord))


LONE_SURROGATE = "\ud800"

BAD_VALUES = [
    ("trace_id", ""),
    ("trace_id", " \t"),
    ("trace_id", 7),
    ("trace_id", ["trace"]),
    ("trace_id", LONE_SURROGATE),
    ("embedding", []),
    ("embedding", [1.0]),
    ("embedding", [1.0, 2.0, 3.0]),
    ("embedding", [1.0, float("nan")]),
    ("embedding", [1.0, float("inf")]),
    ("embedding", [-float("inf"), 1.0]),
    ("embedding", [1.0, 1e39]),
    ("embedding", [1.0, 10**400]),
    ("embedding", [1.0, None]),
    ("embedding", [1.0, "2.0"]),
    ("embedding", ["1.0", "2.0"]),
    ("embedding", [1.0, True]),
    ("embedding", [[1.0, 2.0]]),
    ("embedding", [[1.0], [2.0]]),
    ("embedding", [1.0, [2.0]]),
    ("embedding", [[1.0], [2.0, 3.0]]),
    ("embedding", "[1.0, 2.0]"),
    ("embedding", {"0": 1.0, "1": 2.0}),
    ("embedding", 1.0),
    ("timestamp", ""),
    ("timestamp", "yesterday"),
    ("timestamp", "2025-13-01T00:00:00Z"),
    ("timestamp", 1737553500),
    ("timestamp", True),
    ("timestamp", "1899-12-31T23:59:59Z"),
    ("timestamp", "2262-01-01T00:00:00Z"),
    ("timestamp", "0001-01-01T00:00:00+05:00"),
    ("timestamp", "9999-12-31T23:59:59-05:00"),
    ("title", 7),
    ("flow_diagram", ["a", "b"]),
    ("bullets", "one thing"),
    ("bullets", [1]),
    ("bullets", ["one thing", None]),
    ("interesting_notes", {"text": "one thing"}),
    ("properties", [1]),
    ("properties", 7),
    ("properties", "{"),
    ("properties", "[1]"),
    ("properties", {"score": float("nan")}),
    ("properties", {"score": [{"deep": -float("inf")}]}),
    ("properties", '{"score": NaN}'),
]


@pytest.mark.parametrize(
    ("field", "value"), BAD_VALUES, ids=[f"{field}={value!r:.30}" for field, value in BAD_VALUES]
)
def test_a_bad_value_is_reported_with_its_line_and_field(tmp_path: Path, field: str, value: object) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", GOOD, GOOD | {field: value}, GOOD)
    reason = read_only_bad_reason(path, line=2)
    assert field in reason
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "is not JSON"),
        (b'{"trace_id": "a"', "is not JSON"),
        (b'{"trace_id": "\xe4"}', "trace_id holds what is no character"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"trace_id": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'"trace"', "is not a JSON object"),
    ],
    ids=range(9),
)
def test_a_line_that_is_no_json_object_is_reported(tmp_path: Path, line: bytes, reason: str) -> None:
    assert read_only_bad_reason(write_json_lines(tmp_path / "a.jsonl", GOOD, line, GOOD), line=2).startswith(
        reason
    )


def nest_ever_deeper(field: str, form: str) -> list[str]:
    """Return 600 records, the value of one field ever deeper; near 1,000 lies a limit of Python's."""
    template = json.dumps(GOOD | {field: "?"})
    return [template.replace('"?"', form.format("[" * depth + "]" * depth)) for depth in range(500, 1100)]


@pytest.mark.parametrize("field", ["trace_id", "title", "bullets", "embedding", "timestamp"])
def test_values_nested_however_deeply_are_reported(tmp_path: Path, field: str) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *nest_ever_deeper(field, "{}"), GOOD)
    assert list_bad_lines(read_records(path)) == list(range(1, 601))


def test_properties_nested_however_deeply_are_read_or_reported(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", *nest_ever_deeper("properties", '{{"deep": {}}}'), GOOD)
    bad = list_bad_lines(read_records(path))
    assert 1 not in bad
    assert 600 in bad
    assert 601 not in bad


def test_the_first_good_vector_sets_the_length_of_all(tmp_path: Path) -> None:
    lengths = [0, 3, 2, 3, 4]
    records = list(
        read_records(
            write_json_lines(tmp_path / "a.jsonl", *(GOOD | {"embedding": [1.0] * n} for n in lengths))
        )
    )
    assert list_bad_lines(records) == [1, 3, 5]
    assert "2 numbers" in records[2].reason
    assert "3" in records[2].reason


def test_a_long_value_is_cut_in_the_report(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "a.jsonl", GOOD | {"bullets": "x" * 100_000})
    assert len(read_only_bad_reason(path, line=1)) < 200


# Bad rows of a Parquet file

FAR = 10**12  # seconds: the year 33658

BAD_COLUMNS = {
    "a vector with a null": ("embedding", pa.array([[0.5, 1.0], [0.5, None]])),
    "no vector": ("embedding", pa.array([[0.5, 1.0], None])),
    "no vector of fixed length": ("embedding", pa.array([[0.5, 1.0], None], pa.list_(pa.float32(), 2))),
    "a shorter vector": ("embedding", pa.array([[0.5, 1.0], [0.5]])),
    "a double too large for float32": ("embedding", pa.array([[0.5, 1.0], [0.5, -1e39]])),
    "infinity in half precision": (
        "embedding",
        pa.array([np.float16([0.5, 1.0]), np.float16([0.5, np.inf])], pa.list_(pa.float16())),
    ),
    "a blank id": ("trace_id", pa.array(["a", " "])),
    "no id": ("trace_id", pa.array(["a", None])),
    "no time": ("timestamp", pa.array([MOMENT, None])),
    "a time before 1900": ("timestamp", pa.array([0, -FAR // 300], pa.timestamp("s"))),
    "a time after the year 9999": ("timestamp", pa.array([0, FAR], pa.timestamp("s", "UTC"))),
    "a time before the year 1": ("timestamp", pa.array([0, -FAR], pa.timestamp("s", "UTC"))),
    "an id in another encoding": ("trace_id", pa.array([b"caf\xc3\xa9", b"caf\xe9"]).view(pa.string())),
    "a bullet that is null": ("bullets", pa.array([["a"], ["a", None]])),
    "properties with NaN": ("properties", pa.array([{"a": 1.0}, {"a": float("nan")}])),
    "properties with bytes": ("properties", pa.array([None, {"raw": b"\xff"}])),
}


@pytest.mark.parametrize(("field", "column"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_bad_row_of_a_parquet_file_is_reported_with_its_number_and_field(
    tmp_path: Path, field: str, column: pa.Array
) -> None:
    assert field in read_only_bad_reason(write_parquet(tmp_path / "a.parquet", **{field: column}), line=2)


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("embedding", ["[0.5, 1.0]", "[0.5, 1.0]"]),
        ("embedding", [0.5, 1.0]),
        ("embedding", [b"\x00\x00\x00?", b"\x00\x00\x80?"]),
        ("embedding", [{"x": 0.5}, {"x": 1.0}]),
        ("embedding", [["0.5"], ["1.0"]]),
        ("embedding", [[[0.5]], [[1.0]]]),
        ("embedding", [[True], [False]]),
        ("trace_id", [1, 2]),
        ("trace_id", [b"a", b"b"]),
        ("timestamp", [1737553500, 1737553501]),
        ("timestamp", [time(12)] * 2),
        ("bullets", ["a", "b"]),
    ],
)
def test_a_parquet_column_of_a_wrong_type_makes_every_row_bad(
    tmp_path: Path, field: str, column: list[Any]
) -> None:
    records = list(read_records(write_parquet(tmp_path / "a.parquet", **{field: column})))
    assert list_bad_lines(records) == [1, 2]
    assert all(field in record.reason for record in records)
