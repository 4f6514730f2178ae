"""One message per night and team: what is sent, what is not, and what is told when it fails."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from trace_clustering.alerts.notify import notify
from trace_clustering.alerts.resource import Alerts
from trace_clustering.artifacts.provenance import Provenance
from trace_clustering.environment import ALERTS_WEBHOOK
from trace_clustering.errors import InvalidSettingsError
from trace_clustering.topics.alerts import Alert
from trace_clustering.traces.window import Window
from trace_clustering_tests.alerts.webhook import Webhook

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LAST_NIGHT = Provenance(7, Window(TODAY - timedelta(days=7), TODAY), {"run_label": ""})
ALERT = Alert("new_topic", "a", "Translation", 26, 0.036, None)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def send(
    folder: Path, *alerts: Alert, provenance: Provenance = LAST_NIGHT, resource: Alerts | None = None
) -> str:
    return notify(
        alerts,
        provenance,
        resource=resource or Alerts(max_retries=0),
        base=UPath(folder),
        total_seconds=10,
        log=logging.getLogger("test"),
    )


@pytest.fixture
def address(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    monkeypatch.setenv(ALERTS_WEBHOOK, webhook.address)
    return webhook


def test_the_same_message_is_sent_once_and_another_again(address: Webhook, tmp_path: Path) -> None:
    assert [send(tmp_path, ALERT), send(tmp_path, ALERT)] == ["sent", "sent before"]
    assert send(tmp_path, replace(ALERT, title="Renamed")) == "sent"
    assert send(tmp_path, ALERT, provenance=replace(LAST_NIGHT, team_id=8)) == "sent"
    assert len(address.messages) == 3


def test_what_failed_is_told_and_sent_the_next_time(
    address: Webhook, tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    address.answers = [(404, {})]
    assert send(tmp_path, ALERT).startswith("failed: The alert could not be sent to the webhook at 127.0.0.1")
    assert "it answered 404" in log.text
    assert "secret" not in log.text
    assert send(tmp_path, ALERT) == "sent"


def test_a_damaged_note_of_what_was_sent_does_no_harm(address: Webhook, tmp_path: Path) -> None:
    send(tmp_path, ALERT)
    (note,) = (tmp_path / "alerts_sent" / "7").iterdir()
    for content in ("", "[]", '{"digest": 3}', "{"):
        note.write_text(content)
        assert send(tmp_path, ALERT) == "sent"
    assert len(address.messages) == 5


def test_where_nothing_can_be_noted_it_is_told(address: Webhook, tmp_path: Path) -> None:
    (tmp_path / "alerts_sent").write_text("a file where a folder should be")
    assert send(tmp_path, ALERT).startswith("failed: ")
    assert len(address.messages) <= 1


@pytest.mark.usefixtures("address")
def test_what_is_not_sent(address: Webhook, tmp_path: Path) -> None:
    week = timedelta(days=7)
    old = Provenance(7, Window(TODAY - 2 * week, TODAY - week), {"run_label": ""})
    labelled = replace(LAST_NIGHT, settings={"run_label": "mine"})
    assert send(tmp_path) == "nothing to tell"
    assert send(tmp_path, ALERT, provenance=old) == "not sent: the window ended more than 2 days ago"
    assert send(tmp_path, ALERT, provenance=labelled).startswith("not sent: a run with a label")
    assert address.messages == []
    assert send(tmp_path, ALERT, provenance=old, resource=Alerts(max_age_days=8)) == "sent"


def test_without_an_address_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALERTS_WEBHOOK, raising=False)
    assert send(tmp_path, ALERT) == f"not sent: {ALERTS_WEBHOOK} is not set"


NO_ADDRESSES = (
    *("hooks.slack.com/secret", "ftp://host/secret", "https:///secret"),
    *("http://h:x/secret", "http://h/secret words"),
)


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none_is_refused_and_not_shown(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALERTS_WEBHOOK, address)
    with pytest.raises(InvalidSettingsError, match=ALERTS_WEBHOOK) as refused:
        Alerts().read_address()
    assert "secret" not in str(refused.value)
    assert send(tmp_path, ALERT).startswith(f"failed: {ALERTS_WEBHOOK} is no address")


def test_a_variable_of_its_own_may_be_named_and_no_other(
    webhook: Webhook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{ALERTS_WEBHOOK}_OPS", webhook.address)
    assert send(tmp_path, ALERT, resource=Alerts(webhook_variable=f"{ALERTS_WEBHOOK}_OPS")) == "sent"
    for name in ("OPENAI_API_KEY", "https://hooks.slack.com/secret", ""):
        with pytest.raises(InvalidSettingsError, match="webhook_variable") as refused:
            Alerts(webhook_variable=name)
        assert "secret" not in str(refused.value)
