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
import time
from typing import Any, Awaitable, Callable, MutableMapping

from .told import LOOK_SECONDS, notice, time_left

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
_LAST_WORDS_SECONDS = 1.0
"""for requests that were cut to tell it"""


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
        self._flushed = False
        self._asked = False
        self._handed_over = False
        self._trigger: asyncio.Event | None = None
        self._watch: asyncio.Task[None] | None = None
        self._before: Any = None
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()

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
        started = False

        async def tell(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if self.draining and str(scope.get("http_version", "")).startswith("1"):
                    # so that whoever keeps a connection open asks the load balancer for another one
                    message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        self._in_flight.add(task)
        try:
            await self.app(scope, receive, tell)
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            if hasattr(task, "uncancel"):  # Python 3.11: the cut was ours, and ends here
                task.uncancel()
            if scope["type"] == "http" and not started:
                await _answer(send, 503, b"the instance ends: try again\n")
        finally:
            self._in_flight.discard(task)
            self._cut.discard(task)

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

        async def tell(message: Message) -> None:
            told.append(message["type"])
            await send(message)

        life = asyncio.ensure_future(self.app(scope, hear, tell))
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
        self._watch = asyncio.ensure_future(self._drain())
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

    async def _drain(self) -> None:
        while not self.draining:  # noqa: ASYNC110 - the notice is a file
            await asyncio.sleep(LOOK_SECONDS)
        since = time.monotonic()
        _say(f"draining: {self.ready_path} answers 503, {len(self._in_flight)} requests in flight")
        while self._left(since) > 0:
            if not self._in_flight and time.monotonic() - since >= self._away_seconds:
                break
            await asyncio.sleep(LOOK_SECONDS)
        await self._cut_off()
        await self._flush_once(min(self._flush_seconds, self._left(since) + self._flush_seconds))
        self._hand_over()

    def _left(self, since: float) -> float:
        """Seconds for requests. The notice may come after SIGTERM, and be the sooner one."""
        left = since + self._grace_seconds - time.monotonic()
        told = time_left()
        return (left if told is None else min(left, told)) - self._flush_seconds

    async def _cut_off(self) -> None:
        if not self._in_flight:
            return
        left = set(self._in_flight)
        _say(f"the deadline: {len(left)} requests are cut off")
        self._cut |= left
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_LAST_WORDS_SECONDS)

    async def _flush_once(self, seconds: float) -> None:
        if self._flush is None or self._flushed:
            return
        self._flushed = True
        flush = asyncio.ensure_future(_called(self._flush))
        await asyncio.wait([flush], timeout=max(seconds, 0.1))
        if not flush.done():
            flush.cancel()
            _say(f"flush did not end in {seconds:.0f} s")
        elif flush.exception() is not None:
            _say(f"flush failed: {_problem(flush)}")

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
