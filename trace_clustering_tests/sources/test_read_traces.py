"""Files become traces, in whatever container they are and wherever the parts of a trace are."""

import gzip
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.errors import InvalidRecordError
from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering_tests.sources.trace_files import (
    CONTAINERS,
    PACKINGS,
    make_chat,
    make_observation,
    read_all,
    write_lines,
)

TEXTS = ['Where is "my" parcel, {it}?\nI wait;\tstill', "Zażółć gęślą 📦"]
CHATS = [make_chat(f"chat-{n}", *TEXTS) for n in range(3)]
OBSERVATIONS = [make_observation(f"trace-{n // 2}", n, f"question {n}\n;,") for n in range(6)]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_traces(tmp_path: Path, name: str, packing: str) -> None:
    for kind, rows in (("chats", CHATS), ("observations", OBSERVATIONS)):
        path = tmp_path / kind / f"{name}{packing}"
        path.parent.mkdir()
        path.write_bytes(PACKINGS[packing](CONTAINERS[name](rows)))
    traces, report = read_all(tmp_path / "chats" / f"{name}{packing}")
    assert sorted(traces) == ["chat-0", "chat-1", "chat-2"]
    assert [[turn.text for turn in trace.turns] for trace in traces.values()] == [TEXTS] * 3
    assert (report.records, report.bad_count, report.left_out) == (3, 0, {})
    traces, report = read_all(tmp_path / "observations" / f"{name}{packing}")
    assert {key: trace.list_texts("user") for key, trace in traces.items()} == {
        f"trace-{n}": [f"question {2 * n}\n;,", f"question {2 * n + 1}\n;,"] for n in range(3)
    }
    assert (report.bad_count, report.left_out) == (0, {})  # Langfuse also gives lists in an object itself


def test_the_order_of_files_and_rows_does_not_matter(tmp_path: Path) -> None:
    found = []
    for number, order in enumerate(itertools.permutations(range(6), 6)):
        if number % 90:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        rows = [OBSERVATIONS[position] for position in order]
        (folder / "a.jsonl").write_bytes(write_lines(rows[:3]))
        (folder / "b.jsonl").write_bytes(write_lines(rows[3:]))
        found.append([(key, trace.turns, trace.start) for key, trace in read_all(folder)[0].items()])
    assert len(found) == 8
    assert all(traces == found[0] for traces in found)


def test_a_folder_may_hold_files_of_several_formats_and_others(tmp_path: Path) -> None:
    folder = tmp_path / "-home-dev-shop"
    folder.mkdir()
    (folder / "chats.jsonl.gz").write_bytes(gzip.compress(write_lines(CHATS)))
    (folder / "observations.jsonl").write_bytes(write_lines(OBSERVATIONS))
    (folder / "scores.jsonl").write_bytes(b'{"score": 1}\n' * 3)
    (folder / "notes.txt").write_text("no traces")
    (folder / ".hidden.jsonl").write_bytes(write_lines(CHATS[:1]))
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "a.jsonl").write_bytes(write_lines(CHATS))
    traces, report = read_all(tmp_path)
    assert len(traces) == 6
    assert report.files == 3
    assert report.formats.total() == 6
    assert report.left_out == {
        "files of no known format": 1,
        "files that are no JSON, CSV or Parquet": 1,
    }
    assert report.unknown_files == ["-home-dev-shop/scores.jsonl"]
    described = "\n".join(report.describe())
    assert "6 traces" in described
    assert "in -home-dev-shop/scores.jsonl." in described


def test_a_file_is_read_once_however_often_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(write_lines(CHATS))
    traces, report = read_all(tmp_path, tmp_path / "a.jsonl", tmp_path / "." / "a.jsonl")
    assert (len(traces), report.files, report.left_out) == (3, 1, {})


def test_of_a_trace_that_comes_again_the_last_counts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(write_lines([make_chat("1", "old"), make_chat("2", "two")]))
    (tmp_path / "b.jsonl").write_bytes(write_lines([make_chat("1", "new")]))
    traces, report = read_all(tmp_path)
    assert [turn.text for turn in traces["1"].turns] == ["new"]
    assert len(traces) == 2
    assert report.left_out == {"records whose trace comes again later": 1}


