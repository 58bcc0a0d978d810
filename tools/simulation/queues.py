"""The account's queues: handed out at once, in hand for a while, handed out again until they are deleted.

moto looks through all that a queue holds for each message that it hands out: of a thousand, each takes milliseconds.
Callers wait on the wall, so queues keep wall time, also where the world's time is stepped.
"""

import base64
import heapq
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5, sha256
from typing import Any

from moto.sqs.models import SQSBackend

MOST_HANDED_OUT = 10
DEFAULTS = {
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
}
"""what a queue is when its maker says nothing, as AWS says it"""


@dataclass
class Message:
    number: int
    message_id: str
    body: str
    attributes: Mapping[str, Any]
    sent_at: float
    """unix seconds, by the wall"""
    visible_at: float
    """monotonic"""
    received: int = 0
    first_received_at: float | None = None

    @property
    def body_md5(self) -> str:
        return md5(self.body.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Queue:
    """A standard queue. Every method is safe to call from any thread."""

    name: str
    arn: str
    attributes: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)
    _messages: dict[int, Message] = field(default_factory=dict)
    _ready: deque[Message] = field(default_factory=deque)
    _later: list[tuple[float, int]] = field(default_factory=list)
    """heap of (monotonic, number): messages that are handed out from then on"""
    _sent: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def send(
        self, body: str, *, attributes: Mapping[str, Any] | None = None, delay_seconds: int | None = None
    ) -> Message:
        delay = int(self.attributes["DelaySeconds"]) if delay_seconds is None else delay_seconds
        with self._changed:
            self._sent += 1
            name = _uuid(f"{self.arn}|{self._sent}")
            message = Message(self._sent, name, body, attributes or {}, time.time(), time.monotonic() + delay)
            self._messages[message.number] = message
            if delay:
                heapq.heappush(self._later, (message.visible_at, message.number))
            else:
                self._ready.append(message)
            self._changed.notify_all()
            return message

    def receive(self, most: int, *, wait_seconds: float, timeout_seconds: int | None) -> list[tuple[Message, str]]:
        """Messages and their receipts, at most so many; none of them is handed out again before its time-out."""
        hidden = int(self.attributes["VisibilityTimeout"]) if timeout_seconds is None else timeout_seconds
        until = time.monotonic() + wait_seconds
        with self._changed:
            while not (found := list(self._take(most, hidden))):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, self._later[0][0] - time.monotonic()) if self._later else left)
            return found

    def _take(self, most: int, hidden_seconds: int) -> Iterator[tuple[Message, str]]:
        now = time.monotonic()
        self._come_back(now)
        while most and self._ready:
            message = self._ready.popleft()
            if message.number not in self._messages:
                continue
            most -= 1
            message.received += 1
            message.first_received_at = message.first_received_at or time.time()
            self._hide(message, now + hidden_seconds)
            yield message, self._receipt(message.number, message.received)

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        heapq.heappush(self._later, (until, message.number))

    def _come_back(self, now: float) -> None:
        while self._later and self._later[0][0] <= now:
            at, number = heapq.heappop(self._later)
            message = self._messages.get(number)
            if message is not None and message.visible_at == at:  # else it was deleted, or its time-out was changed
                self._ready.append(message)

    def delete(self, receipt: str) -> None:
        """Again is allowed. Raises ValueError: no receipt of this queue."""
        number = self._number(receipt)
        with self._changed:
            self._messages.pop(number, None)

    def change_visibility(self, receipt: str, seconds: int) -> bool:
        """False: it is not in anybody's hands. Raises ValueError: no receipt of this queue."""
        number = self._number(receipt)
        with self._changed:
            now = time.monotonic()
            message = self._messages.get(number)
            if message is None or message.visible_at <= now:
                return False
            self._hide(message, now + seconds)
            self._changed.notify_all()
            return True

    def purge(self) -> None:
        with self._changed:
            self._messages.clear()
            self._ready.clear()
            self._later.clear()

    def counts(self) -> dict[str, str]:
        """How many wait, are in hand, or are delayed, by AWS's names."""
        with self._changed:
            now = time.monotonic()
            hidden = [m for m in self._messages.values() if m.visible_at > now]
            held = sum(m.received > 0 for m in hidden)
            return {
                "ApproximateNumberOfMessages": str(len(self._messages) - len(hidden)),
                "ApproximateNumberOfMessagesNotVisible": str(held),
                "ApproximateNumberOfMessagesDelayed": str(len(hidden) - held),
            }

    def _receipt(self, number: int, time_received: int) -> str:
        plain = f"{number}:{time_received}"
        return base64.urlsafe_b64encode(f"{plain}:{_sealed(self.arn, plain)}".encode()).decode()

    def _number(self, receipt: str) -> int:
        try:
            number, count, seal = base64.urlsafe_b64decode(receipt.encode("ascii")).decode().split(":")
            if seal == _sealed(self.arn, f"{number}:{count}"):
                return int(number)
        except ValueError:
            pass
        raise ValueError(receipt)


class Queues:
    """Every queue of the account and region, by name."""

    def __init__(self, *, account_id: str, region: str) -> None:
        self.account_id = account_id
        self._arn = f"arn:aws:sqs:{region}:{account_id}:"
        self._queues: dict[str, Queue] = {}

    def create(self, name: str, attributes: Mapping[str, str], tags: Mapping[str, str]) -> Queue:
        """The one that is there, where it is. Raises ValueError: it is there with other attributes."""
        known = self._queues.get(name)
        if known is None:
            known = self._queues[name] = Queue(name, self._arn + name, {**DEFAULTS, **attributes}, dict(tags))
        elif any(known.attributes.get(k) != v for k, v in attributes.items()):
            raise ValueError(name)
        return known

    def named(self, name: str) -> Queue | None:
        return self._queues.get(name)

    def names(self) -> list[str]:
        return sorted(self._queues)

    def drop(self, queue: Queue) -> None:
        self._queues.pop(queue.name, None)


def install(queues: Queues) -> None:
    """What moto's EventBridge sends to a queue comes into ours."""

    def send_message(_: SQSBackend, queue_name: str, message_body: str, **__: Any) -> None:
        queue = queues.named(queue_name)
        if queue is not None:  # as EventBridge does with a target that is gone
            queue.send(message_body)

    vars_of_backend: Any = SQSBackend
    vars_of_backend.send_message = send_message


def _sealed(arn: str, plain: str) -> str:
    return sha256(f"{arn}|{plain}".encode()).hexdigest()[:24]


def _uuid(name: str) -> str:
    text = sha256(name.encode()).hexdigest()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
