"""The HTTP client of an endpoint: what it takes from the environment, and what it does not send."""

import ipaddress
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import openai

from trace_clustering.llm.endpoint.connection import Connection


def build_client(connection: Connection) -> openai.AsyncOpenAI:
    """Return a client for one event loop.

    It follows no redirect, because the summaries of the traces must not go to another host. It uses the
    proxies of the environment, except for this machine.

    Raises
    ------
    Exception
        Of any kind, if the environment holds proxies or certificates that cannot be used.
    """
    return openai.AsyncOpenAI(
        api_key=connection.api_key.get_secret_value(),
        base_url=connection.base_url,
        timeout=connection.request_timeout_seconds,
        max_retries=0,  # the endpoint retries within the budget, which the library does not know
        default_headers={} if connection.is_of_environment else _withhold_headers(connection),
        # The library's shared client would stay bound to the first loop that used it.
        http_client=openai.DefaultAsyncHttpxClient(
            follow_redirects=False, trust_env=not _is_this_machine(connection.base_url)
        ),
    )


def _withhold_headers(connection: Connection) -> Mapping[str, Any]:
    """Return headers that keep those of the environment from an address that a run chose itself.

    The library adds organization, project and any headers that variables name to every request.
    """
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [line.partition(":")[0].strip() for line in lines if ":" in line]
    withheld = {name: openai.Omit() for name in (*names, "OpenAI-Organization", "OpenAI-Project")}
    kept = {name: value for name, value in withheld.items() if name.lower() != "authorization"}
    return {**kept, "Authorization": f"Bearer {connection.api_key.get_secret_value()}"}


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
