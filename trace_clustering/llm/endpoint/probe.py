"""Whether an endpoint can be asked, found out before anything else is done."""

import asyncio
import dataclasses

import openai

from trace_clustering.errors import LLMUnavailableError
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.faults import explain_fault
from trace_clustering.llm.endpoint.http import build_client

_SECONDS = 10.0
# Any other status comes from something that answers, though it may not list its models: a wrong key, and the
# statuses of gateways behind which nobody answers.
_UNUSABLE = frozenset({401, 403, 502, 503, 504})


def require_endpoint(connection: Connection) -> None:
    """Ask the endpoint for its models, once; whether it lists them does not matter.

    Raises
    ------
    LLMUnavailableError
        If the endpoint cannot be reached, does not answer in time, or refuses the key.
    """
    try:
        asyncio.run(_list_models(dataclasses.replace(connection, request_timeout_seconds=_SECONDS)))
    except Exception as error:  # of any library below, also while the client is built
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        if status and status not in _UNUSABLE and not 300 <= status < 400:
            return
        fault = explain_fault(error, connection.api_key.get_secret_value())
        is_of_client = not isinstance(error, (openai.OpenAIError, TimeoutError))
        reason = f"no connection can be made: {fault.cause}" if is_of_client else fault.reason
        raise LLMUnavailableError(
            f"The language model {connection.model} cannot be asked: {reason}. Check OPENAI_BASE_URL and "
            "OPENAI_API_KEY, and that the server runs"
        ) from None


async def _list_models(connection: Connection) -> None:
    async with asyncio.timeout(_SECONDS), build_client(connection) as client:
        await client.models.with_raw_response.list()
