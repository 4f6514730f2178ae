"""What Dagster loads: assets, job, schedule, resources and executor."""

import dagster as dg

from trace_clustering.alerts.resource import Alerts
from trace_clustering.artifacts.io_manager import ArtifactStorage
from trace_clustering.assets.cluster_assignments import cluster_assignments
from trace_clustering.assets.cluster_identities import cluster_identities
from trace_clustering.assets.cluster_labels import cluster_labels
from trace_clustering.assets.cluster_metrics import cluster_metrics
from trace_clustering.assets.document_embeddings import document_embeddings
from trace_clustering.assets.embeddings import embeddings
from trace_clustering.assets.emitted_cluster_event import emitted_cluster_event
from trace_clustering.assets.ingested_traces import ingested_traces
from trace_clustering.assets.projection_2d import projection_2d
from trace_clustering.assets.reduced_embeddings import reduced_embeddings
from trace_clustering.assets.trace_summaries import trace_summaries
from trace_clustering.assets.window_assignments import window_assignments
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.documents.embedder import Embedder
from trace_clustering.llm.resource import LLM
from trace_clustering.orchestration.executors import build_executor
from trace_clustering.orchestration.jobs import trace_clustering_job
from trace_clustering.orchestration.run_settings import RunSettings
from trace_clustering.orchestration.schedules import trace_clustering_daily_schedule
from trace_clustering.orchestration.topic_edits import load_topic_edits

load_topic_edits()  # so that a mistake in the file is reported now, and not at night
llm, embedder, alerts = LLM(), Embedder(), Alerts()
for resource in (llm, embedder):
    resource.resolve()  # so that a mistake in the environment is reported now, and not at night
alerts.read_address()  # likewise

defs = dg.Definitions(
    assets=[
        ingested_traces,
        trace_summaries,
        document_embeddings,
        embeddings,
        reduced_embeddings,
        cluster_assignments,
        projection_2d,
        cluster_identities,
        cluster_labels,
        window_assignments,
        cluster_metrics,
        emitted_cluster_event,
    ],
    jobs=[trace_clustering_job],
    schedules=[trace_clustering_daily_schedule],
    resources={
        "settings": RunSettings(),
        "clickhouse": ClickHouse(),
        "llm": llm,
        "embedder": embedder,
        "alerts": alerts,
        "io_manager": ArtifactStorage(),
    },
    executor=build_executor(),
)
