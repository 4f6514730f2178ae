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

    def sample_rules(self) -> SampleRules:
        """Return what a sample is drawn from."""
        return SampleRules(self.automation)
