"""Whatever is in a file, it gives traces, bad records that are named, or one error with the file's name."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.sources.formats.registry import FORMATS
from trace_clustering.traces.trace import Trace
from trace_clustering_tests.sources.hostile_values import (
    JSON_VALUES,
    ODD_VALUES,
    SEEDS,
    check_file,
    damage,
    hostile_records,
    list_places,
    replace_value,
)
from trace_clustering_tests.sources.trace_files import CONTAINERS, PACKINGS, make_chat, make_observation

NAMES = [known.name for known in FORMATS]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def check_records(folder: Path, *records: Any, format_name: str = "") -> list[Trace]:
    path = folder / f"{next(NUMBERS)}.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    traces = check_file(path, format_name)
    path.unlink()
    return traces


def test_every_seed_is_read_before_it_is_changed(folder: Path) -> None:
    read = [bool(check_records(folder, seed)) for seed in SEEDS]
    assert sum(read) >= 18


@settings(max_examples=150, deadline=None)
@given(records=st.lists(hostile_records(), min_size=1, max_size=4))
def test_any_value_in_any_place_is_read_or_named(folder: Path, records: list[Any]) -> None:
    check_records(folder, SEEDS[0], *records)


@pytest.mark.slow
@settings(max_examples=5000, deadline=None)
@given(records=st.lists(hostile_records(), min_size=1, max_size=6))
def test_any_value_in_any_place_is_read_or_named_thousands_of_times(folder: Path, records: list[Any]) -> None:
    check_records(folder, SEEDS[0], *records)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=range(len(SEEDS)))
def test_every_odd_value_in_every_place_is_read_or_named(folder: Path, seed: dict[str, Any]) -> None:
    for path in list_places(seed):
        check_records(folder, *(replace_value(seed, path, value) for value in ODD_VALUES))
        for value in ODD_VALUES[:20]:  # alone, so that it may change what is recognised
            check_records(folder, replace_value(seed, path, value))


@settings(max_examples=100, deadline=None)
@given(
    value=JSON_VALUES, name=st.sampled_from([known.name for known in FORMATS]), seed=st.sampled_from(SEEDS)
)
def test_a_named_format_takes_any_record(folder: Path, value: Any, name: str, seed: dict[str, Any]) -> None:
    check_records(folder, seed, value, {"a": value}, {key: value for key in seed}, format_name=name)


ROWS = {
    "chats": [make_chat(str(n), "Where is it?", "Here, é 📦") for n in range(3)],
    "observations": [make_observation(str(n), n, 'a "question"') for n in range(3)],
}


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("name", [name for name in CONTAINERS if "parquet" not in name])
@settings(max_examples=40, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(ROWS)))
def test_a_damaged_file_is_read_or_named(
    folder: Path, name: str, packing: str, kind: str, data: st.DataObject
) -> None:
    sound = PACKINGS[packing](CONTAINERS[name](ROWS[kind]))
    path = folder / f"{name}{packing}"
    path.write_bytes(data.draw(damage(sound)))
    check_file(path)


@pytest.mark.slow  # each is probed in a process of its own
@pytest.mark.parametrize("packing", PACKINGS)
@settings(max_examples=40, deadline=None)
@given(data=st.data(), kind=st.sampled_from(sorted(ROWS)))
def test_a_damaged_parquet_file_is_read_or_named(
    folder: Path, packing: str, kind: str, data: st.DataObject
) -> None:
    sound = PACKINGS[packing](CONTAINERS["table.parquet"](ROWS[kind]))
    path = folder / f"table.parquet{packing}"
    path.write_bytes(data.draw(damage(sound)))
    check_file(path)


@pytest.mark.parametrize("depth", [100, 500, 800, 990, 5_000])
@pytest.mark.parametrize("opening", ["[", '{"a":', '{"content":[', '[{"messages":'])
def test_a_record_of_any_depth_is_read_or_named(folder: Path, depth: int, opening: str) -> None:
    closing = "".join({"[": "]", "{": "}"}.get(mark, "") for mark in reversed(opening))
    deep = opening * depth + "1" + closing * depth
    for seed in SEEDS:
        for name in seed:
            path = folder / "deep.jsonl"
            path.write_text(json.dumps(seed | {name: "DEEP"}).replace('"DEEP"', deep))
            check_file(path)
