"""Checks, before anything is read, that the tables have the columns that a run will need."""

from trace_clustering.clickhouse.session import TeamSession


def require_columns(session: TeamSession) -> None:
    """Check the columns of the tables that every run reads or writes.

    Raises
    ------
    ClickHouseSetupError
        If a column is missing, or of a type from which no value can be read; it says what would be right.
    """
    documents, events = session.embeddings, session.events
    for columns in (documents, events, session.centroids, session.assignments):
        columns.require_integer("team_id")
    for name in ("product", "document_type", "rendering", "document_id"):
        documents.write_text(name)
    for name in ("timestamp", "inserted_at"):
        documents.write_moment(name, 3)
    documents.write_vector("embedding")
    events.write_identity("uuid")
    for name in ("event", "properties"):
        events.write_text(name)
    for name in ("timestamp", "created_at"):
        events.write_moment(name, 6)
