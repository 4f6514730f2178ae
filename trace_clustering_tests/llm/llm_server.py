"""A small OpenAI-compatible endpoint on loopback: chat completions, responses, and scripted models.

It is as strict as the real one about what a client may send: every tool call must be answered, arguments
must be JSON, roles must alternate. What breaks these rules gets a 400, and the test that sees it fails.
"""

import http.server
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

RESPONSES = "/v1/responses"
KEY = "sk-very-secret-0123456789abcdef"


@dataclass(frozen=True)
class Call:
    """A tool call of a model; `arguments` that are a text, or are `sent_as_object`, are sent unchanged."""

    name: str
    arguments: Any = field(default_factory=dict)
    identity: str | None = "auto"
    sent_as_object: bool = False
    fields: dict[str, Any] = field(default_factory=dict)  # what else stands on the call


@dataclass(frozen=True)
class Says:
    """An answer of a model: text, tool calls, or both."""

    calls: tuple[Call, ...] = ()
    text: str | None = None
    counts_tokens: bool = True
    usage: dict[str, Any] | None = None
    finish_reason: str = ""
    fields: dict[str, Any] = field(default_factory=dict)  # what else stands on the message


@dataclass(frozen=True)
class Fails:
    """A failure: an HTTP status of an error, or a body that is no chat completion."""

    status: int = 500
    body: str = '{"error": {"message": "something broke", "type": "server_error"}}'
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Hangs:
    """No answer, until the client goes away; `drips` sends a byte every few milliseconds meanwhile."""

    drips: bool = False


@dataclass(frozen=True)
class Drops:
    """The connection is reset in the middle of the answer."""


Reply = Says | Fails | Hangs | Drops


@dataclass(frozen=True)
class Request:
    """One request, as it came in."""

    body: dict[str, Any]
    characters: int
    authorization: str
    path: str = "/v1/chat/completions"

    @property
    def messages(self) -> list[dict[str, Any]]:
        if self.path == RESPONSES:
            return read_items(self.body["input"])
        return self.body["messages"]

    @property
    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False)

    def results(self) -> list[Any]:
        """Return what the tools answered to the model's last message."""
        answers = []
        for message in reversed(self.messages):
            if message["role"] == "assistant":
                break
            if message["role"] == "tool":
                answers.append(json.loads(message["content"]))
        return answers[::-1]


Model = Callable[[Request], Reply]


def says(*calls: Call, text: str | None = None) -> Says:
    return Says(calls, text)


def in_turn(*replies: Reply | Model) -> Model:
    """A model that gives one reply after the other, and then the last one for ever."""
    left = list(replies)

    def model(request: Request) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(request) if callable(reply) else reply

    return model


