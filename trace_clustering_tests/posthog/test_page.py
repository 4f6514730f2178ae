"""The page about PostHog's tables: its example in Python reads the tables of the embedded engine."""

import subprocess
import sys
from pathlib import Path

from trace_clustering import posthog
from trace_clustering.clickhouse.cluster_events import emit_cluster_events
from trace_clustering.clickhouse.engine import close_engine
from trace_clustering_tests.cli.command import engine
from trace_clustering_tests.posthog.cluster_events import make_cluster_event

PAGE = (Path(posthog.__path__[0]) / "README.md").read_text(encoding="utf-8")


def test_the_example_in_python_reads_the_tables_of_the_embedded_engine(tmp_path: Path) -> None:
    with engine(tmp_path).open_session(1, timeout_seconds=60) as session:
        emit_cluster_events(session, make_cluster_event())
    close_engine()
    (program,) = [text.split("```")[0] for text in PAGE.split("```python\n")[1:]]
    read = [sys.executable, "-c", program]
    result = subprocess.run(read, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "$ai_trace_clusters" in result.stdout


def test_the_statement_for_the_event_names_the_team() -> None:
    (statement,) = [text.split("```")[0] for text in PAGE.split("```sql\nSELECT timestamp")[1:]]
    assert "WHERE team_id = 1 AND event = '$ai_trace_clusters'" in statement
