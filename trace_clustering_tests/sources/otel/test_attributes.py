import pytest

from trace_clustering.sources.otel.attributes import (
    collect_list,
    find_first,
    flatten_attributes,
    nest_names,
    parse_literal,
)


def test_nested_attributes_become_flat_and_lists_stay() -> None:
    nested = {"llm": {"model": "m", "tags": [{"a": 1}]}, "empty": None, "x.y": {"z": 0}}
    assert flatten_attributes(nested) == {"llm.model": "m", "llm.tags": [{"a": 1}], "x.y.z": 0}


def test_the_first_attribute_with_a_value_is_found() -> None:
    attributes = {"a": None, "b": "", "c": 0, "d": "x"}
    assert find_first(attributes, "missing", "a", "b", "c", "d") == 0
    assert find_first(attributes, "missing", "a", "b") is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"m": [{"x.role": "user", "x.calls.0.name": "find"}]},
        {"m": [{"x": {"role": "user", "calls": [{"name": "find"}]}}]},
        {"m": '[{"x.role": "user", "x.calls": [{"name": "find"}]}]'},
        {"m": "[{'x.role': 'user', 'x.calls': [{'name': 'find'}]}]"},
        {"m.0.x.role": "user", "m.0.x.calls.0.name": "find", "m.count": 1, "other.0": "x"},
    ],
)
def test_a_list_is_collected_however_it_is_written(attributes: dict[str, object]) -> None:
    assert collect_list(attributes, "m") == [{"x": {"role": "user", "calls": [{"name": "find"}]}}]


def test_names_in_python_may_be_anything() -> None:
    assert collect_list({"m": "[{None: 1, (2, 3): {True: 4}}]"}, "m") == [{"None": 1, "(2, 3)": {"True": 4}}]


def test_numbers_are_counted_and_not_spelled() -> None:
    assert collect_list({f"m.{n}.n": n for n in (10, 2, 0)}, "m") == [{"n": 0}, {"n": 2}, {"n": 10}]


def test_a_name_that_is_both_a_value_and_a_path_keeps_what_comes_first() -> None:
    assert nest_names({"a": "text", "a.b": 1}) == {"a": "text"}
    assert nest_names({"a.b": 1, "a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}


def test_a_literal_becomes_json() -> None:
    assert parse_literal("{1: (2, b'x'), 'a': {'c', 'b'}, 'd': 1j}") == {
        "1": [2, "x"],
        "a": ["b", "c"],
        "d": "1j",
    }


@pytest.mark.parametrize(
    "value", ["{not a literal", "[", "{[]: 1}", "text", "", None, 3, "[" * 5000, "{\x00}"]
)
def test_what_is_no_literal_is_as_it_was(value: object) -> None:
    assert parse_literal(value) == value
