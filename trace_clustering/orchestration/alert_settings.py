"""The settings of alerts: from where on a topic is worth one, and how the asset checks fail."""

from typing import Any

import dagster as dg

from trace_clustering.errors import InvalidSettingsError
from trace_clustering.orchestration.declaration import setting
from trace_clustering.topics.alerts import ALERT_KINDS, Thresholds

_STAGES = ["emitted_cluster_event"]


class AlertSettings(dg.ConfigurableResource[Any]):
    """When topics are worth an alert; a part of the settings of a run."""

    alert_new_topic_share: float | None = setting(
        "Alert when a new topic has at least this share of the traffic. null: never.",
        stages=_STAGES,
        default=0.03,
        gt=0,
        le=1,
    )
    alert_growth: float | None = setting(
        "Alert when the share of a topic grows, beyond chance, to at least so many times that before. "
        "null: never.",
        stages=_STAGES,
        default=1.5,
        ge=1,
    )
    alert_error_rate: float | None = setting(
        "Alert when surely more than this share of the traces of a topic fails. null: never.",
        stages=_STAGES,
        default=0.25,
        ge=0,
        lt=1,
    )
    alert_error_rise: float | None = setting(
        "Alert when the share of the traces of a topic that fail rises, beyond chance, by at least this "
        "since the window before. null: never.",
        stages=_STAGES,
        default=0.1,
        gt=0,
        le=1,
    )
    alerts_as_errors: list[str] = setting(
        f"Kinds of alerts whose asset check fails as an error; those of others warn: "
        f"{', '.join(ALERT_KINDS)}.",
        stages=_STAGES,
        default=[],
    )

    def thresholds(self) -> Thresholds:
        """Return from where on a topic is worth an alert."""
        return Thresholds(
            self.alert_new_topic_share, self.alert_growth, self.alert_error_rate, self.alert_error_rise
        )

    def check_alert_kinds(self) -> None:
        """Refuse kinds of alerts that there are not.

        Raises
        ------
        InvalidSettingsError
        """
        if unknown := [kind for kind in self.alerts_as_errors if kind not in ALERT_KINDS]:
            raise InvalidSettingsError(
                f"settings: alerts_as_errors = {self.alerts_as_errors!r}: there is no kind {unknown[0]!r}; "
                f"choose among {', '.join(ALERT_KINDS)}"
            )
