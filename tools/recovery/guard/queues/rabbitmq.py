"""A work queue on RabbitMQ: a quorum queue, one message in a worker's hands, acknowledged after its result is durable.

RabbitMQ knows messages, not items. What makes an item done once is `results`, which outlives server and worker: a
message that comes again finds its result there, and is only acknowledged. See docs/queues.md.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any, Callable, TypeVar

from ..options import host_name
from ..report import say as say_it
from ..told import INSTANCE_ID
from ..trouble import BadRequest
from .amqp_line import Line, parameters_of
from .kept import open_results
from .rabbit_speech import (
    Delivery,
    dead_letters,
    death_of,
    declare,
    epitaph_of,
    give_back_to_life,
    id_of,
    publish,
    status,
    take,
)
from .work import (
    MOST_ATTEMPTS,
    MOST_BYTES,
    PATIENCE_SECONDS,
    DeadItem,
    Item,
    Lost,
    QueueAway,
    QueueRefused,
    QueueStatus,
    QueueTrouble,
    Results,
    fit_item,
    fit_payload,
    queue_name,
)

T = TypeVar("T")
HEARTBEAT_SECONDS = 15
"""a worker that is gone without a word is noticed after two: then its item goes to another"""
CONNECT_SECONDS = 10.0
LAST_WORDS_SECONDS = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0
_MOST_REASON = 2_000


class RabbitQueue:
    """The items of one name in one virtual host.

    url                amqp://USER:PASSWORD@HOST:5672/VHOST, amqps://…
    results            where results outlive server and worker: s3://BUCKET/PLACE, a directory, or your own; only who
                       looks needs none
    worker             who works here, for people; two of one name are two consumers all the same
    most_attempts      failed, or ended with their worker; then an item is dead
    most_bytes         of a body, and of a result
    heartbeat_seconds  answered however long the work takes
    patience_seconds   that a server which does not answer is asked again
    Raises             BadRequest, QueueAway, QueueRefused
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        results: Results | str | None = None,
        worker: str | None = None,
        most_attempts: int = MOST_ATTEMPTS,
        most_bytes: int = MOST_BYTES,
        heartbeat_seconds: int = HEARTBEAT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
        say: Callable[[str], None] = say_it,
    ) -> None:
        if heartbeat_seconds < 1 or most_attempts < 1 or most_bytes < 1:
            raise BadRequest("a heartbeat of 1 second, 1 attempt and 1 byte are the least that a queue needs")
        self.name = queue_name(name)
        self.worker = worker or os.environ.get(INSTANCE_ID) or host_name()
        self._results = open_results(results, most_bytes=most_bytes) if isinstance(results, str) else results
        self.most_attempts, self.most_bytes = most_attempts, most_bytes
        self._say, self._patience_seconds = say, patience_seconds
        self._connect_seconds = min(CONNECT_SECONDS, max(1.0, patience_seconds))
        self._parameters = parameters_of(url, heartbeat_seconds=heartbeat_seconds, seconds=self._connect_seconds)
        self._parameters.client_properties = {"connection_name": f"spotwarden {self.worker}"}
        self.where = f"RabbitMQ {self._parameters.host}:{self._parameters.port} {name}"
        self._judges = False  # the results answered when they were asked last
        self._closed = threading.Event()
        self._opening, self._claiming = threading.Lock(), threading.Lock()
        # What is held is held by a connection of its own: RabbitMQ stops listening to one that publishes when it is low
        # on memory, and closes the channel of who asks for what is not there.
        self._lines: dict[str, Line] = {}
        self._patiently(patience_seconds, lambda: self._line("ask", declared=False))

    def __enter__(self) -> RabbitQueue:  # noqa: PYI034 - Self is Python 3.11's
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def results(self) -> Results:
        """Raises  BadRequest: the queue was opened without"""
        if self._results is None:
            hint = 'say results="s3://BUCKET/PLACE", or a directory that outlives the instance'
            raise BadRequest(f"{self.where}: without results an item that comes again is done again", hint=hint)
        return self._results

    # what goes in

    def put(self, item_id: str, body: bytes) -> bool:
        """False: known already. Put again after an error it may wait twice: it has one result all the same.

        Raises  PayloadTooLarge, QueueAway, QueueRefused
        """
        fit_item(item_id, body, most_bytes=self.most_bytes)
        known = f"put\t{item_id}"
        if self.results.get(known) is not None or self.results.get(item_id) is not None:
            return False
        self._do("ask", lambda channel: publish(channel, self.name, item_id, body), declared=True)
        self.results.put_once(known, b"")  # after the server has it: else it would be known, and nowhere
        return True

    # what comes out

    def claim(self, wait_seconds: float) -> RabbitClaim | None:
        """The next item; None: there was none for so long.

        Raises  QueueAway: no answer in `wait_seconds` (and the time of one connection); QueueRefused
        """
        ends, _ = time.monotonic() + wait_seconds, self.results
        with self._claiming:
            return self._patiently(wait_seconds, lambda: self._next(ends))

    def _next(self, ends: float) -> RabbitClaim | None:
        while True:
            if not self._judges:  # what is taken for nothing is given back, and RabbitMQ counts it
                self.results.get("looked")
                self._judges = True
            delivery = take(self._line("work", declared=True), self.name, ends=ends)
            if delivery is None:
                return None
            attempt = self._judge(delivery)
            if attempt:
                return RabbitClaim(self, delivery, attempt)

    def _judge(self, delivery: Delivery) -> int:
        """Which attempt this is. 0: there is nothing to do for anybody, and the message is out of the way."""
        why = self._unfit(delivery.item_id, delivery.body)
        if why:
            self._say(f"{self.where}: a message goes to the dead letters: {why}")
            self._settle(delivery, "reject")
            return 0
        try:
            if self.results.get(delivery.item_id) is not None:
                self._settle(delivery, "ack")
                return 0
            attempt = self._attempt(delivery) if delivery.again else 1
            if attempt <= self.most_attempts:
                return attempt
            none = f"{self.most_attempts} attempts, and none came to an end: workers went, or the item took them down"
            self._bury(delivery, self._why(delivery.note(self.most_attempts)) or none)
        except QueueTrouble:
            self._judges = False
            self._settle(delivery, "release")
            raise
        return 0

    def _attempt(self, delivery: Delivery) -> int:
        """RabbitMQ counts what came back, however; its versions differ in what they count. The notes tell it apart."""
        released = 0
        while released < delivery.returns and self.results.get(delivery.given_back(released + 1)) is not None:
            released += 1
        attempt = delivery.returns - released + 1
        while attempt <= self.most_attempts and self._why(delivery.note(attempt)) is not None:
            attempt += 1
        return attempt

    def _unfit(self, item_id: str, body: bytes) -> str:
        """Why a message is no item; "" = it is one."""
        if not item_id:
            return "it has no message_id: it was not put by a queue of ours"
        try:
            fit_item(item_id, body, most_bytes=self.most_bytes)
        except (BadRequest, QueueTrouble) as trouble:
            return trouble.message
        return ""

    def _why(self, note: str) -> str | None:
        """What a failed attempt left; None: it did not fail, or went without a word."""
        words = self.results.get(note)
        return None if words is None else words.decode(errors="replace")

    # how a claim ends

    def finish(self, delivery: Delivery, result: bytes) -> bool:
        """As Claim.done. The result first: without it nothing is acknowledged."""
        fit_payload("result", delivery.item_id, result, most_bytes=self.most_bytes)
        written = self.results.put_once(delivery.item_id, result)
        held = self._settle(delivery, "ack")
        if not written and not held:
            raise Lost(f"{self.where}: item {delivery.item_id} was done by another worker meanwhile: its result stays")
        return written

    def fail(self, delivery: Delivery, attempt: int, reason: str) -> None:
        """As Claim.failed. The note first: it is why the item is dead, and counts."""
        why = (reason or "no reason was given")[:_MOST_REASON]
        try:
            self.results.put_once(delivery.note(attempt), why.encode(errors="replace"))
            if attempt >= self.most_attempts:
                self._bury(delivery, why)
                return
        except QueueAway as away:  # then RabbitMQ's own count has to do
            self._say(f"{self.where}: why item {delivery.item_id!r:.80} failed is not kept: {away}")
        self._settle(delivery, "release")

    def _bury(self, delivery: Delivery, why: str) -> None:
        """Why, then the message to the dead letters."""
        self.results.put_once(delivery.epitaph, f"{self.most_attempts}\t{why}".encode(errors="replace"))
        if self._settle(delivery, "reject"):
            self._say(f"{self.where}: item {delivery.item_id} is dead after {self.most_attempts} attempts: {why}")

    def give_back(self, delivery: Delivery) -> None:
        """As Claim.release. Back first: whoever gives back has no time."""
        if self._settle(delivery, "release"):
            note = threading.Thread(target=self._note_return, args=(delivery,), daemon=True)
            note.start()
            note.join(LAST_WORDS_SECONDS)

    def _note_return(self, delivery: Delivery) -> None:
        with contextlib.suppress(QueueTrouble):  # then it counts as an attempt
            number = 1
            while not self.results.put_once(delivery.given_back(number), str(time.time()).encode()):
                number += 1

    def _settle(self, delivery: Delivery, how: str) -> bool:
        """False: the hold was gone, or went with the answer: the message comes again, and what is written is found."""

        def settle(channel: Any) -> None:
            if how == "ack":
                channel.basic_ack(delivery.tag)
            else:
                channel.basic_nack(delivery.tag, requeue=how == "release")

        try:
            delivery.line.do(settle, seconds=LAST_WORDS_SECONDS)
        except QueueTrouble as trouble:
            then = "is only acknowledged then" if how == "ack" else "comes to whoever asks"
            self._say(f"{self.where}: item {delivery.item_id!r:.80} comes again, and {then}: {trouble}")
            return False
        return True

    # what stands there

    def status(self) -> QueueStatus:
        """AMQP tells what is ready; what is in flight RabbitMQ tells to its management plugin only."""
        return self._do("ask", lambda channel: status(channel, self.name))

    def dead(self, limit: int = 100) -> list[DeadItem]:
        """The oldest first."""
        found = self._do("ask", lambda channel: dead_letters(channel, self.name, limit))
        return [self._dead_item(properties, body) for properties, body in found]

    def _dead_item(self, properties: Any, body: bytes) -> DeadItem:
        item_id, (reason, died_at) = id_of(properties), death_of(properties)
        unfit = self._unfit(item_id, body)
        words = self._why(epitaph_of(item_id, properties.headers or {})) if self._results and not unfit else None
        if words is None:
            told = unfit or f"RabbitMQ says: {reason}; why stands with the results"
            return DeadItem(item_id, body, told, None, died_at)
        attempts, _, why = words.partition("\t")
        return DeadItem(item_id, body, why, int(attempts), died_at)

    def requeue(self, item_id: str) -> bool:
        """A dead item waits again, its attempts counted from zero. False: no such dead item."""
        return self._do("ask", lambda channel: give_back_to_life(channel, self.name, item_id))

    def close(self) -> None:
        """What is still held goes back to the queue."""
        self._closed.set()
        with self._opening:
            for line in self._lines.values():
                line.close()

    # how it is asked

    def _do(self, which: str, act: Callable[[Any], T], *, declared: bool = False) -> T:
        """Again while the server is away, up to the patience: everything here may be repeated.

        What is held back for want of memory waits on its connection: a new one would be one message past the alarm.
        """
        seconds = self._connect_seconds + self._patience_seconds
        try:
            return self._patiently(
                self._patience_seconds, lambda: self._line(which, declared=declared).do(act, seconds=seconds)
            )
        except QueueRefused:
            with self._opening:
                refused = self._lines.pop(which, None)  # the next call declares anew what is missing
            if refused is not None:
                refused.close()
            raise

    def _patiently(self, seconds: float, act: Callable[[], T]) -> T:
        ends, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
        while True:
            try:
                return act()
            except QueueAway:
                left = ends - time.monotonic()
                if left <= 0 or self._closed.wait(min(pause, left)):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _line(self, which: str, *, declared: bool) -> Line:
        """The connection that is open, or a new one. Raises QueueAway, QueueRefused"""
        with self._opening:
            if self._closed.is_set():
                raise QueueRefused(f"{self.where}: this queue is closed", hint="open another")
            line = self._lines.get(which)
            if line is None or line.broken:
                line = Line(self._parameters, where=self.where, seconds=2 * self._connect_seconds, say=self._say)
                self._lines[which] = line
            if declared and not line.declared:
                line.do(lambda channel: declare(channel, self.name), seconds=2 * self._connect_seconds)
                line.declared = True
            return line


