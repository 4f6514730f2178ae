import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trace_clustering.alerts.resource import Alerts
from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.clickhouse.records import insert_records
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.definitions import defs
from trace_clustering.documents.embedder import Embedder
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.jobs import CLUSTERING_ASSETS
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.traces.record import TraceRecord

ALL_ASSETS: list[Any] = list(defs.assets or [])
ASSETS: list[Any] = [asset for asset in ALL_ASSETS if asset.key in CLUSTERING_ASSETS]


class Graph:
    """The assets that cluster, with an engine, a storage and a Dagster instance of their own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder = folder
        self.instance = instance
        self.clickhouse = ClickHouse(dsn=f"chdb://{folder / 'clickhouse'}")
        self.llm = LLM()
        self.alerts = Alerts()
        self.llm_config: dict[str, Any] = {}  # replaces `llm`, as the launchpad does

    def load(self, team_id: int, records: Sequence[TraceRecord], batch_run_id: str = "batch-1") -> None:
        with self.clickhouse.open_session(team_id, timeout_seconds=60) as session:
            insert_records(session, records, batch_run_id=batch_run_id, model_name="test-16")

    def materialize(
        self,
        partition: str,
        selection: Sequence[str] | None = None,
        assets: Sequence[Any] = ASSETS,
        **settings: Any,
    ) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            assets,
            selection=selection,
            partition_key=partition,
            instance=self.instance,
            resources={
                "settings": ClusteringSettings(),
                "clickhouse": self.clickhouse,
                "llm": self.llm,
                "embedder": Embedder(),
                "alerts": self.alerts,
                "io_manager": ArtifactStorage(base=str(self.folder / "artifacts")),
            },
            run_config={"resources": {"settings": {"config": settings}} | self.llm_config},
            raise_on_error=False,
        )

    def newest_event(self) -> dict[str, Any] | None:
        """Return what the statement of the design finds, unchanged, in the project's own tables."""
        with self.clickhouse.open_session(1, timeout_seconds=60) as session:
            rows = session.query(
                """
                SELECT timestamp, JSONExtractString(properties, '$ai_clustering_run_id') AS run_id,
                       JSONExtractRaw(properties, '$ai_clusters') AS clusters
                FROM events WHERE event = '$ai_trace_clusters' ORDER BY timestamp DESC LIMIT 1
                """
            )
            return {**rows[0], "clusters": json.loads(rows[0]["clusters"])} if rows else None

    def event_properties(self, team_id: int = 1) -> list[dict[str, Any]]:
        with self.clickhouse.open_session(team_id, timeout_seconds=60) as session:
            rows = session.query("SELECT properties FROM events WHERE event = '$ai_trace_clusters'")
        return [json.loads(row["properties"]) for row in rows]


def read_metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """Return the metadata of the asset's only materialization."""
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def list_event_types(result: dg.ExecuteInProcessResult) -> list[str]:
    return [event.event_type_value for event in result.all_events]


def read_failure(result: dg.ExecuteInProcessResult) -> str:
    """Return the error of the only step that failed."""
    (failure,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return failure.step_failure_data.error.to_string()


@pytest.fixture(scope="module")
def module_graph(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with dg.instance_for_test() as instance:
        yield Graph(tmp_path_factory.mktemp("graph"), instance)


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    with dg.instance_for_test() as instance:
        yield Graph(tmp_path, instance)