class LLMServer:
    """The endpoint; use it as a context. `requests` holds every request it got."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.requests: list[Request] = []
        self.refusals: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            server_state = owner

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def reached(self, count: int, seconds: float = 60) -> bool:
        """Wait until so many requests have come in."""
        deadline = time.monotonic() + seconds
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return len(self.requests) >= count

    def reply_to(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            if broken := broken_rule(request.messages):
                self.refusals.append(broken)
                return Fails(400, json.dumps({"error": {"message": broken, "type": "invalid_request_error"}}))
            return self.model(request)


class _Handler(http.server.BaseHTTPRequestHandler):
    server_state: LLMServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path not in ("/v1/chat/completions", RESPONSES):
            self._send(404, '{"error": {"message": "no such path"}}', {})
            return
        request = Request(json.loads(raw), len(raw), self.headers["Authorization"] or "", self.path)
        write = write_response if self.path == RESPONSES else completion
        match self.server_state.reply_to(request):
            case Says() as answer:
                self._send(200, json.dumps(write(request, answer)), {})
            case Fails(status, body, headers, content_type):
                self._send(status, body, headers, content_type)
            case Hangs(drips):
                self._hang(drips)
            case Drops():
                self._drop()

    def _send(
        self, status: int, body: str, headers: dict[str, str], content_type: str = "application/json"
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": content_type} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def _hang(self, drips: bool) -> None:
        self.close_connection = True
        if drips:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000000")
            self.end_headers()
        while not self.server_state.closing.is_set():
            time.sleep(0.02)
            if drips:
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

    def _drop(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"choices": [')
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def completion(request: Request, answer: Says) -> dict[str, Any]:
    """Return an answer as a chat completion."""
    calls = [
        {
            "id": f"call_{number}_{len(request.messages)}" if call.identity == "auto" else call.identity,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": call.arguments
                if isinstance(call.arguments, str) or call.sent_as_object
                else json.dumps(call.arguments, ensure_ascii=False),
            },
            **call.fields,
        }
        for number, call in enumerate(answer.calls)
    ]
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, **answer.fields}
    if calls:
        message["tool_calls"] = calls
    content = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": request.body["model"],
        "choices": [
            {
                "index": 0,
                "message": message,
                "logprobs": None,
                "finish_reason": answer.finish_reason or ("tool_calls" if calls else "stop"),
            }
        ],
    }
    if answer.counts_tokens:
        prompt, completed = request.characters // 4, len(json.dumps(message)) // 4
        content["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": completed,
            "total_tokens": prompt + completed,
        }
    if answer.usage is not None:
        content["usage"] = answer.usage
    return content


def read_items(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the input of the responses API as messages of chat completions."""
    messages: list[dict[str, Any]] = []
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
        elif kind == "message" and item["role"] != "assistant":
            messages.append({"role": item["role"], "content": item["content"]})
        else:
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": None, "reasoning": [], "tool_calls": []})
            if kind == "message":
                messages[-1]["content"] = item["content"]
            elif kind == "reasoning":
                messages[-1]["reasoning"].append(item)
            else:
                function = {"name": item["name"], "arguments": item["arguments"]}
                messages[-1]["tool_calls"].append({"id": item["call_id"], "function": function})
    return messages


def write_response(request: Request, answer: Says) -> dict[str, Any]:
    """Return an answer as a response of the responses API, with a thought of the model before it."""
    chat = completion(request, answer)
    message = chat["choices"][0]["message"]
    thought = f"thought {len(request.messages)}"
    output: list[dict[str, Any]] = [
        {
            "type": "reasoning",
            "id": f"rs_{len(request.messages)}",
            "summary": [],
            "encrypted_content": thought,
        }
    ]
    if answer.text:
        parts = [{"type": "output_text", "text": answer.text, "annotations": []}]
        output.append({"type": "message", "id": "msg_1", "role": "assistant", "content": parts})
    output += [
        {"type": "function_call", "id": f"fc_{call['id']}", "call_id": call["id"], **call["function"]}
        for call in message.get("tool_calls", [])
    ]
    content = {"id": "resp_1", "object": "response", "status": "completed", "output": output, "error": None}
    if usage := chat.get("usage"):
        content["usage"] = {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        }
    return content


def broken_rule(messages: Iterable[dict[str, Any]]) -> str:
    """Return the rule of the API that the messages of a request break; empty if they break none."""
    open_calls: set[str] = set()
    before = ""
    for message in messages:
        if message["role"] == before == "user":
            return "conversation roles must alternate user/assistant/user/assistant/..."
        before = message["role"]
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool message must answer a call of the preceding message"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return "every tool call must be followed by a tool message"
        if message["role"] == "assistant" and not (message["content"] or message.get("tool_calls")):
            return "an answer needs content or tool calls"
        for call in message.get("tool_calls") or []:
            if not isinstance(call["id"], str) or not call["id"] or call["id"] in open_calls:
                return "every tool call needs an id of its own"
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call["function"]["name"]):
                return "the name of a function has characters that are not allowed"
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                return "the arguments of a call must be a JSON object"
            open_calls.add(call["id"])
    return "every tool call must be followed by a tool message" if open_calls else ""
