"""Rows of Langfuse's tables, made from a trace as its API gives it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from trace_clustering_tests.clickhouse.source_tables.filling import parse_moment

Row = dict[str, Any]


def build_rows_of_api(record: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of a trace by table; the tables hold all content as text."""
    trace = record.get("trace", record)
    moment = parse_moment(trace["timestamp"])
    scores = [
        {
            **{"id": score["id"], "trace_id": trace["id"], "name": score["name"], "value": score["value"]},
            **{"string_value": score.get("stringValue"), "data_type": score.get("dataType") or "NUMERIC"},
            **{"project_id": "p1", "timestamp": moment, "event_ts": moment},
        }
        for score in trace.get("scores") or []
    ]
    names = {"user_id": "userId", "session_id": "sessionId", "release": "release"}
    head = {
        **_build_common(trace),
        **{column: trace.get(name) for column, name in names.items()},
        **{"timestamp": moment, "tags": trace.get("tags") or [], "event_ts": moment},
    }
    observations = record.get("observations", trace.get("observations", []))
    return {
        "traces": [head],
        "scores": scores,
        "observations": [_build_observation(row, trace["id"]) for row in observations],
    }


def _build_common(row: Mapping[str, Any]) -> Row:
    metadata = row.get("metadata")
    if isinstance(metadata, str) and metadata.startswith("{"):
        metadata = json.loads(metadata)
    return {
        "id": row["id"],
        "project_id": "p1",
        "name": row.get("name") or "",
        "environment": row.get("environment") or "default",
        "version": row.get("version"),
        "input": _write_text(row.get("input")),
        "output": _write_text(row.get("output")),
        "metadata": {name: _write_text(v) for name, v in metadata.items()} if metadata else {},
    }


def _build_observation(row: Mapping[str, Any], trace_id: str) -> Row:
    start = parse_moment(row["startTime"])
    names = {
        **{"parent_observation_id": "parentObservationId", "status_message": "statusMessage", "type": "type"},
        **{"provided_model_name": "model", "prompt_name": "promptName", "prompt_version": "promptVersion"},
    }
    costs = row.get("costDetails") or {}
    total = row.get("totalCost")
    return {
        **_build_common(row),
        **{column: row.get(name) for column, name in names.items()},
        "trace_id": trace_id,
        "start_time": start,
        "end_time": parse_moment(row.get("endTime")),
        "level": row.get("level") or "DEFAULT",
        "usage_details": row.get("usageDetails") or {},
        "cost_details": {name: Decimal(str(cost)) for name, cost in costs.items()},
        "total_cost": None if total is None else Decimal(str(total)),
        "event_ts": start,
    }


def _write_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
