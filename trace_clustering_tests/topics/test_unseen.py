import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.topics.unseen import estimate_unseen_share


@settings(deadline=None)  # the first call imports scipy
@given(st.integers(1, 2000), st.data())
def test_the_share_lies_within_its_bounds(traces: int, data: st.DataObject) -> None:
    once = data.draw(st.integers(0, traces))
    twice = data.draw(st.integers(0, (traces - once) // 2))

    found = estimate_unseen_share(traces, once, twice)

    assert 0 <= found.low <= found.share <= found.high <= 1
    assert found.share == once / traces


def test_a_sample_without_rare_kinds_has_an_upper_bound_still() -> None:
    found = estimate_unseen_share(1000, 0, 0)

    assert found.share == found.low == 0
    assert 0.001 < found.high < 0.004


@pytest.mark.parametrize("exponent", [0.8, 1.1, 1.5])
def test_the_bounds_hold_the_share_of_kinds_that_were_held_out(exponent: float) -> None:
    random = np.random.default_rng(4)
    shares = 1 / np.arange(1, 400) ** exponent
    shares /= shares.sum()
    held = 0
    for _ in range(400):
        seen = random.multinomial(600, shares)
        found = estimate_unseen_share(600, int((seen == 1).sum()), int((seen == 2).sum()))
        held += found.low <= shares[seen == 0].sum() <= found.high

    assert 0.93 <= held / 400 <= 0.995
