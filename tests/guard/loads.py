"""A load balancer and its clients, as small as they can be: HTTP/1.1 over kept connections, health checks, a tally.

A request that was sent and not answered whole is a failed one. As clients do (RFC 9110, 9.2.2), a request on a kept
connection that was closed before its answer began is sent once more on a new one.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

CHECKS = 2
"""that fail in a row, until the balancer looks away"""
PATIENCE_SECONDS, CHECK_PATIENCE_SECONDS = 5.0, 1.0
PAUSE_SECONDS = 0.02
"""after a failed request: a client that is refused does not ask more often than one that is answered"""
Lost = (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError)


@dataclass
class Tally:
    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    ready: list[int] = field(default_factory=list)  # what the health check saw; 0 = nobody answered
    told: asyncio.Event = field(default_factory=asyncio.Event)
    away: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def sent(self) -> int:
        return self.answered + self.failed.total()


class Line:
    """One connection, kept as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def get(self, path: str) -> tuple[int, bytes]:
        """Raises one of Lost."""
        kept = self.reader is not None
        try:
            head = await self._ask(path)
        except (OSError, asyncio.IncompleteReadError) as lost:
            await self.close()
            if not kept or getattr(lost, "partial", b""):
                raise
            head = await self._ask(path)
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        body = await self._body(headers)
        if headers.get("connection") == "close":
            await self.close()
        return int(status.split()[1]), body

    async def _ask(self, path: str) -> bytes:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        return await self.reader.readuntil(b"\r\n\r\n")

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            with suppress(OSError):
                await self.writer.wait_closed()
        self.reader = self.writer = None


async def drive(
    port: int, paths: Iterable[str], *, at_once: int, tell_after: int, tell: Callable[[], None], every: float = 0.05
) -> Tally:
    """Requests until the balancer has looked away; after so many answers `tell` says that the instance ends."""
    tally, cycle = Tally(), itertools.cycle(paths)

    async def client() -> None:
        line = Line(port)
        while not tally.away.is_set():
            path = next(cycle)
            try:
                status, _ = await asyncio.wait_for(line.get(path), PATIENCE_SECONDS)
            except Lost as lost:
                await line.close()
                tally.failed[type(lost).__name__] += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if status == 200:
                tally.answered += 1
            else:
                tally.failed[str(status)] += 1
            if tally.answered >= tell_after and not tally.told.is_set():
                tally.told.set()
                tell()
        await line.close()

    async def check() -> None:
        while not tally.away.is_set():
            line = Line(port)
            try:
                status, _ = await asyncio.wait_for(line.get("/ready"), CHECK_PATIENCE_SECONDS)
            except Lost:
                status = 0
            await line.close()
            tally.ready.append(status)
            if len(tally.ready) >= CHECKS and 200 not in tally.ready[-CHECKS:]:
                tally.away.set()
            await asyncio.sleep(every)

    await asyncio.gather(check(), *(client() for _ in range(at_once)))
    return tally
