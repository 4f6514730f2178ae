"""Files of trace records: what is read."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.sources.files import count_records, digest_file, read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering.traces.record import TraceRecord
from trace_clustering.traces.window import format_time
from trace_clustering_tests.examples import themed_records
from trace_clustering_tests.sources.record_files import (
    GOOD,
    MOMENT,
    list_bad_lines,
    list_contents,
    write_json_lines,
    write_parquet,
)


def test_json_lines_and_parquet_give_the_same_records(tmp_path: Path) -> None:
    records = list_contents(themed_records(per_theme=5))
    rows = [record | {"properties": json.dumps(record["properties"])} for record in records]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "traces.parquet")
    lines = [record | {"timestamp": record["timestamp"].isoformat()} for record in records]
    write_json_lines(tmp_path / "traces.jsonl", *lines)
    assert list_contents(read_records(tmp_path / "traces.jsonl")) == records
    assert list_contents(read_records(tmp_path / "traces.parquet")) == records


def test_vectors_are_read_as_float32(tmp_path: Path) -> None:
    for path in (write_json_lines(tmp_path / "a.jsonl", GOOD), write_parquet(tmp_path / "a.parquet")):
        vector = next(read_records(path)).embedding
        assert vector.dtype == np.float32
        assert vector.tolist() == [0.5, -1.25]


def test_what_a_record_leaves_out_is_empty(tmp_path: Path) -> None:
    least = {name: GOOD[name] for name in ("trace_id", "timestamp", "embedding")}
    for path in (
        write_json_lines(tmp_path / "a.jsonl", least),
        write_parquet(tmp_path / "a.parquet", rows=1),
    ):
        (record,) = read_records(path)
        assert (record.title, record.flow_diagram) == ("", "")
        assert (record.bullets, record.interesting_notes, record.properties) == ([], [], {})


@pytest.mark.parametrize("properties", [{"$ai_model": "x"}, '{"$ai_model": "x"}'])
def test_properties_may_be_an_object_or_one_as_text(tmp_path: Path, properties: object) -> None:
    (record,) = read_records(write_json_lines(tmp_path / "a.jsonl", GOOD | {"properties": properties}))
    assert record.properties == {"$ai_model": "x"}
    (record,) = read_records(write_parquet(tmp_path / "a.parquet", rows=1, properties=[properties]))
    assert record.properties == {"$ai_model": "x"}


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    records = list(read_records(write_json_lines(tmp_path / "a.jsonl", "", GOOD, " \t", "oops", "", GOOD)))
    assert [type(record) for record in records] == [TraceRecord, BadRecord, TraceRecord]
    assert list_bad_lines(records) == [4]


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_the_records(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n" + line)
    assert [record["trace_id"] for record in list_contents(read_records(path))] == ["trace", "trace"]


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
    (record,) = read_records(write_json_lines(tmp_path / "a.jsonl", GOOD | {"timestamp": written}))
    assert format_time(record.timestamp) == "2025-01-22T13:45:00Z"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "-05:30"])
def test_parquet_times_may_have_any_unit_and_zone(tmp_path: Path, unit: str, zone: str | None) -> None:
    naive = MOMENT.replace(tzinfo=None)  # Arrow stores UTC, the zone is how it is shown
    path = write_parquet(
        tmp_path / "a.parquet", rows=1, timestamp=pa.array([naive], pa.timestamp(unit, zone))
    )
    (record,) = read_records(path)
    assert format_time(record.timestamp) == "2025-01-22T13:45:00Z"


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
    path = write_parquet(tmp_path / "a.parquet", embedding=pa.array([[1, 2], [3, 4]], kind))
    assert [record["embedding"] for record in list_contents(read_records(path))] == [[1, 2], [3, 4]]


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
    assert count_records(write_json_lines(tmp_path / "a.jsonl", *[GOOD] * 5)) == 5
    assert count_records(write_parquet(tmp_path / "a.parquet", rows=7)) == 7


def test_the_digest_tells_contents_apart_and_not_names(tmp_path: Path) -> None:
    digests = [digest_file(write_json_lines(tmp_path / name, GOOD)) for name in ("a.jsonl", "b.jsonl")]
    other = digest_file(write_json_lines(tmp_path / "c.jsonl", GOOD | {"title": "other"}))
    assert digests[0] == digests[1] != other