class RabbitClaim:
    """One item in our hands, until one of the three, or until the connection goes."""

    def __init__(self, owner: RabbitQueue, delivery: Delivery, attempt: int) -> None:
        self._owner, self._delivery = owner, delivery
        self._settling, self._settled = threading.Lock(), False
        self.item = Item(delivery.item_id, delivery.body, attempt)

    def done(self, result: bytes) -> bool:
        """The result is written, then the message acknowledged. False: a result was there before, and stays.

        The acknowledgement may be lost with the server: the message comes again, and is only acknowledged.

        Raises  Lost, PayloadTooLarge, QueueAway, QueueRefused: with the last three the item is still held
        """
        with self._settling:
            if self._settled:
                raise Lost(f"item {self.item.item_id} was settled before")
            written = self._owner.finish(self._delivery, result)
            self._settled = True
            return written

    def failed(self, reason: str) -> None:
        with self._settling:
            if not self._settled:
                self._owner.fail(self._delivery, self.item.attempt, reason)
                self._settled = True

    def release(self) -> None:
        """Back at once, for another worker; no attempt.

        Raises  QueueAway: its result is being written just now
        """
        if not self._settling.acquire(timeout=LAST_WORDS_SECONDS):
            raise QueueAway(f"item {self.item.item_id}: its result is being written, and takes long")
        try:
            if not self._settled:
                self._owner.give_back(self._delivery)
                self._settled = True
        finally:
            self._settling.release()
