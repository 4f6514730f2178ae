"""Files of trace records: what is read, and how each kind of bad record is reported."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, file_digest, read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering.traces.record import TraceRecord
from trace_clustering.traces.window import iso_time
from trace_clustering_tests.examples import themed_records

GOOD = {
    "trace_id": "trace",
    "timestamp": "2025-01-22T13:45:00Z",
    "title": "Refund of a kettle",
    "embedding": [0.5, -1.25],
}
MOMENT = datetime(2025, 1, 22, 13, 45, tzinfo=UTC)
FIELDS = tuple(TraceRecord.__dataclass_fields__)


def json_lines(path: Path, *lines: dict[str, Any] | str | bytes) -> Path:
    """Write one line each: a record as JSON, a text or bytes as they are."""
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    path.write_bytes(b"".join((t.encode() if isinstance(t, str) else t) + b"\n" for t in texts))
    return path


def parquet(path: Path, rows: int = 2, **columns: Any) -> Path:
    """Write good rows, with some columns replaced; None leaves a column out."""
    good = {
        "trace_id": [f"trace-{row}" for row in range(rows)],
        "timestamp": [MOMENT] * rows,
        "embedding": [[0.5, -1.25]] * rows,
    }
    table = {name: values for name, values in (good | columns).items() if values is not None}
    pq.write_table(pa.table(table), path)
    return path


def contents(records: Iterable[TraceRecord | BadRecord]) -> list[dict[str, Any]]:
    return [vars(record) | {"embedding": record.embedding.tolist()} for record in records]


def bad_lines(records: Iterable[TraceRecord | BadRecord]) -> list[int]:
    return [record.line for record in records if isinstance(record, BadRecord)]


def one_bad(path: Path, line: int) -> str:
    """Return why the record of that line is bad, and no other."""
    records = list(read_records(path))
    assert bad_lines(records) == [line]
    return records[line - 1].reason


# What is read


def test_json_lines_and_parquet_give_the_same_records(tmp_path: Path) -> None:
    records = contents(themed_records(per_theme=5))
    rows = [record | {"properties": json.dumps(record["properties"])} for record in records]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "traces.parquet")
    lines = [record | {"timestamp": record["timestamp"].isoformat()} for record in records]
    json_lines(tmp_path / "traces.jsonl", *lines)
    assert contents(read_records(tmp_path / "traces.jsonl")) == records
    assert contents(read_records(tmp_path / "traces.parquet")) == records


def test_vectors_are_read_as_float32(tmp_path: Path) -> None:
    for path in (json_lines(tmp_path / "a.jsonl", GOOD), parquet(tmp_path / "a.parquet")):
        vector = next(read_records(path)).embedding
        assert vector.dtype == np.float32
        assert vector.tolist() == [0.5, -1.25]


def test_what_a_record_leaves_out_is_empty(tmp_path: Path) -> None:
    least = {name: GOOD[name] for name in ("trace_id", "timestamp", "embedding")}
    for path in (json_lines(tmp_path / "a.jsonl", least), parquet(tmp_path / "a.parquet", rows=1)):
        (record,) = read_records(path)
        assert (record.title, record.flow_diagram) == ("", "")
        assert (record.bullets, record.interesting_notes, record.properties) == ([], [], {})


@pytest.mark.parametrize("properties", [{"$ai_model": "x"}, '{"$ai_model": "x"}'])
def test_properties_may_be_an_object_or_one_as_text(tmp_path: Path, properties: object) -> None:
    (record,) = read_records(json_lines(tmp_path / "a.jsonl", GOOD | {"properties": properties}))
    assert record.properties == {"$ai_model": "x"}
    (record,) = read_records(parquet(tmp_path / "a.parquet", rows=1, properties=[properties]))
    assert record.properties == {"$ai_model": "x"}


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    records = list(read_records(json_lines(tmp_path / "a.jsonl", "", GOOD, " \t", "oops", "", GOOD)))
    assert [type(record) for record in records] == [TraceRecord, BadRecord, TraceRecord]
    assert bad_lines(records) == [4]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_the_records(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line)
    assert [record["trace_id"] for record in contents(read_records(path))] == ["trace", "trace"]


@pytest.mark.parametrize(
    "written",
    [
        "2025-01-22T13:45:00Z",
        "2025-01-22 13:45",
        "2025-01-22T13:45:00.000",
        "2025-01-22T15:45:00+02:00",
        "2025-01-22T08:15:00-05:30",
    ],
)
def test_times_are_in_utc_whatever_their_zone_and_without_a_zone_are_utc(
    tmp_path: Path, written: str
) -> None:
    (record,) = read_records(json_lines(tmp_path / "a.jsonl", GOOD | {"timestamp": written}))
    assert iso_time(record.timestamp) == "2025-01-22T13:45:00Z"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "-05:30"])
def test_parquet_times_may_have_any_unit_and_zone(tmp_path: Path, unit: str, zone: str | None) -> None:
    naive = MOMENT.replace(tzinfo=None)  # Arrow stores UTC, the zone is how it is shown
    path = parquet(tmp_path / "a.parquet", rows=1, timestamp=pa.array([naive], pa.timestamp(unit, zone)))
    (record,) = read_records(path)
    assert iso_time(record.timestamp) == "2025-01-22T13:45:00Z"


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.float32()),
        pa.list_(pa.float64()),
        pa.list_(pa.float32(), 2),
        pa.large_list(pa.float32()),
        pa.list_(pa.int64()),
    ],
    ids=str,
)
def test_parquet_vectors_may_be_any_list_of_numbers(tmp_path: Path, kind: pa.DataType) -> None:
    path = parquet(tmp_path / "a.parquet", embedding=pa.array([[1, 2], [3, 4]], kind))
    assert [record["embedding"] for record in contents(read_records(path))] == [[1, 2], [3, 4]]


def test_a_parquet_file_is_read_whole_and_in_order_whatever_its_row_groups(tmp_path: Path) -> None:
    numbers = np.arange(2500)
    table = pa.table(
        {
            "trace_id": [str(number) for number in numbers],
            "timestamp": [MOMENT] * 2500,
            "embedding": [[float(number)] for number in numbers],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=700)
    records = list(read_records(tmp_path / "a.parquet"))
    assert [record.trace_id for record in records] == table["trace_id"].to_pylist()
    assert np.array_equal(np.concatenate([record.embedding for record in records]), numbers)


def test_the_number_of_records_is_known_before_they_are_read(tmp_path: Path) -> None:
    assert count_records(json_lines(tmp_path / "a.jsonl", *[GOOD] * 5)) == 5
    assert count_records(parquet(tmp_path / "a.parquet", rows=7)) == 7


def test_the_digest_tells_contents_apart_and_not_names(tmp_path: Path) -> None:
    digests = [file_digest(json_lines(tmp_path / name, GOOD)) for name in ("a.jsonl", "b.jsonl")]
    other = file_digest(json_lines(tmp_path / "c.jsonl", GOOD | {"title": "other"}))
    assert digests[0] == digests[1] != other


# Bad records


@pytest.mark.parametrize("field", ["trace_id", "timestamp", "embedding"])
def test_a_record_without_id_time_or_vector_is_bad(tmp_path: Path, field: str) -> None:
    without = {name: value for name, value in GOOD.items() if name != field}
    lines = json_lines(tmp_path / "a.jsonl", GOOD, without, GOOD | {field: None}, GOOD)
    columns = parquet(tmp_path / "a.parquet", **{field: None})
    for path, expected in ((lines, [2, 3]), (columns, [1, 2])):
        records = list(read_records(path))
        assert bad_lines(records) == expected
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
    ("title", LONE_SURROGATE),
    ("flow_diagram", ["a", "b"]),
    ("flow_diagram", LONE_SURROGATE),
    ("bullets", "one thing"),
    ("bullets", [1]),
    ("bullets", ["one thing", None]),
    ("bullets", [LONE_SURROGATE]),
    ("interesting_notes", {"text": "one thing"}),
    ("interesting_notes", [LONE_SURROGATE]),
    ("properties", [1]),
    ("properties", 7),
    ("properties", "{"),
    ("properties", "[1]"),
    ("properties", {"score": float("nan")}),
    ("properties", {"score": [{"deep": -float("inf")}]}),
    ("properties", '{"score": NaN}'),
    ("properties", {"model": LONE_SURROGATE}),
    ("properties", {LONE_SURROGATE: "model"}),
]


@pytest.mark.parametrize(
    ("field", "value"), BAD_VALUES, ids=[f"{field}={value!r:.30}" for field, value in BAD_VALUES]
)
def test_a_bad_value_is_reported_with_its_line_and_field(tmp_path: Path, field: str, value: object) -> None:
    path = json_lines(tmp_path / "a.jsonl", GOOD, GOOD | {field: value}, GOOD)
    reason = one_bad(path, line=2)
    assert field in reason
    assert reason.isprintable()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "is not JSON"),
        (b'{"trace_id": "a"', "is not JSON"),
        (b'{"trace_id": "\xe4"}', "is not JSON"),
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
    assert one_bad(json_lines(tmp_path / "a.jsonl", GOOD, line, GOOD), line=2).startswith(reason)


def nested_lines(field: str, form: str) -> list[str]:
    """Return 600 records, the value of one field ever deeper; near 1,000 lies a limit of Python's."""
    template = json.dumps(GOOD | {field: "?"})
    return [template.replace('"?"', form.format("[" * depth + "]" * depth)) for depth in range(500, 1100)]


