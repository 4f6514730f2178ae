"""`load`: files are loaded, and bad records are refused or left out and listed."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trace_clustering_tests.cli.command import RED, engine, output, refusal, run


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "trace_id": f"trace-{n}",
            "timestamp": "2025-01-20T12:00:00Z",
            "title": f"title {n}",
            "embedding": [n, 1],
        }
        for n in range(count)
    ]


def json_lines(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_json_lines_and_parquet_are_loaded_into_the_default_folder(tmp_path: Path) -> None:
    lines = json_lines(tmp_path / "a.jsonl", *rows(3))
    pq.write_table(pa.Table.from_pylist(rows(4)), tmp_path / "b.parquet")
    assert output("load", lines, "--team-id", 5).startswith(
        "Loaded 3 traces for team 5: 3 new, 0 replaced; 0 were there unchanged.\n"
    )
    assert output("load", tmp_path / "b.parquet", "--team-id", 5, "--embedding-model", "minilm").startswith(
        "Loaded 4 traces for team 5: 1 new, 3 replaced; 0 were there unchanged.\n"
    )
    with engine(tmp_path).open_session(5, timeout_seconds=60) as session:
        models = session.query(
            "SELECT model_name, count() AS n FROM {embeddings:Identifier} GROUP BY model_name"
        )
    assert {row["model_name"]: row["n"] for row in models} == {"minilm": 4}


def test_bad_lines_stop_a_load_and_are_listed_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    good, spoiled = rows(1)[0], rows(1)[0] | {"embedding": None}
    path = json_lines(tmp_path / "a.jsonl", good, spoiled, "{oops", good | {"timestamp": RED})
    message = refusal("load", path, "--team-id", 5)
    assert "line 2: embedding is missing" in message
    assert "line 3: is not JSON" in message
    assert "line 4: timestamp" in message
    assert "\x1b" not in message


def test_bad_lines_are_left_out_and_listed_where_that_is_asked_for(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", *rows(2), "{oops")
    result = run("load", path, "--team-id", 5, "--on-error", "skip")
    assert result.returncode == 0
    assert result.stdout.startswith(
        "Loaded 2 traces for team 5: 2 new, 0 replaced; 0 were there unchanged.\n"
    )
    assert "Left out 1 bad record:\n  line 3: is not JSON" in result.stderr


@pytest.mark.parametrize("name", ["missing.jsonl", "text.parquet"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str) -> None:
    if name != "missing.jsonl":
        (tmp_path / name).write_text("trace_id\n")
    assert name in refusal("load", tmp_path / name, "--team-id", 5)
