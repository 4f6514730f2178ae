"""Files of earlier versions are read, or refused with what to say about their age."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.parquet import HEADER_KEY
from trace_clustering.artifacts.traces import ReducedEmbeddings, TraceArtifact
from trace_clustering_tests.artifacts.every_kind import (
    FULL,
    assert_same,
    make_embeddings,
    make_many_traces,
    read,
    write,
    write_table,
)

# One file of each kind, as the last version without a format number wrote them.
FORMAT_1 = Path(__file__).parent / "format_1"


def test_an_artifact_of_earlier_versions_with_all_rows_in_one_group_is_read() -> None:
    file = io.BytesIO()
    table = pq.read_table(io.BytesIO(write(make_many_traces())))
    pq.write_table(table, file, compression="zstd", use_dictionary=False, write_page_checksum=True)
    assert pq.read_metadata(file).num_row_groups == 1
    assert_same(make_many_traces(), read(file.getvalue()))


@pytest.mark.parametrize("kind", FULL)
def test_an_artifact_of_format_1_is_read(kind: str) -> None:
    given = FULL[kind]
    if isinstance(given, TraceArtifact):  # which had no times of traces
        given = dataclasses.replace(given, trace_times=np.full(3, "NaT", dtype="datetime64[us]"))
    assert_same(given, read((FORMAT_1 / f"{kind}.parquet").read_bytes()))


def test_an_artifact_of_format_1_that_lacks_what_is_needed_is_said_to_be_old() -> None:
    table = pq.read_table(FORMAT_1 / "ReducedEmbeddings.parquet").drop_columns("neighbors")
    with pytest.raises(ValueError, match=r"made by an older version of trace_clustering.*neighbors"):
        read(write_table(table))


def test_an_artifact_of_a_later_format_is_said_to_be_newer() -> None:
    table = pq.read_table(pa.BufferReader(write(make_embeddings()))).drop_columns("embedding")
    header = json.loads(table.schema.metadata[HEADER_KEY]) | {"format": 3}
    with pytest.raises(ValueError, match="made by a newer version of trace_clustering"):
        read(write_table(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)})))


def test_an_entry_that_a_file_does_not_have_gets_its_default() -> None:
    table = pq.read_table(pa.BufferReader(write(FULL["ReducedEmbeddings"])))
    header = json.loads(table.schema.metadata[HEADER_KEY])
    del header["n_layouts"]
    back = read(write_table(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)})))
    assert isinstance(back, ReducedEmbeddings)
    assert back.n_layouts == 1
