"""Makes one set of topics of two runs: what only one of them has is counted with the nearest of the other.

A clustering that is made anew may cut the same traffic elsewhere. Without this, a comparison would tell of
topics that come and go where the traces are the same.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from trace_clustering.traces.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class TopicPlace:
    """Where a topic lies among the embeddings.

    Attributes
    ----------
    centroid : float32 array, shape (d,)
        Of length 1.
    radius : float
        Smallest cosine similarity to the centroid at which a trace belongs to the topic.
    traces : int
    """

    centroid: FloatArray
    radius: float
    traces: int


def join_topics(
    before: Mapping[str, TopicPlace], after: Mapping[str, TopicPlace], apart: Collection[str] = ()
) -> dict[str, str]:
    """Return the common topic of every topic: the largest after of those that are counted together.

    A topic that the other side lacks is counted with the topic of that side whose centroid is nearest, if
    each of the two centroids would belong to the other topic. Exchanging the sides joins the same topics.

    Parameters
    ----------
    before, after : mapping
        The topics of each side by id; all centroids have the same length.
    apart : collection of str
        Topics that are known to be new, or gone, and are counted with no other.
    """
    parents = {topic: topic for topic in sorted({*before, *after})}

    def find(topic: str) -> str:
        while parents[topic] != topic:
            topic = parents[topic]
        return topic

    for here, there in ((before, after), (after, before)):
        others = {topic: place for topic, place in there.items() if topic not in apart}
        for topic in sorted(set(here) - set(there) - set(apart)):
            if nearest := _find_nearest(here[topic], others):
                first, second = sorted((find(topic), find(nearest)))
                parents[second] = first
    groups: dict[str, list[str]] = {}
    for topic in parents:
        groups.setdefault(find(topic), []).append(topic)
    return {topic: _choose_name(group, before, after) for group in groups.values() for topic in group}


def _find_nearest(place: TopicPlace, others: Mapping[str, TopicPlace]) -> str:
    """Return the topic whose centroid is nearest, if both lie in each other; else nothing."""
    if not others:
        return ""
    names = sorted(others)
    similarities = np.array([others[name].centroid @ place.centroid for name in names])
    best = int(np.argmax(similarities))
    return names[best] if similarities[best] >= max(others[names[best]].radius, place.radius) else ""


def _choose_name(group: list[str], before: Mapping[str, TopicPlace], after: Mapping[str, TopicPlace]) -> str:
    def rank(topic: str) -> tuple[int, int, str]:
        places = [side[topic].traces if topic in side else -1 for side in (after, before)]
        return (places[0], places[1], topic)

    return max(group, key=rank)
