"""Reads the embeddings of a team's traces in a window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from trace_clustering import constants
from trace_clustering.clickhouse.filter_sql import build_trace_condition, check_patterns
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
    embeddings : float32 array, shape (n, d)
    traces_in_window : int
        Number of traces before filtering and sampling.
    traces_matching : int
        Number of those that satisfy the filters; all of them if there are no filters.
    """

    trace_ids: StringArray
    batch_run_ids: StringArray
    timestamps: TimeArray
    embeddings: FloatArray
    traces_in_window: int
    traces_matching: int


@dataclass(frozen=True)
class DocumentSelection:
    """The kind of embedded documents that stand for traces.

    An empty `rendering` or `embedding_model` selects any.
    """

    document_type: str = constants.LLMA_TRACE_DOCUMENT_TYPE
    rendering: str = ""
    embedding_model: str = ""


# Every query starts with this; all values are bound parameters. `length(embedding)` stands here because
# further out ClickHouse would read the whole vectors to compute it.
_SELECTED_DOCUMENTS = """
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

_WINDOW_COUNTS = (
    _SELECTED_DOCUMENTS
    + """
SELECT
    uniqExact(document_id) AS traces,
    arraySort(groupUniqArray(100)(tuple(dimensions, model_name))) AS dimensions_and_models
FROM selected
"""
)

# The newest row of a trace counts. The rest of the tuple breaks ties the same way every time; rows with an
# equal tuple are one row that was delivered twice. The sample is drawn without the embeddings. They are
# streamed afterwards, in the order in which they are stored, so no side of the connection holds them all.
# A join is used instead of IN because the sample also carries `position` and `traces_matching`; to count them
# separately, ClickHouse would evaluate the filters a second time. RowBinary sends a vector as its length (a
# variable-length integer) and its bytes in memory. For an array, the client would make a Python object of
# every number.
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
    """Read the embeddings of a window, one per trace.

    If more than `max_samples` traces satisfy the filters, the sample is those with the smallest hash of trace
    id and seed: the same window and seed give the same sample.

    Raises
    ------
    InvalidEmbeddingsError
        If embeddings differ in length, or hold NaN or infinity.
    InvalidPatternError
        If a filter holds a regular expression that ClickHouse cannot compile.
    ClickHouseQueryError
        If rows were replaced while they were read.
    """
    check_patterns(session, filters)
    selection = _build_selection(documents or DocumentSelection(), window)
    (in_window,) = session.query(_WINDOW_COUNTS, **selection)
    dimensions = _require_one_length(in_window["dimensions_and_models"])
    condition = build_trace_condition(filters, window)
    blocks = session.stream(
        _build_sample_query(condition.sql),
        as_bytes=["vector"],
        **selection,
        **condition.parameters,
        dimensions=dimensions,
        max_samples=max_samples,
        random_state=random_state,
    )
    found = _collect_blocks(blocks, dimensions, max_samples, in_window["traces"])
    _require_finite(found)
    return found


def _build_selection(documents: DocumentSelection, window: Window) -> dict[str, Any]:
    """Return the parameters that every query starts with."""
    return {
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


def _build_sample_query(condition: str) -> str:
    """Return the statement that draws a sample of the traces that satisfy a condition, and reads it."""
    return f"""{_SELECTED_DOCUMENTS}, sample AS (
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


def _collect_blocks(
    blocks: Iterator[dict[str, list[Any]]], dimensions: int, max_samples: int, traces_in_window: int
) -> TraceEmbeddings:
    """Write each row to its position; arrays are allocated once, so no vector is held twice."""
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
    length_bytes = (dimensions.bit_length() + 6) // 7  # 7 bits to a byte
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


def _require_one_length(dimensions_and_models: list[tuple[int, str]]) -> int:
    """Return the length that all embeddings of the window have; 0 without embeddings."""
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
