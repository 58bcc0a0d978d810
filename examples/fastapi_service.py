"""A model service on spot instances: an interruption fails none of its requests.

spotwarden-guard -- uvicorn examples.fastapi_service:app --host 0.0.0.0 --port 8000

The load balancer's health check is GET /ready, every 5 s, unhealthy after 2: then it has looked away after 10 s.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from spotwarden_guard.serving import Draining

LOG = Path(os.environ.get("SERVICE_LOG", "served.log"))  # on what outlives the instance: a shared file system, S3
served: list[str] = []


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    print("the model is loaded", flush=True)
    yield
    print("the model is let go", flush=True)


service = FastAPI(lifespan=lifespan)


@service.get("/answer")
async def answer(seconds: float = 0.0) -> dict[str, float]:
    """Inference, as slow as asked."""
    await asyncio.sleep(seconds)
    served.append(f"answer {seconds}")
    return {"seconds": seconds}


@service.get("/blocking")
def blocking(seconds: float = 0.0) -> dict[str, float]:
    """The same in a thread, as FastAPI runs functions that are not async."""
    time.sleep(seconds)
    served.append(f"blocking {seconds}")
    return {"seconds": seconds}


@service.get("/stream")
async def stream(words: int = 10) -> StreamingResponse:
    async def said() -> AsyncIterator[str]:
        for number in range(words):
            yield f"word {number}\n"
            await asyncio.sleep(0.05)
        served.append(f"stream {words}")

    return StreamingResponse(said(), media_type="text/plain")


@service.websocket("/talk")
async def talk(socket: WebSocket) -> None:
    """Echoes, until the client has enough or the instance goes: then it is told to connect again (close code 1012)."""
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
        served.append("talk")


def flush() -> None:
    """Called once, when no request is left."""
    with LOG.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} served {len(served)}\n")


app = Draining(
    service,
    flush=flush,
    flush_seconds=float(os.environ.get("FLUSH_SECONDS", "10")),
    away_seconds=float(os.environ.get("AWAY_SECONDS", "20")),
)
