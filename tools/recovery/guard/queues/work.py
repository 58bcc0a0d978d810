"""What a work queue is for a spot worker, whichever server keeps it.

An item is done at least once; its result is written once. Between the two stands the item's own id: whoever does it a
second time, because the first worker went without a word, finds the first result or is told `Lost`, never adds another.
The adapters are redis_streams and rabbitmq; the loop around them is worker.work().
"""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass
from typing import Callable, Protocol

from ..trouble import BadRequest, GuardError

MOST_BYTES = 8 << 20
"""of one body, and of one result: what is larger belongs into a store, and its address into the queue"""
MOST_ATTEMPTS = 5
"""then an item is dead: somebody looks at it"""
LEASE_SECONDS = 30.0
"""without a heartbeat, then another worker takes the item"""
PATIENCE_SECONDS = 120.0
"""for a server that does not answer, before QueueAway is raised"""
ODD_CHARACTERS = "odd characters of a password are written as %XX: / ? # @ are %2F %3F %23 %40"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_ID_BYTES = 255


class QueueTrouble(GuardError):
    """
    QueueTrouble
    ├─ QueueAway        the server does not answer, or not yet: asking again is safe, nothing is lost
    ├─ QueueRefused     it answers, and refuses: the password, a right, a key of another kind, no memory
    ├─ PayloadTooLarge  a body or a result over the limit: nothing was sent
    └─ Lost             another worker has the item by now: this result was not written
    """


class QueueAway(QueueTrouble):
    pass


class QueueRefused(QueueTrouble):
    pass


class PayloadTooLarge(QueueTrouble):
    pass


class Lost(QueueTrouble):
    pass


@dataclass(frozen=True)
class Item:
    item_id: str  # what makes it the same work: the idempotency key of its result and of effects elsewhere
    body: bytes
    attempt: int  # 1 = the first time that a worker has it


@dataclass(frozen=True)
class DeadItem:
    item_id: str
    body: bytes
    reason: str
    attempts: int | None  # None: the server does not say
    died_at: str | None  # UTC, ISO 8601


@dataclass(frozen=True)
class QueueStatus:
    waiting: int  # nobody has them
    in_flight: int | None  # a worker has them; None: the server does not say
    oldest_in_flight_seconds: float | None  # since the oldest of those was put; None: none, or the server does not say
    done: int | None  # since the queue is there; None: the server does not count
    dead: int
    workers: int | None = None  # that are connected now; None: the server does not say


class Claim(Protocol):
    """One item in one worker's hands, kept alive by heartbeats of the adapter's own thread until one of the three.

    The three may be called from a thread other than the one that claimed, and once; again is Lost or nothing.
    """

    @property
    def item(self) -> Item: ...

    def done(self, result: bytes) -> bool:
        """The result is written, then the item leaves the queue. False: a result was there before, and stays.

        Asks again while the server is away, up to the queue's patience: asking again is safe.

        Raises  Lost: another worker has it, this result was not written
                PayloadTooLarge: nothing was sent, the claim is still held
                QueueAway: the truth is not known; if it was not written, the item comes again
        """
        ...

    def failed(self, reason: str) -> None:
        """The item comes again, or is dead after the most attempts. What another worker has by now is left alone."""
        ...

    def release(self) -> None:
        """Back at once, for another worker; not counted as an attempt where the server can tell the two apart.

        Raises  QueueAway: the server could not be told within seconds; it comes again when the lease ends
        """
        ...


class WorkQueue(Protocol):
    """Opened by the adapter; `with` closes it."""

    def put(self, item_id: str, body: bytes) -> bool:
        """False: known already (waiting, in flight, dead, or done and not forgotten): nothing was added.

        Raises  PayloadTooLarge, QueueAway (put it again: it is added once), QueueRefused
        """
        ...

    def claim(self, wait_seconds: float) -> Claim | None:
        """The next item, one that another worker left first; None: there was none for so long.

        Raises  QueueAway: no answer in `wait_seconds` (and the time of one connection); QueueRefused
        """
        ...

    def status(self) -> QueueStatus: ...

    def dead(self, limit: int = 100) -> list[DeadItem]:
        """The oldest first."""
        ...

    def requeue(self, item_id: str) -> bool:
        """A dead item waits again, its attempts counted from zero. False: no such dead item."""
        ...

    def close(self) -> None:
        """What is still held is released."""
        ...


class Results(Protocol):
    """The result of an item, written once, whoever comes first."""

    def put_once(self, item_id: str, result: bytes) -> bool:
        """False: there is one already; it stays."""
        ...

    def get(self, item_id: str) -> bytes | None: ...


Do = Callable[[Item], bytes]
"""The work: takes an item, returns its result. What it raises is the reason of a failed attempt."""


def readable(url: str) -> bool:
    """False: where a password ends cannot be told; one with / ? # [ in it, perhaps, that was not written as %XX."""
    try:
        parts = urllib.parse.urlsplit(url)
        parts.port  # noqa: B018 - what cannot be one is an error
    except ValueError:
        return False
    return "@" not in parts.path + parts.query + parts.fragment


def shown(url: str) -> str:
    """An address without its password, and without options that may hold one."""
    if not readable(url):
        scheme, colon, _ = url.partition("://")
        return f"{scheme}://…" if colon else "…"
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def queue_name(name: str) -> str:
    """Raises  BadRequest"""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r:.80} is not a queue's name", hint="letters, digits, . _ - and at most 100 of them")
    return name


def fit_item(item_id: str, body: bytes, *, most_bytes: int) -> None:
    """Raises  BadRequest: an id that cannot be; PayloadTooLarge"""
    if not (isinstance(item_id, str) and item_id.isprintable() and 0 < len(item_id.encode()) <= _MOST_ID_BYTES):
        raise BadRequest(f"{item_id!r:.80} is not an item's id", hint="1 to 255 bytes of printable text")
    fit_payload("body", item_id, body, most_bytes=most_bytes)


def fit_payload(what: str, item_id: str, payload: bytes, *, most_bytes: int) -> None:
    """Raises  BadRequest: not bytes; PayloadTooLarge"""
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        raise BadRequest(f"item {item_id}: its {what} is {type(payload).__name__}, not bytes", hint="encode it first")
    if len(payload) > most_bytes:
        raise PayloadTooLarge(
            f"item {item_id}: its {what} has {len(payload):,} bytes, the limit is {most_bytes:,}",
            hint="put it into a store (S3), and its address into the queue; or open the queue with a larger most_bytes",
        )
