"""The embedded documents that stand for traces: which rows count, and how their columns are read."""

from dataclasses import dataclass
from typing import Any, Final

from trace_clustering import constants
from trace_clustering.clickhouse.columns import TableColumns
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.text import escape_controls
from trace_clustering.traces.window import Window


@dataclass(frozen=True)
class DocumentSelection:
    """The kind of embedded documents that stand for traces.

    An empty `rendering`, `embedding_model` or `job_id` selects any.
    """

    document_type: str = constants.LLMA_TRACE_DOCUMENT_TYPE
    rendering: str = ""
    embedding_model: str = ""
    job_id: str = ""


# Every query of embeddings starts with this; all values are bound parameters. `length(embedding)` stands here
# because further out ClickHouse would read the whole vectors to compute it. No name is that of a column of
# the table, because a condition would then mean the cast value, for which there is no index.
#
# A document id may be `<trace id>::<job id>`. A trace id is anybody's text and may hold `::` too, so only the
# last part is cut off, and only where the row says in another place that it is its job. `row_key` makes the
# newest row of a trace the same one every time.
_SELECTED_DOCUMENTS = """
WITH selected AS (
    SELECT
        {document} AS document,
        {rendered} AS rendered,
        {model} AS model,
        {moment} AS moment,
        {inserted} AS inserted,
        {metadata_job} AS metadata_job,
        {metadata_batch} AS metadata_batch,
        splitByString('::', document)[-1] AS last_part,
        length(document) > length(last_part) + 2 AND last_part != ''
            AND (last_part = metadata_job
                 OR toUUIDOrNull(last_part) IS NOT NULL AND endsWith(rendered, concat('_', last_part)))
            AS ends_with_job,
        if(ends_with_job, substring(document, 1, length(document) - length(last_part) - 2), document)
            AS trace_id,
        tuple(inserted, moment, rendered, model, document, metadata_batch) AS row_key,
        {content} AS document_text,
        embedding,
        length(embedding) AS dimensions{further}
    FROM {{embeddings:Identifier}}
    WHERE team_id = {{team_id:Int64}}
        AND {timestamp} >= {{window_start:DateTime64(3, 'UTC')}}
        AND {timestamp} < {{window_end:DateTime64(3, 'UTC')}}
        AND {product} = {{product:String}}
        AND ({document_type} = {{document_type:String}}
             OR {{document_type:String}} = {{current_type:String}}
                AND {document_type} = {{legacy_type:String}} AND {rendering} = {{legacy_rendering:String}})
        AND ({{rendering:String}} = '' OR {rendering} = {{rendering:String}})
        AND ({{embedding_model:String}} = '' OR {model_name} = {{embedding_model:String}})
        AND ({{job_id:String}} = '' OR metadata_job = {{job_id:String}}
             OR ends_with_job AND last_part = {{job_id:String}}
             OR endsWith(rendered, concat('_', {{job_id:String}})))
        AND {condition}
)
"""


# Rows whose vectors can be compared.
IS_USABLE: Final = "dimensions = {dimensions:UInt64} AND model = {model:String}"


def write_selected_documents(columns: TableColumns, *, further: str = "", condition: str = "1") -> str:
    """Return the SQL that names the selected rows `selected`, with the columns as this table needs them.

    Parameters
    ----------
    columns : TableColumns
    further : str
        More columns, each after a comma. They are computed where the rows are, on each node of a cluster.
    condition : str
        A further condition on the rows.
    """
    has_model, has_metadata = columns.has("model_name"), columns.has("metadata")
    metadata = columns.write_json("metadata") if has_metadata else "''"
    return _SELECTED_DOCUMENTS.format(
        document=columns.write_text("document_id"),
        rendered=columns.write_text("rendering"),
        model=columns.write_text("model_name") if has_model else "''",
        moment=columns.write_moment("timestamp", 3),
        inserted=columns.write_moment("inserted_at", 3),
        content=columns.write_text("content") if columns.has("content") else "''",
        metadata_job=f"JSONExtractString({metadata}, 'job_id')",
        metadata_batch=f"JSONExtractString({metadata}, 'batch_run_id')",
        timestamp=columns.write_ordered_moment("timestamp", 3),
        product=columns.write_comparable("product"),
        document_type=columns.write_comparable("document_type"),
        rendering=columns.write_comparable("rendering"),
        model_name=columns.write_comparable("model_name") if has_model else "''",
        further=further,
        condition=condition,
    )


def build_selection(columns: TableColumns, documents: DocumentSelection, window: Window) -> dict[str, Any]:
    """Return the bound parameters of the selected rows.

    Raises
    ------
    InvalidSettingsError
        If a model is chosen, and the table does not say which model made a row.
    """
    if documents.embedding_model and not columns.has("model_name"):
        raise InvalidSettingsError(
            f"settings: embedding_model = {escape_controls(documents.embedding_model)!r}: the table "
            f"{columns.table} has no column model_name, so all its rows are of one model; leave the setting "
            "empty, and name the table of that model as embeddings_table of the clickhouse resource"
        )
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
        "job_id": documents.job_id,
    }
