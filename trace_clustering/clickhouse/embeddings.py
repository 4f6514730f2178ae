"""The embeddings of a team's traces in a window."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trace_clustering import constants
from trace_clustering.artifacts import FloatArray, StringArray, TimeArray, Window
from trace_clustering.clickhouse.filter_conditions import check_patterns, trace_condition
from trace_clustering.clickhouse.property_filters import PropertyFilter
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.errors import InvalidEmbeddingsError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class TraceEmbeddings:
    """The sampled traces of a window, sorted by trace id, and their vectors.

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
    vectors: FloatArray
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

# The newest row of a trace counts; the rest of the tuple makes ties fall the same way every time. The sample
# is joined, not listed with IN, because it brings the number of matching traces with it: ClickHouse would
# evaluate the filters a second time to count them.
_NEWEST_ROWS = """
SELECT
    document_id AS trace_id,
    any(sample.traces_matching) AS traces_matching,
    argMax(
        tuple(rendering, timestamp, CAST(embedding, 'Array(Float32)')),
        tuple(inserted_at, timestamp, rendering, model_name)
    ) AS newest,
    newest.1 AS newest_rendering,
    newest.2 AS newest_timestamp,
    newest.3 AS vector
FROM selected
INNER JOIN sample USING (document_id)
GROUP BY document_id
ORDER BY document_id
LIMIT {max_samples:UInt64}
"""


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
    rows = session.query_arrow(
        _sampled_rows(condition.sql),
        **selection,
        **condition.parameters,
        max_samples=max_samples,
        random_state=random_state,
    )
    found = _from_arrow(rows, dimensions, in_window["traces"])
    _require_finite(found)
    return found


def _sampled_rows(condition: str) -> str:
    """Return the statement that reads the traces of a sample of those that satisfy a condition."""
    return f"""{_SELECTED}, sample AS (
    SELECT document_id, count() OVER () AS traces_matching
    FROM selected
    WHERE {condition}
    GROUP BY document_id
    ORDER BY cityHash64(document_id, {{random_state:UInt64}}), document_id
    LIMIT {{max_samples:UInt64}}
)
{_NEWEST_ROWS}"""


def _from_arrow(rows: "pa.Table", dimensions: int, traces_in_window: int) -> TraceEmbeddings:
    renderings = rows["newest_rendering"].to_pylist()
    batches = ["" if r in constants.SUMMARY_MODE_RENDERINGS else r for r in renderings]
    return TraceEmbeddings(
        trace_ids=np.array(rows["trace_id"].to_pylist(), dtype=object),
        batch_run_ids=np.array(batches, dtype=object),
        timestamps=rows["newest_timestamp"].to_numpy().astype("datetime64[ms]"),
        vectors=rows["vector"].combine_chunks().flatten().to_numpy().reshape(len(rows), dimensions),
        traces_in_window=traces_in_window,
        traces_matching=rows["traces_matching"][0].as_py() if len(rows) else 0,
    )


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
    finite = np.isfinite(found.vectors).all(axis=1)
    if not finite.all():
        ids = ", ".join(repr(trace_id) for trace_id in found.trace_ids[~finite][:5])
        raise InvalidEmbeddingsError(
            f"{(~finite).sum()} traces have vectors with NaN or infinity, among them {ids}; "
            "embed these traces again or delete their rows from the embeddings table"
        )
