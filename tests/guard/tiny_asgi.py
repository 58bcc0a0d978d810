"""A service as small as one can be: HTTP/1.1 on a socket, ASGI to the application, SIGTERM as servers take it.

python -m tests.guard.tiny_asgi '{"away_seconds": 0}'      prints its port, then what happens, a line each
"""

import asyncio
import json
import signal
import sys
import threading
from typing import Any

from tools.recovery.guard.serving import Draining

released = asyncio.Event()


def tell(words: str) -> None:
    print(words, flush=True)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """/slow waits for a /go; its lifespan has a startup and a shutdown."""
    if scope["type"] == "lifespan":
        if scope["state"].get("lifespan") == "raises":
            raise ValueError("lifespan is not known here")
        for word in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{word}"
            tell(f"application {word}")
            await send({"type": f"lifespan.{word}.complete"})
        return
    if scope["path"] == "/go":
        released.set()
    if scope["path"] == "/slow":
        tell("slow begun")
        await released.wait()
    if scope["path"] == "/stuck":
        tell("stuck begun")
        await asyncio.to_thread(threading.Event().wait)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Server:
    """One request a connection."""

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self.app, self.state, self.ended = app, state, asyncio.Event()

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(self.ended.set))
        events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        life = asyncio.create_task(self.app({"type": "lifespan", "state": self.state}, events.get, said.put))
        await events.put({"type": "lifespan.startup"})
        assert (await said.get())["type"] == "lifespan.startup.complete"
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        tell(str(server.sockets[0].getsockname()[1]))
        await self.ended.wait()
        server.close()
        await events.put({"type": "lifespan.shutdown"})
        assert (await said.get())["type"] == "lifespan.shutdown.complete"
        await life
        tell("server ended")

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "headers": []}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                lines = [
                    f"HTTP/1.1 {message['status']} -",
                    *(f"{k.decode()}: {v.decode()}" for k, v in message["headers"]),
                ]
                writer.write("\r\n".join([*lines, "", ""]).encode())
            else:
                writer.write(message["body"])

        await self.app(scope, asyncio.Queue().get, send)
        await writer.drain()
        writer.close()


def flush() -> None:
    tell("flushed")


def broken() -> None:
    raise OSError("no room left for logs")


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    state = {"lifespan": told.pop("lifespan", "")}
    chosen = broken if told.pop("flush", "") == "broken" else flush
    asyncio.run(Server(Draining(application, flush=chosen, **told), state).serve())
