"""Pages of APIs, which people keep as they come: an object around a list of rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from trace_clustering.sources.read_report import ReadReport
from trace_clustering.sources.read_traces import read_traces
from trace_clustering_tests.sources.formats import test_langsmith, test_posthog_events

PAGES: dict[str, dict[str, Any]] = {
    "posthog": {
        "next": None,
        "results": [test_posthog_events.make_event(span_id=name) for name in ("a", "b")],
    },
    "langsmith": {
        "runs": [test_langsmith.make_run(name) for name in ("r2", "r3")],
        "cursors": {"next": None},
    },
}


@pytest.mark.parametrize("source", PAGES)
def test_a_page_of_an_api_is_read(source: str, tmp_path: Path) -> None:
    (tmp_path / "page.json").write_text(json.dumps(PAGES[source]))
    (trace,) = read_traces([tmp_path / "page.json"], ReadReport())
    assert (trace.source, len(trace.calls)) == (source, 2)
