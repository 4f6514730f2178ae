"""Reads the embeddings of a team's traces in a window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from trace_clustering import constants
from trace_clustering.clickhouse.automation import NO_AUTOMATION, AutomationCounts, leave_out_automation
from trace_clustering.clickhouse.documents import (
    IS_USABLE,
    DocumentSelection,
    build_selection,
    write_selected_documents,
)
from trace_clustering.clickhouse.filter_sql import TraceCondition, build_trace_condition, check_patterns
from trace_clustering.clickhouse.requirements import require_columns
from trace_clustering.clickhouse.sample import write_sample
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.usable_vectors import (
    MAX_EXAMPLES,
    UsableVectors,
    find_usable_vectors,
    name_trace,
    require_few_unusable,
)
from trace_clustering.errors import ClickHouseQueryError
from trace_clustering.posthog.filters import PropertyFilter
from trace_clustering.traces.arrays import FloatArray, IntArray, StringArray, TimeArray
from trace_clustering.traces.sampling import SampleRules
from trace_clustering.traces.window import Window


@dataclass(frozen=True, eq=False)
class TraceEmbeddings:
    """The sampled traces of a window, sorted by trace id, and their embeddings.

    Every trace of the window that is not here is in one of the counts.

    Attributes
    ----------
    trace_ids, batch_run_ids : array of str, shape (n,)
    timestamps : array of datetime64[ms], shape (n,)
    embeddings : float32 array, shape (n, d)
    weights : int64 array, shape (n,)
        Number of traces of the same kind for which each stands, itself among them; 1 unless duplicates are
        folded.
    traces_in_window : int
        Number of traces before anything was left out.
    traces_matching : int
        Number of those with a usable vector that satisfy the filters and are not left out as automation.
    without_vector : int
        Number of traces whose vectors are all empty.
    unusable : int
        Number of traces whose vectors are of another length, and of sampled ones with NaN or infinity.
    examples : list of str
        Ids of a few traces without a vector, or with an unusable one; cut and safe to print.
    same_session, folded : int
        Number of matching traces for which another of their session stands, and another of their kind.
    model : str
        The model of the embeddings, as the table names it; empty if it does not.
    not_sampled : int
        Number of those that are left, beyond the size of the sample.
    automation : AutomationCounts
        Traces that are left out because no person started them.
    """

    trace_ids: StringArray
    batch_run_ids: StringArray
    timestamps: TimeArray
    embeddings: FloatArray
    weights: IntArray
    traces_in_window: int
    traces_matching: int
    without_vector: int = 0
    unusable: int = 0
    examples: Sequence[str] = ()
    same_session: int = 0
    folded: int = 0
    not_sampled: int = 0
    model: str = ""
    automation: AutomationCounts = NO_AUTOMATION

    @property
    def embedded(self) -> int:
        """Number of traces with a usable vector."""
        without = self.without_vector + self.unusable + self.automation.without_document
        return self.traces_in_window - without

    @property
    def not_matching(self) -> int:
        """Number of traces with a usable vector that do not satisfy the filters."""
        return self.embedded - self.automation.matching - self.matching

    @property
    def matching(self) -> int:
        """Number of traces with a usable vector that the sample could hold, if it were large enough."""
        return self.same_session + self.folded + self.not_sampled + len(self.trace_ids)


# The sample is drawn without the embeddings. They are streamed afterwards, in the order in which they are
# stored, so no side of the connection holds them all. A join is used instead of IN because the sample also
# carries positions and counts; to count separately, ClickHouse would evaluate the filters a second time.
# RowBinary sends a vector as its length (a variable-length integer) and its bytes in memory. For an array,
# the client would make a Python object of every number.
_VECTORS = """
SELECT
    trace_id,
    sample.position AS position,
    sample.weight AS weight,
    sample.traces_matching AS traces_matching,
    sample.voices AS voices,
    sample.kinds AS kinds,
    if(metadata_batch != '', metadata_batch, rendered) AS batch_run_id,
    toUnixTimestamp64Milli(moment) AS milliseconds,
    formatRow('RowBinary', CAST({vector}, 'Array(Float32)')) AS vector
