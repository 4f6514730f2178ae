"""Records to load, and what is stored after a load."""

import subprocess
import sys
from datetime import timedelta
from typing import Any

from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering_tests.examples import WINDOW

TEAM = 1


def make_rows(count: int, first: int = 0, step: timedelta = timedelta(seconds=1)) -> list[dict[str, Any]]:
    """Return records as a file holds them, ids in ascending order."""
    return [
        {
            "trace_id": f"trace-{number:06d}",
            "timestamp": (WINDOW.start + number * step).isoformat(),
            "title": f"title {number}",
            "bullets": ["one thing", "another"],
            "properties": {"$ai_model": "small", "number": number},
            "embedding": [1.0, number / 1024],
        }
        for number in range(first, first + count)
    ]


def read_tables(clickhouse: ClickHouse, team_id: int = TEAM) -> dict[str, list[dict[str, Any]]]:
    """Return every row of both tables, all columns, versions that a merge would drop included."""
    with clickhouse.open_session(team_id, timeout_seconds=60) as session:
        return {
            "events": session.query("SELECT * FROM {events:Identifier} ORDER BY ALL"),
            "embeddings": session.query("SELECT * FROM {embeddings:Identifier} ORDER BY ALL"),
        }


def count_stored(clickhouse: ClickHouse, team_id: int = TEAM) -> dict[str, int]:
    """Return how many rows there are of each kind, and of how many traces."""
    with clickhouse.open_session(team_id, timeout_seconds=60) as session:
        kinds = session.query("SELECT event AS kind, count() AS n FROM {events:Identifier} GROUP BY kind")
        (vectors,) = session.query(
            "SELECT count() AS vectors, uniqExact(document_id) AS traces FROM {embeddings:Identifier}"
        )
    return {row["kind"]: row["n"] for row in kinds} | vectors


def expect_counts(records: int) -> dict[str, int]:
    """Return the counts of a file that was loaded once and whole."""
    return {
        "$ai_trace_summary": records,
        "$ai_generation": records,
        "vectors": records,
        "traces": records,
    }


def start_python(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a Python program that loads a file; the engine and this process share no fork."""
    preamble = """
import os, signal, sys, threading
from pathlib import Path
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.sources.load import load_file
path, clickhouse = Path(sys.argv[1]), ClickHouse(dsn=sys.argv[2])
"""
    return subprocess.Popen(
        [sys.executable, "-c", preamble + program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