@pytest.mark.parametrize("field", ["trace_id", "title", "bullets", "embedding", "timestamp"])
def test_values_nested_however_deeply_are_reported(tmp_path: Path, field: str) -> None:
    path = json_lines(tmp_path / "a.jsonl", *nested_lines(field, "{}"), GOOD)
    assert bad_lines(read_records(path)) == list(range(1, 601))


def test_properties_nested_however_deeply_are_read_or_reported(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", *nested_lines("properties", '{{"deep": {}}}'), GOOD)
    bad = bad_lines(read_records(path))
    assert 1 not in bad
    assert 600 in bad
    assert 601 not in bad


def test_the_first_good_vector_sets_the_length_of_all(tmp_path: Path) -> None:
    lengths = [0, 3, 2, 3, 4]
    records = list(
        read_records(json_lines(tmp_path / "a.jsonl", *(GOOD | {"embedding": [1.0] * n} for n in lengths)))
    )
    assert bad_lines(records) == [1, 3, 5]
    assert "2 numbers" in records[2].reason
    assert "3" in records[2].reason


def test_a_long_value_is_cut_in_the_report(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", GOOD | {"bullets": "x" * 100_000})
    assert len(one_bad(path, line=1)) < 200


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
    "a title in another encoding": ("title", pa.array([b"caf\xc3\xa9", b"caf\xe9"]).view(pa.string())),
    "a bullet that is null": ("bullets", pa.array([["a"], ["a", None]])),
    "properties with NaN": ("properties", pa.array([{"a": 1.0}, {"a": float("nan")}])),
    "properties with a time": ("properties", pa.array([None, {"at": MOMENT}])),
    "properties with bytes": ("properties", pa.array([None, {"raw": b"\xff"}])),
}


@pytest.mark.parametrize(("field", "column"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_bad_row_of_a_parquet_file_is_reported_with_its_number_and_field(
    tmp_path: Path, field: str, column: pa.Array
) -> None:
    assert field in one_bad(parquet(tmp_path / "a.parquet", **{field: column}), line=2)


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
        ("timestamp", [date(2025, 1, 22)] * 2),
        ("bullets", ["a", "b"]),
    ],
)
def test_a_parquet_column_of_a_wrong_type_makes_every_row_bad(
    tmp_path: Path, field: str, column: list[Any]
) -> None:
    records = list(read_records(parquet(tmp_path / "a.parquet", **{field: column})))
    assert bad_lines(records) == [1, 2]
    assert all(field in record.reason for record in records)


# Files that cannot be read


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.jsonl", None),
        ("missing.parquet", None),
        (f"{'x' * 300}.jsonl", None),
        ("traces.csv", b"trace_id\n"),
        ("traces", b"{}\n"),
        ("text.parquet", b'{"trace_id": "a"}\n' * 100),
        ("empty.parquet", b""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for read in (count_records, lambda path: list(read_records(path))):
        with pytest.raises(InvalidRecordError, match=name):
            read(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InvalidRecordError, match="no file"):
        count_records(tmp_path / "folder.jsonl")


@pytest.mark.parametrize("damage", ["cut short", "zeros in the middle"])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = parquet(tmp_path / "a.parquet", rows=2000, title=["a title of a trace"] * 2000)
    sound = path.read_bytes()
    middle = len(sound) // 8
    path.write_bytes(
        sound[: len(sound) // 2]
        if damage == "cut short"
        else sound[:middle] + bytes(middle) + sound[2 * middle :]
    )
    with pytest.raises(InvalidRecordError, match=r"a\.parquet"):
        list(read_records(path))


# Whatever is in a file


def check_all(path: Path, lines: list[bytes]) -> None:
    """Check that every line that is not blank comes back, sound or with its number and a reason."""
    path.write_bytes(b"\n".join(lines))
    written = path.read_bytes().split(b"\n")
    numbers = [number for number, line in enumerate(written, start=1) if line.strip()]
    for number, record in zip(numbers, read_records(path), strict=True):
        if isinstance(record, BadRecord):
            assert record.line == number
            assert record.reason
            continue
        assert record.trace_id.strip()
        assert record.timestamp.tzinfo is UTC
        assert np.isfinite(record.embedding).all()
        texts = [record.title, record.flow_diagram, *record.bullets, *record.interesting_notes]
        properties = json.dumps(record.properties, allow_nan=False, ensure_ascii=False)
        "".join([record.trace_id, *texts, properties]).encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(timezones=st.none() | ZONES).map(datetime.isoformat)
VECTORS = st.lists(st.floats(width=64) | st.integers(), min_size=1, max_size=2)
ALMOST_RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "trace_id": st.text(min_size=1) | JSON_VALUES,
        "timestamp": TIMES | JSON_VALUES,
        "title": st.text() | JSON_VALUES,
        "bullets": st.lists(st.text(), max_size=2) | JSON_VALUES,
        "properties": st.dictionaries(st.text(), JSON_VALUES, max_size=2) | JSON_VALUES,
        "embedding": VECTORS | JSON_VALUES,
    },
)


@settings(max_examples=200, deadline=None)
@given(lines=st.lists(st.binary(max_size=40), max_size=8))
def test_random_bytes_are_never_more_than_bad_records(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    check_all(tmp_path_factory.getbasetemp() / "bytes.jsonl", lines)


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(ALMOST_RECORDS, min_size=1, max_size=4))
def test_random_values_are_never_more_than_bad_records(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    lines = [json.dumps(GOOD | change).encode() for change in changes]
    check_all(tmp_path_factory.getbasetemp() / "values.jsonl", lines)
