"""Clusters are listed in the order in which they matter."""

from trace_clustering.reports.stored_clusters import read_clusters


def test_ignored_topics_come_after_all_others_and_noise_last() -> None:
    event = {
        "$ai_clusters": [
            {"cluster_id": -1, "size": 90},
            {"cluster_id": 0, "size": 50, "ignored": True},
            {"cluster_id": 1, "size": 10, "ignored": False},
            {"cluster_id": 2, "size": 20},
            {"cluster_id": 3, "size": 5, "ignored": "yes"},
        ]
    }
    assert [cluster.cluster_id for cluster in read_clusters(event)] == ["2", "1", "3", "0", "-1"]
