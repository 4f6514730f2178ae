"""Other ways to carry topics on, which the pipeline is compared with."""

from collections.abc import Callable, Sequence

import numpy as np

from trace_clustering.labeling.keywords import TERMS_IN_TITLE, find_terms
from trace_clustering.topics.history import EarlierRun
from trace_clustering.topics.identity import Continuity, CurrentCluster, GoneTopic, Identities, make_topic_id
from trace_clustering.traces.arrays import StringArray
from trace_clustering_tests.benchmarks.stream import Stream

# Of clusters of the same intent in two weeks, 95 % are nearer; of those of two intents, hardly any.
_MIN_SIMILARITY = 0.8

FindTopics = Callable[[Sequence[CurrentCluster], StringArray, Sequence[EarlierRun]], Identities]


def match_by_title(stream: Stream) -> FindTopics:
    """Return what carries a topic on where the title is the same: the terms that set its traces apart."""
    title_of = dict(zip(stream.trace_ids, stream.titles, strict=True))

    def find(
        clusters: Sequence[CurrentCluster],
        trace_ids: StringArray,  # noqa: ARG001
        earlier: Sequence[EarlierRun],
    ) -> Identities:
        documents = {c.cluster_id: " ".join(title_of[t] for t in c.trace_ids) for c in clusters}
        titles = {c: ", ".join(terms[:TERMS_IN_TITLE]) for c, terms in find_terms(documents).items()}
        return _describe({c.cluster_id: titles[c.cluster_id] for c in clusters}, earlier)

    return find


def match_by_centroid(
    clusters: Sequence[CurrentCluster],
    trace_ids: StringArray,  # noqa: ARG001
    earlier: Sequence[EarlierRun],
) -> Identities:
    """Match the centroids of two successive nights one to one, the nearest together."""
    from scipy.optimize import linear_sum_assignment

    topics = {c.cluster_id: make_topic_id(f"{len(earlier)}", c) for c in clusters}
    known = earlier[0].clusters if earlier else []
    if known and clusters:
        similarities = np.stack([c.centroid for c in clusters]) @ np.stack([c.centroid for c in known]).T
        for row, column in zip(*linear_sum_assignment(similarities, maximize=True), strict=True):
            if similarities[row, column] >= _MIN_SIMILARITY:
                topics[clusters[row].cluster_id] = known[column].topic_id
    return _describe(topics, earlier)


def _describe(topics: dict[int, str], earlier: Sequence[EarlierRun]) -> Identities:
    """Say new, continued, back and gone, which is all that such a matching can say."""
    newest = {cluster.topic_id: cluster for cluster in earlier[0].clusters} if earlier else {}
    older = {cluster.topic_id for run in earlier for cluster in run.clusters}
    rows = [
        Continuity(
            cluster,
            topic,
            "continued" if topic in newest else "back" if topic in older else "new",
        )
        for cluster, topic in topics.items()
    ]
    gone = [
        GoneTopic(topic, "", earlier[0].run_id, cluster.cluster_id)
        for topic, cluster in newest.items()
        if topic not in topics.values()
    ]
    return Identities(rows, gone)
