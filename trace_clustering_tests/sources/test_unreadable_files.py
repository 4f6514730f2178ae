"""A file that cannot be read is refused by name, and no content of a file raises any other error."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.files import count_records, read_records
from trace_clustering.sources.parse import BadRecord
from trace_clustering_tests.sources.record_files import (
    GOOD,
    write_parquet,
)

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
    path = write_parquet(tmp_path / "a.parquet", rows=2000, title=["a title of a trace"] * 2000)
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


def check_every_line(path: Path, lines: list[bytes]) -> None:
    """Check that every line that is not blank comes back, sound or with its number and a reason."""
    path.write_bytes(b"\n" + b"\n".join(lines))  # the first bytes may say in which encoding a file is
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
    check_every_line(tmp_path_factory.getbasetemp() / "bytes.jsonl", lines)


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(ALMOST_RECORDS, min_size=1, max_size=4))
def test_random_values_are_never_more_than_bad_records(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[str, Any]]
) -> None:
    lines = [json.dumps(GOOD | change).encode() for change in changes]
    check_every_line(tmp_path_factory.getbasetemp() / "values.jsonl", lines)
