"""Parquet with every type that pandas, polars and Arrow write for texts, lists, times and numbers."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.sources.containers import read_rows
from trace_clustering_tests.sources.trace_files import make_chat, read_all

MOMENT = datetime(2026, 8, 1, 9, tzinfo=UTC)
ID = uuid.UUID(int=7)

TEXT_TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
]
LIST_TYPES = [pa.list_, pa.large_list, pa.list_view, pa.large_list_view]


def read_only_column(path: Path, column: pa.Array) -> list[Any]:
    pq.write_table(pa.table({"a": column}), path)
    return [row["a"] for _, row in read_rows(path) if isinstance(row, dict)]


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_texts_of_every_type_are_the_same(tmp_path: Path, kind: pa.DataType) -> None:
    values = [text.encode() if "binary" in str(kind) else text for text in ("chat-é", "chat-2")]
    ids = pa.array(values, kind)
    messages = pa.array([make_chat("1", "question", "answer")["messages"]] * 2)
    pq.write_table(pa.table({"id": ids, "messages": messages}), tmp_path / "a.parquet")
    traces, report = read_all(tmp_path / "a.parquet")
    assert sorted(traces) == ["chat-2", "chat-é"]
    assert report.bad_count == 0


@pytest.mark.parametrize("make_list", LIST_TYPES)
def test_lists_of_every_type_make_the_same_turns(tmp_path: Path, make_list: Any) -> None:
    chat = make_chat("1", "question", "answer")
    message = pa.struct({"role": pa.string(), "content": pa.string_view()})
    table = pa.table({"id": ["1"], "messages": pa.array([chat["messages"]], make_list(message))})
    pq.write_table(table, tmp_path / "a.parquet")
    traces, _ = read_all(tmp_path / "a.parquet")
    assert [turn.text for turn in traces["1"].turns] == ["question", "answer"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([MOMENT, None], pa.timestamp("s", "UTC")), [MOMENT, None]),
        (pa.array([MOMENT, None], pa.timestamp("ms", "Europe/Berlin")), [MOMENT, None]),
        (pa.array([MOMENT, None], pa.timestamp("us", "+02:00")), [MOMENT, None]),
        (pa.array([MOMENT, None], pa.timestamp("ns", "UTC")), [MOMENT, None]),
        (pa.array([0.5, None], pa.float16()), [0.5, None]),
        (pa.array([Decimal("0.25"), None], pa.decimal128(9, 2)), [Decimal("0.25"), None]),
        (pa.array([ID.bytes, None], pa.uuid()), [str(ID), None]),
        (pa.array([None, None]), [None, None]),
        (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), [{"a": 1}, None]),
        (pa.StructArray.from_arrays([pa.array([ID.bytes], pa.uuid())], ["id"]), [{"id": str(ID)}]),
    ],
)
def test_times_numbers_and_ids_are_read(tmp_path: Path, column: pa.Array, expected: list[Any]) -> None:
    found = read_only_column(tmp_path / "a.parquet", column)
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_vectors_of_every_precision_are_arrays(tmp_path: Path, kind: pa.DataType) -> None:
    (found,) = read_only_column(tmp_path / "a.parquet", pa.array([[0.5, -1.25]], pa.list_(kind, 2)))
    assert isinstance(found, np.ndarray)
    assert found.tolist() == [0.5, -1.25]


def test_a_frame_of_pandas_with_an_index_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame([make_chat("1", "question"), make_chat("2", "other")], index=["x", "y"])
    frame.to_parquet(tmp_path / "a.parquet")
    assert sorted(read_all(tmp_path / "a.parquet")[0]) == ["1", "2"]


def test_a_time_that_python_cannot_tell_is_one_bad_record(tmp_path: Path) -> None:
    rows = [make_chat(str(number), "question") for number in range(2)]
    table = pa.Table.from_pylist(rows).append_column("at", pa.array([0, -(10**17)], pa.timestamp("us")))
    pq.write_table(table, tmp_path / "a.parquet")
    traces, report = read_all(tmp_path / "a.parquet")
    assert list(traces) == ["0"]
    assert report.first_bad[0].place == "a.parquet, row 2"
    assert "at cannot be read" in report.first_bad[0].reason
