"""Requests to one OpenAI-compatible endpoint, within a budget; failed ones are tried again."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Self

import openai
from langchain_core.messages import AIMessage, BaseMessage
from langchain_openai import ChatOpenAI
from pydantic import ValidationError

from trace_clustering.errors import EndpointDownError, LimitReachedError
from trace_clustering.labeling.endpoint.budget import CHARACTERS_PER_TOKEN, Budget
from trace_clustering.labeling.endpoint.connection import Connection
from trace_clustering.labeling.endpoint.faults import Fault, explain_fault
from trace_clustering.labeling.endpoint.request_size import measure_message

_MAX_DELAY = 60.0  # in seconds, unless the endpoint asks for more
_SECONDS_TO_CLOSE = 5.0


class Endpoint:
    """Chat completions of one model, charged to one budget. Use it as a context.

    Requests run on an event loop in a thread of its own. Only that way can a request be stopped in time if
    its answer comes in byte by byte.
    """

    def __init__(self, connection: Connection, budget: Budget, log: logging.Logger) -> None:
        self.budget = budget
        self._connection = connection
        self._log = log

    def __enter__(self) -> Self:
        connection = self._connection
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="llm-endpoint", daemon=True)
        self._thread.start()
        # The library's shared client would stay bound to the first loop that used it.
        self._http = openai.DefaultAsyncHttpxClient()
        self._model = ChatOpenAI(
            model=connection.model,
            base_url=connection.base_url,
            api_key=connection.api_key,
            temperature=connection.temperature,
            timeout=connection.request_timeout_seconds,
            max_retries=0,  # `ask` retries within the budget, which the library does not know
            use_responses_api=False,
            http_async_client=self._http,
        )
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(TimeoutError):  # connections that are still open end with the loop
            self._run_on_loop(self._http.aclose(), _SECONDS_TO_CLOSE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def ask(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]]) -> AIMessage:
        """Return the model's answer; failed requests are tried again while the budget allows it.

        Raises
        ------
        LimitReachedError
            If a limit does not allow a first or another request.
        EndpointDownError
            If the endpoint still fails at the last attempt, or refuses the request.
        """
        characters = sum(map(measure_message, messages)) + len(str(tools))
        estimate = characters // CHARACTERS_PER_TOKEN
        price = self._connection.price
        attempt = 0
        while True:
            allowed = self.budget.allow(estimate, price)
            self.budget.count_request()
            try:
                answer = self._send(messages, tools, allowed)
            except Exception as error:  # the client library raises any error on a malformed answer
                fault = explain_fault(error, self._connection.api_key.get_secret_value())
            else:
                self._count_tokens(answer, estimate)
                return answer
            if fault.may_be_billed:
                self.budget.count_tokens(estimate, 0, price, estimated=True)
            self._wait_or_give_up(fault, attempt)
            attempt += 1

    def _send(
        self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]], allowed: int
    ) -> AIMessage:
        seconds = min(self._connection.request_timeout_seconds, self.budget.seconds_left())
        model = self._model.bind_tools(tools).bind(max_completion_tokens=allowed)
        try:
            answer = self._run_on_loop(model.ainvoke(list(messages)), seconds)
        except ValidationError:
            # The library cannot represent tool arguments that are JSON but not an object.
            return AIMessage("")
        if not isinstance(answer, AIMessage):
            raise TypeError(f"the answer is a {type(answer).__name__}")
        return answer

    def _run_on_loop(self, work: Coroutine[Any, Any, Any], seconds: float) -> Any:  # noqa: ANN401 - any result
        async def run_in_time() -> Any:  # noqa: ANN401 - any result
            async with asyncio.timeout(seconds):
                return await work

        future = asyncio.run_coroutine_threadsafe(run_in_time(), self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # no effect, unless the waiting was interrupted

    def _count_tokens(self, answer: AIMessage, estimate: int) -> None:
        usage, price = answer.usage_metadata, self._connection.price
        if usage and (usage["input_tokens"] or usage["output_tokens"]):
            self.budget.count_tokens(usage["input_tokens"], usage["output_tokens"], price, estimated=False)
        else:
            characters = len(answer.text) + len(str(answer.tool_calls)) + len(str(answer.invalid_tool_calls))
            self.budget.count_tokens(estimate, characters // CHARACTERS_PER_TOKEN, price, estimated=True)

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
            f"Labeling: {fault.reason}; trying again in {delay:g} s "
            f"({attempt + 1} of {connection.max_retries})"
        )
        time.sleep(delay)
