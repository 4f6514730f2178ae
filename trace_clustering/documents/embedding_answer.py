"""What an endpoint answered to a request for vectors, read from the body itself."""

import base64
import json
from typing import Any

import numpy as np

from trace_clustering.llm.endpoint.answers import read_tokens
from trace_clustering.traces.arrays import FloatArray


def read_vectors(body: str, count: int) -> tuple[FloatArray, int | None]:
    """Return the vectors, shape (count, d), and the tokens that the endpoint counted, if it counted them.

    Vectors come as lists of numbers, or as base64 of little-endian single-precision numbers.

    Raises
    ------
    ValueError
        If the body holds something else, or not exactly one vector per text.
    """
    content = json.loads(body.removeprefix("\ufeff"))
    if not isinstance(content, dict):
        raise ValueError(f"it is a {type(content).__name__}")
    if error := content.get("error"):
        raise ValueError(str(error.get("message", error) if isinstance(error, dict) else error))
    items = content.get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("it holds no list of vectors")
    if len(items) != count:
        raise ValueError(f"it holds {len(items)} vectors for {count} texts")
    vectors = [_read_vector(item.get("embedding")) for item in _sort(items)]
    lengths = sorted({len(vector) for vector in vectors})
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"its vectors have the lengths {', '.join(map(str, lengths))}")
    tokens = read_tokens(content.get("usage"))
    return np.stack(vectors), tokens[0] if tokens else None


def _sort(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the items in the order of their texts, which is that of the answer unless they are numbered."""
    numbers = [item.get("index") for item in items]
    if all(number is None for number in numbers):
        return items
    by_number = {number: item for number, item in zip(numbers, items, strict=True) if type(number) is int}
    if sorted(by_number) != list(range(len(items))):
        raise ValueError("its vectors are not numbered like the texts")
    return [by_number[number] for number in range(len(items))]


def _read_vector(value: Any) -> FloatArray:  # noqa: ANN401 - any JSON
    try:
        if isinstance(value, str):
            return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
        with np.errstate(over="ignore"):  # an infinite component is found by whoever uses the vector
            vector = np.array(value, dtype=np.float64).astype(np.float32)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("one of its vectors is no list of numbers") from None
    if vector.ndim != 1:
        raise ValueError("one of its vectors is no list of numbers")
    return vector
