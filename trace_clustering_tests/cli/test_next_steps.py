"""Own data of any year and team: load, paste what is printed, look."""

import dataclasses
import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from trace_clustering_tests.cli.command import output, refusal
from trace_clustering_tests.examples import themed_records


def write_records(path: Path, days_earlier: int) -> Path:
    rows = []
    for record in themed_records(per_theme=10, outliers=0):
        row = dataclasses.asdict(record) | {"embedding": record.embedding.tolist()}
        row["timestamp"] = (record.timestamp - timedelta(days=days_earlier)).isoformat()
        rows.append(row)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("team_id", "days_earlier"), [(1, 600), (999, 2000)], ids=["2023", "unknown, 2019"])
def test_the_printed_command_clusters_what_was_loaded(
    tmp_path: Path, team_id: int, days_earlier: int
) -> None:
    printed = output("load", write_records(tmp_path / "traces.jsonl", days_earlier), "--team-id", team_id)
    assert ("Warning" in printed) == (team_id == 999)
    command = printed.splitlines()[-1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pasted = subprocess.run(["bash", "-c", command], cwd=elsewhere, capture_output=True, text=True)
    assert pasted.returncode == 0, pasted.stderr
    assert "30 traces from" in output("show", "--team-id", team_id)


@pytest.mark.slow
def test_what_show_advises_can_be_pasted(tmp_path: Path) -> None:
    output("load", write_records(tmp_path / "traces.jsonl", 0), "--team-id", 55)
    command = refusal("show", "--team-id", 55).splitlines()[-1]
    pasted = subprocess.run(["bash", "-c", command], cwd="/", capture_output=True, text=True, env=os.environ)
    assert pasted.returncode == 0, pasted.stderr
    assert "30 traces from" in output("show", "--team-id", 55)
