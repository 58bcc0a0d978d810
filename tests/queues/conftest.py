"""Real servers, one of each for a file of tests, and queues with names of their own."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.queues import redis_server as servers
from tools.recovery.guard.queues.redis_streams import RedisQueue

_numbers = count(1)


@pytest.fixture(scope="module")
def redis_at() -> Iterator[servers.RedisServer]:
    if why := servers.absent():
        pytest.skip(why)
    with servers.redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        yield server


def counts(queue: RedisQueue) -> tuple[int, int, int, int]:
    """waiting, in flight, done, dead"""
    found = queue.status()
    return found.waiting, found.in_flight, found.done, found.dead


def pause(queue: RedisQueue) -> None:
    """A moment, for whoever waits for something that says nothing."""
    queue._speech.client.blpop("nothing", timeout=0.05)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def opened(redis_at: servers.RedisServer, said: list[str]) -> Iterator[Callable[..., RedisQueue]]:
    """opened(name=…, worker=…, **options): another one on the same items, by default with a name of this test."""
    own, queues = f"q{next(_numbers)}", []

    def open_one(name: str = own, url: str | None = None, **options) -> RedisQueue:
        queues.append(RedisQueue(url or redis_at.url, name, say=said.append, **options))
        return queues[-1]

    yield open_one
    for queue in queues:
        queue.close()


@pytest.fixture
def wire(redis_at: servers.RedisServer) -> Iterator[servers.Wire]:
    made = servers.Wire(redis_at.port)
    yield made
    made.close()
