"""The settings that say how topics go on from run to run."""

from typing import Any

import dagster as dg

from trace_clustering import constants
from trace_clustering.orchestration.declaration import setting


class TopicSettings(dg.ConfigurableResource[Any]):
    """How clusters continue those of earlier runs; a part of the settings of a run."""

    keep_topics_days: int = setting(
        "Days for which a topic is remembered after its last cluster, so that it is the same topic when it "
        "returns. Earlier runs whose window ended at most so many days before count, and the newest of them "
        "has a say in the clusters too. 0: every run stands alone.",
        stages=["cluster_assignments"],
        reported="if_set",
        default=constants.DEFAULT_KEEP_TOPICS_DAYS,
        ge=0,
        le=constants.MAX_KEEP_TOPICS_DAYS,
    )
