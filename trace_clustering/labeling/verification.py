"""Are the labels any good? A model that sees only them assigns traces that the agent has not seen."""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from trace_clustering.artifacts.clusters import ClusterLabel
from trace_clustering.errors import EndpointDownError, LimitReachedError
from trace_clustering.labeling.agent import prompts
from trace_clustering.labeling.endpoint.client import Endpoint
from trace_clustering.labeling.fitted_json import compact, cut, size_in_request
from trace_clustering.text import plain_line
from trace_clustering.traces.summary import TraceSummary

# The cheap call stays cheap: so many requests at most.
MOST_REQUESTS = 10

_LONGEST_TEXT = 200
_AROUND_THE_MESSAGE = 2_500


class _Assignment(BaseModel):
    model_config = ConfigDict(strict=True)

    trace: int
    cluster_id: int


_ASSIGN_TRACES = {
    "type": "function",
    "function": {
        "name": "assign_traces",
        "description": "Assign every trace to one cluster.",
        "parameters": {
            "type": "object",
            "properties": {
                "assignments": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"trace": {"type": "integer"}, "cluster_id": {"type": "integer"}},
                        "required": ["trace", "cluster_id"],
                    },
                }
            },
            "required": ["assignments"],
        },
    },
}


def verify_labels(
    endpoint: Endpoint,
    labels: Mapping[int, ClusterLabel],
    held_out: Mapping[str, int],
    summaries: Mapping[str, TraceSummary],
    log: logging.Logger,
) -> dict[int, float]:
    """Return the share of each cluster's held-out members that is assigned to it by its label.

    Clusters without a label, without held-out members, or whose members got no answer are missing. A limit
    or a fault of the endpoint ends the check; what is known by then counts.

    Parameters
    ----------
    endpoint : Endpoint
    labels : mapping
        The agent's labels.
    held_out : mapping
        Traces that the agent has not seen, and their clusters.
    summaries : mapping
        Summaries by trace id.
    log : logging.Logger
    """
    traces = [trace for trace, cluster in held_out.items() if cluster in labels and trace in summaries]
    room = (
        endpoint.budget.limits.max_request_characters
        - _AROUND_THE_MESSAGE
        - size_in_request(prompts.VERIFIER)
    )
    options = _options(labels, room // 2)
    right: dict[int, list[bool]] = {}
    for count, batch in enumerate(_batches(traces, summaries, room - _size(options))):
        if count == MOST_REQUESTS:
            log.info(
                f"Labeling: {MOST_REQUESTS} requests were made to verify labels; the rest stays unverified"
            )
            break
        message = HumanMessage(prompts.verify(options, list(batch.values())))
        try:
            answer = endpoint.ask([SystemMessage(prompts.VERIFIER), message], [_ASSIGN_TRACES])
        except (LimitReachedError, EndpointDownError) as end:
            log.warning(f"Labeling: verifying labels ended early: {end}")
            break
        numbered = {row["trace"]: trace for trace, row in batch.items()}
        for number, cluster in _assignments(answer).items():
            if number in numbered:
                own = held_out[numbered[number]]
                right.setdefault(own, []).append(cluster == own)
    return {cluster: sum(hits) / len(hits) for cluster, hits in sorted(right.items())}


def _options(labels: Mapping[int, ClusterLabel], room: int) -> list[Any]:
    for length in (400, 200, 100, 0):
        options = [
            {
                "cluster_id": cluster,
                "title": label.title,
                **({"description": cut(label.description, length)} if length else {}),
            }
            for cluster, label in labels.items()
        ]
        if _size(options) <= room:
            return options
    return [{"cluster_id": cluster, "title": cut(label.title, 40)} for cluster, label in labels.items()]


def _batches(
    traces: Iterable[str], summaries: Mapping[str, TraceSummary], room: int
) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield the traces in groups that fit into one request, numbered and described."""
    batch: dict[str, dict[str, Any]] = {}
    left = room
    for number, trace in enumerate(traces):
        summary = summaries[trace]
        row = {
            "trace": number,
            "title": plain_line(summary["title"]),
            "summary": plain_line(" / ".join(summary["bullets"]), _LONGEST_TEXT),
        }
        if _size(row) > left and batch:
            yield batch
            batch, left = {}, room
        batch[trace] = row
        left -= _size(row)
    if batch:
        yield batch


def _assignments(answer: AIMessage) -> dict[int, int]:
    """Return what an answer assigns; nothing that is not well-formed counts."""
    found: dict[int, int] = {}
    for call in answer.tool_calls:
        items = call["args"].get("assignments")
        for item in items if isinstance(items, list) else []:
            try:
                assignment = _Assignment.model_validate(item)
            except ValidationError:
                continue
            found[assignment.trace] = assignment.cluster_id
    return found


def _size(value: Any) -> int:  # noqa: ANN401 - any JSON
    return len(json.dumps(compact(value), ensure_ascii=False)) + 1
