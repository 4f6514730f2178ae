"""Rows of Langfuse's tables, made from the rows of its export."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from trace_clustering_tests.clickhouse.source_tables.filling import parse_moment

Row = dict[str, Any]


def build_trace_row(observation: Mapping[str, Any], **fields: Any) -> Row:
    """Return the row of `traces` for the root observation of an export."""
    start = parse_moment(observation["start_time"])
    return {
        "id": observation["trace_id"],
        "timestamp": start,
        "name": observation["trace_name"],
        "user_id": observation["user_id"],
        "session_id": observation["session_id"],
        "project_id": observation["project_id"],
        "environment": observation["environment"],
        "tags": observation["tags"],
        "created_at": start,
        "updated_at": start,
        "event_ts": start,
        **fields,
    }


def build_observation_row(observation: Mapping[str, Any], **fields: Any) -> Row:
    """Return the row of `observations` for an observation of an export."""
    names = ("id", "trace_id", "project_id", "environment", "type", "parent_observation_id", "name", "level")
    names += ("status_message", "input", "output", "provided_model_name", "usage_details", "prompt_name")
    start, end = parse_moment(observation["start_time"]), parse_moment(observation["end_time"])
    cost = observation["total_cost"]
    return {
        **{name: observation.get(name) for name in names},
        "prompt_version": observation.get("prompt_version"),
        "start_time": start,
        "end_time": end,
        "cost_details": {name: Decimal(str(v)) for name, v in observation["cost_details"].items()},
        "total_cost": None if cost is None else Decimal(str(cost)),
        "created_at": end or start,
        "updated_at": end or start,
        "event_ts": end or start,
        **fields,
    }


def build_rows(observations: Iterable[Mapping[str, Any]]) -> tuple[list[Row], list[Row]]:
    """Return the rows of both tables for the rows of an export."""
    found = list(observations)
    roots = [row for row in found if row["is_root_observation"]]
    return [build_trace_row(row) for row in roots], [build_observation_row(row) for row in found]


def build_event_row(observation: Mapping[str, Any], **fields: Any) -> Row:
    """Return the row of `events_full` for an observation of an export."""
    row = build_observation_row(observation)
    del row["total_cost"]
    row["span_id"], row["parent_span_id"] = row.pop("id"), row.pop("parent_observation_id") or ""
    names = ("trace_name", "user_id", "session_id", "tags", "release")
    row |= {name: observation[name] for name in names}
    return {name: "" if value is None and name != "end_time" else value for name, value in row.items()} | {
        "prompt_version": row["prompt_version"],
        **fields,
    }
