"""What is asked of earlier runs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trace_clustering.topics.history import find_members

ids = st.lists(st.text("ab\0é", max_size=2), max_size=6).map(lambda texts: np.array(texts, dtype=object))


@given(ids, ids)
def test_members_are_found_whatever_their_ids_are(trace_ids: np.ndarray, members: np.ndarray) -> None:
    found = find_members(trace_ids, members)
    assert found.dtype == bool
    assert found.tolist() == [trace_id in members.tolist() for trace_id in trace_ids.tolist()]
