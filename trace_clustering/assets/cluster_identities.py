import dataclasses
from collections import Counter
from typing import Any

import dagster as dg
import numpy as np

from trace_clustering.artifacts.clusters import ClusterAssignments
from trace_clustering.artifacts.topics import ClusterIdentities
from trace_clustering.assets.asset import THREE_ATTEMPTS, clustering_asset
from trace_clustering.assets.earlier_runs import fetch_runs_to_continue
from trace_clustering.assets.edits import list_obeyed, name_scope
from trace_clustering.clickhouse.resource import ClickHouse
from trace_clustering.clickhouse.session import TeamSession
from trace_clustering.clickhouse.topic_history import list_later_runs
from trace_clustering.constants import COMPUTE_ACTIVITY_TIMEOUT, DEFAULT_KEEP_TOPICS_DAYS
from trace_clustering.environment import TOPICS
from trace_clustering.orchestration.settings import ClusteringSettings
from trace_clustering.orchestration.topic_edits import load_edits_of_team
from trace_clustering.processes.clock import StepClock
from trace_clustering.topics.edited_history import find_edited_identities, follow_merges
from trace_clustering.topics.edits import TopicEdits
from trace_clustering.topics.history import EarlierCluster, EarlierRun
from trace_clustering.topics.identity import CurrentCluster, Identities
from trace_clustering.topics.parents import Parent, find_parents


@clustering_asset(
    makes=ClusterIdentities,
    kinds={"python", "clickhouse"},
    code_version="3",
    retry_policy=THREE_ATTEMPTS,
)
def cluster_identities(
    context: dg.AssetExecutionContext,
    settings: ClusteringSettings,
    clickhouse: ClickHouse,
    cluster_assignments: ClusterAssignments,
) -> dg.MaterializeResult[ClusterIdentities]:
    """The topic of each cluster: that of the cluster of an earlier run which it continues, or a new one."""
    provenance = cluster_assignments.provenance
    clock = StepClock(COMPUTE_ACTIVITY_TIMEOUT)
    with clickhouse.open_session(provenance.team_id, timeout_seconds=clock) as session:
        earlier = _fetch_earlier_runs(session, cluster_assignments)
        later = list_later_runs(session, provenance.window, provenance.run_label)
    edits = load_edits_of_team(provenance.team_id)
    known = {cluster.topic_id for run in earlier for cluster in run.clusters}
    merges, told = _read_edits(cluster_assignments)
    earlier = follow_merges(earlier, merges)
    scope = name_scope(provenance)
    clusters = _list_clusters(cluster_assignments)
    found = find_edited_identities(clusters, cluster_assignments.trace_ids, earlier, scope=scope, topics=told)
    topics = [continuity.topic_id for continuity in found.continuities]
    obeyed = list_obeyed(topics, merges, edits)
    unknown = edits.list_unknown(
        known | set(topics) | set(cluster_assignments.edits.get("known_sources", []))
    )
    if unknown:
        context.log.warning(
            f"{TOPICS} names topics that no run knows (any more), or not by enough characters: "
            f"{', '.join(unknown)}"
        )
    parents = find_parents(clusters, found.continuities, earlier, scope=scope)
    relations = [continuity.relation for continuity in found.continuities]
    counts = {relation: relations.count(relation) for relation in sorted(set(relations))}
    in_words = "".join(f"{count} {relation}, " for relation, count in counts.items())
    context.log.info(
        f"Topics, compared with {len(earlier)} earlier runs: "
        f"{in_words}{len(found.gone)} without a cluster now"
    )
    if later:
        context.log.warning(
            f"{len(later)} later runs exist, the first of them {later[0]}. They keep their topics, which were"
            " found without this run. Materialize them again, in the order of their days, if they should"
            " continue its topics."
        )
    return dg.MaterializeResult(
        value=ClusterIdentities(
            provenance=provenance.with_settings(settings.of_stage("cluster_identities")),
            **_tabulate(found, earlier, edits),
            obeyed=obeyed,
            edits={"digest": edits.digest, "unknown_topics": unknown} if edits.by_topic else {},
            parents=[dataclasses.asdict(parent) for parent in parents],
        ),
        metadata={
            "clusters": len(relations),
            "relations": counts,
            "gone": len(found.gone),
            "parents": _count_parents(parents),
            "earlier_runs": [run.run_id for run in earlier],
            **({"edits": _count_edits(obeyed), "unknown_topics": unknown} if edits.by_topic else {}),
            "later_runs": later,
        },
    )


