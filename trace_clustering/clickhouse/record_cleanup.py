"""Deletes the rows of trace records that newer rows replace."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from trace_clustering.clickhouse.batches import split_for_parameters
from trace_clustering.clickhouse.event_versions import MAX_MOMENT
from trace_clustering.clickhouse.record_versions import RecordBatch, StoredState
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.stored_records import EPOCH, write_for_documents, write_for_events
from trace_clustering.constants import GENERATION_EVENT_NAME, LLMA_TRACE_PRODUCT, SUMMARY_EVENT_NAME
from trace_clustering.errors import TraceClusteringError

K = TypeVar("K")

_ARE_OLD_EVENTS = """
event IN {{names:Array(String)}} AND {is_in_time}
AND {identity} IN {{uuids:Array(UUID)}} AND toUnixTimestamp64Micro({created_at}) < {{before:Int64}}
"""

_ARE_OLD_DOCUMENTS = """
product = {{product:String}} AND model_name = {{model_name:String}}
AND (toString(rendering) = {{batch_run_id:String}} OR startsWith(toString(rendering), {{load_prefix:String}}))
AND {document_id} IN {{trace_ids:Array(String)}} AND toUnixTimestamp64Milli({inserted_at}) < {{before:Int64}}
"""

_ARE_OF_THIS_LOAD = """
product = {{product:String}} AND toString(rendering) = {{batch_run_id:String}}
AND {document_id} IN {{trace_ids:Array(String)}}
"""


def delete_older_versions(session: TeamSession, batch: RecordBatch, state: StoredState) -> str:
    """Delete the older versions of records that are stored.

    Returns
    -------
    str
        Why that was not possible; empty if it was. Readers take the newest version all the same.
    """
    try:
        # Events first: the documents tell the next load which events are left over.
        _delete_events(session, state)
        _delete_documents(session, batch, state)
    except TraceClusteringError as error:
        return str(error)
    return ""


def delete_superseded(
    session: TeamSession, batch: RecordBatch, state: StoredState, superseded: Collection[str]
) -> str:
    """Delete what this load wrote of traces of which another load has stored newer versions meanwhile.

    The other load may have looked before these rows were there, and would not delete them.

    Returns
    -------
    str
        Why that was not possible; empty if it was. Readers take the newest version all the same.
    """
    # A generation event that both loads need may be this load's: only its older rows go.
    generations = {
        identity: state.events[identity]
        for identity, record in state.generations.items()
        if record.trace_id in superseded and identity in state.events
    }
    summaries = [i for i, record in state.summaries.items() if record.trace_id in superseded]
    condition = write_for_documents(session, _ARE_OF_THIS_LOAD)
    try:
        _delete_events(session, replace(state, old_events=summaries, events=generations))
        for trace_ids in split_for_parameters(sorted(superseded), str):
            session.delete_embeddings(
                condition,
                product=LLMA_TRACE_PRODUCT,
                batch_run_id=batch.batch_run_id,
                trace_ids=trace_ids,
            )
    except TraceClusteringError as error:
        return str(error)
    return ""


def _delete_events(session: TeamSession, state: StoredState) -> None:
    uuids: dict[datetime, list[str]] = {}
    for identity in state.old_events:
        uuids.setdefault(MAX_MOMENT, []).append(str(identity))
    for identity, event in state.events.items():
        if event.has_others:
            uuids.setdefault(event.created_at, []).append(str(identity))
    condition = write_for_events(session, _ARE_OLD_EVENTS)
    for before, batch in _split(uuids):
        session.delete_events(
            condition,
            names=[SUMMARY_EVENT_NAME, GENERATION_EVENT_NAME],
            uuids=batch,
            before=(before - EPOCH) // timedelta(microseconds=1),
            **state.span.to_parameters(),
        )


def _delete_documents(session: TeamSession, batch: RecordBatch, state: StoredState) -> None:
    trace_ids: dict[tuple[datetime, str], list[str]] = {}
    for trace_id, trace in state.traces.items():
        if trace.current:
            for model_name in sorted({version.model_name for version in trace.older}):
                trace_ids.setdefault((trace.current.inserted_at, model_name), []).append(trace_id)
    condition = write_for_documents(session, _ARE_OLD_DOCUMENTS)
    for (before, model_name), ids in _split(trace_ids):
        session.delete_embeddings(
            condition,
            product=LLMA_TRACE_PRODUCT,
            model_name=model_name,
            batch_run_id=batch.batch_run_id,
            load_prefix=batch.load_prefix,
            trace_ids=ids,
            before=(before - EPOCH) // timedelta(milliseconds=1),
        )


def _split(lists: Mapping[K, list[str]]) -> Iterator[tuple[K, list[str]]]:
    """Yield the lists in parts that fit into one parameter."""
    for key, items in lists.items():
        for part in split_for_parameters(items, str):
            yield key, part
