"""A message reaches its webhook, if need be at the second attempt, and reaches no other."""

import logging
import socket

import pytest

from trace_clustering.alerts.send import Delivery, send_message
from trace_clustering.errors import AlertNotSentError
from trace_clustering_tests.alerts.webhook import PATH, Webhook

QUICK = Delivery(request_timeout_seconds=0.3, total_seconds=20, max_retries=2, retry_delay_seconds=0.01)
MESSAGE = {"text": "Übel: “Refunds” 🦔"}


def refuse(address: str, delivery: Delivery = QUICK) -> str:
    with pytest.raises(AlertNotSentError) as refused:
        send_message(address, MESSAGE, delivery)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_a_message_arrives_as_it_was_given(webhook: Webhook) -> None:
    send_message(webhook.address, MESSAGE, QUICK)
    assert (webhook.messages, webhook.paths) == ([MESSAGE], [PATH])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_fault_that_passes_is_tried_again(webhook: Webhook, status: int) -> None:
    webhook.answers = [(status, {}), (status, {"Retry-After": "0"})]
    send_message(webhook.address, MESSAGE, QUICK)
    assert len(webhook.messages) == 3


def test_a_fault_that_stays_is_told_after_the_last_attempt(webhook: Webhook) -> None:
    webhook.answers = [(503, {})] * 9
    assert "127.0.0.1 (it answered 503; attempts: 3)" in refuse(webhook.address)
    assert len(webhook.messages) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_not_tried_again(webhook: Webhook, status: int) -> None:
    webhook.answers = [(status, {})]
    assert f"it answered {status}; attempts: 1" in refuse(webhook.address)
    assert len(webhook.messages) == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(webhook: Webhook, status: int) -> None:
    webhook.answers = [(status, {"Location": f"http://127.0.0.1:{webhook.port}/elsewhere"})]
    assert "redirects are not followed" in refuse(webhook.address)
    assert webhook.paths == [PATH]


def test_a_server_that_does_not_answer_is_given_up(webhook: Webhook) -> None:
    webhook.delay = 1.0
    assert "ReadTimeout; attempts: 3" in refuse(webhook.address)


def test_a_wait_that_is_longer_than_the_time_is_not_begun(webhook: Webhook) -> None:
    webhook.answers = [(429, {"Retry-After": "3600"})]
    assert "it answered 429; attempts: 1" in refuse(webhook.address)


def test_nobody_at_the_address_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    assert "ConnectError; attempts: 3" in refuse(f"http://127.0.0.1:{port}{PATH}")


def test_no_log_holds_the_address(webhook: Webhook, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send_message(webhook.address, MESSAGE, QUICK)
    assert "secret" not in caplog.text