def test_bad_records_are_named_and_do_not_end_the_reading(tmp_path: Path) -> None:
    good = json.dumps(CHATS[0]).encode()
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([good, b"oops", b"[1]", b'{"messages": 7}', b""]))
    (tmp_path / "b.csv").write_bytes(b"id,messages\n1,[],surplus\n")
    traces, report = read_all(tmp_path)
    assert list(traces) == ["chat-0"]
    places = [record.place for record in report.first_bad]
    assert places[:2] == ["a.jsonl, line 2", "a.jsonl, line 3"]
    assert places[-1] == "b.csv, row 1"
    assert report.bad_count == len(places)
    assert "is not JSON" in report.describe()[-1]


def test_a_line_that_is_an_array_makes_no_array_of_the_lines_after_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"[1]\n" + write_lines(CHATS))
    traces, report = read_all(path)
    assert (len(traces), [record.place for record in report.first_bad]) == (3, ["a.jsonl, line 1"])


def test_a_file_that_is_cut_gives_what_comes_before(tmp_path: Path) -> None:
    rows = [make_chat(f"chat-{n}", f"question {n} " * 50_000) for n in range(20)]
    packed = gzip.compress(write_lines(rows), compresslevel=0)
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "b.jsonl").write_bytes(write_lines(CHATS))
    traces, report = read_all(tmp_path)
    assert 3 < len(traces) < 20
    assert report.bad_count == 1
    assert "a.jsonl.gz" in report.first_bad[0].reason


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b'{"color": "red", "\\u001b[2J": 1}\n', "the keys color"),
        ("a.jsonl.gz", b"\x1f\x8boops", "a.jsonl.gz cannot be read"),
        ("a.json.zst", b"\x28\xb5\x2f\xfdoops", "a.json.zst cannot be read"),
        ("a.parquet", b"oops", "cannot be read as Parquet"),
        ("a.txt", b"oops", "CSV"),
    ],
)
def test_a_file_that_was_named_and_holds_no_traces_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRecordError) as raised:
        read_all(tmp_path / name)
    assert said in str(raised.value)
    assert name in str(raised.value)
    assert "\x1b" not in str(raised.value)


def test_a_format_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(write_lines(CHATS))
    name = "openai_chat"
    assert len(read_all(path, format_name=name)[0]) == 3
    traces, report = read_all(path, format_name="sharegpt")
    assert not traces
    assert report.bad_count + report.left_out.total() == 3
    with pytest.raises(InvalidRecordError, match=name):
        list(read_traces([path], ReadReport(), format_name="oops"))


def test_what_is_no_character_is_repaired_but_not_in_an_id(tmp_path: Path) -> None:
    rows = [make_chat("1", "a\ud800b"), make_chat("2\udce9", "two"), make_chat("3", "📦")]
    (tmp_path / "a.jsonl").write_bytes(write_lines(rows))
    traces, report = read_all(tmp_path)
    assert sorted(traces) == ["1", "3"]
    assert [trace.turns[0].text for trace in traces.values() if trace.trace_id == "1"] == ["a\ufffdb"]
    assert (report.repaired, [record.line for record in report.first_bad]) == (2, [2])


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "lines.ndjson"])
def test_standard_input_is_read_whatever_it_holds(name: str) -> None:
    program = f"""
from pathlib import Path
from {read_all.__module__} import read_all
print(*sorted(read_all(Path("-"))[0]))
"""
    content = CONTAINERS[name](CHATS)
    result = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=False)
    assert result.stdout.split() == [b"chat-0", b"chat-1", b"chat-2"], result.stderr


def test_progress_is_shown_of_rows_and_of_what_is_built(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(write_lines(OBSERVATIONS))
    (tmp_path / "b.json").write_text(json.dumps(CHATS))
    shown: list[tuple[str, int, int]] = []

    def track(items: Iterable[Any], total: int, description: str) -> Iterator[Any]:
        kept = list(items)
        shown.append((description, len(kept), total))
        yield from kept

    assert len(list(read_traces([tmp_path], ReadReport(), track=track))) == 6
    assert shown == [("Reading", 9, 9), ("Building traces", 9, 9)]
