"""`trace-clustering explore`, as a user types it."""

import gzip
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

TOOL = Path(sys.executable).with_name("trace-clustering")
THEMES = (
    "My kettle arrived broken and I want a refund for it, order {n}.",
    "The mail with the link for a new password never arrives, account {n}.",
    "The invoice {n} shows a wrong tax rate, can you correct it?",
)


def explore(home: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("TRACE_CLUSTERING")}
    return subprocess.run(
        [TOOL, "explore", *arguments],
        cwd=home,
        env={**environment, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        input=text,
    )


def write_chats(path: Path, count: int, *more: dict[str, object]) -> Path:
    chats: list[dict[str, object]] = [
        {
            "id": f"chat-{n:02d}",
            "created": int((datetime(2025, 1, 20, tzinfo=UTC) + timedelta(hours=n)).timestamp()),
            "model": "m-small",
            "messages": [
                {"role": "user", "content": "Hello! " + THEMES[n % 3].format(n=n)},
                {"role": "assistant", "content": "I look into it."},
            ],
        }
        for n in range(count)
    ]
    path.write_text("\n".join(map(json.dumps, [*chats, *more])))
    return path


def find_artifact(home: Path, name: str) -> Path:
    (path,) = (home / "trace_clustering_data" / "explored").glob(
        f"*/trace_clustering_data/artifacts/{name}/*/*.parquet"
    )
    return path


@pytest.mark.slow
def test_the_groups_of_a_file_and_how_many_of_how_many(tmp_path: Path) -> None:
    path = write_chats(tmp_path / "chats.jsonl", 60, {"messages": "none"})
    result = explore(tmp_path, str(path), "--where", "text!~order 57")
    assert result.returncode == 0, result.stderr
    for line in (
        "60  traces read from 61 records of 1 file (OpenAI chats 60)",
        "1  bad records left out, listed above",
        "1  of them left out: do not satisfy --where",
        "59  of them taken, all",
    ):
        assert line in result.stdout
    assert "chats.jsonl, line 61" in result.stdout or "line 61" in result.stdout
    assert "My kettle arrived broken" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr
    clusters = pq.read_table(find_artifact(tmp_path, "cluster_assignments")).to_pydict()
    assert len(clusters["trace_id"]) == 59
    themes: dict[int, set[int]] = {}
    for trace_id, cluster in zip(clusters["trace_id"], clusters["cluster_id"], strict=True):
        themes.setdefault(cluster, set()).add(int(trace_id.removeprefix("chat-")) % 3)
    assert sorted(map(len, (t for cluster, t in themes.items() if cluster >= 0))) == [1, 1, 1]
    again = explore(tmp_path, str(path), "--where", "text!~order 57", "--until", "2025-01-21")
    assert "Summarized 0 traces; 48 were there." in again.stdout
    assert "Embedded 0 summaries" in again.stdout
    assert "48  of them taken, all" in again.stdout
    assert "20250122_000000: 48 traces from" in again.stdout  # what was chosen before is not among them


@pytest.mark.slow
def test_two_shapes_of_the_same_conversations_cluster_alike(tmp_path: Path, real_data: Path) -> None:
    found = []
    for shape in ("posthog_events.jsonl.gz", "otlp_genai.jsonl.gz"):
        home = tmp_path / shape
        home.mkdir()
        result = explore(home, str(real_data / "conversations" / shape))
        assert result.returncode == 0, result.stderr
        clusters = pq.read_table(find_artifact(home, "cluster_assignments")).to_pydict()
        found.append(dict(zip(clusters["trace_id"], clusters["cluster_id"], strict=True)))
    assert len(found[0]) == 60
    assert found[0] == found[1]


def test_few_traces_are_listed(tmp_path: Path) -> None:
    result = explore(tmp_path, str(write_chats(tmp_path / "chats.jsonl", 12)))
    assert result.returncode == 0, result.stderr
    assert "My kettle arrived broken and I want a refund for it, order 9" in result.stdout
    assert "12 traces are too few to find groups in; 20 are needed." in result.stdout


def test_standard_input_and_packed_files_are_read_too(tmp_path: Path) -> None:
    text = write_chats(tmp_path / "chats.jsonl", 3).read_text()
    assert "3 traces are too few" in explore(tmp_path, "-", text=text).stdout
    packed = tmp_path / "chats.jsonl.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    assert "3 traces are too few" in explore(tmp_path, str(packed)).stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.jsonl"], "There is no file"),
        (["chats.jsonl", "--format", "morse"], "There is no format 'morse'"),
        (["chats.jsonl", "--where", "colour=red"], "there is no field 'colour'"),
        (["chats.jsonl", "--since", "2025-02-01", "--until", "2025-01-01"], "exchange them"),
        (["chats.jsonl", "--since", "yesterday"], "yesterday"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments: list[str], reason: str, tmp_path: Path) -> None:
    write_chats(tmp_path / "chats.jsonl", 3)
    result = explore(tmp_path, *arguments)
    assert result.returncode != 0
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


def test_no_traces_at_all(tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_text("")
    result = explore(tmp_path, "chats.jsonl")
    assert "Traceback" not in result.stderr
    assert result.returncode == 0 or "chats.jsonl" in result.stderr


@pytest.mark.slow
def test_duplicates_are_folded_and_counted_and_too_few_texts_are_said_to_be(tmp_path: Path) -> None:
    # Three themes, whose texts differ in numbers alone.
    path = write_chats(tmp_path / "chats.jsonl", 60)
    result = explore(tmp_path, str(path), "--fold-duplicates")
    assert result.returncode == 0, result.stderr
    assert "Fewer than 20 of the texts differ in more than ids" in result.stdout
    words = [f"lamp {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(30)]
    others = [
        {
            "id": f"own-{n}",
            "created": 1737400000 + n,
            "messages": [{"role": "user", "content": f"Mend the {w}"}],
        }
        for n, w in enumerate(words)
    ]
    path = write_chats(tmp_path / "more.jsonl", 60, *others)
    result = explore(tmp_path, str(path), "--fold-duplicates")
    assert result.returncode == 0, result.stderr
    assert "57  of them folded: another differs only in ids, numbers and dates" in result.stdout
    assert "of 33 in" in result.stdout
