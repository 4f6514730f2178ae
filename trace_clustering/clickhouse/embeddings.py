"""The embeddings of a team's traces in a window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from trace_clustering import constants
from trace_clustering.clickhouse.filter_sql import check_patterns, trace_condition
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.errors import ClickHouseQueryError, InvalidEmbeddingsError
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.traces.arrays import FloatArray, StringArray, TimeArray
from trace_clustering.traces.window import Window


@dataclass(frozen=True, eq=False)
class TraceEmbeddings:
    """The sampled traces of a window, sorted by trace id, and their embeddings.

    Attributes
    ----------
    trace_ids, batch_run_ids : array of str, shape (n,)
    timestamps : array of datetime64[ms], shape (n,)
    vectors : float32 array, shape (n, d)
    traces_in_window : int
        How many traces there were before filtering and sampling.
    traces_matching : int
        How many of them satisfied the filters; all, if there are none.
    """

    trace_ids: StringArray
    batch_run_ids: StringArray
    timestamps: TimeArray
    embeddings: FloatArray
    traces_in_window: int
    traces_matching: int


@dataclass(frozen=True)
class DocumentSelection:
    """Which embedded documents of a window stand for traces; empty text means any."""

    document_type: str = constants.LLMA_TRACE_DOCUMENT_TYPE
    rendering: str = ""
    embedding_model: str = ""


# What every query starts from; all values are bound parameters. The length is taken here, next to the column:
# further out, ClickHouse would read the whole vectors for it.
_SELECTED = """
WITH selected AS (
    SELECT
        document_id, embedding, length(embedding) AS dimensions, model_name, rendering, timestamp, inserted_at
    FROM {embeddings:Identifier}
    WHERE team_id = {team_id:Int64}
        AND timestamp >= {window_start:DateTime64(3, 'UTC')} AND timestamp < {window_end:DateTime64(3, 'UTC')}
        AND product = {product:String}
        AND (document_type = {document_type:String}
             OR {document_type:String} = {current_type:String}
                AND document_type = {legacy_type:String} AND rendering = {legacy_rendering:String})
        AND ({rendering:String} = '' OR rendering = {rendering:String})
        AND ({embedding_model:String} = '' OR model_name = {embedding_model:String})
        AND dimensions > 0
)
"""

_WINDOW = (
    _SELECTED
    + """
SELECT
    uniqExact(document_id) AS traces,
    arraySort(groupUniqArray(100)(tuple(dimensions, model_name))) AS dimensions_and_models
FROM selected
"""
)

# The newest row of a trace counts; the rest of the tuple makes ties fall the same way every time, and rows
# alike in all of it are one row that was delivered twice. The sample is found without the embeddings, which
# then pass by block after block, in the order in which they are stored: nobody holds more than a block. It is
# joined, not listed with IN, because it brings its numbers with it: ClickHouse would evaluate the filters a
# second time to count. A vector travels as the bytes it has in memory, after its length as a variable-length
# integer (RowBinary), since the client makes a Python object of every number of an array.
_NEWEST_ROWS = """
SELECT
    document_id AS trace_id,
    sample.position AS position,
    sample.traces_matching AS traces_matching,
    rendering,
    toUnixTimestamp64Milli(timestamp) AS milliseconds,
    formatRow('RowBinary', CAST(embedding, 'Array(Float32)')) AS vector
FROM selected
INNER JOIN sample USING (document_id)
WHERE tuple(inserted_at, timestamp, rendering, model_name) = sample.newest
    AND dimensions = {dimensions:UInt64}