FROM selected
INNER JOIN sample USING (trace_id)
WHERE row_key = sample.newest AND {usable}
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
    rules: SampleRules | None = None,
) -> TraceEmbeddings:
    """Read the embeddings of a window, one per trace.

    If more than `max_samples` traces satisfy the filters, the sample is those with the smallest hash of trace
    id and seed: the same window and seed give the same sample. Traces without a usable vector are left out,
    up to `MAX_UNUSABLE_SHARE`; `rules` say what else is left out.

    Raises
    ------
    InvalidEmbeddingsError
        If the vectors are of several models, or too many of them cannot be used.
    InvalidPatternError
        If a filter holds a regular expression that ClickHouse cannot compile.
    InvalidSettingsError
        If a model is chosen, and the table does not say which model made a row.
    ClickHouseSetupError
        If a column is missing, or of a type from which no value can be read.
    ClickHouseQueryError
        If rows were replaced while they were read.
    """
    require_columns(session)
    check_patterns(session, filters)
    columns = session.embeddings
    selected = write_selected_documents(columns)
    selection = build_selection(columns, documents or DocumentSelection(), window)
    usable = find_usable_vectors(session, selected, selection)
    parameters = {**selection, "model": usable.model, "dimensions": usable.dimensions}
    filtered = build_trace_condition(filters, window, columns=session.events)
    rules, condition = rules or SampleRules(), TraceCondition(IS_USABLE).join(filtered)
    condition, left_out = leave_out_automation(
        session, rules.automation, window, selected, condition, **parameters
    )
    sample = write_sample(session, window, rules, condition)
    vectors = _VECTORS.format(usable=IS_USABLE, vector=columns.write_vector("embedding"))
    blocks = session.stream(
        selected + sample.sql + vectors,
        as_bytes=["vector"],
        in_utc=bool(filters) and session.events.has_json(),
        **parameters,
        **sample.parameters,
        max_samples=max_samples,
        random_state=random_state,
    )
    return _leave_out_not_finite(_collect_blocks(blocks, usable, left_out, max_samples), usable)


def _collect_blocks(
    blocks: Iterator[dict[str, list[Any]]],
    usable: UsableVectors,
    automation: AutomationCounts,
    max_samples: int,
) -> TraceEmbeddings:
    """Write each row to its position; arrays are allocated once, so no vector is held twice."""
    first = next(blocks, None)
    matching, voices, kinds = (
        first[name][0] if first else 0 for name in ("traces_matching", "voices", "kinds")
    )
    n = min(kinds, max_samples)
    found = TraceEmbeddings(
        trace_ids=np.full(n, None, dtype=object),
        batch_run_ids=np.full(n, "", dtype=object),
        timestamps=np.zeros(n, dtype="datetime64[ms]"),
        embeddings=np.empty((n, usable.dimensions), dtype=np.float32),
        weights=np.ones(n, dtype=np.int64),
        traces_in_window=usable.traces_in_window + automation.without_document,
        traces_matching=matching,
        without_vector=usable.without_vector,
        unusable=usable.of_other_length,
        examples=usable.examples,
        same_session=matching - voices,
        folded=voices - kinds,
        not_sampled=kinds - n,
        model=usable.model,
        automation=automation,
    )
    length_bytes = (usable.dimensions.bit_length() + 6) // 7  # 7 bits to a byte
    for block in chain([first] if first else [], blocks):
        rows = np.asarray(block["position"])
        found.trace_ids[rows] = block["trace_id"]
        found.weights[rows] = block["weight"]
        found.batch_run_ids[rows] = [
            "" if batch_run_id in constants.SUMMARY_MODE_RENDERINGS else batch_run_id
            for batch_run_id in block["batch_run_id"]
        ]
        found.timestamps[rows] = np.asarray(block["milliseconds"]).astype("datetime64[ms]")
        for row, vector in zip(rows, block["vector"], strict=True):
            found.embeddings[row] = np.frombuffer(vector, dtype="<f4", offset=length_bytes)
    if missing := sum(trace_id is None for trace_id in found.trace_ids):
        raise ClickHouseQueryError(f"{missing} of {n} traces were replaced while they were read; try again")
    return found


def _leave_out_not_finite(found: TraceEmbeddings, usable: UsableVectors) -> TraceEmbeddings:
    """Return the traces without those whose vectors hold NaN or infinity, if these are few."""
    finite = np.ones(len(found.embeddings), dtype=bool)
    for start in range(0, len(finite), _ROWS_PER_CHECK):
        rows = slice(start, start + _ROWS_PER_CHECK)
        finite[rows] = np.isfinite(found.embeddings[rows]).all(axis=1)
    if finite.all():
        return found
    not_finite = int((~finite).sum())
    names = [*map(name_trace, found.trace_ids[~finite][:MAX_EXAMPLES]), *usable.examples]
    usable = replace(usable, examples=names[:MAX_EXAMPLES])
    lost = usable.without_vector + usable.of_other_length
    share = lost / usable.traces_in_window + not_finite / len(finite)
    require_few_unusable(usable, share, not_finite=not_finite)
    kept = np.flatnonzero(finite)
    for target, row in enumerate(kept):  # in place, because a copy would double the memory
        found.embeddings[target] = found.embeddings[row]
    return replace(
        found,
        trace_ids=found.trace_ids[kept],
        batch_run_ids=found.batch_run_ids[kept],
        timestamps=found.timestamps[kept],
        weights=found.weights[kept],
        embeddings=found.embeddings[: len(kept)],
        unusable=found.unusable + not_finite,
        examples=usable.examples,
    )
