"""The resource `alerts`: where messages about alerts are sent to, and how hard it is tried."""

import os
import re
from typing import Any, Final, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, ModelWrapValidatorHandler, model_validator

from trace_clustering.alerts.send import Delivery
from trace_clustering.environment import ALERTS_WEBHOOK
from trace_clustering.errors import InvalidSettingsError, explain_invalid_settings
from trace_clustering.launchpad import LaunchpadResource, optional

_VARIABLE: Final = re.compile(rf"{ALERTS_WEBHOOK}(_\w+)?", re.ASCII)


class Alerts(LaunchpadResource):
    """A webhook that takes Slack's messages; without an address, nothing is sent.

    The address is a secret, so it stands in a variable of the environment and never in a configuration.
    """

    model_config = ConfigDict(extra="forbid")

    webhook_variable: str = optional(
        f"Name of the variable that holds the address, which begins with `{ALERTS_WEBHOOK}`. "
        "If it is not set, nothing is sent.",
        default=ALERTS_WEBHOOK,
    )
    max_age_days: int = optional(
        "Windows that ended longer ago send nothing: a backfill is no news.",
        default=2,
        ge=0,
        le=36_500,
    )
    request_timeout_seconds: float = optional(
        "Time limit of each wait for the server.", default=10.0, gt=0, le=60
    )
    max_retries: int = optional(
        "How often a message is sent again after status 429 or 5xx, a time-out or a dropped connection.",
        default=3,
        ge=0,
        le=10,
    )
    retry_delay_seconds: float = optional(
        "Wait before the first retry. It doubles with each, and is never less than `Retry-After` asks for.",
        default=1.0,
        ge=0,
        le=30,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        # Whatever was given may be the address itself, so no value is shown.
        with explain_invalid_settings("alerts", show=lambda *_: ""):
            alerts = validate(values)
        if not _VARIABLE.fullmatch(alerts.webhook_variable):
            raise InvalidSettingsError(
                f"alerts: webhook_variable must be the name of a variable that begins with {ALERTS_WEBHOOK}; "
                "an address itself has no place in a configuration"
            )
        return alerts

    def read_address(self) -> str:
        """Return the address of the webhook; empty if none is set.

        Raises
        ------
        InvalidSettingsError
            If it is no address. The message does not show it.
        """
        name = self.webhook_variable
        address = os.environ.get(name, "").strip()
        if not address:
            return ""
        try:
            parts = urlsplit(address)
            is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if not is_address or not re.fullmatch(r"[!-~]+", address):
            raise InvalidSettingsError(
                f"{name} is no address of a webhook; set it to one such as https://hooks.slack.com/services/..."
            )
        return address

    def plan_delivery(self, total_seconds: float) -> Delivery:
        """Return how a message is sent within some time."""
        return Delivery(
            self.request_timeout_seconds, total_seconds, self.max_retries, self.retry_delay_seconds
        )
