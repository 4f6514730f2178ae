"""Whatever an endpoint answers to a request for vectors, it is read or refused with a reason."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.documents.embedding_answer import read_vectors

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
ITEMS = st.lists(st.fixed_dictionaries({}, optional={"index": JSON, "embedding": JSON}), max_size=3)
BODIES = JSON | st.fixed_dictionaries({}, optional={"data": ITEMS | JSON, "usage": JSON, "error": JSON})


@given(BODIES, st.integers(1, 3))
def test_any_json_gives_vectors_or_a_reason(body: Any, count: int) -> None:
    try:
        vectors, tokens = read_vectors(json.dumps(body), count)
    except ValueError:  # any other error fails the test
        return
    assert vectors.shape[0] == count
    assert vectors.dtype == np.float32
    assert tokens is None or tokens > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("null", "NoneType"),
        ('{"data": {}}', "no list of vectors"),
        ('{"data": [1]}', "no list of vectors"),
        ('{"data": []}', "0 vectors for 1 texts"),
        ('{"data": [{"embedding": [1], "index": 7}]}', "not numbered"),
        ('{"data": [{"embedding": []}]}', "lengths 0"),
        ('{"data": [{"embedding": "AAAA"}]}', "no list of numbers"),
    ],
)
def test_what_is_no_answer_is_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_vectors(text, 1)
