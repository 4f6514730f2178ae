"""A damaged or foreign file is refused, and its values are never read as others."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering.artifacts.fields import Artifact
from trace_clustering.artifacts.parquet import HEADER_KEY
from trace_clustering_tests.artifacts.every_kind import (
    assert_same,
    make_embeddings,
    read,
    write,
    write_table,
)


def change_header(**changes: object) -> bytes:
    table = pq.read_table(pa.BufferReader(write(make_embeddings())))
    header = json.loads(table.schema.metadata[HEADER_KEY]) | changes
    return write_table(table.replace_schema_metadata({HEADER_KEY: json.dumps(header)}))


GOOD = write(make_embeddings())
TABLE = pq.read_table(pa.BufferReader(GOOD))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"trace_id,title\na,Refund\n", id="another format"),
        pytest.param(GOOD[: len(GOOD) // 2], id="the first half"),
        pytest.param(GOOD[:-1], id="all but the last byte"),
        pytest.param(GOOD[:4] + b"\0" * 16 + GOOD[20:], id="the start overwritten"),
        pytest.param(write_table(pa.table({"a": [1]})), id="a foreign Parquet file"),
        pytest.param(
            write_table(TABLE.replace_schema_metadata({HEADER_KEY: "{"})), id="a header that is no JSON"
        ),
        pytest.param(
            write_table(TABLE.replace_schema_metadata({HEADER_KEY: "[]"})), id="a header that is a list"
        ),
        pytest.param(change_header(kind="Nonsense"), id="an unknown kind"),
        pytest.param(change_header(kind="Projection2D"), id="the kind of another file"),
        pytest.param(change_header(provenance=None), id="no provenance"),
        pytest.param(change_header(provenance={"team_id": 1}), id="half a provenance"),
        pytest.param(write_table(TABLE.drop_columns("embedding")), id="a missing column"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(content)


def read_with_destroyed_byte(position: int) -> Artifact | None:
    """Return what is read when one byte of the file is wrong, None if the file is refused."""
    damaged = GOOD[:position] + bytes([GOOD[position] ^ 0xFF]) + GOOD[position + 1 :]
    try:
        return read(damaged)
    except ValueError:
        return None


def test_a_destroyed_byte_anywhere_raises_nothing_but_value_errors() -> None:
    readable = [position for position in range(len(GOOD)) if read_with_destroyed_byte(position)]
    assert len(readable) < len(GOOD)


def test_values_with_a_destroyed_byte_are_refused_and_never_read_as_others() -> None:
    footer = len(GOOD) - 8 - int.from_bytes(GOOD[-8:-4], "little")
    for position in range(footer):
        back = read_with_destroyed_byte(position)
        if back is not None:
            assert_same(make_embeddings(), back)