"""

_ROWS_PER_CHECK = 4096


def fetch_trace_embeddings_for_clustering(
    session: TeamSession,
    window: Window,
    *,
    max_samples: int = constants.DEFAULT_MAX_SAMPLES,
    documents: DocumentSelection | None = None,
    filters: Sequence[PropertyFilter] = (),
    random_state: int = constants.DEFAULT_RANDOM_STATE,
) -> TraceEmbeddings:
    """Read the vectors of a window, one per trace, at most `max_samples`.

    Traces that do not satisfy the filters do not count. Of more traces, those with the smallest hash of
    trace id and seed are taken: the same window and seed give the same sample.

    Raises
    ------
    InvalidEmbeddingsError
        If vectors differ in length, or hold NaN or infinity.
    InvalidPatternError
        If a filter holds a regular expression that ClickHouse cannot compile.
    ClickHouseQueryError
        If rows were replaced in the middle of it.
    """
    check_patterns(session, filters)
    documents = documents or DocumentSelection()
    selection = {
        "window_start": window.start,
        "window_end": window.end,
        "product": constants.LLMA_TRACE_PRODUCT,
        "current_type": constants.LLMA_TRACE_DOCUMENT_TYPE,
        "legacy_type": constants.LLMA_TRACE_DOCUMENT_TYPE_LEGACY,
        "legacy_rendering": constants.LLMA_TRACE_RENDERING_LEGACY,
        "document_type": documents.document_type,
        "rendering": documents.rendering,
        "embedding_model": documents.embedding_model,
    }
    (in_window,) = session.query(_WINDOW, **selection)
    dimensions = _one_length(in_window["dimensions_and_models"])
    condition = trace_condition(filters, window)
    blocks = session.stream(
        _sampled_rows(condition.sql),
        as_bytes=["vector"],
        **selection,
        **condition.parameters,
        dimensions=dimensions,
        max_samples=max_samples,
        random_state=random_state,
    )
    found = _collected(blocks, dimensions, max_samples, in_window["traces"])
    _require_finite(found)
    return found


def _sampled_rows(condition: str) -> str:
    """Return the statement that reads the traces of a sample of those that satisfy a condition."""
    return f"""{_SELECTED}, sample AS (
    SELECT document_id, newest, traces_matching, row_number() OVER (ORDER BY document_id) - 1 AS position
    FROM (
        SELECT
            document_id,
            max(tuple(inserted_at, timestamp, rendering, model_name)) AS newest,
            count() OVER () AS traces_matching
        FROM selected
        WHERE {condition}
        GROUP BY document_id
        ORDER BY cityHash64(document_id, {{random_state:UInt64}}), document_id
        LIMIT {{max_samples:UInt64}}
    )
)
{_NEWEST_ROWS}"""


def _collected(
    blocks: Iterator[dict[str, list[Any]]], dimensions: int, max_samples: int, traces_in_window: int
) -> TraceEmbeddings:
    """Put every row where it belongs, in arrays that have the right size from the start."""
    first = next(blocks, None)
    matching = first["traces_matching"][0] if first else 0
    n = min(matching, max_samples)
    found = TraceEmbeddings(
        trace_ids=np.full(n, None, dtype=object),
        batch_run_ids=np.full(n, "", dtype=object),
        timestamps=np.zeros(n, dtype="datetime64[ms]"),
        embeddings=np.empty((n, dimensions), dtype=np.float32),
        traces_in_window=traces_in_window,
        traces_matching=matching,
    )
    length_bytes = (dimensions.bit_length() + 6) // 7
    for block in chain([first] if first else [], blocks):
        rows = np.asarray(block["position"])
        found.trace_ids[rows] = block["trace_id"]
        found.batch_run_ids[rows] = [
            "" if rendering in constants.SUMMARY_MODE_RENDERINGS else rendering
            for rendering in block["rendering"]
        ]
        found.timestamps[rows] = np.asarray(block["milliseconds"]).astype("datetime64[ms]")
        for row, vector in zip(rows, block["vector"], strict=True):
            found.embeddings[row] = np.frombuffer(vector, dtype="<f4", offset=length_bytes)
    if missing := sum(trace_id is None for trace_id in found.trace_ids):
        raise ClickHouseQueryError(f"{missing} of {n} traces were replaced while they were read; try again")
    return found


def _one_length(dimensions_and_models: list[tuple[int, str]]) -> int:
    """Return the length that all vectors of the window have, 0 if there are none."""
    models: dict[int, list[str]] = {}
    for dimensions, model in dimensions_and_models:
        models.setdefault(dimensions, []).append(model)
    if len(models) > 1:
        seen = "; ".join(f"{dimensions} ({', '.join(names)})" for dimensions, names in models.items())
        raise InvalidEmbeddingsError(
            f"The vectors of this window differ in length: {seen}. "
            "Choose one model with the setting embedding_model"
        )
    return next(iter(models), 0)


def _require_finite(found: TraceEmbeddings) -> None:
    finite = np.ones(len(found.embeddings), dtype=bool)
    for start in range(0, len(finite), _ROWS_PER_CHECK):
        rows = slice(start, start + _ROWS_PER_CHECK)
        finite[rows] = np.isfinite(found.embeddings[rows]).all(axis=1)
    if not finite.all():
        ids = ", ".join(repr(trace_id) for trace_id in found.trace_ids[~finite][:5])
        raise InvalidEmbeddingsError(
            f"{(~finite).sum()} traces have vectors with NaN or infinity, among them {ids}; "
            "embed these traces again or delete their rows from the embeddings table"
        )
