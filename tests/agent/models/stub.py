"""A local endpoint that speaks the OpenAI wire: scripted answers, streamed tool calls, and every fault. stdlib only.

    with ModelStub([say("hello"), call("list_fleets")]) as stub:
        HostedModel(base_url=stub.url, api_key=None, model="stub")

A reply is a dict: {"content", "tool_calls": [(name, arguments as text or dict)], "status", "error", "headers", "fault",
"piece", "seconds", "finish", "usage"}. The last reply of the script repeats. A script may be a function of the request.
Faults: cut (half a stream), garbage (a chunk that is no JSON), odd (chunks of the wrong shape), silent (nothing, until
the client leaves), slow (words with pauses), drop (the connection closes at once), huge (a body without end).
"""

import json
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Reply = dict[str, Any]


def say(text: str, **more: Any) -> Reply:
    return {"content": text, **more}


def call(*calls: Any, **more: Any) -> Reply:
    """call("list_fleets") or call(("describe_fleet", {"fleet": "batch"}), …)"""
    return {"tool_calls": [c if isinstance(c, tuple) else (c, {}) for c in calls], **more}


def fail(status: int, message: str = "no", **headers: str) -> Reply:
    return {"status": status, "error": message, "headers": {k.replace("_", "-"): v for k, v in headers.items()}}


class ModelStub:
    def __init__(self, script: Sequence[Reply] | Callable[[dict[str, Any]], Reply]) -> None:
        self._script = script
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.left = threading.Event()
        """set when a client went away before its answer ended"""
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def pause(self, seconds: float) -> None:
        self._over.wait(seconds)

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def reply(self, request: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            number = len(self.requests)
            self.requests.append(request)
            self.headers.append(headers)
        if callable(self._script):
            return self._script(request)
        return self._script[min(number, len(self._script) - 1)]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests want."""


def _handler(stub: ModelStub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._json(
                200, {"object": "list", "data": [{"id": "stub", "object": "model", "created": 0, "owned_by": "local"}]}
            )

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reply = stub.reply(request, dict(self.headers))
            try:
                self._answer(request, reply)
            except OSError:
                stub.left.set()
                self.close_connection = True

        def _answer(self, request: dict[str, Any], reply: Reply) -> None:
            if reply.get("fault") == "drop":
                self.close_connection = True
                return
            if "status" in reply:
                self._json(
                    reply["status"], {"error": {"message": reply["error"], "type": "error"}}, reply.get("headers")
                )
                return
            if not request.get("stream"):
                self._json(200, _whole(request, reply))
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._stream(request, reply)

        def _stream(self, request: dict[str, Any], reply: Reply) -> None:
            fault = reply.get("fault")
            self._chunk(request, {"role": "assistant"})
            if fault == "silent":
                self._hang()
                return
            if fault == "huge":
                while not stub.over:
                    self._write(b": " + b"x" * 65_536 + b"\n\n")
                return
            if fault == "odd":
                for odd in ("5", "[]", '{"choices": 7}', '{"choices": [{"delta": {"tool_calls": 3, "content": 4}}]}'):
                    self._event(odd)
            for word in _words(reply):
                self._chunk(request, {"content": word})
                if fault == "slow":
                    stub.pause(reply.get("seconds", 0.05))
            if fault == "garbage":
                self._event('{"choices": [{"delta": ')
                return
            self._calls(request, reply)
            if fault == "cut":
                self.close_connection = True
                return
            self._chunk(request, {}, reply.get("finish") or ("tool_calls" if reply.get("tool_calls") else "stop"))
            if request.get("stream_options", {}).get("include_usage") and reply.get("usage", True):
                usage = reply.get("usage") or {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
                usage = (
                    usage
                    if isinstance(usage, dict)
                    else {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
                )
                self._event(json.dumps({**_base(request), "choices": [], "usage": usage}))
            self._event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()

        def _calls(self, request: dict[str, Any], reply: Reply) -> None:
            step = reply.get("piece", 7)
            for index, (name, arguments) in enumerate(reply.get("tool_calls", [])):
                text = arguments if isinstance(arguments, str) else json.dumps(arguments)
                head = {"index": index, "id": f"call_{len(stub.requests)}_{index}", "type": "function"}
                self._chunk(request, {"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
                for at in range(0, len(text), step):
                    piece = {"index": index, "function": {"arguments": text[at : at + step]}}
                    self._chunk(request, {"tool_calls": [piece]})

        def _hang(self) -> None:
            while not stub.over:
                stub.pause(0.02)
                self._write(b": still here\n\n")

        def _chunk(self, request: dict[str, Any], delta: dict[str, Any], finish: str | None = None) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self._event(json.dumps({**_base(request), "object": "chat.completion.chunk", "choices": [choice]}))

        def _event(self, data: str) -> None:
            self._write(b"data: " + data.encode() + b"\n\n")

        def _write(self, body: bytes) -> None:
            self.wfile.write(b"%x\r\n" % len(body) + body + b"\r\n")
            self.wfile.flush()

        def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _words(reply: Reply) -> list[str]:
    text = reply.get("content") or ""
    return [word + " " for word in text.split(" ")] if text else []


def _base(request: dict[str, Any]) -> dict[str, Any]:
    return {"id": "chatcmpl-stub", "created": 0, "model": request["model"]}


def _whole(request: dict[str, Any], reply: Reply) -> dict[str, Any]:
    calls = [
        {
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": n, "arguments": a if isinstance(a, str) else json.dumps(a)},
        }
        for i, (n, a) in enumerate(reply.get("tool_calls", []))
    ]
    message = {"role": "assistant", "content": reply.get("content"), **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {**_base(request), "object": "chat.completion", "choices": [choice], "usage": usage}
