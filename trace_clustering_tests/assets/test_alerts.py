"""Alerts of a run: the checks fail, the run does not, and one message is sent after the event."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from trace_clustering.alerts.resource import Alerts
from trace_clustering.environment import ALERTS_WEBHOOK
from trace_clustering_tests.alerts.webhook import Webhook, run_webhook
from trace_clustering_tests.assets.conftest import Graph, read_metadata
from trace_clustering_tests.examples import DAY, themed_records

pytestmark = pytest.mark.slow

PARTITION = f"{DAY}|1"
QUICK = {
    "dimensionality_reduction_method": "pca",
    "dimensionality_reduction_ndims": 4,
    "visualization_method": "pca",
}


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with run_webhook() as running:
        monkeypatch.setenv(ALERTS_WEBHOOK, running.address)
        yield running


def load_failing_theme(graph: Graph) -> None:
    """Load three themes, of which the first fails in all its 30 traces."""
    records = [
        replace(record, properties={**(record.properties or {}), "$ai_is_error": number < 30})
        for number, record in enumerate(themed_records(outliers=0))
    ]
    graph.load(1, records)
    graph.alerts = Alerts(max_age_days=36_500, max_retries=0)


def evaluate(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_a_topic_that_fails_is_an_alert_and_fails_no_run(graph: Graph, webhook: Webhook) -> None:
    load_failing_theme(graph)
    webhook.answers = [(404, {})]
    first = graph.materialize(PARTITION, **QUICK)
    assert first.success
    checks = evaluate(first)
    assert [name for name, check in checks.items() if not check.passed] == ["errors_within_limit"]
    assert checks["errors_within_limit"].severity == dg.AssetCheckSeverity.WARN
    (topic,) = checks["errors_within_limit"].metadata["topics"].value
    assert (topic["now"], topic["traces"]) == (1.0, 30)
    assert "it answered 404" in read_metadata(first, "emitted_cluster_event")["notification"]
    assert len(graph.event_properties()) == 1

    again = [
        graph.materialize(PARTITION, ["emitted_cluster_event"], **QUICK, alerts_as_errors=["errors"])
        for _ in range(2)
    ]
    assert [read_metadata(result, "emitted_cluster_event")["notification"] for result in again] == [
        "sent",
        "sent before",
    ]
    assert evaluate(again[0])["errors_within_limit"].severity == dg.AssetCheckSeverity.ERROR
    assert [result.success for result in again] == [True, True]
    assert "fails in 100% of 30 traces" in webhook.messages[-1]["text"]
    assert len(webhook.messages) == 2

    off = graph.materialize(PARTITION, ["emitted_cluster_event"], **QUICK, alert_error_rate=None)
    assert read_metadata(off, "emitted_cluster_event")["notification"] == "nothing to tell"


def test_a_kind_that_there_is_not_is_refused(graph: Graph) -> None:
    refused = graph.materialize(PARTITION, **QUICK, alerts_as_errors=["everything"])
    assert not refused.success
