"""Made-up clusterings, as they come out of the steps before the labels."""

import itertools

import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments, Projection2D
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.labeling.agent.evidence import Clustering, hold_out
from trace_clustering.labeling.keywords import build_documents, find_terms
from trace_clustering.labeling.label import list_members_with_summaries
from trace_clustering.traces.summary import TraceSummary
from trace_clustering_tests.examples import WINDOW

VERBS = ("Refund", "Repair", "Import", "Translate", "Cancel", "Schedule", "Price", "Archive")
OBJECTS = ("kettle orders", "tax invoices", "newsletter drafts", "customer records", "shipping labels")


def clustering(
    clusters: int = 4, per_cluster: int = 10, noise: int = 4
) -> tuple[ClusterAssignments, Projection2D, dict[str, TraceSummary]]:
    """Return clusters of traces with summaries of a usual length; siblings share a verb or an object."""
    random = np.random.default_rng(5)
    cluster_ids = np.concatenate([np.repeat(np.arange(clusters), per_cluster), np.full(noise, -1)]).astype(
        np.int64
    )
    n = len(cluster_ids)
    centroids = random.normal(0, 5, (clusters, 10)).astype(np.float32)
    coordinates = (
        random.normal(0, 1, (n, 2)).astype(np.float32) + 10 * np.eye(max(clusters, 2), 2)[cluster_ids % 2]
    )
    identity = {
        "trace_ids": np.array([f"0190f5a2-7c1e-4b7e-9d3a-{row:012d}" for row in range(n)], dtype=object),
        "timestamps": np.full(n, "2025-01-20", dtype="datetime64[ms]"),
        "trace_times": np.full(n, "2025-01-20", dtype="datetime64[us]"),
        "batch_run_ids": np.full(n, "", dtype=object),
        "weights": np.ones(n, dtype=np.int64),
    }
    provenance = Provenance(1, WINDOW, {"run_label": ""})
    clusters_and_noise = [*range(clusters), *([-1] if noise else [])]
    assignments = ClusterAssignments(
        provenance=provenance,
        **identity,
        cluster_ids=cluster_ids,
        probabilities=np.ones(n, dtype=np.float32),
        nearest_cluster_ids=cluster_ids,
        distances_to_nearest=np.linspace(0, 1, n, dtype=np.float32),
        distances_to_centroid=np.linspace(0, 1, n, dtype=np.float32),
        centroids=centroids,
        stabilities=np.ones(clusters, dtype=np.float32),
    )
    projection = Projection2D(
        provenance=provenance,
        **identity,
        cluster_ids=cluster_ids,
        coordinates=coordinates.astype(np.float32),
        clusters=clusters_and_noise,
        centroid_coordinates=np.array(
            [coordinates[cluster_ids == cluster].mean(axis=0) for cluster in clusters_and_noise],
            dtype=np.float32,
        ),
    )
    topics = list(itertools.product(VERBS, OBJECTS))
    summaries = {}
    for row, (trace_id, cluster) in enumerate(zip(identity["trace_ids"], cluster_ids, strict=True)):
        verb, thing = topics[cluster % len(topics)] if cluster >= 0 else (f"Oddity{row}", "of no kind")
        summaries[trace_id] = summary(trace_id, f"{verb} {thing} for the shop of merchant {row}")
    return assignments, projection, summaries


def summary(trace_id: str, title: str) -> TraceSummary:
    return TraceSummary(
        trace_id=trace_id,
        title=title,
        flow_diagram=" -> ".join(["user asks", "assistant looks up the order", "tool answers"] * 4),
        bullets=[
            f"{title}: the assistant looks it up, explains what to do, and does it, step {n}."
            for n in range(5)
        ],
        interesting_notes=[
            f"The user had asked about this before and was sent elsewhere ({n})." for n in range(3)
        ],
        trace_timestamp="2025-01-20T00:00:00Z",
    )


def prepare_clustering(
    assignments: ClusterAssignments,
    projection: Projection2D,
    summaries: dict[str, TraceSummary],
    held_out_per_cluster: int = 0,
) -> Clustering:
    """Return what the agent gets, in the steps in which the pipeline prepares it."""
    members = list_members_with_summaries(assignments, summaries)
    visible, held_out = hold_out(members, held_out_per_cluster)
    return Clustering(assignments, projection, visible, find_terms(build_documents(visible)), held_out)
