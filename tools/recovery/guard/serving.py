"""A web service under guard: leave the load balancer first, finish what is in flight, flush, then let the server end.

    app = Draining(app, flush=upload_logs)        # uvicorn, FastAPI, Starlette: any ASGI 3 application

An interruption notice, or SIGTERM, begins it. Nothing is refused meanwhile: a load balancer sends requests until its
own health check has failed often enough, so readiness says 503 and every other request is served as before.
Standard library only.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import threading
import time
from typing import Any, Awaitable, Callable, MutableMapping

from .told import LOOK_SECONDS, done, notice, time_left

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
STUCK = 1
"""exit code where the server did not end by the deadline"""
_LAST_WORDS_SECONDS = 1.0
"""for requests that were cut to tell it"""
_QUIET_SECONDS = 0.1
SERVICE_RESTART = 1012
"""a websocket's close code: connect again"""


class _Request:
    """One request or websocket under way, between the server and the application."""

    def __init__(self, house: Draining, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        self._house, self._receive, self._send = house, receive, send
        self._http = scope["type"] == "http"
        self._one_more = self._http and str(scope.get("http_version", "")).startswith("1")
        self._begun = self._ended = False
        self.cut = False

    async def tell(self, message: Message) -> None:
        """To the client. What comes after the cut goes nowhere."""
        if self.cut:
            return
        kind = message["type"]
        if kind == "http.response.start":
            self._begun = True
            if self._one_more and self._house.draining:
                # so that whoever keeps a connection open asks the load balancer for another one
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        self._ended = self._ended or kind == "websocket.close"
        await self._send(message)

    async def hear(self) -> Message:
        """From the client. A websocket that is silent when the load balancer has looked away is closed."""
        if self._http or self._house.leaving is None:
            return await self._receive()
        heard = asyncio.ensure_future(self._receive())
        leaving = asyncio.ensure_future(self._house.leaving.wait())
        try:
            await asyncio.wait([heard, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not heard.done():
                await asyncio.wait([heard], timeout=_QUIET_SECONDS)
            if heard.done():
                return heard.result()
        finally:
            leaving.cancel()
            if not heard.done():
                heard.cancel()
        await self._close()
        return {"type": "websocket.disconnect", "code": SERVICE_RESTART}

    async def cut_off(self) -> None:
        """At the deadline."""
        if self._http and not self._begun:
            self._begun = True
            await _answer(self._send, 503, b"the instance ends: try again\n")
        elif not self._http:
            await self._close()
        self.cut = True

    async def _close(self) -> None:
        if not self._ended:
            self._ended = True
            await self._send({"type": "websocket.close", "code": SERVICE_RESTART, "reason": "the instance ends"})


class Draining:
    """ASGI application around another one.

    ready_path     its GET is answered here: 200, and 503 from the notice on
    away_seconds   until the load balancer has looked away: its health check's interval × its unhealthy threshold
    grace_seconds  from the first sign on, at most, for requests in flight; a notice's own deadline may end it sooner
    flush_seconds  of that, kept for `flush`: a function, async or not, called once when no request is left
    A server that does not take its signals with signal.signal (Hypercorn) is given `drained` as its shutdown trigger.
    """

    def __init__(
        self,
        app: App,
        *,
        ready_path: str = "/ready",
        away_seconds: float = 20.0,
        grace_seconds: float = 90.0,
        flush_seconds: float = 10.0,
        flush: Callable[[], Any] | None = None,
    ) -> None:
        self.app = app
        self.ready_path = ready_path
        self._away_seconds = away_seconds
        self._grace_seconds = grace_seconds
        self._flush_seconds = flush_seconds
        self._flush = flush
        self._flushed = self._not_flushed = False
        self._asked = False
        self._handed_over = False
        self._trigger: asyncio.Event | None = None
        self._watch: asyncio.Task[None] | None = None
        self._before: Any = None
        self._in_flight: dict[asyncio.Task[Any], _Request] = {}
        self.leaving: asyncio.Event | None = None
        """of this loop; set when the load balancer has looked away: websockets are asked to come again elsewhere"""

    @property
    def draining(self) -> bool:
        """True from the notice, or SIGTERM, on."""
        if not self._asked:
            found = notice()
            self._asked = found is not None and found.must_end  # a rebalance recommendation ends nothing
        return self._asked

    async def drained(self) -> None:
        """Returns when the server may end."""
        if self._trigger is None:
            self._trigger = asyncio.Event()
        if not self._handed_over:
            await self._trigger.wait()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        self._begin()
        if scope["type"] == "http" and scope["path"] == self.ready_path:
            await _answer(send, 503 if self.draining else 200, b"draining\n" if self.draining else b"ready\n")
            return
        await self._serve(scope, receive, send)

    # requests

    async def _serve(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        request = _Request(self, scope, receive, send)
        self._in_flight[task] = request
        try:
            await self.app(scope, request.hear, request.tell)
        except asyncio.CancelledError:
            if not request.cut:
                raise
            if hasattr(task, "uncancel"):  # Python 3.11: the cut was ours, and ends here
                task.uncancel()
        finally:
            del self._in_flight[task]

    # lifespan

    async def _live(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """The application's own startup and shutdown stay its own; one that has none gets an answer all the same."""
        heard: list[str] = []
        told: list[str] = []

        async def hear() -> Message:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "lifespan.startup":
                self._begin()
            elif message["type"] == "lifespan.shutdown":
                await self._end()
            return message

        async def say(message: Message) -> None:
            told.append(message["type"])
            await send(message)

        life = asyncio.ensure_future(self.app(scope, hear, say))
        await asyncio.wait([life])
        if told:
            life.result()
            return
        if life.exception() is not None:  # by the specification: an application without lifespan events raises
            _say(f"no lifespan events: {_problem(life)}")
        if not heard:
            await hear()
        await send({"type": "lifespan.startup.complete"})
        while heard[-1] != "lifespan.shutdown":
            await hear()
        await send({"type": "lifespan.shutdown.complete"})

    def _begin(self) -> None:
        """Take SIGTERM, whose handler was the server's, and watch. Again is nothing."""
        if self._watch is not None:
            return
        self.leaving = asyncio.Event()
        self._watch = asyncio.ensure_future(self._drain(self.leaving))
        try:
            self._before = signal.signal(signal.SIGTERM, self._on_term)
        except ValueError:  # not the main thread: SIGTERM stays the server's, notices are seen
            self._before = None

    def _on_term(self, _number: int, _frame: Any) -> None:
        self._asked = True

    async def _end(self) -> None:
        """The server ends, whoever told it to."""
        self._handed_over = True
        if self._watch is not None and self._flushed:
            await asyncio.wait([self._watch])  # it flushes, or has done so
        elif self._watch is not None:
            self._watch.cancel()
        self._give_back()
        await self._flush_once(self._flush_seconds)

    # draining

    async def _drain(self, leaving: asyncio.Event) -> None:
        while not self.draining:  # noqa: ASYNC110 - the notice is a file
            await asyncio.sleep(LOOK_SECONDS)
        since = time.monotonic()
        _say(f"draining: {self.ready_path} answers 503, {len(self._in_flight)} requests in flight")
        while self._left(since) > 0:
            if time.monotonic() - since >= self._away_seconds:
                leaving.set()
                if not self._in_flight:
                    break
            await asyncio.sleep(LOOK_SECONDS)
        cut = await self._cut_off()
        await self._flush_once(min(self._flush_seconds, self._left(since) + self._flush_seconds))
        if not cut and not self._not_flushed:
            done()  # guard need not look for a checkpoint: nothing is lost
        self._end_by(self._left(since) + self._flush_seconds - _LAST_WORDS_SECONDS)
        self._hand_over()

    def _left(self, since: float) -> float:
        """Seconds for requests. The notice may come after SIGTERM, and be the sooner one."""
        left = since + self._grace_seconds - time.monotonic()
        told = time_left()
        return (left if told is None else min(left, told)) - self._flush_seconds

    async def _cut_off(self) -> bool:
        """False: there was nothing to cut off."""
        left = dict(self._in_flight)
        if not left:
            return False
        _say(f"the deadline: {len(left)} requests are cut off")
        for task, request in left.items():
            await request.cut_off()
            task.cancel()
        await asyncio.wait(left, timeout=_LAST_WORDS_SECONDS)
        return True

    async def _flush_once(self, seconds: float) -> None:
        if self._flush is None or self._flushed:
            return
        self._flushed = True
        flush = asyncio.ensure_future(_called(self._flush))
        await asyncio.wait([flush], timeout=max(seconds, 0.1))
        if not flush.done():
            flush.cancel()
            self._not_flushed = True
            _say(f"flush did not end in {seconds:.0f} s")
        elif flush.exception() is not None:
            self._not_flushed = True
            _say(f"flush failed: {_problem(flush)}")

    def _end_by(self, seconds: float) -> None:
        """A function in a thread cannot be cut off, and the interpreter waits for it: the process ends without it."""

        def end() -> None:
            time.sleep(max(seconds, _LAST_WORDS_SECONDS))
            _say("the server did not end, or a thread goes on: the process ends here")
            os._exit(STUCK)

        threading.Thread(target=end, daemon=True).start()

    def _hand_over(self) -> None:
        """Now SIGTERM goes to whom it would have gone in the first place: the server ends as it always does."""
        if self._handed_over:
            return
        self._handed_over = True
        self._give_back()
        if self._trigger is not None:
            self._trigger.set()
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    def _give_back(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None


async def _called(function: Callable[[], Any]) -> None:
    """A function that blocks does so in a thread: readiness is answered meanwhile."""
    if inspect.iscoroutinefunction(function):
        await function()
        return
    found = await asyncio.get_running_loop().run_in_executor(None, function)
    if inspect.isawaitable(found):
        await found


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _problem(ended: asyncio.Future[Any]) -> str:
    error = ended.exception()
    return f"{type(error).__name__}: {error}"


def _say(words: str) -> None:
    print(f"spotwarden-guard: {words}", file=sys.stderr, flush=True)
