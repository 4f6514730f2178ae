"""Where an artifact comes from."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from trace_clustering.constants import MIN_TRACES_FOR_CLUSTERING
from trace_clustering.traces.window import Window, iso_time


@dataclass(frozen=True)
class Provenance:
    """Which team, window and settings an artifact stands for, and why it is empty if it is.

    Attributes
    ----------
    team_id : int
    window : Window
    settings : dict
        The settings that took effect up to and including the asset that made the artifact.
    shortage : str
        Why there was nothing to cluster; empty if there was.
    """

    team_id: int
    window: Window
    settings: dict[str, Any]
    shortage: str = ""

    @property
    def status(self) -> str:
        """`ok` or `insufficient_data`."""
        return "insufficient_data" if self.shortage else "ok"

    @property
    def run_id(self) -> str:
        """Identity of the clustering run: team, end of the window, and the label if there is one."""
        run_id = f"{self.team_id}_trace_{self.window.end:%Y%m%d_%H%M%S}"
        label = self.settings["run_label"]
        return f"{run_id}_{label}" if label else run_id

    def with_settings(self, settings: dict[str, Any]) -> Self:
        """Return the provenance of something made from this with further settings."""
        return dataclasses.replace(self, settings=self.settings | settings)

    def with_shortage(self, traces: int, traces_in_window: int) -> Self:
        """Return the provenance of an empty result, for a window that holds too few (matching) traces."""
        found = f"{traces} traces in the window"
        if self.settings.get("trace_filters"):
            found = f"{traces} of {traces_in_window} traces in the window satisfy trace_filters"
        reason = f"{found}, fewer than the {MIN_TRACES_FOR_CLUSTERING} that clustering needs"
        return dataclasses.replace(self, shortage=reason)

    def to_json(self) -> dict[str, Any]:
        """Return the header form, the inverse of `from_json`."""
        return {
            "team_id": self.team_id,
            "window_start": iso_time(self.window.start),
            "window_end": iso_time(self.window.end),
            "settings": self.settings,
            "shortage": self.shortage,
        }

    @classmethod
    def from_json(cls, header: dict[str, Any]) -> Self:
        """Rebuild the provenance from its header form."""
        window = Window(
            datetime.fromisoformat(header["window_start"]), datetime.fromisoformat(header["window_end"])
        )
        return cls(header["team_id"], window, header["settings"], header["shortage"])
