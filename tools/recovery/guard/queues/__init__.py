"""Work queues for spot workers: nothing is lost when a worker goes, and a result is written once.

    from spotwarden_guard.queues import open_queue, work

    with open_queue("redis://queue.internal:6379/0", "images") as queue:
        sys.exit(work(queue, do))

See docs/queues.md.
"""

from __future__ import annotations

from typing import Any

from ..trouble import BadRequest
from .work import (
    Claim,
    DeadItem,
    Do,
    Item,
    Lost,
    PayloadTooLarge,
    QueueAway,
    QueueRefused,
    QueueStatus,
    QueueTrouble,
    Results,
    WorkQueue,
    shown,
)
from .worker import empty, work


def open_queue(url: str, name: str, **options: Any) -> Any:
    """A WorkQueue: RedisQueue for redis://, rediss://, unix://; RabbitQueue for amqp://, amqps://.

    options  the adapter's own
    Raises   BadRequest: another address, or its package is not installed; QueueAway; QueueRefused
    """
    scheme = url.partition(":")[0]
    try:
        if scheme in ("redis", "rediss", "unix"):
            if "results" in options:
                raise BadRequest("results= beside a Redis: results stand in the same Redis", hint="leave it out")
            from .redis_streams import RedisQueue

            return RedisQueue(url, name, **options)
        if scheme in ("amqp", "amqps"):
            from .rabbitmq import RabbitQueue

            return RabbitQueue(url, name, **options)
    except ModuleNotFoundError as missing:
        hint = "pip install redis pika, or spotwarden[queues]"
        raise BadRequest(f"the package {missing.name} is not installed here", hint=hint) from None
    hint = "say redis://HOST:6379/0 or amqp://HOST:5672/"
    raise BadRequest(f"{shown(url)!r:.80} is not the address of a queue server", hint=hint)


__all__ = [
    "Claim",
    "DeadItem",
    "Do",
    "Item",
    "Lost",
    "PayloadTooLarge",
    "QueueAway",
    "QueueRefused",
    "QueueStatus",
    "QueueTrouble",
    "Results",
    "WorkQueue",
    "empty",
    "open_queue",
    "work",
]
