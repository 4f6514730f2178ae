"""Asset checks about topics to look at: one for each kind of alert, so that Dagster's alerting works."""

import dagster as dg

from trace_clustering.artifacts.receipt import EventReceipt
from trace_clustering.topics.alerts import AlertKind


def new_topics_within_limit(receipt: EventReceipt) -> dg.AssetCheckResult:
    """Pass if no new topic has more of the traffic than `alert_new_topic_share`."""
    return _check(receipt, "new_topic")


def growth_within_limit(receipt: EventReceipt) -> dg.AssetCheckResult:
    """Pass if no topic grows, beyond chance, by more than `alert_growth`."""
    return _check(receipt, "growth")


def errors_within_limit(receipt: EventReceipt) -> dg.AssetCheckResult:
    """Pass if no topic fails more often than `alert_error_rate` and `alert_error_rise` allow."""
    return _check(receipt, "errors")


def _check(receipt: EventReceipt, kind: AlertKind) -> dg.AssetCheckResult:
    topics = [alert for alert in receipt.alerts if alert["kind"] == kind]
    is_error = kind in receipt.alerts_as_errors
    return dg.AssetCheckResult(
        passed=not topics,
        severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
        metadata={"topics": topics} if topics else {},
    )
