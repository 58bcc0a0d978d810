"""Changes that are looked after once they are made. Two may look at once; of each step, one transaction has a winner.

armed        the change is not made yet; void: it never was
watching     until a moment, from the transaction that wrote its outcome
failed       somebody must set it back, or tell a person; whoever looks goes on with it
passed, rolled-back, escalated  the end
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from agent.journal.writer import Transaction, Work, clean, instant
from policies.records import Aftercare
from tools.errors import UsageError
from tools.fleets.verdicts import Baseline, Verdict
from tools.records import Intent, Name, Outcome, Record, UtcTime

WatchStatus = Literal["armed", "void", "watching", "passed", "failed", "rolled-back", "escalated"]
OPEN: tuple[WatchStatus, ...] = ("watching", "failed")
_KINDS: dict[WatchStatus, str] = {
    "passed": "verified",
    "failed": "verified",
    "rolled-back": "rolled-back",
    "escalated": "escalated",
}
_MADE = ("done", "partial")
_NOT_MADE = ("already", "failed", "refused", "superseded")
_COLUMNS = (
    "proposal_id, fleet, seconds, on_fail, status, changed_at, until, ended_at, rollback_id, told, attended_by, "
    "attended_until, baseline, verdict"
)


class WatchedChange(Record):
    """One change that is, or was, looked after."""

    proposal_id: Name
    fleet: Name
    """label"""
    seconds: int
    on_fail: Literal["rollback", "escalate"]
    status: WatchStatus
    changed_at: UtcTime | None
    """None = the change is not made yet, and so for `until`"""
    until: UtcTime | None
    ended_at: UtcTime | None
    rollback_id: Name | None
    """the proposal that undoes it; None = none was made"""
    told: str
    """how it ended, for people"""
    attended_by: str | None
    attended_until: UtcTime | None
    """until then somebody sits there and looks, and others need not"""
    baseline: Baseline
    verdict: Verdict | None
    """the newest; None = nobody has looked yet"""

    @property
    def open(self) -> bool:
        return self.status in OPEN


class Watches:
    """The table `watches`; a part of the journal, safe to call from any thread."""

    def __init__(self, do: Callable[[Work], Any], read: Callable[[Callable[[Any], Any]], Any]) -> None:
        self._do = do
        self._read = read

    def arm(self, proposal_id: str, wanted: Aftercare, baseline: Baseline, *, now: datetime) -> None:
        """Before the change. Armed twice it keeps the stricter wish, and what was recorded last before the change.

        Raises  UsageError: the change was begun already and nothing was recorded before it
        """
        self._do(lambda tx: _arm(tx, proposal_id, wanted, baseline, now=now))

    def one(self, proposal_id: str) -> WatchedChange | None:
        found: tuple[WatchedChange, ...] = self._read(lambda db: _select(db, "proposal_id = ?", (proposal_id,)))
        return found[0] if found else None

    def of_status(self, *statuses: WatchStatus) -> tuple[WatchedChange, ...]:
        """Oldest first."""
        marks = ", ".join("?" * len(statuses))
        found: tuple[WatchedChange, ...] = self._read(lambda db: _select(db, f"status IN ({marks})", statuses))
        return found

    def undone(self) -> tuple[WatchedChange, ...]:
        """Told to a person who has set it back since, oldest first."""
        where = (
            "status = 'escalated' AND rollback_id IN (SELECT p.proposal_id FROM proposals p WHERE p.status = 'done')"
        )
        found: tuple[WatchedChange, ...] = self._read(lambda db: _select(db, where, ()))
        return found

    def attend(self, proposal_id: str, *, by: str, until: datetime) -> None:
        """Somebody sits there and looks; a moment in the past lets it go."""
        self._do(
            lambda tx: tx.db.execute(
                "UPDATE watches SET attended_by = ?, attended_until = ? WHERE proposal_id = ?",
                (clean(by), instant(until), proposal_id),
            )
        )

    def note(self, proposal_id: str, verdict: Verdict) -> None:
        """What was seen; only while it is watched."""
        self._do(
            lambda tx: tx.db.execute(
                "UPDATE watches SET verdict = ? WHERE proposal_id = ? AND status = 'watching'",
                (clean(verdict.canonical()), proposal_id),
            )
        )

    def move(
        self,
        proposal_id: str,
        to: WatchStatus,
        *,
        only_from: Sequence[WatchStatus],
        unclaimed: bool = False,
        verdict: Verdict | None = None,
        told: str = "",
        actor: str,
    ) -> bool:
        """Take one step, if it still stands where it stood: False = somebody else was quicker.

        unclaimed  only while no rollback is named
        Audit kinds `verified` (with what was seen), `rolled-back`, `escalated`.
        """
        moved: bool = self._do(
            lambda tx: _move(
                tx,
                proposal_id,
                to,
                only_from=only_from,
                unclaimed=unclaimed,
                verdict=verdict,
                told=told,
                actor=actor,
            )
        )
        return moved

    def claim_rollback(self, proposal_id: str, rollback_id: str) -> str:
        """One proposal undoes a change, however many were drawn up: the one that was named first."""
        winner: str = self._do(lambda tx: _claim(tx, proposal_id, rollback_id))
        return winner

    def forget_rollback(self, proposal_id: str, rollback_id: str) -> None:
        """A proposal that was refused, or came to nothing, undoes nothing: another one may be drawn up."""
        self._do(
            lambda tx: tx.db.execute(
                "UPDATE watches SET rollback_id = NULL WHERE proposal_id = ? AND status = 'failed' AND rollback_id = "
                "(SELECT proposal_id FROM proposals p WHERE p.proposal_id = ? AND p.status IN ('refused', 'failed'))",
                (proposal_id, rollback_id),
            )
        )

    def intent(self, proposal_id: str) -> tuple[Intent, Outcome] | None:
        """How a change was made, and what became of it last; None = it was not."""
        found: tuple[Intent, Outcome] | None = self._read(lambda db: _intent(db, proposal_id))
        return found

    def undone_by(self, proposal_id: str) -> tuple[str, ...]:
        """Proposals that undo this one, newest first."""
        rows = self._read(
            lambda db: db.execute(
                "SELECT proposal_id FROM proposals WHERE json_extract(proposal, '$.aftercare.undoes') = ? "
                "ORDER BY rowid DESC",
                (proposal_id,),
            ).fetchall()
        )
        return tuple(name for (name,) in rows)


def begin(tx: Transaction, intent_id: str, outcome: Outcome, *, actor: str) -> None:
    """In the transaction that writes an outcome: from now on it is watched, or there is nothing to watch.

    Audit kind `watch`.
    """
    row = tx.db.execute(
        "SELECT w.proposal_id, w.seconds, w.on_fail, w.baseline FROM watches w JOIN intents i USING (proposal_id) "
        "WHERE i.intent_id = ? AND w.status IN ('armed', 'void')",
        (intent_id,),
    ).fetchone()
    if row is None or outcome.status == "unknown":
        return
    if outcome.status in _NOT_MADE:
        tx.db.execute("UPDATE watches SET status = 'void' WHERE proposal_id = ?", (row[0],))
        return
    until = outcome.at + timedelta(seconds=row[1])
    tx.db.execute(
        "UPDATE watches SET status = 'watching', changed_at = ?, until = ? WHERE proposal_id = ?",
        (instant(outcome.at), instant(until), row[0]),
    )
    baseline = Baseline.model_validate_json(row[3])
    told = {"proposal_id": row[0], "until": until, "on_fail": row[2], "baseline": baseline}
    tx.append("watch", told, actor=actor)


def _arm(tx: Transaction, proposal_id: str, wanted: Aftercare, baseline: Baseline, *, now: datetime) -> None:
    if wanted.verify_seconds is None:
        return
    row = tx.db.execute(
        "SELECT seconds, on_fail, changed_at FROM watches WHERE proposal_id = ?", (proposal_id,)
    ).fetchone()
    begun = tx.db.execute("SELECT 1 FROM intents WHERE proposal_id = ?", (proposal_id,)).fetchone() is not None
    if row is None and begun:
        raise UsageError(
            f"{proposal_id} was begun without a watch: what the fleet was before is not recorded",
            hint=f"see how it stands: spotwarden fleets; set it back: spotwarden apply --rollback {proposal_id}",
        )
    if row is None:
        tx.db.execute(
            "INSERT INTO watches (proposal_id, fleet, armed_at, seconds, on_fail, status, baseline) "
            "VALUES (?, (SELECT fleet FROM proposals WHERE proposal_id = ?), ?, ?, ?, 'armed', ?)",
            (
                proposal_id,
                proposal_id,
                instant(now),
                wanted.verify_seconds,
                wanted.on_fail,
                clean(baseline.canonical()),
            ),
        )
        return
    stricter = "rollback" if "rollback" in (row[1], wanted.on_fail) else "escalate"
    seconds = max(row[0], wanted.verify_seconds)
    until = instant(datetime.fromisoformat(row[2]) + timedelta(seconds=seconds)) if row[2] else None
    tx.db.execute(
        "UPDATE watches SET seconds = ?, on_fail = ?, until = ? "
        "WHERE proposal_id = ? AND status IN ('armed', 'watching')",
        (seconds, stricter, until, proposal_id),
    )
    if not begun:
        tx.db.execute(
            "UPDATE watches SET baseline = ? WHERE proposal_id = ?", (clean(baseline.canonical()), proposal_id)
        )


def _move(
    tx: Transaction,
    proposal_id: str,
    to: WatchStatus,
    *,
    only_from: Sequence[WatchStatus],
    unclaimed: bool,
    verdict: Verdict | None,
    told: str,
    actor: str,
) -> bool:
    marks = ", ".join("?" * len(only_from))
    taken = tx.db.execute(
        f"UPDATE watches SET status = ?, verdict = coalesce(?, verdict), told = ?, ended_at = ? "  # noqa: S608
        f"WHERE proposal_id = ? AND status IN ({marks}) AND (rollback_id IS NULL OR NOT ?)",
        (
            to,
            None if verdict is None else clean(verdict.canonical()),
            clean(told),
            None if to in OPEN else instant(tx.at),
            proposal_id,
            *only_from,
            int(unclaimed),
        ),
    )
    if taken.rowcount != 1:
        return False
    (watch,) = _select(tx.db, "proposal_id = ?", (proposal_id,))
    payload: dict[str, Any] = {"proposal_id": proposal_id, "status": to, "verdict": watch.verdict}
    tx.append(_KINDS[to], payload | {"rollback_id": watch.rollback_id, "told": told}, actor=actor)
    return True


def _claim(tx: Transaction, proposal_id: str, rollback_id: str) -> str:
    tx.db.execute(
        "UPDATE watches SET rollback_id = ? WHERE proposal_id = ? AND rollback_id IS NULL", (rollback_id, proposal_id)
    )
    row = tx.db.execute("SELECT rollback_id FROM watches WHERE proposal_id = ?", (proposal_id,)).fetchone()
    return str(row[0])


def _select(db: Any, where: str, values: Sequence[Any]) -> tuple[WatchedChange, ...]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM watches WHERE {where} ORDER BY rowid",  # noqa: S608 - our own words
        tuple(values),
    ).fetchall()
    return tuple(_watched(row) for row in rows)


def _watched(row: Sequence[Any]) -> WatchedChange:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    for time in ("changed_at", "until", "ended_at", "attended_until"):
        named[time] = datetime.fromisoformat(named[time]) if named[time] else None
    named["baseline"] = Baseline.model_validate_json(named["baseline"])
    named["verdict"] = Verdict.model_validate_json(named["verdict"]) if named["verdict"] else None
    return WatchedChange(**named)


def _intent(db: Any, proposal_id: str) -> tuple[Intent, Outcome] | None:
    row = db.execute(
        "SELECT i.intent, (SELECT outcome FROM outcomes o WHERE o.intent_id = i.intent_id "
        "ORDER BY outcome_id DESC LIMIT 1) FROM intents i WHERE i.proposal_id = ?",
        (proposal_id,),
    ).fetchone()
    if row is None or row[1] is None:
        return None
    return Intent.model_validate_json(row[0]), Outcome.model_validate_json(row[1])