def _fetch_earlier_runs(session: TeamSession, assignments: ClusterAssignments) -> list[EarlierRun]:
    """Return the earlier runs that were known when the clusters were made."""
    provenance, known = assignments.provenance, assignments.earlier_run_ids
    if known == []:
        return []
    earlier = fetch_runs_to_continue(
        session,
        provenance,
        dimensions=assignments.embedding_centroids.shape[1],
        model=assignments.embedding_model,
        keep_topics_days=provenance.settings.get("keep_topics_days", DEFAULT_KEEP_TOPICS_DAYS),
    )
    return [run for run in earlier if known is None or run.run_id in known]


def _list_clusters(assignments: ClusterAssignments) -> list[CurrentCluster]:
    return [
        CurrentCluster(cluster, assignments.trace_ids[assignments.cluster_ids == cluster], centroid)
        for cluster, centroid in enumerate(assignments.embedding_centroids)
    ]


def _read_edits(assignments: ClusterAssignments) -> tuple[dict[str, str], dict[int, str]]:
    """Return the merges that made the clusters, and the topics that the edits gave to some of them."""
    topics = assignments.edits.get("topics", {})
    return assignments.edits.get("merges", {}), {int(cluster): topic for cluster, topic in topics.items()}


def _count_edits(obeyed: list[list[str]]) -> dict[str, int]:
    return dict(sorted(Counter(name for names in obeyed for name in names).items()))


def _count_parents(parents: list[Parent]) -> dict[str, int]:
    """Return the number of groups on each level, and how many of them continue earlier ones."""
    counts = Counter(f"level_{parent.level}" for parent in parents)
    return {**counts, "continued": sum(parent.relation == "continued" for parent in parents)}


def _tabulate(found: Identities, earlier: list[EarlierRun], edits: TopicEdits) -> dict[str, Any]:
    """Return the fields of the artifact; that an ignored topic is gone is no news."""
    labelled = {(run.run_id, cluster.cluster_id): cluster for run in earlier for cluster in run.clusters}
    nothing = EarlierCluster("", -1, np.array([], dtype=object), np.array([], dtype=np.float32), 0.0)
    rows = found.continuities
    olds = [labelled.get((row.earlier_run_id, row.earlier_cluster_id), nothing) for row in rows]
    return {
        "cluster_ids": np.array([row.cluster_id for row in rows], dtype=np.int64),
        "topic_ids": np.array([row.topic_id for row in rows], dtype=object),
        "relations": np.array([row.relation for row in rows], dtype=object),
        "earlier_run_ids": np.array([row.earlier_run_id for row in rows], dtype=object),
        "earlier_cluster_ids": np.array([row.earlier_cluster_id for row in rows], dtype=np.int64),
        "shared_traces": np.array([row.shared_traces for row in rows], dtype=np.int64),
        "earlier_titles": np.array([old.title for old in olds], dtype=object),
        "earlier_descriptions": np.array([old.description for old in olds], dtype=object),
        "earlier_labelers": np.array([old.labeler for old in olds], dtype=object),
        "earlier_label_from_runs": [
            old.label_from_run or row.earlier_run_id for old, row in zip(olds, rows, strict=True)
        ],
        "earlier_label_terms": [list(old.label_terms) for old in olds],
        "from_topic_ids": [list(row.from_topic_ids) for row in rows],
        "gone": [dataclasses.asdict(topic) for topic in found.gone if not edits.find(topic.topic_id).ignore],
    }
