from collections.abc import Iterator

import pytest

from trace_clustering_tests.alerts.webhook import Webhook, run_webhook


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with run_webhook() as running:
        yield running
