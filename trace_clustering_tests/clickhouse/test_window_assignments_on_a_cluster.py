"""Distributed tables: vectors stay on their nodes, and what is read and written is the same as on one node.

Both shards of the cluster are this process, and hold the same tables: the engine plans and merges as for two
nodes, and each row is read twice.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import clickhouse_connect
import pytest

from trace_clustering.clickhouse.documents import DocumentSelection
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.run_clusters import delete_older_versions
from trace_clustering.clickhouse.window_assignments import assign_window
from trace_clustering.posthog.filters import parse_filters
from trace_clustering_tests.clickhouse import http_server
from trace_clustering_tests.clickhouse.conftest import Server
from trace_clustering_tests.clickhouse.rows import insert_embeddings, insert_events
from trace_clustering_tests.clickhouse.test_window_assignments import CLUSTERED
from trace_clustering_tests.posthog.cluster_events import TOPICS

SHARD = "<shard><replica><host>{}</host><port>9000</port></replica></shard>"
CONFIGURATION = (
    "<clickhouse><tcp_port>9000</tcp_port><remote_servers><pair>"
    + SHARD.format("localhost")
    + SHARD.format("127.0.0.1")
    + "</pair></remote_servers></clickhouse>"
)
TABLES = ("events", "document_embeddings", "trace_cluster_centroids", "trace_cluster_assignments")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    (folder / "cluster.xml").write_text(CONFIGURATION)
    engine = f"{folder / 'clickhouse'}?config-file={folder / 'cluster.xml'}"
    with subprocess.Popen(
        [sys.executable, http_server.__file__, engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        server = Server(int(process.stdout.readline()))
        ClickHouse(dsn=server.dsn(server.new_database("nodes"))).create_tables()
        server.new_database("whole")
        with clickhouse_connect.get_client(dsn=server.dsn("whole")) as client:
            for table in TABLES:
                engine = f"Distributed(pair, nodes, {table}, rand())"
                client.command(f"CREATE TABLE {table} AS nodes.{table} ENGINE = {engine}")
        yield ClickHouse(dsn=server.dsn("whole"))


def test_a_window_is_assigned_on_a_cluster(cluster: ClickHouse) -> None:
    with cluster.open_session(1, timeout_seconds=60) as session:
        vectors = {"a": [1, 0, 0], "near": [1, 0, 0], "second": [0, 0.6, 0.8], "filtered": [1, 0, 0]}
        insert_embeddings(session, *({"document_id": name, "embedding": v} for name, v in vectors.items()))
        for name in ("a", "near", "second"):
            insert_events(session, {"properties": f'{{"$ai_trace_id": "{name}", "$ai_model": "small"}}'})
        filters = parse_filters([{"key": "$ai_model", "value": "small"}])
        found = assign_window(session, CLUSTERED, TOPICS.identities, DocumentSelection(), filters)
        rows = session.query("SELECT DISTINCT trace_id, cluster_id, in_sample FROM {assignments:Identifier}")
        run_id = CLUSTERED.provenance.run_id
        notes = [delete_older_versions(session, run_id, found.version)]
        insert_embeddings(session, {"document_id": "new"})
        insert_events(session, {"properties": '{"$ai_trace_id": "new", "$ai_model": "small"}'})
        later = assign_window(session, CLUSTERED, TOPICS.identities, DocumentSelection(), filters)
        notes.append(delete_older_versions(session, run_id, later.version))
    assert {(row["trace_id"], row["cluster_id"], row["in_sample"]) for row in rows} == {
        *(("a", 1, 1), ("near", 0, 0), ("second", 1, 0))
    }
    assert (found.cluster_ids, found.traces, found.is_new) == ([0, 1], [1, 2], True)
    assert notes[0] == ""
    assert "cannot delete" in notes[1]
    assert later.traces == [2, 2]
