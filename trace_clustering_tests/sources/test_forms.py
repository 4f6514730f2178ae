"""The files that people have: arrays, other encodings, packed files, folders, and the types of Parquet."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, digest_file, read_records
from trace_clustering.sources.parse import BadRecord, Repairs
from trace_clustering.traces.record import TraceRecord
from trace_clustering_tests.sources.record_files import (
    GOOD,
    list_bad_lines,
    list_contents,
    write_json_lines,
    write_parquet,
)

RECORDS = [GOOD | {"trace_id": f"é{n}", "title": 'quote " and \\ [{', "bullets": ["€"]} for n in range(3)]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS)


def list_ids(path: Path) -> list[str]:
    return [record.trace_id for record in read_records(path) if isinstance(record, TraceRecord)]


def read_first(path: Path) -> TraceRecord:
    record = next(read_records(path))
    assert isinstance(record, TraceRecord), record
    return record


# JSON


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        lambda records: json.dumps(records, indent=2),
        lambda records: json.dumps(records, ensure_ascii=False, separators=(",", ":")),
        lambda records: "\n [\n" + ",\n".join(map(json.dumps, records)) + "\n]\n\n",
        lambda records: "\n".join(json.dumps(record, indent=1) for record in records),
        lambda records: "\n".join(map(json.dumps, records)),
    ],
)
def test_a_json_file_may_be_an_array_or_objects_however_they_are_spread(
    tmp_path: Path, write: Callable[[object], str]
) -> None:
    path = tmp_path / "a.json"
    path.write_text(write(RECORDS))
    assert list_ids(path) == [record["trace_id"] for record in RECORDS]
    assert read_first(path).title == RECORDS[0]["title"]
    path.write_text(write([]))
    assert list(read_records(path)) == []


@pytest.mark.parametrize(
    ("text", "bad", "reason"),
    [
        ('[{"trace_id": 1}, GOOD]', [1], "trace_id must be"),
        ("[GOOD, oops, GOOD]", [2], "is not JSON"),
        ("[GOOD, 7, GOOD]", [2], "is not a JSON object"),
        ("[GOOD, [GOOD], GOOD]", [2], "is not a JSON object"),
        ("[GOOD, {'a': 1}]", [2], "is not JSON"),
        ("[GOOD, GOOD", [3], "the array does not end"),
        ('[GOOD, {"trace_id": "a', [2], "is not JSON"),
        ("[GOOD] GOOD", [2], "after the end"),
    ],
)
def test_bad_records_of_an_array_are_reported_by_number(
    tmp_path: Path, text: str, bad: list[int], reason: str
) -> None:
    path = tmp_path / "a.json"
    path.write_text(text.replace("GOOD", json.dumps(GOOD)))
    found = [record for record in read_records(path) if isinstance(record, BadRecord)]
    assert [record.line for record in found] == bad
    assert reason in found[0].reason
    assert found[0].place == f"record {bad[0]}"


def test_an_array_of_many_blocks_is_read_whole(tmp_path: Path) -> None:
    records = [GOOD | {"trace_id": str(n), "title": '\\" ' * 50_000} for n in range(40)]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(records))
    assert list_ids(path) == [str(n) for n in range(40)]
    assert count_records(path) == 40


def test_an_array_in_a_file_of_lines_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps([GOOD], indent=1))
    assert ".json" in next(r.reason for r in read_records(path) if isinstance(r, BadRecord))


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "mark utf-16-be"]
)
def test_the_encodings_of_other_systems_are_read(tmp_path: Path, encoding: str, suffix: str) -> None:
    text = LINES if suffix == ".jsonl" else json.dumps(RECORDS, ensure_ascii=False)
    mark = b"\xfe\xff" if encoding.startswith("mark") else b""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(mark + text.encode(encoding.removeprefix("mark ")))
    assert list_ids(path) == [record["trace_id"] for record in RECORDS]
    assert read_first(path).bullets == ["€"]


# Text that is no Unicode

SURROGATE = "\ud800"


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"title": SURROGATE}, "title", "�"),
        ({"flow_diagram": f"a{SURROGATE}b"}, "flow_diagram", "a�b"),
        ({"bullets": ["a", SURROGATE]}, "bullets", ["a", "�"]),
        ({"interesting_notes": [SURROGATE]}, "interesting_notes", ["�"]),
        ({"properties": {"model": SURROGATE}}, "properties", {"model": "�"}),
        ({"properties": {SURROGATE: ["model"]}}, "properties", {"�": ["model"]}),
        ({"properties": json.dumps({"model": SURROGATE})}, "properties", {"model": "�"}),
    ],
)
def test_half_a_surrogate_pair_is_repaired_and_counted(
    tmp_path: Path, change: dict[str, Any], field: str, expected: object
) -> None:
    repairs = Repairs()
    records = list(read_records(write_json_lines(tmp_path / "a.jsonl", GOOD, GOOD | change), repairs))
    assert getattr(records[1], field) == expected
    assert repairs.records == 1


def test_bytes_that_are_not_utf_8_are_repaired_and_counted(tmp_path: Path) -> None:
    line = json.dumps(GOOD | {"title": "TITLE", "properties": {"a": "TITLE"}}).encode()
    path = write_json_lines(tmp_path / "a.jsonl", line.replace(b"TITLE", b"caf\xe9 \xf0\x9f"), GOOD)
    repairs = Repairs()
    record, _ = read_records(path, repairs)
    assert (record.title, record.properties, repairs.records) == ("caf� ��", {"a": "caf� ��"}, 1)


def test_text_of_parquet_that_is_not_utf_8_is_repaired_wherever_it_is(tmp_path: Path) -> None:
    bad = pa.array([b"good", b"caf\xe9"]).view(pa.string())
    path = write_parquet(
        tmp_path / "a.parquet",
        title=bad,
        bullets=pa.ListArray.from_arrays([0, 1, 2], bad),
        properties=pa.StructArray.from_arrays([bad], ["model"]),
    )
    repairs = Repairs()
    first, second = read_records(path, repairs)
    assert (first.title, second.title, second.bullets) == ("good", "caf�", ["caf�"])
    assert (second.properties, repairs.records) == ({"model": "caf�"}, 1)


def test_two_ids_never_become_one_by_a_repair(tmp_path: Path) -> None:
    line = json.dumps(GOOD | {"trace_id": "ID"}).encode()
    path = write_json_lines(
        tmp_path / "a.jsonl", line.replace(b"ID", b"a\xe9"), line.replace(b"ID", b"a\xe8")
    )
    assert list_bad_lines(read_records(path)) == [1, 2]


# Values


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_bullets_may_be_objects_with_a_text_as_in_the_events(tmp_path: Path, form: str) -> None:
    bullets = [{"text": "one", "line_refs": "L1"}, {"text": "two", "line_refs": ""}]
    path = (
        write_json_lines(tmp_path / "a.jsonl", GOOD | {"bullets": bullets, "interesting_notes": bullets[:1]})
        if form == "jsonl"
        else write_parquet(tmp_path / "a.parquet", 1, bullets=[bullets], interesting_notes=[bullets[:1]])
    )
    record = read_first(path)
    assert (record.bullets, record.interesting_notes) == (["one", "two"], ["one"])


MOMENT = datetime(2025, 1, 22, 13, 45, tzinfo=UTC)
TEXTS = pa.map_(pa.string(), pa.string())
NESTED = pa.map_(pa.string(), pa.map_(pa.int32(), pa.list_(pa.float64())))
PROPERTIES: dict[str, tuple[pa.Array, dict[str, Any]]] = {
    "a map": (pa.array([[("model", "m"), ("user", None)]], TEXTS), {"model": "m", "user": None}),
    "a map in a map": (pa.array([[("a", [(1, [0.5])])]], NESTED), {"a": {"1": [0.5]}}),
    "a map in a struct": (
        pa.array([{"tags": [("a", "b")]}], pa.struct({"tags": TEXTS})),
        {"tags": {"a": "b"}},
    ),
    "a moment": (pa.array([{"at": MOMENT}]), {"at": "2025-01-22T13:45:00Z"}),
    "nanoseconds": (
        pa.array([{"at": 1737553500000000001}], pa.struct({"at": pa.timestamp("ns")})),
        {"at": "2025-01-22T13:45:00Z"},
    ),
    "a day": (pa.array([{"on": date(2025, 1, 22)}]), {"on": "2025-01-22"}),
    "a time": (pa.array([{"at": time(13, 45)}]), {"at": "13:45:00"}),
    "a duration": (pa.array([{"took": timedelta(seconds=1.5)}]), {"took": 1.5}),
    "decimals": (pa.array([{"cost": Decimal("0.25"), "n": Decimal("3.00")}]), {"cost": 0.25, "n": 3}),
    "a list of structs": (
        pa.array([{"steps": [{"at": MOMENT}]}]),
        {"steps": [{"at": "2025-01-22T13:45:00Z"}]},
    ),
    "a dictionary": (pa.StructArray.from_arrays([pa.array(["m"]).dictionary_encode()], ["a"]), {"a": "m"}),
}


@pytest.mark.parametrize(("column", "expected"), PROPERTIES.values(), ids=PROPERTIES)
def test_properties_may_have_any_type_of_parquet(
    tmp_path: Path, column: pa.Array, expected: dict[str, Any]
) -> None:
    record = read_first(write_parquet(tmp_path / "a.parquet", 1, properties=column))
    assert record.properties == expected
    assert list_contents(read_records(tmp_path / "a.parquet"))[0]["properties"] == json.loads(
        json.dumps(expected)
    )


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_a_day_is_its_midnight_in_utc(tmp_path: Path, kind: pa.DataType) -> None:
    path = write_parquet(tmp_path / "a.parquet", 1, timestamp=pa.array([date(2025, 1, 22)], kind))
    as_text = write_json_lines(tmp_path / "a.jsonl", GOOD | {"timestamp": "2025-01-22"})
    assert read_first(path).timestamp == read_first(as_text).timestamp == datetime(2025, 1, 22, tzinfo=UTC)


def test_vectors_may_be_decimals_and_columns_dictionaries(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "a.parquet",
        1,
        embedding=[[Decimal("0.50"), Decimal("-1.25")]],
        title=pa.array(["a title"]).dictionary_encode(),
    )
    record = read_first(path)
    assert (record.embedding.tolist(), record.title) == ([0.5, -1.25], "a title")


# Packed files, and folders


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.ndjson.gz", "a.json.gz", "a.jsonl"])
def test_packed_files_are_read(tmp_path: Path, name: str) -> None:
    text = json.dumps(RECORDS) if ".json." in name else LINES
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert list_ids(tmp_path / name) == [record["trace_id"] for record in RECORDS]


@pytest.mark.parametrize("content", [gzip.compress(LINES.encode())[:-20], b"\x1f\x8boops"])
def test_a_packed_file_that_is_cut_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(content)
    with pytest.raises(InvalidRecordError, match=r"a\.jsonl\.gz cannot be read"):
        list(read_records(tmp_path / "a.jsonl.gz"))


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "day=2").mkdir(parents=True)
    write_json_lines(folder / "part-1.jsonl", GOOD | {"trace_id": "a"}, "oops")
    (folder / "part-2.jsonl.gz").write_bytes(gzip.compress(json.dumps(GOOD | {"trace_id": "b"}).encode()))
    write_parquet(folder / "part-3.parquet", 1, trace_id=["c"])
    write_json_lines(folder / "day=2" / "part-4.jsonl", GOOD | {"trace_id": "d", "embedding": [1.0]})
    for name in ("_SUCCESS", ".part-1.jsonl.crc", "readme.txt"):
        (folder / name).write_text("no record")
    records = list(read_records(folder))
    assert [r.trace_id for r in records if isinstance(r, TraceRecord)] == ["d"]
    bad = [record for record in records if isinstance(record, BadRecord)]
    assert [record.place for record in bad] == [
        "part-1.jsonl, line 1",
        "part-1.jsonl, line 2",
        "part-2.jsonl.gz, line 1",
        "part-3.parquet, row 1",
    ]
    before = digest_file(folder)
    (folder / "day=2" / "part-4.jsonl").unlink()
    assert list_ids(folder) == ["a", "b", "c"]
    assert digest_file(folder) != before
    pq.write_table(pa.table({"trace_id": ["z"]}), folder / "part-3.parquet")
    assert list_ids(folder) == ["a", "b"]
