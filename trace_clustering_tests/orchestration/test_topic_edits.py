"""The file of topics is read like the file of settings, and a mistake is told with file, team and topic."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trace_clustering import topics
from trace_clustering.environment import TOPICS
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.topic_edits import load_edits_of_team, load_topic_edits
from trace_clustering.topics.edits import TopicEdit, TopicEdits

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "topics.yaml"
        path.write_text(text)
        monkeypatch.setenv(TOPICS, str(path))
        return path

    return write


def test_without_a_file_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOPICS, raising=False)
    assert load_topic_edits() == {}
    assert load_edits_of_team(1) == TopicEdits()


def test_every_team_has_its_own(write: Write) -> None:
    write("1:\n  3f2a9c1e: {rename: Refunds}\n112495: {7d10aa52: {ignore: true}}")
    assert load_edits_of_team(1).by_topic == {"3f2a9c1e": TopicEdit(title="Refunds")}
    assert load_edits_of_team(112495).find("7d10aa52-4444-5444-8444-444444444444").ignore
    assert load_edits_of_team(2) == TopicEdits()


def test_a_change_of_the_file_is_seen_by_the_next_run(write: Write) -> None:
    write("1: {3f2a9c1e: {rename: Refunds}}")
    before = load_edits_of_team(1).digest
    write("1: {3f2a9c1e: {rename: Money back}}")
    assert load_edits_of_team(1).digest != before


@pytest.mark.parametrize("topic", ["12345678", "12345e67", "00000001", "0.123456"])
def test_an_id_that_looks_like_a_number_is_an_id(write: Write, topic: str) -> None:
    write(f"1:\n  {topic}: {{merge_into: 87654e32}}")
    if "." in topic:
        with pytest.raises(InvalidSettingsError, match=r"'0\.123456' is not the id of a topic"):
            load_topic_edits()
    else:
        assert load_edits_of_team(1).by_topic == {topic: TopicEdit(merge_into="87654e32")}


def test_a_title_that_looks_like_a_number_is_a_title(write: Write) -> None:
    write("1: {3f2a9c1e: {rename: 2025}}")
    assert load_edits_of_team(1).find("3f2a9c1e").title == "2025"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("7: {}", ["team 7 is not clustered"]),
        ("one: {}", ["'one' is not the id of a team"]),
        ("1: {}\n1: {}", ["team 1 appears twice; put its topics in one place"]),
        ("[1]", ["must map team ids to topics"]),
        ("1: [a]", ["team 1: must map ids of topics to values"]),
        ("1: {3f2a9c1e: {pin: true}, 3f2a9c1e: {pin: true}}", ["team 1: 3f2a9c1e is there twice"]),
        ("1: {3f2a9c1e: {pin: true, pin: false}}", ["team 1: pin is there twice"]),
        ("1: {3f2a9c1e: {pin: maybe}}", ["team 1: topic 3f2a9c1e: pin = 'maybe'"]),
        ("1: {3f2a9c1e: {pin: 1}}", ["team 1: topic 3f2a9c1e: pin = '1'"]),
        ("1: {", ["is not YAML"]),
    ],
)
def test_a_mistake_is_reported_by_file_team_and_topic(write: Write, text: str, parts: list[str]) -> None:
    path = write(text)
    with pytest.raises(InvalidSettingsError) as caught:
        load_topic_edits()
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_a_file_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(TOPICS, str(tmp_path / "none.yaml"))
    with pytest.raises(InvalidSettingsError, match=rf"{TOPICS}: .*none.yaml cannot be read"):
        load_topic_edits()


def test_a_mistake_stops_the_code_location(write: Write) -> None:
    write("1: {3f2a9c1e: {merge_into: 3f2a9c1e}}")
    loaded = subprocess.run(
        [sys.executable, "-c", "import trace_clustering.definitions"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert loaded.returncode != 0
    assert "team 1: topic 3f2a9c1e: merge_into goes in a circle" in loaded.stderr.splitlines()[-1]


def test_the_example_of_the_page_is_one(write: Write) -> None:
    page = Path(topics.__path__[0], "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    write(example)
    edits = load_edits_of_team(1).by_topic
    assert [edit.title or edit.merge_into or edit.pin or edit.ignore for edit in edits.values()] == [
        "Refunds for damaged parcels",
        "3f2a9c1e",
        True,
        True,
    ]
    assert edits["3f2a9c1e"].description.startswith("- The customer")
