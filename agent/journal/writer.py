"""The one writer of a process: work is queued, done in groups, and acknowledged when the group is on disk.

Each group is one BEGIN IMMEDIATE, inside which the chain's head is read again, as another process may have
appended; each piece of work is a savepoint of its own, so that one refusal does not undo its neighbours.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.journal.chain import EMPTY, Head, entry_hash
from agent.journal.files import UNREADABLE, told
from agent.journal.witness import Witness, write_witness
from tools.cloud import Clock
from tools.errors import JournalError, SpotError
from tools.records import AuditEntry, Record, canonical_json

WITNESS_ROWS = 100
GROUP = WITNESS_ROWS
WITNESS_SECONDS = 60.0
"""at most so long, or WITNESS_ROWS rows, is anything unwitnessed"""
MAX_PAYLOAD_BYTES = 4 * 1024 * 1024


def instant(moment: datetime) -> str:
    """UTC text of one width, so that it sorts as text: 2026-11-20T09:00:00.000000Z."""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def clean(text: str) -> str:
    """UTF-8 can say it: half a surrogate pair, which JSON from outside may hold, becomes its JSON escape."""
    return text.encode("utf-8", "backslashreplace").decode()


class Transaction:
    """What a piece of work may touch: the database, and the end of the chain. Lives inside one commit."""

    def __init__(self, db: Any, at: datetime) -> None:
        self.db = db
        self.at = at
        self.head = read_head(db)

    def append(self, kind: str, payload: Record | Mapping[str, Any], *, actor: str) -> AuditEntry:
        text = clean(payload.canonical() if isinstance(payload, Record) else canonical_json(dict(payload)))
        if len(text) > MAX_PAYLOAD_BYTES:
            raise JournalError(f"an audit entry of {len(text):,} characters, at most {MAX_PAYLOAD_BYTES:,}")
        seq, at, previous = self.head.count + 1, instant(self.at), self.head.hash
        entry = AuditEntry(
            seq=seq,
            at=self.at,
            actor=clean(actor),
            kind=clean(kind),
            payload=text,
            previous_hash=previous,
            hash=entry_hash(seq, at, clean(actor), clean(kind), text, previous),
        )
        self.db.execute(
            "INSERT INTO audit (seq, at, actor, kind, payload, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq, at, entry.actor, entry.kind, text, previous, entry.hash),
        )
        self.head = Head(count=seq, hash=entry.hash)
        return entry


def read_head(db: Any) -> Head:
    row = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Head(count=row[0], hash=row[1]) if row else EMPTY


def hash_at(db: Any, seq: int) -> str | None:
    row = db.execute("SELECT hash FROM audit WHERE seq = ?", (seq,)).fetchone()
    return row[0] if row else None


Work = Callable[[Transaction], Any]


class Writer:
    """Owns the writing connection on a thread of its own."""

    def __init__(
        self, db: Any, path: Path, clock: Clock, witness: Witness, witness_seconds: float = WITNESS_SECONDS
    ) -> None:
        self._db = db
        self._path = path
        self._clock = clock
        self._process = os.getpid()
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False
        self._witnessed = witness
        self._witness_seconds = witness_seconds
        self._idle_until: float | None = None
        """monotonic: when rows of this process that are not witnessed yet must be; None = there are none"""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def do(self, work: Work) -> Any:
        """Run work inside a transaction; returns when it is on disk.

        Raises  what the work raised, after its own changes were undone; JournalError: nothing was stored
        """
        future: Future[Any] = Future()
        with self._closing:
            if self._closed or os.getpid() != self._process:
                raise JournalError(
                    f"the journal {self._path} is not open in this process",
                    hint="open it again after a fork or a close",
                )
            self._queue.put((work, future))
        return future.result()

    def close(self) -> None:
        """Finish what is queued, witness the head, stop. Raises what the last witnessing raised."""
        with self._closing:
            if self._closed or os.getpid() != self._process:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        try:
            self._witness_if(due=True)
        finally:
            self._db.close()

    def _run(self) -> None:
        while True:
            try:
                item = self._queue.get(timeout=self._patience())
            except queue.Empty:
                self._witness_idle()
                continue
            if item is None:
                return
            group, last = self._gather(item)
            self._commit(group)
            if last:
                return

    def _patience(self) -> float | None:
        """Seconds to wait for work; None = for ever: nothing is unwitnessed."""
        return None if self._idle_until is None else max(0.0, self._idle_until - time.monotonic())

    def _witness_idle(self) -> None:
        """Nobody had work for a while: the witness does not wait for the next one.

        Trouble is for them to hear, when they come; until then it is tried again.
        """
        self._idle_until = time.monotonic() + self._witness_seconds
        with suppress(Exception):  # a thread that ended here would leave every later caller waiting
            self._witness_if(due=True)

    def _gather(self, first: tuple[Work, Future[Any]]) -> tuple[list[tuple[Work, Future[Any]]], bool]:
        group = [first]
        while len(group) < GROUP:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return group, True
            group.append(item)
        return group, False

    def _commit(self, group: list[tuple[Work, Future[Any]]]) -> None:
        """One group. A witness that is overdue comes first: without it nothing more is acknowledged."""
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._witness_if(due=self._due())
            self._db.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self._db, self._clock.now())
            start = transaction.head
            for work, future in group:
                answers.append((future, *self._one(transaction, work)))
            self._db.execute("COMMIT")
            if self._idle_until is None and transaction.head != start:
                self._idle_until = time.monotonic() + self._witness_seconds
            self._witness_if(due=self._due(), patient=True)
        except Exception as error:  # noqa: BLE001 - every waiter must hear of it, whatever it is
            self._undo()
            trouble = told(error, self._path) if isinstance(error, (*UNREADABLE, OSError)) else error
            for _, future in group:
                future.set_exception(trouble)
            return
        for future, answer, refusal in answers:
            if refusal is None:
                future.set_result(answer)
            else:
                future.set_exception(refusal)

    def _one(self, transaction: Transaction, work: Work) -> tuple[Any, BaseException | None]:
        """Raises  sqlite3.Error when SQLite gave up the whole transaction, such as on a full disk"""
        head = transaction.head
        self._db.execute("SAVEPOINT work")
        try:
            answer = work(transaction)
        except Exception as error:  # the caller hears it; its neighbours are not concerned
            if not self._db.conn.in_transaction:
                raise
            self._db.execute("ROLLBACK TO work")
            self._db.execute("RELEASE work")
            transaction.head = head
            return None, told(error, self._path) if isinstance(error, UNREADABLE) else error
        self._db.execute("RELEASE work")
        return answer, None

    def _undo(self) -> None:
        if self._db.conn.in_transaction:
            self._db.execute("ROLLBACK")

    def _due(self) -> bool:
        head = read_head(self._db)
        if head.count - self._witnessed.count >= WITNESS_ROWS:
            return True
        if head.hash == self._witnessed.head:
            return False
        return abs((self._clock.now() - self._witnessed.at).total_seconds()) >= self._witness_seconds

    def _witness_if(self, *, due: bool, patient: bool = False) -> None:
        """Witness the head. Patient: trouble waits for the next group, as this one's rows are stored already."""
        if not due:
            return
        try:
            head = read_head(self._db)
            at = self._clock.now()
            self._witnessed = write_witness(self._path, head, at=at, hash_at=lambda n: hash_at(self._db, n))
            self._idle_until = None
        except (SpotError, *UNREADABLE):
            if patient:
                return
            raise
