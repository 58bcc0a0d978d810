"""A work queue on Redis Streams: one stream, one consumer group, a lease that heartbeats renew. See docs/queues.md."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from typing import Any, Callable, Iterator

import redis

from ..options import host_name
from ..report import say as say_it
from ..told import INSTANCE_ID
from ..trouble import BadRequest
from . import redis_scripts as lua
from .redis_speech import NoGroup, Speech
from .work import (
    LEASE_SECONDS,
    MOST_ATTEMPTS,
    MOST_BYTES,
    PATIENCE_SECONDS,
    DeadItem,
    Item,
    Lost,
    QueueAway,
    QueueStatus,
    QueueTrouble,
    fit_item,
    fit_payload,
    queue_name,
)

RESULT_SECONDS = 7 * 86_400.0
LAST_WORDS_SECONDS = 5.0
"""for telling that an item goes back: the lease tells it otherwise"""
WAIT_SECONDS = 1.0
"""then is looked at what other workers left"""
_FORGOTTEN_LEASES = 10
_MOST_REASON = 2_000


class RedisResults:
    """Results in Redis, for whoever does the work: one key each.

    keep_seconds  from when it is written; None = for ever
    """

    def __init__(self, speech: Speech, name: str, *, keep_seconds: float | None) -> None:
        self._speech = speech
        self._prefix = f"spotwarden:{{{name}}}:result:"
        self.keep_ms = 0 if keep_seconds is None else max(1, int(keep_seconds * 1000))
        self._put_once = speech.script(lua.PUT_ONCE)

    def key(self, item_id: str) -> str:
        return self._prefix + item_id

    def put_once(self, item_id: str, result: bytes) -> bool:
        given = [result, uuid.uuid4().hex, self.keep_ms]
        return bool(self._speech.ask(lambda: self._put_once(keys=[self.key(item_id)], args=given)))

    def get(self, item_id: str) -> bytes | None:
        found: bytes | None = self._speech.ask(lambda: self._speech.client.hget(self.key(item_id), "result"))
        return found


class RedisQueue:
    """The items of one name in one Redis.

    worker            who works here, for people; every process is a consumer of its own all the same
    lease_seconds     without a heartbeat from the worker, then the next one takes the item
    most_attempts     then an item is dead
    most_bytes        of a body, and of a result
    result_seconds    that a result is kept after it is done, and its item known; None = for ever
    retry_seconds     before a failed item is tried again, doubled each time, the lease at most
    patience_seconds  that a server which does not answer is asked again
    Raises            BadRequest, QueueAway, QueueRefused
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        worker: str | None = None,
        lease_seconds: float = LEASE_SECONDS,
        most_attempts: int = MOST_ATTEMPTS,
        most_bytes: int = MOST_BYTES,
        result_seconds: float | None = RESULT_SECONDS,
        retry_seconds: float = 1.0,
        patience_seconds: float = PATIENCE_SECONDS,
        say: Callable[[str], None] = say_it,
    ) -> None:
        if lease_seconds <= 0 or most_attempts < 1 or most_bytes < 1:
            raise BadRequest("a lease above 0 seconds, 1 attempt and 1 byte are the least that a queue needs")
        self.name = queue_name(name)
        self.worker = worker or os.environ.get(INSTANCE_ID) or host_name()
        self.most_attempts, self.most_bytes = most_attempts, most_bytes
        self._lease_ms, self._retry_ms = max(1, int(lease_seconds * 1000)), int(retry_seconds * 1000)
        self._last_words_seconds = min(LAST_WORDS_SECONDS, patience_seconds)
        self._say = say
        self._speech = Speech(url, patience_seconds=patience_seconds, say=say)
        self.where = f"{self._speech.where} {name}"
        self.results = RedisResults(self._speech, name, keep_seconds=result_seconds)
        self._work, self._dead, self._known, self._counts = (
            f"spotwarden:{{{name}}}:{part}" for part in ("work", "dead", "known", "counts")
        )
        self._scripts = {text: self._speech.script(text) for text in _ALL}
        self._claiming = threading.Lock()
        self._become()
        self._speech.look()

    def __enter__(self) -> RedisQueue:  # noqa: PYI034 - Self is Python 3.11's
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what goes in, what stands there

    def put(self, item_id: str, body: bytes) -> bool:
        fit_item(item_id, body, most_bytes=self.most_bytes)
        keys = [self._work, self._known, self.results.key(item_id), self._dead]
        return bool(self._run(lua.PUT, keys, item_id, bytes(body), uuid.uuid4().hex[:16]))

    def status(self) -> QueueStatus:
        found = self._run(lua.STATUS, [self._work, self._dead, self._counts], lua.GROUP, self._lease_ms)
        waiting, held, age_ms, done, dead, workers = (int(n) for n in found)
        return QueueStatus(waiting, held, age_ms / 1000 if age_ms >= 0 else None, done, dead, workers)

    def dead(self, limit: int = 100) -> list[DeadItem]:
        rows = self._speech.ask(lambda: self._speech.client.xrange(self._dead, count=limit))
        return [_dead_item(entry.decode(), fields) for entry, fields in rows]

    def requeue(self, item_id: str) -> bool:
        return bool(self._run(lua.REQUEUE, [self._work, self._dead, self._known], item_id, uuid.uuid4().hex[:16]))

    # what is worked on

    def claim(self, wait_seconds: float) -> RedisClaim | None:
        until = time.monotonic() + wait_seconds
        with self._claiming:
            if os.getpid() != self._pid:
                self._become()
            self._join(until)
            while True:
                found = self._take(until)
                left = until - time.monotonic()
                if found or left <= 0:
                    break
                self._wait(min(left, WAIT_SECONDS, self._lease_ms / 1000))
            if not found:
                return None
            entry, attempt, item_id, body = found
            claim = RedisClaim(self, entry.decode(), Item(item_id.decode(), body, int(attempt)))
            self._held[claim.entry] = claim
            self._beat_from_now()
            return claim

    def _become(self) -> None:
        """A consumer of its own, in every process: a fork is another one."""
        self._pid = os.getpid()
        self.consumer = f"{self.worker}:{uuid.uuid4().hex}"
        self._held: dict[str, RedisClaim] = {}
        self._joined = False
        self._heart: threading.Thread | None = None
        self._closed = threading.Event()

    def _join(self, until: float) -> None:
        if self._joined:
            return
        client, seconds = self._speech.client, until - time.monotonic()

        def join() -> None:
            try:
                client.xgroup_create(self._work, lua.GROUP, id="0", mkstream=True)
            except redis.ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

        self._speech.ask(join, seconds=seconds)
        with contextlib.suppress(NoGroup):  # deleted again: _take tells it
            self._look_at(self._speech.ask(lambda: client.xinfo_consumers(self._work, lua.GROUP), seconds=seconds))
        self._joined = True

    def _look_at(self, others: list[dict[str, Any]]) -> None:
        """Consumers that ended without a word are removed; one with our name that was just here is told."""
        for other in others:
            consumer, idle_ms = other["name"].decode(), int(other["idle"])
            if consumer == lua.RELEASED:
                continue
            if not other["pending"] and idle_ms > _FORGOTTEN_LEASES * self._lease_ms:
                self._leave(consumer)
            elif consumer.rpartition(":")[0] == self.worker and idle_ms < self._lease_ms:
                self._say(
                    f"{self.where}: a worker named {self.worker} was here {idle_ms / 1000:.1f} s ago: it still runs, or"
                    " ended without closing. Each has its own items all the same (worker= gives another name)"
                )

    def _take(self, until: float) -> list[Any] | None:
        given = (lua.GROUP, self.consumer, self._lease_ms, self.most_attempts, *list(self._held))
        keys = [self._work, self._dead, self._known]
        try:
            while True:
                found = self._run(lua.TAKE, keys, *given, seconds=until - time.monotonic())
                if not found or self._fits(found):
                    return found or None
        except NoGroup:
            self._say(f"{self.where}: the stream was deleted by somebody; put what is missing again: it is added once")
            self._joined = False
            self._join(until)
            return None

    def _fits(self, found: list[Any]) -> bool:
        """False: somebody else put it, its id cannot be one, and it is dead now."""
        entry, _, item_id, _ = found
        try:
            fit_item(item_id.decode(errors="surrogateescape"), b"", most_bytes=self.most_bytes)
        except BadRequest as unfit:
            given = (lua.GROUP, self.consumer, entry, b"no-item:" + entry, 0, unfit.message, 0)
            self._run(lua.FAILED, [self._work, self._dead, self._known], *given)
            self._say(f"{self.where}: an entry goes to the dead letters: {unfit.message}")
            return False
        return True

    def _wait(self, seconds: float) -> None:
        """Until something is delivered to us; _take finds it, also when the answer is lost on its way."""
        with contextlib.suppress(NoGroup, QueueAway):
            self._speech.ask(
                lambda: self._speech.client.xreadgroup(
                    lua.GROUP, self.consumer, {self._work: ">"}, count=1, block=max(1, int(seconds * 1000))
                ),
                seconds=0,
            )

    def _beat_from_now(self) -> None:
        if self._heart is None:
            self._heart = threading.Thread(target=self._beat, name="spotwarden-heartbeat", daemon=True)
            self._heart.start()

    def _beat(self) -> None:
        seconds = self._lease_ms / 3000
        silent = False
        while not self._closed.wait(seconds):
            held = list(self._held)
            try:
                lost = self._run(lua.BEAT, [self._work], lua.GROUP, self.consumer, *held, seconds=0) if held else []
                silent = False
            except QueueTrouble as trouble:
                if not silent:
                    self._say(f"no heartbeat: {trouble}")
                silent = True
                continue
            for entry in lost:
                claim = self._held.get(entry.decode())
                if claim is not None and not claim.ending:
                    self._held.pop(claim.entry, None)
                    self._say(f"{self.where}: item {claim.item.item_id} was taken by another worker meanwhile")

    # how it ends

    def _done(self, claim: RedisClaim, result: bytes) -> bool:
        keys = [self._work, self._known, self.results.key(claim.item.item_id), self._counts]
        given = (lua.GROUP, self.consumer, claim.entry, claim.item.item_id, bytes(result), self.results.keep_ms)
        try:
            answer: bytes = self._run(lua.DONE, keys, *given)
        except NoGroup:
            raise Lost(
                f"{self.where}: item {claim.item.item_id} was deleted with the whole queue: this result is not kept",
                hint="put what is missing again",
            ) from None
        if answer == b"lost":
            raise Lost(
                f"{self.where}: item {claim.item.item_id} was taken by another worker: this result is not kept",
                hint="no heartbeat for longer than the lease: a machine that stood still, or a server that was away",
            )
        return answer == b"written"

    def _failed(self, claim: RedisClaim, reason: str) -> None:
        pause_ms = min(self._lease_ms, self._retry_ms << min(claim.item.attempt - 1, 20))
        idle = self._lease_ms - pause_ms if self._retry_ms else lua.LONG_AGO_MS
        given = (lua.GROUP, self.consumer, claim.entry, claim.item.item_id, idle, reason[:_MOST_REASON])
        with contextlib.suppress(NoGroup):  # nobody has it
            if self._run(lua.FAILED, [self._work, self._dead, self._known], *given, self.most_attempts) == b"dead":
                self._say(f"{self.where}: item {claim.item.item_id} is dead: {reason[:200]}")

    def _release(self, claim: RedisClaim) -> None:
        given = (lua.GROUP, self.consumer, claim.entry, lua.LONG_AGO_MS)
        with contextlib.suppress(NoGroup):
            self._run(lua.RELEASE, [self._work], *given, seconds=self._last_words_seconds)

    def _run(self, text: str, keys: list[str], *given: Any, seconds: float | None = None) -> Any:
        return self._speech.ask(lambda: self._scripts[text](keys=keys, args=given), seconds=seconds)

    def _leave(self, consumer: str) -> None:
        """Only a consumer without items: with it, its items would go."""
        with contextlib.suppress(QueueTrouble):
            self._run(lua.LEAVE, [self._work], lua.GROUP, consumer, seconds=0)

    def close(self) -> None:
        if os.getpid() == self._pid and not self._closed.is_set():
            with contextlib.suppress(QueueTrouble):
                for claim in list(self._held.values()):
                    claim.release()
            self._closed.set()
            if self._joined:
                self._leave(self.consumer)
        self._speech.close()


