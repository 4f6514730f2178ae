"""The HTTP client of an endpoint."""

import openai

from trace_clustering.labeling.endpoint.connection import Connection


def build_client(connection: Connection) -> openai.AsyncOpenAI:
    """Return a client for one event loop.

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
        # The library's shared client would stay bound to the first loop that used it.
        http_client=openai.DefaultAsyncHttpxClient(),
    )
