"""Whatever stands in a row of Langfuse, it becomes a trace, or a clean error says what is wrong."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trace_clustering.errors import BadValueError
from trace_clustering.sources.formats.langfuse import LANGFUSE
from trace_clustering_tests.sources.formats.langfuse_files import make_observation, make_trace
from trace_clustering_tests.sources.messages.strange_values import VALUES

ROWS = (make_observation(), make_trace(), {"trace": make_trace(), "observations": [make_observation()]})
CHANGES = st.dictionaries(st.sampled_from(sorted({name for row in ROWS for name in row})), VALUES, max_size=4)


@settings(max_examples=300, deadline=None)
@given(row=st.sampled_from(ROWS), changes=CHANGES)
def test_a_row_is_read_or_refused(row: dict[str, Any], changes: dict[str, Any]) -> None:
    record = {**row, **changes}
    LANGFUSE.recognizes(record)
    reason, traces = "", []
    try:
        parts = list(LANGFUSE.split(record))
        traces = [trace for trace_id, part in parts for trace in LANGFUSE.build(trace_id, [part])]
    except BadValueError as error:
        reason = str(error)

    assert not reason or "must be" in reason
    assert all(isinstance(trace.trace_id, str) for trace in traces)
