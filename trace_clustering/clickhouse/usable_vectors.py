"""Which vectors of a window can be clustered together: those of one model and of one length.

A few others are left out and counted. Many others, or a second model, are an error.
"""

from dataclasses import dataclass
from typing import Any

from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.constants import MAX_UNUSABLE_SHARE
from trace_clustering.errors import InvalidEmbeddingsError
from trace_clustering.text import escape_controls

MAX_EXAMPLES = 5
_MAX_MODELS_TOLD = 20
_MAX_NAME_LENGTH = 80

# The newest row with a vector stands for its trace. Length 0: the trace has no vector.
_MODELS_AND_LENGTHS = """
SELECT best.1 AS model, best.2 AS dimensions, count() AS traces
FROM (
    SELECT trace_id, argMaxIf(tuple(model, dimensions), row_key, dimensions > 0) AS best
    FROM selected
    GROUP BY trace_id
)
GROUP BY model, dimensions
ORDER BY traces DESC, dimensions DESC, model
"""

# An older row of the right length stands for a trace whose newest row is of another.
_TRACES_WITHOUT_USABLE_VECTOR = """
SELECT trace_id, is_without_vector, count() OVER (PARTITION BY is_without_vector) AS traces
FROM (
    SELECT trace_id, max(dimensions) = 0 AS is_without_vector
    FROM selected
    GROUP BY trace_id
    HAVING max(dimensions = {dimensions:UInt64} AND model = {model:String}) = 0
)
ORDER BY trace_id
LIMIT {examples:UInt8} BY is_without_vector
"""


@dataclass(frozen=True)
class UsableVectors:
    """The model and length of the vectors to cluster, and how many traces have no such vector.

    Attributes
    ----------
    model : str
        As the table names it; empty if it does not, or without vectors.
    dimensions : int
        0 without vectors.
    traces_in_window : int
        All traces with a selected document.
    without_vector : int
        Number of traces whose vectors are all empty.
    of_other_length : int
        Number of traces that only have vectors of another length.
    examples : list of str
        Ids of a few of those that have no usable vector, cut and safe to print.
    """

    model: str
    dimensions: int
    traces_in_window: int
    without_vector: int
    of_other_length: int
    examples: list[str]


def find_usable_vectors(session: TeamSession, selected: str, selection: dict[str, Any]) -> UsableVectors:
    """Find the model and the most frequent length of a window's vectors, and count the other traces.

    Parameters
    ----------
    session : TeamSession
    selected, selection
        The SQL of the selected rows, and its parameters.

    Raises
    ------
    InvalidEmbeddingsError
        If the vectors are of several models, or if more than `MAX_UNUSABLE_SHARE` of the traces have none of
        the most frequent length.
    """
    groups = session.query(selected + _MODELS_AND_LENGTHS, **selection)
    with_vector = [group for group in groups if group["dimensions"]]
    traces = sum(group["traces"] for group in groups)
    model, dimensions = "", 0
    if with_vector:
        _require_one_model(with_vector)
        model, dimensions = with_vector[0]["model"], with_vector[0]["dimensions"]
    if len(groups) == len(with_vector) <= 1:
        return UsableVectors(model, dimensions, traces, 0, 0, [])
    rest = session.query(
        selected + _TRACES_WITHOUT_USABLE_VECTOR,
        **selection,
        model=model,
        dimensions=dimensions or 1,
        examples=MAX_EXAMPLES,
    )
    found = UsableVectors(
        model,
        dimensions,
        traces,
        without_vector=next((row["traces"] for row in rest if row["is_without_vector"]), 0),
        of_other_length=next((row["traces"] for row in rest if not row["is_without_vector"]), 0),
        examples=[name_trace(row["trace_id"]) for row in rest][:MAX_EXAMPLES],
    )
    lengths = _list_lengths(with_vector) if found.of_other_length else ""
    require_few_unusable(
        found, (found.without_vector + found.of_other_length) / max(traces, 1), lengths=lengths
    )
    return found


def require_few_unusable(
    found: UsableVectors, share: float, *, not_finite: int = 0, lengths: str = ""
) -> None:
    """Check that no more than `MAX_UNUSABLE_SHARE` of the traces are without a usable vector.

    Parameters
    ----------
    found : UsableVectors
    share : float
        The share of the traces without a usable vector, from 0 to 1.
    not_finite : int
        Number of sampled traces with NaN or infinity.
    lengths : str
        The lengths that there are, in words.

    Raises
    ------
    InvalidEmbeddingsError
        With the counts, and a few ids.
    """
    if share <= MAX_UNUSABLE_SHARE:
        return
    counts = {
        "without a vector": found.without_vector,
        f"with vectors of another length than {found.dimensions}": found.of_other_length,
        "with NaN or infinity in the vector": not_finite,
    }
    told = ", ".join(f"{count_traces(count)} {what}" for what, count in counts.items() if count)
    raise InvalidEmbeddingsError(
        f"{lengths}{told}: {share:.0%} of the {count_traces(found.traces_in_window)} of the window, and at "
        f"most {MAX_UNUSABLE_SHARE:.0%} may be left out. Among them are {', '.join(found.examples)}. Embed "
        "these traces again, delete their rows, or choose other rows with the settings "
        "embedding_model and rendering"
    )


def name_trace(trace_id: str) -> str:
    """Return a trace id for messages: quoted, cut, and without what a terminal would obey."""
    return repr(trace_id) if len(trace_id) <= _MAX_NAME_LENGTH else repr(trace_id[:_MAX_NAME_LENGTH] + "…")


def count_traces(count: int) -> str:
    """Return a number of traces in words."""
    return "1 trace" if count == 1 else f"{count:,} traces"


def _require_one_model(groups: list[dict[str, Any]]) -> None:
    traces: dict[str, int] = {}
    for group in groups:
        traces[group["model"]] = traces.get(group["model"], 0) + group["traces"]
    if len(traces) <= 1:
        return
    named = [f"{_name_model(model)}: {count_traces(count)}" for model, count in sorted(traces.items())]
    lengths = _list_lengths(groups) if len({group["dimensions"] for group in groups}) > 1 else ""
    raise InvalidEmbeddingsError(
        f"The vectors of this window are of {len(traces)} models, and those of different models cannot be "
        f"compared ({_cut_list(named)}). {lengths}Choose one model with the setting embedding_model"
    )


def _list_lengths(groups: list[dict[str, Any]]) -> str:
    models: dict[int, list[str]] = {}
    for group in sorted(groups, key=lambda group: (group["dimensions"], group["model"])):
        models.setdefault(group["dimensions"], []).append(_name_model(group["model"]))
    seen = _cut_list([f"{length} ({', '.join(names)})" for length, names in models.items()])
    return f"The vectors of this window differ in length: {seen}. "


def _name_model(model: str) -> str:
    return escape_controls(model, _MAX_NAME_LENGTH) or "without a name"


def _cut_list(items: list[str]) -> str:
    more = len(items) - _MAX_MODELS_TOLD
    return "; ".join(items[:_MAX_MODELS_TOLD] + ([f"and {more} more"] if more > 0 else []))
