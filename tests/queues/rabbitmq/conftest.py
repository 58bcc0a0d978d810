"""A real RabbitMQ for all tests of this folder, and queues with names of their own."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pika
import pytest

from tests.queues.rabbit_server import RabbitServer, absent, rabbit_server
from tools.recovery.guard.queues.rabbitmq import RabbitQueue

LONG = 20.0
"""seconds that a claim may wait for what must come"""
_numbers = count(1)


@pytest.fixture(scope="package")
def server() -> Iterator[RabbitServer]:
    if why := absent():
        pytest.skip(why)
    with rabbit_server() as running:
        yield running


@pytest.fixture
def name() -> str:
    return f"q{next(_numbers)}"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "results")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def opened(server: RabbitServer, name: str, place: str, said: list[str]) -> Iterator[Callable[..., RabbitQueue]]:
    """opened(**options): another one on the same items."""
    queues: list[RabbitQueue] = []

    def open_one(**options) -> RabbitQueue:
        given = {"results": place, "say": said.append, "patience_seconds": 10.0} | options
        queues.append(RabbitQueue(server.url, name, **given))
        return queues[-1]

    yield open_one
    for queue in queues:
        queue.close()


@pytest.fixture
def stranger(server: RabbitServer) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """A channel of somebody who knows nothing of us."""
    connection = pika.BlockingConnection(pika.URLParameters(server.url))
    yield connection.channel()
    connection.close()


@pytest.fixture
def guide(data_dir: Path) -> str:
    found = sorted((data_dir.parent / "guides").glob("002*.txt"))
    if not found:
        pytest.skip("no guides beside the shared data")
    return str(found[0])


def ready(channel, name: str) -> int:
    """Messages that nobody has."""
    return channel.queue_declare(name, passive=True).method.message_count


def drained(queue: RabbitQueue) -> list[str]:
    """Ids of what is still to be done; all of it is done then."""
    ids = []
    while (claim := queue.claim(0.3)) is not None:
        ids.append(claim.item.item_id)
        claim.done(b"r")
    return ids
