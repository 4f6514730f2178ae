"""The settings that say which traces a sample is drawn from."""

from typing import Any

import dagster as dg

from trace_clustering.orchestration.declaration import setting
from trace_clustering.traces.sampling import Automation, SampleRules


class SampleSettings(dg.ConfigurableResource[Any]):
    """What is left out or taken together before the sample is drawn; a part of the settings of a run."""

    automation: Automation = setting(
        "What becomes of traces that no person started (sub-agents, titles, judges), where their source says "
        "so. leave_out: they are neither summarized nor clustered, and are counted. include: they are like "
        "all others. only: they alone are clustered.",
        stages=["trace_summaries", "embeddings"],
        reported="if_set",
        default="leave_out",
    )
    one_per_session: bool = setting(
        "Cluster one trace of each session, so that a long session has no more weight than a short one. "
        "Traces without a session stay.",
        stages=["embeddings"],
        reported="if_set",
        default=False,
    )
    fold_duplicates: bool = setting(
        "Cluster one of all traces whose texts differ only in ids, numbers, dates and addresses, so that a "
        "template is one trace with a weight. The sizes of clusters then count kinds of texts.",
        stages=["embeddings"],
        reported="if_set",
        default=False,
    )

    def sample_rules(self) -> SampleRules:
        """Return what a sample is drawn from."""
        return SampleRules(self.automation, self.one_per_session, self.fold_duplicates)
