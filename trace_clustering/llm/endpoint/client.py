"""Requests to one OpenAI-compatible endpoint, within a budget; failed ones are tried again."""

import logging
from collections.abc import Sequence
from typing import Any

import openai
from langchain_core.messages import BaseMessage

from trace_clustering.errors import RequestTooLongError
from trace_clustering.llm.endpoint.answers import Answer, read_answer
from trace_clustering.llm.endpoint.budget import CHARACTERS_PER_TOKEN, Budget, Usage
from trace_clustering.llm.endpoint.channel import Channel
from trace_clustering.llm.endpoint.connection import Connection
from trace_clustering.llm.endpoint.dialect import Dialect
from trace_clustering.llm.endpoint.faults import Fault, explain_fault, hide_key
from trace_clustering.llm.endpoint.request_size import measure_message
from trace_clustering.llm.endpoint.requests import write_request
from trace_clustering.llm.endpoint.wire import list_own_fields

# An endpoint that counts less than this share of the estimate has most likely cut the prompt.
_MIN_SHARE_COUNTED = 0.4
_MIN_TOKENS_TO_COMPARE = 1_000


class Endpoint(Channel):
    """Answers of one model, charged to one budget. Use it as a context.

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
        super().__init__(connection, budget, log, task)
        self.dialect = dialect or Dialect()
        self.usage = Usage()  # of this endpoint alone; the budget may have others
        self._warned = False

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
        client = self._open_client()
        characters = sum(map(measure_message, messages)) + len(str(tools))
        estimate = characters // CHARACTERS_PER_TOKEN
        price = self._connection.price
        attempt = 0
        while True:
            with self.budget.reserve(estimate, price) as affordable:
                self.usage += Usage(requests=1)
                allowed = self.dialect.limit_answer(affordable, characters)
                body = write_request(messages, tools, allowed, self._connection, self.dialect)
                try:
                    answer = self._send(client, body)
                except Exception as error:  # any error on a malformed answer, or of a library below
                    fault = explain_fault(error, self._key)
                else:
                    self._count_tokens(answer, estimate)
                    return answer
                if fault.may_be_billed:
                    self.usage += self.budget.count_tokens(estimate, 0, price, estimated=True)
            if not self._adapt(fault, body, messages, characters):
                self._wait_or_give_up(fault, attempt)
                attempt += 1

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

    def _count_tokens(self, answer: Answer, estimate: int) -> None:
        price = self._connection.price
        if answer.tokens is None:
            characters = len(answer.text) + sum(len(str(call.arguments)) for call in answer.calls)
            completion = characters // CHARACTERS_PER_TOKEN
            self.usage += self.budget.count_tokens(estimate, completion, price, estimated=True)
            return
        prompt, completion = answer.tokens
        self.usage += self.budget.count_tokens(prompt, completion, price, estimated=False)
        if estimate > _MIN_TOKENS_TO_COMPARE and prompt < _MIN_SHARE_COUNTED * estimate and not self._warned:
            self._warned = True
            self._log.warning(
                f"{self._task}: the endpoint counted {prompt} prompt tokens of a request of about "
                f"{estimate}; it seems to cut what is longer than its context. Give it a longer one (for "
                "Ollama: OLLAMA_CONTEXT_LENGTH), or set max_request_characters lower"
            )
