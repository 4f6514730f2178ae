"""Requests to one OpenAI-compatible endpoint, within a budget; failed ones are tried again."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Self

import openai
from langchain_core.messages import BaseMessage

from trace_clustering.errors import EndpointDownError, LimitReachedError, RequestTooLongError
from trace_clustering.llm.endpoint.answers import Answer, read_answer
from trace_clustering.llm.endpoint.budget import CHARACTERS_PER_TOKEN, Budget
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.dialect import Dialect
from trace_clustering.llm.endpoint.faults import Fault, explain_fault, hide_key
from trace_clustering.llm.endpoint.http import build_client
from trace_clustering.llm.endpoint.request_size import measure_message
from trace_clustering.llm.endpoint.requests import write_request
from trace_clustering.llm.endpoint.wire import list_own_fields

_MAX_DELAY = 60.0  # in seconds, unless the endpoint asks for more
_SECONDS_TO_CLOSE = 5.0
# An endpoint that counts less than this share of the estimate has most likely cut the prompt.
_MIN_SHARE_COUNTED = 0.4
_MIN_TOKENS_TO_COMPARE = 1_000


class Endpoint:
    """Answers of one model, charged to one budget. Use it as a context.

    Requests run on an event loop in a thread of its own. Only that way can a request be stopped in time if
    its answer comes in byte by byte.

    Parameters
    ----------
    connection : Connection
    budget : Budget
    log : logging.Logger
    dialect : Dialect, optional
        What an earlier context found the same endpoint to take.
    task : str
        What the model is asked for, at the beginning of each line of the log.
    """

    def __init__(
        self,
        connection: Connection,
        budget: Budget,
        log: logging.Logger,
        dialect: Dialect | None = None,
        *,
        task: str = "Labeling",
    ) -> None:
        self.budget = budget
        self.dialect = dialect or Dialect()
        self._connection = connection
        self._key = connection.api_key.get_secret_value()
        self._log = log
        self._task = task
        self._client: openai.AsyncOpenAI | None = None
        self._warned = False

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm-endpoint", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client:
            with contextlib.suppress(TimeoutError):  # connections that are still open end with the loop
                self._run_on_loop(self._client.close(), _SECONDS_TO_CLOSE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def max_request_characters(self) -> int:
        """Limit on the characters of a request: the setting, or less if the endpoint takes less."""
        setting = self.budget.limits.max_request_characters
        return min(setting, self.dialect.max_request_characters or setting)

    def ask(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]]) -> Answer:
        """Return the model's answer; failed requests are tried again while the budget allows it.

        Raises
        ------
        LimitReachedError
            If a limit does not allow a first or another request.
        RequestTooLongError
            If the endpoint takes only shorter requests; `max_request_characters` is lower from then on.
        EndpointDownError
            If the endpoint still fails at the last attempt, refuses the request, or cannot be reached
            because the environment does not let the client be made.
        """
        client = self._client = self._client or self._make_client()
        characters = sum(map(measure_message, messages)) + len(str(tools))
        estimate = characters // CHARACTERS_PER_TOKEN
        price = self._connection.price
        attempt = 0
        while True:
            allowed = self.dialect.limit_answer(self.budget.allow(estimate, price), characters)
            body = write_request(messages, tools, allowed, self._connection, self.dialect)
            self.budget.count_request()
            try:
                answer = self._send(client, body)
            except Exception as error:  # any error on a malformed answer, or of a library below
                fault = explain_fault(error, self._key)
            else:
                self._count_tokens(answer, estimate)
                return answer
            if fault.may_be_billed:
                self.budget.count_tokens(estimate, 0, price, estimated=True)
            if not self._adapt(fault, body, messages, characters):
                self._wait_or_give_up(fault, attempt)
                attempt += 1

    def _make_client(self) -> openai.AsyncOpenAI:
        try:
            return build_client(self._connection)
        except Exception as error:  # proxies and certificates of the environment, of many libraries
            reason = explain_fault(error, self._key).cause
            raise EndpointDownError(
                f"no connection to the endpoint can be made: {reason}; look at the variables for proxies "
                "and certificates, such as ALL_PROXY and SSL_CERT_FILE",
                refused=True,
            ) from None

    def _send(self, client: openai.AsyncOpenAI, body: dict[str, Any]) -> Answer:
        seconds = min(self._connection.request_timeout_seconds, self.budget.seconds_left())
        more = {name: value for name, value in body.items() if name not in ("model", "messages", "input")}
        create: Any = client.chat.completions.with_raw_response.create
        content = {"messages": body.get("messages")}
        if "input" in body:
            create, content = client.responses.with_raw_response.create, {"input": body["input"]}
        response = self._run_on_loop(create(model=body["model"], **content, extra_body=more), seconds)
        return read_answer(hide_key(response.text, self._key))

    def _adapt(
        self, fault: Fault, body: dict[str, Any], messages: Sequence[BaseMessage], characters: int
    ) -> bool:
        """Return whether the next request will be another one, because of what the endpoint refused."""
        own_fields = list_own_fields(messages)
        change = self.dialect.adapt(fault.status, fault.refusal, body, own_fields, characters)
        if not change:
            return False
        self._log.warning(f"{self._task}: {fault.reason}; {change}, for the rest of the run")
        if characters > self.max_request_characters:
            raise RequestTooLongError(
                f"{fault.reason} (requests of max_request_characters = "
                f"{self.budget.limits.max_request_characters} are too long for it)",
                refused=True,
            )
        return True

    def _run_on_loop(self, work: Coroutine[Any, Any, Any], seconds: float) -> Any:  # noqa: ANN401 - any result
        async def run_in_time() -> Any:  # noqa: ANN401 - any result
            async with asyncio.timeout(seconds):
                return await work

        future = asyncio.run_coroutine_threadsafe(run_in_time(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # no effect, unless the waiting was interrupted

    def _count_tokens(self, answer: Answer, estimate: int) -> None:
        price = self._connection.price
        if answer.tokens is None:
            characters = len(answer.text) + sum(len(str(call.arguments)) for call in answer.calls)
            self.budget.count_tokens(estimate, characters // CHARACTERS_PER_TOKEN, price, estimated=True)
            return
        prompt, completion = answer.tokens
        self.budget.count_tokens(prompt, completion, price, estimated=False)
        if estimate > _MIN_TOKENS_TO_COMPARE and prompt < _MIN_SHARE_COUNTED * estimate and not self._warned:
            self._warned = True
            self._log.warning(
                f"{self._task}: the endpoint counted {prompt} prompt tokens of a request of about "
                f"{estimate}; it seems to cut what is longer than its context. Give it a longer one (for "
                "Ollama: OLLAMA_CONTEXT_LENGTH), or set max_request_characters lower"
            )

    def _wait_or_give_up(self, fault: Fault, attempt: int) -> None:
        connection = self._connection
        delay = max(min(connection.retry_delay_seconds * 2**attempt, _MAX_DELAY), fault.retry_after)
        if self.budget.seconds_left() <= 0:
            limit = self.budget.explain_time()
            raise LimitReachedError(f"its time is over ({limit}); at last {fault.reason}")
        if fault.refused or attempt >= connection.max_retries:
            raise EndpointDownError(fault.reason, refused=fault.refused)
        if delay >= self.budget.seconds_left():
            raise EndpointDownError(f"{fault.reason} (and asks for more time than is left)", refused=False)
        self._log.warning(
            f"{self._task}: {fault.reason}; trying again in {delay:g} s "
            f"({attempt + 1} of {connection.max_retries})"
        )
        time.sleep(delay)