class RedisClaim:
    """Held by one worker; see work.Claim."""

    def __init__(self, queue: RedisQueue, entry: str, item: Item) -> None:
        self.item = item
        self.entry = entry
        self.ending = False
        self._queue = queue

    def done(self, result: bytes) -> bool:
        fit_payload("result", self.item.item_id, result, most_bytes=self._queue.most_bytes)
        with self._ending():
            return self._queue._done(self, result)  # noqa: SLF001 - a claim is a part of its queue

    def failed(self, reason: str) -> None:
        with self._ending():
            self._queue._failed(self, reason)  # noqa: SLF001

    def release(self) -> None:
        with self._ending():
            self._queue._release(self)  # noqa: SLF001

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Heartbeats go on until the answer is there."""
        self.ending = True
        try:
            yield
        finally:
            held = self._queue._held  # noqa: SLF001
            if held.get(self.entry) is self:  # else it came to us again
                del held[self.entry]


def _dead_item(entry: str, fields: dict[bytes, bytes]) -> DeadItem:
    """Anybody may have written it."""
    attempts = fields.get(b"attempts", b"")
    return DeadItem(
        item_id=fields.get(b"item", f"no-item:{entry}".encode()).decode(errors="backslashreplace"),
        body=fields.get(b"body", b""),
        reason=fields.get(b"reason", b"somebody else put it here").decode(errors="replace"),
        attempts=int(attempts) if attempts.isdigit() else None,
        died_at=_moment(entry),
    )


def _moment(entry: str) -> str:
    """A stream's ids begin with the server's clock, in milliseconds."""
    seconds, ms = divmod(int(entry.partition("-")[0]), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"


_ALL = (lua.PUT, lua.TAKE, lua.DONE, lua.FAILED, lua.RELEASE, lua.BEAT, lua.LEAVE, lua.STATUS, lua.REQUEUE)
