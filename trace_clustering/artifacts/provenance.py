"""The origin of an artifact: team, window, settings, what it was made from, and the run that stored it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from trace_clustering.constants import MIN_TRACES_FOR_CLUSTERING
from trace_clustering.traces.window import Window, format_time


@dataclass(frozen=True)
class Provenance:
    """Team, window, settings and inputs of an artifact, and the reason if it is empty.

    Attributes
    ----------
    team_id : int
    window : Window
    settings : dict
        The settings that the asset that made the artifact, and all assets before it, used.
    shortage : str
        Why there was too little to cluster; empty if there was enough.
    made_from : mapping
        By asset, the digest of every artifact that this one was made from, directly or through others. Empty
        in files of earlier versions.
    settings_from : mapping
        By setting, where a value that is not the default was named: in the team's file, or for a run.
    dagster_run_id : str
        The run of Dagster that stored the artifact. Empty before it is stored, and in files of earlier
        versions.
    """

    team_id: int
    window: Window
    settings: dict[str, Any]
    shortage: str = ""
    made_from: Mapping[str, str] = field(default_factory=dict)
    settings_from: Mapping[str, str] = field(default_factory=dict)
    dagster_run_id: str = ""

    @property
    def status(self) -> str:
        """`ok` or `insufficient_data`."""
        return "insufficient_data" if self.shortage else "ok"

    @property
    def run_id(self) -> str:
        """Identity of the clustering run: team, end of the window, and `run_label` if it is set."""
        run_id = f"{self.team_id}_trace_{self.window.end:%Y%m%d_%H%M%S}"
        return f"{run_id}_{self.run_label}" if self.run_label else run_id

    @property
    def run_label(self) -> str:
        """The setting that sets an experiment apart from the nightly run; empty for the nightly run."""
        return str(self.settings.get("run_label", ""))

    def with_settings(self, settings: dict[str, Any]) -> Self:
        """Return the provenance of an artifact that is made from this one with further settings."""
        return dataclasses.replace(self, settings=self.settings | settings)

    def with_shortage(
        self,
        traces: int,
        traces_in_window: int,
        *,
        left_out: int = 0,
        apart: Mapping[str, int] | None = None,
    ) -> Self:
        """Return the provenance of an empty artifact, for a window with too few (matching) traces.

        `left_out` is the number of traces without a usable vector; `apart` the number of those that the rules
        of the sample leave out, by rule.
        """
        found = f"{traces} traces in the window"
        if left_out:
            found = f"{traces} of {traces_in_window} traces in the window have a usable vector"
        if self.settings.get("trace_filters"):
            found = f"{traces} of {traces_in_window} traces in the window satisfy trace_filters"
            found += f", {left_out} have no usable vector" if left_out else ""
        if told := [f"{count} {rule.replace('_', ' ')}" for rule, count in (apart or {}).items() if count]:
            if not left_out and not self.settings.get("trace_filters"):
                found = f"{traces} of {traces_in_window} traces in the window are left"
            found += f" (apart are {', '.join(told)})"
        reason = f"{found}, fewer than the {MIN_TRACES_FOR_CLUSTERING} that clustering needs"
        return dataclasses.replace(self, shortage=reason)

    def to_json(self) -> dict[str, Any]:
        """Return the provenance as JSON, for the header of a stored artifact."""
        return {
            "team_id": self.team_id,
            "window_start": format_time(self.window.start),
            "window_end": format_time(self.window.end),
            "settings": self.settings,
            "shortage": self.shortage,
            "made_from": dict(self.made_from),
            "settings_from": dict(self.settings_from),
            "dagster_run_id": self.dagster_run_id,
        }

    @classmethod
    def from_json(cls, header: dict[str, Any]) -> Self:
        """Return the provenance that `to_json` wrote."""
        window = Window(
            datetime.fromisoformat(header["window_start"]), datetime.fromisoformat(header["window_end"])
        )
        return cls(
            header["team_id"],
            window,
            header["settings"],
            header["shortage"],
            header.get("made_from", {}),
            header.get("settings_from", {}),
            header.get("dagster_run_id", ""),
        )
