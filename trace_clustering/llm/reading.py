"""What a model wrote, read as it was meant: where there is one unambiguous reading, it is taken.

Models and endpoints give JSON as text in a text, fenced or with a trailing comma, numbers as text, and lists
as text. What has no reading, or more than one, stays as it is, so that whoever checks it refuses it.
"""

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

from trace_clustering.llm.json_answers import replace_surrogates

_MAX_LAYERS = 3  # of text in a text
_MAX_LITERAL_LENGTH = 100_000  # parsing Python takes much more memory than parsing JSON
_MAX_DIGITS = 20
_FENCED = re.compile(r"```[\w-]*\s*(.*?)\s*```", re.DOTALL)
_TEXT_OR_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_WHOLE_NUMBER = re.compile(r"[+-]?\d+(?:\.0*)?")
_WRAPPERS = frozenset({"arguments", "args", "parameters", "params", "input", "kwargs"})
_DECODER_OF_SEQUENCE = json.JSONDecoder(strict=False, object_pairs_hook=lambda pairs: _build_object(pairs))


def read_json(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON that a value is, or holds as text.

    Raises
    ------
    ValueError
        If it is a text without one unambiguous reading, or holds NaN or infinity.
    """
    for _ in range(_MAX_LAYERS):
        if not isinstance(value, str):
            break
        value = _parse_text(value)
    return json.loads(replace_surrogates(json.dumps(value, ensure_ascii=False, allow_nan=False)))


def _parse_text(text: str) -> Any:  # noqa: ANN401 - any JSON
    for candidate in _list_candidates(text.removeprefix("\ufeff").strip()):
        for parse in (_parse_strictly, _parse_without_trailing_commas, _parse_python, _parse_sequence):
            try:
                return parse(candidate)
            except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                continue
            except LookupError as ambiguous:
                raise ValueError(str(ambiguous)) from None
    raise ValueError("it is not JSON")


def _list_candidates(text: str) -> Iterator[str]:
    """Yield the text, what its only fence holds, and what lies between its outermost brackets."""
    yield text
    fenced = _FENCED.findall(text)
    if len(fenced) == 1:
        yield fenced[0]
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    end = max(text.rfind("}"), text.rfind("]"))
    if starts and min(starts) < end:
        yield text[min(starts) : end + 1]


def _parse_strictly(text: str) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(text, strict=False, parse_constant=_refuse, object_pairs_hook=_build_object)


def _parse_without_trailing_commas(text: str) -> Any:  # noqa: ANN401 - any JSON
    return _parse_strictly(_TEXT_OR_TRAILING_COMMA.sub(lambda found: found[1] or "", text))


def _parse_python(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Parse a dictionary or list as Python writes it, with single quotes."""
    if not text.startswith(("{", "[")) or len(text) > _MAX_LITERAL_LENGTH:
        raise ValueError("it is no dictionary or list")
    value = ast.literal_eval(text)
    json.dumps(value)  # sets and bytes are no JSON
    return value


def _parse_sequence(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Parse several values in a row, as broken streams join them, if all but one are empty or repeat it."""
    values: list[Any] = []
    at = 0
    while at < len(text):
        value, end = _DECODER_OF_SEQUENCE.raw_decode(text, at)
        if value not in ({}, *values):
            values.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    if len(values) != 1:
        raise ValueError("it is more than one value")
    return values[0]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for name, value in pairs:
        if name in built and built[name] != value:
            raise LookupError("a name stands twice in one object, with two values")
        built[name] = value
    return built


class ModelInput(BaseModel):
    """An object that a model writes; its keys, its wrapping and empty values are read as they were meant."""

    model_config = ConfigDict(strict=True)

    @classmethod
    def shape(cls, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return a value as the object that it was meant to be, or unchanged."""
        value = _try(read_json, value) if isinstance(value, str) else value
        if value is None or value == "":
            return {}
        if isinstance(value, list):
            names = list(cls.model_fields)
            if len(names) == 1 and cls.holds_list():
                return cls.shape(value[0]) if cls._is_one_object(value) else {names[0]: value}
            return cls.shape(value[0]) if len(value) == 1 and isinstance(value[0], dict) else value
        if not isinstance(value, dict):
            return value
        if len(value) == 1 and (wrapper := next(iter(value))) in _WRAPPERS - cls.model_fields.keys():
            return cls.shape(value[wrapper])
        return cls._drop_empty_values(cls._rename_keys(value))

    @model_validator(mode="before")
    @classmethod
    def _shape(cls, value: Any) -> Any:  # noqa: ANN401 - any JSON
        return cls.shape(value)

    @classmethod
    def holds_list(cls) -> bool:
        """Whether the object has one field, which is a list."""
        return [getattr(field.annotation, "__origin__", None) for field in cls.model_fields.values()] == [
            list
        ]

    @classmethod
    def _is_one_object(cls, value: list[Any]) -> bool:
        return len(value) == 1 and isinstance(value[0], dict) and value[0].keys() <= cls.model_fields.keys()

    @classmethod
    def _rename_keys(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Return an object in which keys such as `clusterId` have the name of their field."""
        fields = {_simplify(name): name for name in cls.model_fields}
        renamed: dict[str, Any] = {}
        for key, item in value.items():
            name = key if key in cls.model_fields else fields.get(_simplify(key), key)
            if name in renamed or (name != key and name in value):
                return value
            renamed[name] = item
        return renamed

    @classmethod
    def _drop_empty_values(cls, value: dict[str, Any]) -> dict[str, Any]:
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {name: item for name, item in value.items() if not (name in optional and item is None)}


def read_integer(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return 3 for `"3"`, `3.0`, `"3.0"` and `[3]`."""
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], list):
        return read_integer(value[0])
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= _MAX_DIGITS:
        text = value.strip(" \t\n\"'").replace("\u2212", "-")
        if _WHOLE_NUMBER.fullmatch(text):
            return int(text.partition(".")[0])
    return value


def read_text(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a number as text, and the text of a list or an object that holds nothing else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    if isinstance(value, dict) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return value


def read_lines(value: Any) -> Any:  # noqa: ANN401 - any JSON
    r"""Return a list of lines, also one that is JSON in a text, as one text; a written `\n` ends a line."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        parsed = _try(read_json, value)
        value = parsed if isinstance(parsed, list) else value
    if isinstance(value, list) and value:
        lines = [read_text(line) for line in value]
        return "\n".join(lines) if all(isinstance(line, str) for line in lines) else value
    if isinstance(value, str) and "\n" not in value and re.search(r"\\n\s*[-*•]", value):
        return value.replace("\\r", "").replace("\\n", "\n")
    return read_text(value)


def read_list(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a list that is JSON in a text, and one object as a list of it."""
    if isinstance(value, str) and value.strip().startswith(("[", "{", "`", '"')):
        value = _try(read_json, value)
    return [value] if isinstance(value, dict) else value


def read_texts(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a list of texts; a text that holds no list is a list of it."""
    value = read_list(value)
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        value = [value]
    return [read_text(item) for item in value] if isinstance(value, list) else value


Integer = Annotated[int, BeforeValidator(read_integer)]
Text = Annotated[str, BeforeValidator(read_text)]
Lines = Annotated[str, BeforeValidator(read_lines)]


def match_name(name: str, names: Iterable[str]) -> str:
    """Return the one of some names that a name means, such as `functions.look:0` for `look`; else itself.

    Around the name that is meant there may be what endpoints put there; of the name itself there may be only
    the end, if it is the end of no other.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|-|\s+", "_", name.strip()).casefold()
    known = list(names)
    named = [one for one in known if re.search(rf"(?<![a-z0-9_]){one}(?![a-z0-9_])|__{one}$", words)]
    ends = [one for one in known if words and one.endswith(f"_{words}")]
    found = [one for one in known if one == name] or named or ends
    return found[0] if len(found) == 1 else name


def _try(read: Callable[[Any], Any], value: Any) -> Any:  # noqa: ANN401 - any JSON
    try:
        return read(value)
    except ValueError:
        return value


def _simplify(name: str) -> str:
    return re.sub(r"[\W_]", "", name).casefold()
