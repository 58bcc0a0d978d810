"""Registered jobs, and the recoveries of their interruptions. Two may look at once; of each step, one has a winner.

A recovery is one row that is replaced whole, by whoever still saw it as it stood: its digest is compared in the
transaction that writes it. So a process may die between any two lines, and the next one goes on from the row.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.journal.writer import Transaction, Work, clean, instant
from tools.errors import UsageError
from tools.jobs.sight import Asked
from tools.records import Job, Recovery, RecoveryStep

SAME_NOTICE = timedelta(minutes=15)
"""two about one instance closer than this are one: the instance metadata and EventBridge tell with different times"""
KIND_REGISTERED, KIND_FORGOTTEN = "job-registered", "job-forgotten"
KIND_OPENED, KIND_STEP, KIND_TOLD = "recovery", "recovery-step", "recovery-told"

Move = tuple[Recovery, Recovery]
"""(as it was seen, as it shall be)"""


class Jobs:
    """The tables `jobs` and `recoveries`; a part of the journal, safe to call from any thread."""

    def __init__(self, do: Callable[[Work], Any], read: Callable[[Callable[[Any], Any]], Any]) -> None:
        self._do = do
        self._read = read

    def register(self, job: Job, *, actor: str) -> Job | None:
        """Add it, or replace the one of this name: returns what was replaced. Audit kind `job-registered`."""
        before: Job | None = self._do(lambda tx: _register(tx, job, actor=actor))
        return before

    def forget(self, job_id: str, *, actor: str) -> Job:
        """Audit kind `job-forgotten`; its open recoveries end. Raises UsageError: there is none of this name."""
        gone: Job = self._do(lambda tx: _forget(tx, job_id, actor=actor))
        return gone

    def all(self) -> tuple[Job, ...]:
        """By name."""
        rows = self._read(lambda db: db.execute("SELECT job FROM jobs ORDER BY job_id").fetchall())
        return tuple(Job.model_validate_json(text) for (text,) in rows)

    def one(self, job_id: str) -> Job | None:
        return next((j for j in self.all() if j.job_id == job_id), None)

    def begin(self, recoveries: Sequence[Recovery], *, actor: str) -> tuple[Recovery, ...]:
        """Open those whose notice is not known yet, all in one transaction; returns them.

        One whose instance is another recovery's replacement takes that over: it is told as `passed-on`, and the new
        one counts its attempt. Audit kind `recovery`.
        """
        if not recoveries:
            return ()
        opened: tuple[Recovery, ...] = self._do(lambda tx: _begin(tx, recoveries, actor=actor))
        return opened

    def move(self, moves: Sequence[Move], *, actor: str) -> tuple[Recovery, ...]:
        """Take steps, all in one transaction; returns those that still stood where they were seen.

        A replacement that another recovery has claimed meanwhile is refused to the later one.
        Audit kinds `recovery-step`, and `recovery-told` where it ends.
        """
        if not moves:
            return ()
        won: tuple[Recovery, ...] = self._do(lambda tx: _move_all(tx, moves, actor=actor))
        return won

    def open(self) -> tuple[Recovery, ...]:
        """Oldest first."""
        return self._recoveries("status = 'open'", ())

    def recovery(self, recovery_id: str) -> Recovery | None:
        found = self._recoveries("recovery_id = ?", (recovery_id,))
        return found[0] if found else None

    def recoveries_of(self, job_id: str, *, limit: int = 10) -> tuple[Recovery, ...]:
        """Newest first."""
        return self._recoveries("job_id = ?", (job_id,), order="rowid DESC LIMIT ?", more=(limit,))

    def ended_on(self, fleet: str, *, limit: int = 100) -> tuple[Recovery, ...]:
        """Of every job on a fleet (its label): those that recovered or gave up, the newest notice first."""
        ended = "fleet = ? AND status IN ('recovered', 'gave-up')"
        return self._recoveries(ended, (fleet,), order="notice_at DESC, rowid DESC LIMIT ?", more=(limit,))

    def taken(self, job_id: str, *, since: datetime) -> frozenset[str]:
        """Instances that some recovery of the job since then replaces, or counts as its replacement."""
        rows = self._read(
            lambda db: db.execute(
                "SELECT instance_id, replaced_by FROM recoveries WHERE job_id = ? AND notice_at >= ?",
                (job_id, instant(since)),
            ).fetchall()
        )
        return frozenset(text for row in rows for text in row if text is not None)

    def asked(self, kinds: Sequence[str], *, since: datetime, now: datetime) -> tuple[Asked, ...]:
        """Proposals of these kinds of action since then, oldest first, whoever made them."""
        found: tuple[Asked, ...] = self._read(lambda db: _asked(db, kinds, since, now))
        return found

    def notices(self, *, after_seq: int, since: datetime) -> tuple[tuple[int, str], ...]:
        """(seq, payload) of every notice written down since, oldest first."""
        rows = self._read(
            lambda db: db.execute(
                "SELECT seq, payload FROM audit WHERE seq > ? AND kind = 'notice' AND at >= ? ORDER BY seq",
                (after_seq, instant(since)),
            ).fetchall()
        )
        return tuple((int(seq), str(text)) for seq, text in rows)

    def _recoveries(
        self, where: str, values: Iterable[Any], *, order: str = "rowid", more: Iterable[Any] = ()
    ) -> tuple[Recovery, ...]:
        rows = self._read(
            lambda db: db.execute(
                f"SELECT recovery FROM recoveries WHERE {where} ORDER BY {order}",  # noqa: S608 - our own words
                (*values, *more),
            ).fetchall()
        )
        return tuple(Recovery.model_validate_json(text) for (text,) in rows)


def _register(tx: Transaction, job: Job, *, actor: str) -> Job | None:
    row = tx.db.execute("SELECT job FROM jobs WHERE job_id = ?", (job.job_id,)).fetchone()
    before = Job.model_validate_json(row[0]) if row else None
    tx.db.execute(
        "INSERT OR REPLACE INTO jobs (job_id, fleet, registered_at, job) VALUES (?, ?, ?, ?)",
        (clean(job.job_id), job.fleet.label, instant(job.registered_at), clean(job.canonical())),
    )
    tx.append(KIND_REGISTERED, {"job": job, "replaced": before is not None}, actor=actor)
    return before


def _forget(tx: Transaction, job_id: str, *, actor: str) -> Job:
    row = tx.db.execute("SELECT job FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        raise UsageError(f"no job {job_id[:80]!r} is registered", hint="spotwarden jobs status lists them")
    tx.db.execute("DELETE FROM jobs WHERE job_id = ?", (job_id,))
    tx.append(KIND_FORGOTTEN, {"job_id": job_id}, actor=actor)
    rows = tx.db.execute(
        "SELECT recovery FROM recoveries WHERE job_id = ? AND status = 'open' ORDER BY rowid", (job_id,)
    ).fetchall()
    for (text,) in rows:
        before = Recovery.model_validate_json(text)
        told = f"{job_id} was forgotten by {actor}"
        _move(tx, before, before.with_(status="gave-up", ended_at=tx.at, told=told[:2_000]), actor=actor)
    return Job.model_validate_json(row[0])


def _begin(tx: Transaction, recoveries: Sequence[Recovery], *, actor: str) -> tuple[Recovery, ...]:
    opened = []
    for recovery in recoveries:
        near = tx.db.execute(
            "SELECT 1 FROM recoveries WHERE recovery_id = ? OR (job_id = ? AND instance_id = ? "
            "AND notice_at BETWEEN ? AND ?)",
            (
                recovery.recovery_id,
                recovery.job.job_id,
                recovery.instance_id,
                instant(recovery.notice_at - SAME_NOTICE),
                instant(recovery.notice_at + SAME_NOTICE),
            ),
        ).fetchone()
        if near is None:
            opened.append(_open(tx, recovery, actor=actor))
    return tuple(opened)


def _open(tx: Transaction, recovery: Recovery, *, actor: str) -> Recovery:
    """The replacement of an open recovery is interrupted: this one goes on with it, and counts."""
    row = tx.db.execute(
        "SELECT recovery FROM recoveries WHERE status = 'open' AND job_id = ? AND replaced_by = ?",
        (recovery.job.job_id, recovery.instance_id),
    ).fetchone()
    if row is not None:
        before = Recovery.model_validate_json(row[0])
        told = f"its replacement {recovery.instance_id} was interrupted too: {recovery.recovery_id} goes on"
        _move(tx, before, before.with_(status="passed-on", ended_at=tx.at, told=told), actor=actor)
        recovery = recovery.with_(attempt=before.attempt + 1)
    tx.db.execute(
        "INSERT INTO recoveries (recovery_id, job_id, fleet, instance_id, notice_at, status, replaced_by, opened_at, "
        "ended_at, digest, recovery) VALUES (?, ?, ?, ?, ?, ?, NULL, ?, NULL, ?, ?)",
        (
            recovery.recovery_id,
            clean(recovery.job.job_id),
            recovery.job.fleet.label,
            recovery.instance_id,
            instant(recovery.notice_at),
            recovery.status,
            instant(recovery.opened_at),
            recovery.digest,
            clean(recovery.canonical()),
        ),
    )
    tx.append(KIND_OPENED, {"recovery": recovery}, actor=actor)
    return recovery


def _move_all(tx: Transaction, moves: Sequence[Move], *, actor: str) -> tuple[Recovery, ...]:
    return tuple(after for before, after in moves if _move(tx, before, after, actor=actor))


def _move(tx: Transaction, before: Recovery, after: Recovery, *, actor: str) -> bool:
    """False = it does not stand there any more, or its replacement is another's."""
    taken = tx.db.execute(
        "UPDATE recoveries SET status = ?, replaced_by = ?, ended_at = ?, digest = ?, recovery = ? "
        "WHERE recovery_id = ? AND digest = ? AND (? IS NULL OR NOT EXISTS "
        "(SELECT 1 FROM recoveries r WHERE r.job_id = ? AND r.replaced_by = ? AND r.recovery_id <> ?))",
        (
            after.status,
            after.replaced_by,
            None if after.ended_at is None else instant(after.ended_at),
            after.digest,
            clean(after.canonical()),
            before.recovery_id,
            before.digest,
            after.replaced_by,
            after.job.job_id,
            after.replaced_by,
            after.recovery_id,
        ),
    )
    if taken.rowcount != 1:
        return False
    changed = [now for was, now in zip(before.steps, after.steps, strict=True) if _differs(was, now)]
    about = {"recovery_id": after.recovery_id, "job_id": after.job.job_id, "instance_id": after.instance_id}
    if changed or before.attempt != after.attempt:
        seen = {"attempt": after.attempt, "replaced_by": after.replaced_by, "checkpoint_id": after.checkpoint_id}
        tx.append(KIND_STEP, {**about, **seen, "steps": changed}, actor=actor)
    if before.status != after.status:
        ended = {"status": after.status, "told": after.told, "timeline": after.timeline}
        tx.append(KIND_TOLD, {**about, **ended, "lost_work_seconds": after.lost_work_seconds}, actor=actor)
    return True


