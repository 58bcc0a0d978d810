"""What is said to RabbitMQ on one channel, and what comes back.

NAME        quorum queue: every delivery is counted, also one that ended with its worker; on disk at a majority of
            nodes before a put is confirmed; a dead letter leaves it when it has arrived (RabbitMQ ≥ 3.10)
NAME.dead   exchange and classic queue of dead letters: to look at one gives it back, which a quorum queue counts,
            and RabbitMQ 4 drops what was given back 20 times
"""

from __future__ import annotations

import contextlib
import queue
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Mapping

import pika

from .amqp_line import Line
from .work import QueueAway, QueueStatus

ANSWER_SECONDS = 10.0
MOST_LOOKED_AT = 10_000
_ROUND = "spotwarden-round"
_PERSISTENT = 2


@dataclass(frozen=True)
class Delivery:
    """One message as it came. `line` is the connection that holds it: with the line the hold is gone."""

    line: Line
    tag: int
    item_id: str
    body: bytes
    headers: Mapping[str, Any]
    again: bool

    @property
    def returns(self) -> int:
        """How often it was given back, or its worker went."""
        return _number(self.headers.get("x-delivery-count"))

    def note(self, attempt: int) -> str:
        """The key, in the results, of why an attempt failed."""
        return _key(f"failed\t{attempt}", self.item_id, self.headers)

    def given_back(self, number: int) -> str:
        """The key of the mark that a worker gave it back: no attempt, though RabbitMQ counts it."""
        return _key(f"released\t{number}", self.item_id, self.headers)

    @property
    def epitaph(self) -> str:
        return epitaph_of(self.item_id, self.headers)


def epitaph_of(item_id: str, headers: Mapping[str, Any]) -> str:
    """The key of why an item is dead."""
    return _key("dead", item_id, headers)


def _key(what: str, item_id: str, headers: Mapping[str, Any]) -> str:
    """An item that was requeued begins a round of its own."""
    return f"{what}\t{_number(headers.get(_ROUND))}\t{item_id}"


def id_of(properties: Any) -> str:
    """ "" = it has none. What is not UTF-8 is bytes, and as good as another name."""
    found = properties.message_id or ""
    return found if isinstance(found, str) else repr(found)


def death_of(properties: Any) -> tuple[str, str | None]:
    """Why and when RabbitMQ made it a dead letter; anybody may have written such a header."""
    deaths = (properties.headers or {}).get("x-death")
    last = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}
    at = last.get("time")
    return str(last.get("reason", "nothing")), at.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(at, datetime) else None


def _number(header: Any) -> int:
    """A header that anybody may have set."""
    return header if isinstance(header, int) and header >= 0 else 0


def declare(channel: Any, name: str) -> None:
    """By everyone who comes, the same each time: whoever is first makes it."""
    dead = f"{name}.dead"
    channel.exchange_declare(dead, "direct", durable=True)
    channel.queue_declare(dead, durable=True)
    channel.queue_bind(dead, dead, name)
    arguments = {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": dead,
        "x-dead-letter-routing-key": name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",  # at-least-once asks for it: what waits is never dropped for what comes
    }
    channel.queue_declare(name, durable=True, arguments=arguments)


def publish(channel: Any, name: str, item_id: str, body: bytes, *, round_: int = 0) -> None:
    """Returns when it is confirmed. Raises UnroutableError, NackError"""
    properties = pika.BasicProperties(delivery_mode=_PERSISTENT, message_id=item_id, headers={_ROUND: round_})
    channel.basic_publish("", name, bytes(body), properties, mandatory=True)


def take(line: Line, name: str, *, ends: float) -> Delivery | None:
    """The next message, not acknowledged; None: none until `ends`, by time.monotonic.

    A consumer stands there only while somebody waits: an idle worker holds nothing back from the others.
    """
    found = line.do(lambda channel: channel.basic_get(name), seconds=ANSWER_SECONDS)
    if found[0] is None:
        found = _wait(line, name, ends) if ends > time.monotonic() else None
    if found is None:
        return None
    method, properties, body = found
    headers = properties.headers or {}
    return Delivery(line, method.delivery_tag, id_of(properties), body, headers, bool(method.redelivered))


def _wait(line: Line, name: str, ends: float) -> Any:
    def consume(channel: Any) -> Any:
        channel.basic_qos(prefetch_count=1)
        return channel.basic_consume(name, lambda _, *message: line.inbox.put(message))

    tag = line.do(consume, seconds=ANSWER_SECONDS)
    found: Any = None
    with contextlib.suppress(queue.Empty):
        found = line.inbox.get(timeout=max(0.0, ends - time.monotonic()))
        if found is None:
            raise line.error or QueueAway(f"{line.where}: its consumer was cancelled", hint="was it deleted, or moved?")
    line.do(lambda channel: channel.basic_cancel(tag), seconds=ANSWER_SECONDS)
    if found is None:
        with contextlib.suppress(queue.Empty):
            found = line.inbox.get_nowait()  # it came while we turned away
    return found


def status(channel: Any, name: str) -> QueueStatus:
    waiting, dead = (channel.queue_declare(q, passive=True).method.message_count for q in (name, f"{name}.dead"))
    return QueueStatus(waiting=waiting, in_flight=None, oldest_in_flight_seconds=None, done=None, dead=dead)


def _look_alone(channel: Any, name: str) -> None:
    """Who looks at dead letters holds them meanwhile, and nobody else finds them: one at a time. An exclusive queue is
    a lock that goes with its connection; another one's is RESOURCE_LOCKED, asked again later."""
    channel.queue_declare(f"{name}.dead.look", exclusive=True)


def _looked(channel: Any, name: str) -> None:
    channel.queue_delete(f"{name}.dead.look")


def dead_letters(channel: Any, name: str, limit: int) -> list[tuple[Any, bytes]]:
    """Properties and body, the oldest first; they stay where they are."""
    _look_alone(channel, name)
    seen: list[tuple[Any, bytes]] = []
    last = 0
    while len(seen) < limit:
        method, properties, body = channel.basic_get(f"{name}.dead")
        if method is None:
            break
        seen.append((properties, body))
        last = method.delivery_tag
    if last:
        channel.basic_nack(last, multiple=True, requeue=True)
    _looked(channel, name)
    return seen


def give_back_to_life(channel: Any, name: str, item_id: str) -> bool:
    """Published anew, then taken from the dead: between the two it is in both, and never in neither."""
    _look_alone(channel, name)
    passed, found = 0, False
    for _ in range(MOST_LOOKED_AT):
        method, properties, body = channel.basic_get(f"{name}.dead")
        found = method is not None and properties.message_id == item_id
        if found:
            publish(channel, name, item_id, body, round_=_number((properties.headers or {}).get(_ROUND)) + 1)
            channel.basic_ack(method.delivery_tag)
        if found or method is None:
            break
        passed = method.delivery_tag
    if passed:
        channel.basic_nack(passed, multiple=True, requeue=True)
    _looked(channel, name)
    return found
