"""Tool calls that a model left in its text, because its endpoint does not parse them.

A call is read only if it is whole, and only if it names a tool. Thoughts are no calls.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from trace_clustering.llm.endpoint.answers import Call
from trace_clustering.llm.reading import match_name, read_json

_MAX_LENGTH = 200_000
_MAX_VALUES = 100
_THOUGHTS = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|^.*</think(?:ing)?>", re.DOTALL)
_FENCE = re.compile(r"```(?:\w+\n)?|</?tool_code>|</?tool_calls?>")
# Blocks with a tag for each argument, as Qwen, Anthropic and GLM write them.
_BLOCKS = (
    re.compile(r"<function=[\"']?([\w.:-]+)[\"']?\s*>(.*?)</function>", re.DOTALL),
    re.compile(r"<invoke name=[\"']([\w.:-]+)[\"']\s*>(.*?)</invoke>", re.DOTALL),
    re.compile(r"<tool_call>\s*([\w.:-]+)\s*((?:<arg_key>.*?)?)</tool_call>", re.DOTALL),
)
_ARGUMENT = re.compile(
    r"<parameter(?:=| name=)[\"']?([\w-]+)[\"']?\s*>(.*?)</parameter>"
    r"|<arg_key>\s*([\w-]+)\s*</arg_key>\s*<arg_value>(.*?)</arg_value>",
    re.DOTALL,
)
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_NAMES = ("name", "tool", "tool_name", "function", "function_name", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "tool_input")
_LISTS = ("tool_calls", "tool_uses", "calls")
# Between the name of a tool and its arguments there are only marks of the model's own template.
_MARKS = r"(?:[^\w{}\[\]]|_|\d|\[args\]|json|constrain|message|tool|call|argument|arguments|begin|sep)*$"
_MAX_DISTANCE = 120


def find_calls(text: str, names: Collection[str]) -> list[Call]:
    """Return the calls of tools that a text holds whole, in their order; empty if there is none.

    Parameters
    ----------
    text : str
    names : collection of str
        The tools.
    """
    said = _THOUGHTS.sub("", text[:_MAX_LENGTH])
    if not any(name in said for name in names):
        return []
    return _read_blocks(said, names) or _read_values(said, names) or _read_python(said, names)


def names_tool(text: str, names: Collection[str]) -> bool:
    """Return whether a text, thoughts left out, names a tool."""
    said = _THOUGHTS.sub("", text[:_MAX_LENGTH])
    return any(name in said for name in names)


def _read_blocks(text: str, names: Collection[str]) -> list[Call]:
    calls = []
    for pattern in _BLOCKS:
        for name, inner in pattern.findall(text):
            pairs = _ARGUMENT.findall(inner)
            arguments: Any = {
                one or other: (value or another).strip() for one, value, other, another in pairs
            }
            if match_name(name, names) in names and (arguments or not inner.strip()):
                calls.append(Call(match_name(name, names), arguments))
    return calls


def _read_values(text: str, names: Collection[str]) -> list[Call]:
    calls: list[Call] = []
    for start, value in _find_json(text):
        before = text[max(start - _MAX_DISTANCE, 0) : start].casefold()
        named = [name for name in names if re.search(rf"(?<![a-z0-9_]){name}{_MARKS}", before)]
        if isinstance(value, dict) and len(named) == 1 and not _read_value(value, names):
            calls.append(Call(named[0], value))
        else:
            calls += _read_value(value, names)
    return calls


def _find_json(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the outermost objects and lists of JSON that stand in a text, and where each begins."""
    at = 0
    for _ in range(_MAX_VALUES):
        opening = re.compile(r"[\[{]").search(text, at)
        if opening is None:
            return
        at = opening.start() + 1
        if (end := _find_end(text, opening.start())) is None:
            continue
        try:
            value = read_json(text[opening.start() : end])
        except (ValueError, RecursionError):
            continue
        yield opening.start(), value
        at = end


def _find_end(text: str, start: int) -> int | None:
    depth = 0
    for token in _TEXT_OR_BRACKET.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _read_value(value: Any, names: Collection[str]) -> list[Call]:  # noqa: ANN401 - any JSON
    """Return the calls that a value of JSON is, such as `{"name": ..., "arguments": ...}`."""
    if isinstance(value, list):
        return [call for item in value for call in _read_value(item, names)]
    if not isinstance(value, dict):
        return []
    for key in _LISTS:
        if isinstance(value.get(key), list):
            return _read_value(value[key], names)
    if isinstance(inner := value.get("function"), dict):
        return _read_value(inner, names)
    name = next((match_name(value[key], names) for key in _NAMES if isinstance(value.get(key), str)), "")
    if name in names:
        return [Call(name, next((value[key] for key in _ARGUMENTS if key in value), {}))]
    if len(value) == 1 and (only := next(iter(value))) in names:
        return [Call(only, value[only])]
    return []


def _read_python(text: str, names: Collection[str]) -> list[Call]:
    """Read calls that are written as Python, if the text holds nothing else."""
    try:
        statements = ast.parse(_FENCE.sub("", text).strip()).body
        calls = [call for statement in statements for call in _read_statement(statement, names)]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    return calls


def _read_statement(node: ast.AST, names: Collection[str]) -> list[Call]:
    if isinstance(node, ast.Expr | ast.Assign):
        return _read_statement(node.value, names)
    if isinstance(node, ast.List | ast.Tuple):
        return [call for item in node.elts for call in _read_statement(item, names)]
    if not isinstance(node, ast.Call):
        raise ValueError("it is no call")
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name == "print" and len(node.args) == 1:
        return _read_statement(node.args[0], names)
    if name not in names or len(node.args) > 1:
        raise ValueError("it is no call of a tool")
    arguments = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in node.keywords}
    only = ast.literal_eval(node.args[0]) if node.args else {}
    if node.args and not isinstance(only, Mapping):
        raise ValueError("its argument has no name")
    return [Call(name, {**only, **arguments})]