def _differs(was: RecoveryStep, now: RecoveryStep) -> bool:
    """When it is tried again next is no news."""
    return was.with_(due_at=None) != now.with_(due_at=None)


def _asked(db: Any, kinds: Sequence[str], since: datetime, now: datetime) -> tuple[Asked, ...]:
    marks = ", ".join("?" * len(kinds))
    rows = db.execute(
        "SELECT p.proposal_id, json_extract(p.proposal, '$.action.kind') AS kind, p.fleet, "  # noqa: S608
        "CASE WHEN p.status IN ('pending', 'approved', 'allowed') AND p.expires_at <= ? THEN 'expired' "
        "ELSE p.status END, p.at, "
        "(SELECT max(o.at) FROM outcomes o JOIN intents i USING (intent_id) WHERE i.proposal_id = p.proposal_id), "
        "json_extract(p.proposal, '$.action.instance_ids'), json_extract(p.decision, '$.reasons'), "
        "json_extract(p.proposal, '$.proposed_by'), json_extract(p.proposal, '$.state_seen.instances') "
        f"FROM proposals p WHERE p.at >= ? AND kind IN ({marks}) ORDER BY p.rowid",
        (instant(now), instant(since), *kinds),
    ).fetchall()
    return tuple(
        Asked(
            proposal_id=row[0],
            kind=row[1],
            fleet=row[2],
            status=row[3],
            at=datetime.fromisoformat(row[4]),
            ended_at=datetime.fromisoformat(row[5]) if row[5] else None,
            instance_ids=tuple(json.loads(row[6] or "[]")),
            why="; ".join(json.loads(row[7] or "[]")),
            by=row[8],
            places={i: (seen[0], seen[1]) for i, seen in json.loads(row[9] or "{}").items()} if row[6] else {},
        )
        for row in rows
    )
