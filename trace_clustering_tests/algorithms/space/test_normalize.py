"""Rows of unit length, zero rows apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trace_clustering.algorithms.space.normalize import normalize_l2

shapes = arrays.array_shapes(min_dims=2, max_dims=2, max_side=12)
ordinary = st.one_of(
    st.just(0.0), st.floats(2**-10, 2**10, width=32), st.floats(-(2**10), -(2**-10), width=32)
)


def test_a_row_is_divided_by_its_length() -> None:
    assert normalize_l2(np.array([[3, 4]], dtype=np.float32)) == pytest.approx(np.array([[0.6, 0.8]]))


@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_the_shape_and_the_type_stay(n: int) -> None:
    normalized = normalize_l2(np.ones((n, 5), dtype=np.float32))
    assert (normalized.shape, normalized.dtype) == ((n, 5), np.float32)


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1e30, 3e38])
def test_very_small_and_very_large_rows_get_length_one_too(size: float) -> None:
    row = np.array([[size, -size]], dtype=np.float32)
    diagonal = np.array([[1, -1]]) / np.sqrt(2)
    assert np.allclose(normalize_l2(row), diagonal)


def test_the_given_embeddings_are_left_alone() -> None:
    embeddings = np.array([[3, 4], [0, 0]], dtype=np.float32)
    normalize_l2(embeddings)
    assert embeddings.tolist() == [[3, 4], [0, 0]]


@settings(deadline=None, max_examples=50)
@given(arrays.arrays(np.float32, shapes, elements=ordinary))
def test_every_row_has_length_one_or_was_zero_and_keeps_its_direction(embeddings: np.ndarray) -> None:
    normalized = normalize_l2(embeddings).astype(np.float64)
    lengths = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    assert np.linalg.norm(normalized, axis=1) == pytest.approx((lengths > 0).astype(float), abs=1e-5)
    assert normalized * lengths[:, None] == pytest.approx(embeddings.astype(np.float64), rel=1e-5)
