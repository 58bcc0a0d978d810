"""The journal's front door: every method is durable when it returns, and safe to call from any thread."""

import atexit
import json
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from agent.journal import budgets, changes, conversations, intents, leases, proposals, search
from agent.journal.chain import Head
from agent.journal.files import UNREADABLE, connect, prepare, told
from agent.journal.jobs import Jobs
from agent.journal.missing import accept, note_missing
from agent.journal.records import Conversation, Lease, OpenIntent, SavedProposal
from agent.journal.schema import create_or_check, wrap
from agent.journal.watches import Watches, begin
from agent.journal.witness import read_witness, write_witness
from agent.journal.writer import WITNESS_SECONDS, Transaction, Writer, clean, hash_at, read_head
from policies.records import Approval, Decision, Measure, Proposal, Reservation, WindowUse
from tools.cloud import Clock
from tools.desk import ChangeMade
from tools.records import AuditEntry, Intent, Job, Outcome, Record, Recovery

T = TypeVar("T")


class Journal:
    """One SQLite file: what happened, what may happen, and the proof of both."""

    def __init__(self, writer: Writer, reader: Any, path: Path, clock: Clock) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._reading = threading.RLock()
        self._clock = clock
        self._closed = False
        self._process = os.getpid()
        self.watches = Watches(writer.do, self._read)
        self.jobs = Jobs(writer.do, self._read)
        self._at_exit = _close_at_exit(self)

    @classmethod
    def open(cls, path: Path, *, clock: Clock, witness_seconds: float = WITNESS_SECONDS) -> "Journal":
        """Open or make it, and witness its head.

        Entries without a witness beside them: a tail may have been cut, so the log itself tells of it from now on
        (audit kind `witness-missing`), and does not verify before a person accepts it.

        witness_seconds  at most so long is an entry unwitnessed, also while nobody writes
        Raises  JournalError: not ours, locked, read-only, no disk, from a newer spotwarden
                AuditBroken: the witness beside it saw what the file does not hold
        """
        path = path.expanduser().absolute()
        prepare(path)
        with ExitStack() as undo:
            writing = undo.enter_context(closing(connect(path)))
            db = wrap(writing)
            try:
                db.execute("BEGIN IMMEDIATE")
                create_or_check(db, path)
                if read_witness(path) is None and read_head(db).count > 0:
                    note_missing(Transaction(db, clock.now()))  # durable before there is a witness again
                db.execute("COMMIT")
                witness = write_witness(path, read_head(db), at=clock.now(), hash_at=lambda n: hash_at(db, n))
                reading = undo.enter_context(closing(connect(path)))
                reading.execute("PRAGMA query_only=ON")
            except UNREADABLE as error:
                raise told(error, path) from None
            undo.pop_all()
        return cls(Writer(db, path, clock, witness, witness_seconds), wrap(reading), path, clock)

    def close(self) -> None:
        """Finish, witness the head, let go. Again is allowed."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        try:
            self._writer.close()
        finally:
            if os.getpid() == self._process:
                with self._reading:
                    self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self, look: Callable[[Any], T]) -> T:
        with self._reading:
            try:
                return look(self._reader)
            except UNREADABLE as error:
                raise told(error, self.path) from None

    # the chain

    def append(self, kind: str, payload: Record | Mapping[str, Any], *, actor: str) -> AuditEntry:
        """One entry, on disk when this returns. Raises JournalError: it was not stored."""
        entry: AuditEntry = self._writer.do(lambda tx: tx.append(kind, payload, actor=actor))
        return entry

    def append_all(self, kind: str, payloads: Sequence[Record], *, actor: str) -> None:
        """An entry each, all on disk when this returns, or none. Raises JournalError."""
        self._writer.do(lambda tx: [tx.append(kind, payload, actor=actor) for payload in payloads])

    def entries(
        self, *, after_seq: int = 0, limit: int | None = None, newest_first: bool = False, kinds: Sequence[str] = ()
    ) -> tuple[AuditEntry, ...]:
        return self._read(
            lambda db: search.entries(db, after_seq=after_seq, limit=limit, newest_first=newest_first, kinds=kinds)
        )

    def head(self) -> Head:
        return self._read(read_head)

    def witness(self) -> None:
        """Write the head file now; the writer does it by itself every minute and every hundred entries.

        Raises  AuditBroken, JournalError
        """
        self._read(
            lambda db: write_witness(self.path, read_head(db), at=self._clock.now(), hash_at=lambda n: hash_at(db, n))
        )

    def accept_witness(self, *, reason: str, by: str) -> AuditEntry:
        """A person answers for the log as it was found when its witness was missing; audit kind `witness-accepted`.

        Raises  Denied: not a person; UsageError: no reason, or no witness was missing
        """
        entry: AuditEntry = self._writer.do(lambda tx: accept(tx, reason=reason, by=by))
        return entry

    def change_made(self, proposal_id: str) -> ChangeMade:
        """Raises NotFound: nothing was carried out under this id."""
        return self._read(lambda db: changes.read_change(db, proposal_id))

    def made_by(self, intent_id: str) -> tuple[str, ChangeMade] | None:
        """Who proposed this intent, and what became of it; None = this journal knows of none, or nothing did so far."""
        return self._read(lambda db: changes.read_made(db, intent_id))

    def changes_of(self, fleet: str, *, limit: int = 20) -> tuple[ChangeMade, ...]:
        """Of one fleet, by its label, newest first."""
        return self._read(lambda db: changes.read_changes(db, fleet, limit=limit))

    def registered_jobs(self) -> tuple[Job, ...]:
        return self.jobs.all()

    def recoveries_of(self, job_id: str, *, limit: int) -> tuple[Recovery, ...]:
        """Newest first."""
        return self.jobs.recoveries_of(job_id, limit=limit)

    def search_audit(self, text: str, *, limit: int) -> tuple[tuple[AuditEntry, ...], int]:
        """Entries that hold every word of the text, newest first; and how many were searched."""
        return self._read(lambda db: search.search(db, text, limit=limit))

    # proposals and answers

    def save_proposal(self, proposal: Proposal, decision: Decision, *, actor: str) -> None:
        """Audit kinds `proposal` and `decision`. Raises UsageError: the id is taken."""
        self._writer.do(lambda tx: proposals.save_proposal(tx, proposal, decision, actor=actor))

    def proposal(self, proposal_id: str) -> SavedProposal:
        """Raises UsageError: there is none."""
        return self._read(lambda db: proposals.read_one(db, proposal_id, now=self._clock.now()))

    def proposals(self, *, status: str | None = None, limit: int = 50) -> tuple[SavedProposal, ...]:
        """Newest first."""
        return self._read(lambda db: proposals.read_many(db, now=self._clock.now(), status=status, limit=limit))

    def save_approval(self, proposal_id: str, approval: Approval, *, actor: str) -> None:
        """A person's yes, or no: a no takes a yes back as long as nothing was begun. Audit kind `approval`.

        Raises  Denied: not a person, answered already, nothing left to answer; StalePlan; UsageError
        """
        self._writer.do(lambda tx: proposals.save_approval(tx, proposal_id, approval, actor=actor))

    def refuse(self, proposal_id: str, *, reason: str, drift: Sequence[str] = (), actor: str) -> None:
        """It was refused at the last look: it can never be acted on; audit kind `refused`.

        Nothing is written about a proposal that was acted on already.
        """
        self._writer.do(lambda tx: proposals.refuse(tx, proposal_id, reason=reason, drift=drift, actor=actor))

    # acting once

    def open_intent(
        self,
        proposal_id: str,
        intent: Intent,
        *,
        fleet: str,
        amounts: Mapping[str, Decimal | None],
        limits: Sequence[Reservation],
        approval_ids: Sequence[str],
        lease: Lease | None,
        actor: str,
    ) -> None:
        """Take the right to act, durably, before anything is sent; audit kind `intent`.

        fleet    the fleet's label
        amounts  measure → what the action takes (actions, instances_replaced, added_cost_usd in USD a day);
                 None = unknown, and then `use` does not know either until the window moved on
        limits   what the decision reserved
        Raises   Denied: acted on already, approval missing or used, fleet busy, a limit full; Halted: lease lost
                 AuditBroken: the audit chain does not hold the proposal, its verdict or its answers as the rows do
        """
        self._writer.do(
            lambda tx: intents.open_intent(
                tx,
                proposal_id,
                intent,
                fleet=fleet,
                amounts=amounts,
                limits=limits,
                approval_ids=approval_ids,
                lease=lease,
                actor=actor,
            )
        )

    def mark_sending(self, intent_id: str, *, lease: Lease | None, at: datetime, actor: str) -> None:
        """Audit kind `sending`: durable before the call, once an intent. Raises as intents.mark_sending says."""
        self._writer.do(lambda tx: intents.mark_sending(tx, intent_id, lease=lease, at=at, actor=actor))

    def close_intent(self, intent_id: str, outcome: Outcome, *, unsent_only: bool = False, actor: str) -> bool:
        """Audit kind `outcome`; `unknown` keeps the intent open, and is not written when it is closed.

        A change that is to be looked after is watched from here on.
        """

        def work(tx: Transaction) -> bool:
            written = intents.close_intent(tx, intent_id, outcome, unsent_only=unsent_only, actor=actor)
            if written:
                begin(tx, intent_id, outcome, actor=actor)
            return written

        written: bool = self._writer.do(work)
        return written

    def open_intents(self) -> tuple[OpenIntent, ...]:
        return self._read(intents.read_open)

    def held_lately(self, intent: Intent, *, since: datetime) -> bool:
        """Whether another change of the fleet, made since then, began from what this intent wants."""
        held: bool = self._read(lambda db: intents.held_lately(db, intent, since=since))
        return held

    def outcomes(self, proposal_id: str) -> tuple[Outcome, ...]:
        return self._read(lambda db: intents.read_outcomes(db, proposal_id))

    # limits

    def use(self, measures: Sequence[Measure], *, fleet: str, now: datetime) -> WindowUse:
        """What was done already, over the windows that the policy names; fleet is a label.

        A window that holds an unknown amount has no entry: a clause that needs it asks.
        """
        return self._read(lambda db: _window_use(db, measures, fleet=fleet, now=now))

    def spend(self, usd: Decimal, *, what: str, now: datetime) -> None:
        """Dollars for model tokens or a paid call; audit kind `spend`."""

        def work(tx: Transaction) -> None:
            budgets.take(
                tx.db, "tool_cost_usd", usd, fleet=budgets.EVERYWHERE, at=now, intent_id=None, what=clean(what)
            )
            tx.append("spend", {"usd": usd, "what": what}, actor="journal")

        self._writer.do(work)

    # one leader

    def acquire_lease(self, name: str, *, holder: str, ttl_seconds: float, now: datetime) -> Lease | None:
        """None while another lease runs."""
        lease: Lease | None = self._writer.do(
            lambda tx: leases.acquire(tx, name, holder=holder, ttl_seconds=ttl_seconds, now=now)
        )
        return lease

    def renew_lease(self, lease: Lease, *, ttl_seconds: float, now: datetime) -> Lease | None:
        """None when it was lost."""
        renewed: Lease | None = self._writer.do(lambda tx: leases.renew(tx, lease, ttl_seconds=ttl_seconds, now=now))
        return renewed

    def release_lease(self, lease: Lease, *, now: datetime | None = None) -> None:
        """now  None = the journal's clock"""
        self._writer.do(lambda tx: leases.release(tx, lease, now=now or tx.at))

    def lease(self, name: str) -> Lease | None:
        """Who held it last; `expires_at` says whether they still do. None = nobody ever."""
        return self._read(lambda db: leases.read(db, name))

    # talk

    def start_conversation(self, title: str, *, lang: str | None = None) -> str:
        conversation_id: str = self._writer.do(lambda tx: conversations.start(tx, title, lang=lang))
        return conversation_id

    def add_message(self, conversation_id: str, message: Mapping[str, Any]) -> None:
        """Raises UsageError: there is no such conversation."""
        self._writer.do(lambda tx: conversations.add(tx, conversation_id, message))

    def messages(self, conversation_id: str) -> tuple[dict[str, Any], ...]:
        """Oldest first."""
        texts = self._read(lambda db: conversations.read_messages(db, conversation_id))
        return tuple(json.loads(text) for text in texts)

    def conversations(self, limit: int = 50) -> tuple[Conversation, ...]:
        """Newest first."""
        return self._read(lambda db: conversations.read_many(db, limit=limit))


def _window_use(db: Any, measures: Sequence[Measure], *, fleet: str, now: datetime) -> WindowUse:
    sums = budgets.used_of(db, measures, fleet=fleet, now=now)
    since_change = intents.seconds_since_change(db, fleet, now=now)
    return WindowUse(
        never_changed=since_change is None,
        actions={name: int(n) for name, n in sums.get("actions", {}).items()},
        instances_replaced={name: int(n) for name, n in sums.get("instances_replaced", {}).items()},
        added_cost_usd=sums.get("added_cost_usd", {}),
        tool_cost_usd=sums.get("tool_cost_usd", {}),
        seconds_since_change=since_change,
        fleets_changing=intents.other_fleets_changing(db, fleet),
    )


def _close_at_exit(journal: Journal) -> Callable[[], None]:
    """Every clean exit witnesses the head, also one that forgot to close."""
    known = weakref.ref(journal)

    def close() -> None:
        left = known()
        if left is not None:
            left.close()

    atexit.register(close)
    return close
