"""The right to act once. One transaction looks at everything that could forbid an action, takes what it needs
(the approvals, its share of the limits, the fleet), and makes the intent durable before anything is sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agent.journal.budgets import release, reserve, restore, within_limits
from agent.journal.evidence import confirm, confirm_intent
from agent.journal.leases import still_leads
from agent.journal.proposals import read_one
from agent.journal.records import Lease, OpenIntent, SavedProposal
from agent.journal.writer import Transaction, clean, instant
from policies.clauses.clause import VOLUMES
from policies.people import person_name
from policies.records import Reservation
from tools.errors import Denied, JournalError
from tools.records import Intent, Outcome

_STATUS_AFTER = {
    "done": "done",
    "already": "done",
    "partial": "partial",
    "refused": "failed",
    "failed": "failed",
    "unknown": "unknown",
    "superseded": "unknown",
}

_COPIES = tuple(sorted({*VOLUMES, "request-checkpoint"}))


def open_intent(
    tx: Transaction,
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
    """Raises  Denied: acted on already, an approval missing or used, the fleet busy, a limit full
    Halted: the lease was lost
    AuditBroken: the audit chain does not hold what the rows show
    """
    earliest, now = sorted((intent.opened_at, tx.at))  # the caller may have waited long for its turn
    saved = read_one(tx.db, proposal_id, now=now)
    _not_acted_on(saved)
    confirm(tx.db, proposal_id)
    _permitted(saved, intent, now)
    if lease is not None:
        still_leads(tx.db, lease, now=now)
    touches = _touched(intent)
    _is_free(tx.db, touches)
    approved_by = _approvals(tx.db, saved, approval_ids, now=now)
    _enough(saved, approved_by)
    within_limits(tx.db, limits, amounts, now=earliest, approved=bool(approved_by))
    told = tx.append(
        "intent",
        {
            "proposal_id": proposal_id,
            "fleet": fleet,
            "intent": intent,
            "amounts": dict(amounts),
            "reservations": list(limits),
            "approval_ids": list(approval_ids),
            "lease": lease,
        },
        actor=actor,
    )
    tx.db.execute(
        "INSERT INTO intents (intent_id, proposal_id, fleet, touches, opened_at, status, seq, intent) "
        "VALUES (?, ?, ?, ?, ?, 'open', ?, ?)",
        (intent.intent_id, proposal_id, fleet, touches, instant(intent.opened_at), told.seq, clean(intent.canonical())),
    )
    _consume(tx.db, approval_ids, intent.intent_id)
    reserve(tx.db, limits, amounts, fleet=fleet, intent_id=intent.intent_id, at=now)
    tx.db.execute("UPDATE proposals SET status = 'acting' WHERE proposal_id = ?", (proposal_id,))


def _not_acted_on(saved: SavedProposal) -> None:
    proposal_id = saved.proposal.proposal_id
    if saved.status in ("acting", "done", "partial", "failed", "unknown"):
        raise Denied(
            f"proposal {proposal_id} was acted on already: it is {saved.status}",
            hint="ask for a new one if it is needed",
        )
    if saved.status in ("denied", "refused", "expired") or saved.decision.verdict == "deny":
        raise Denied(f"proposal {proposal_id} is {saved.status}", hint="ask for a new one")


def _permitted(saved: SavedProposal, intent: Intent, now: datetime) -> None:
    permit = intent.permit
    if permit.proposal_digest != saved.proposal.digest or permit.action_digest != saved.proposal.action.digest:
        raise Denied(f"the permit {permit.permit_id} is for another action than {saved.proposal.proposal_id} shows")
    if permit.expires_at <= now:
        raise Denied(f"the permit {permit.permit_id} expired at {permit.expires_at:%H:%M:%S}Z", hint="apply it again")


def _touched(intent: Intent) -> str:
    """What two open intents may not touch at once; what stands beside any other touches itself alone."""
    action = intent.permit.action
    return action.touches or f"{action.fleet.label} {action.kind} {intent.intent_id}"


def _is_free(db: Any, touches: str) -> None:
    busy = db.execute(
        "SELECT intent_id, status FROM intents WHERE touches = ? AND closed_at IS NULL", (touches,)
    ).fetchone()
    if busy is not None:
        raise Denied(
            f"{touches} has an open intent {busy[0]} ({busy[1]}): one change of a fleet at a time",
            hint="wait until it is told done or failed; `spotwarden run --once` reads the fleet and closes it",
        )


def _approvals(db: Any, saved: SavedProposal, approval_ids: Sequence[str], *, now: datetime) -> set[str]:
    """Who approved; every id must be an unused yes to this very proposal."""
    by_id = {a.approval_id: a for a in saved.approvals}
    for approval_id in approval_ids:
        approval = by_id.get(approval_id)
        if approval is None or approval.answer != "approve":
            raise Denied(f"{approval_id} is no approval of proposal {saved.proposal.proposal_id}")
        if approval.expires_at <= now:
            raise Denied(f"approval {approval_id} by {approval.by} has expired", hint="approve it again")
    used = db.execute(
        "SELECT approval_id, consumed_by FROM approvals WHERE proposal_id = ? AND consumed_by IS NOT NULL",
        (saved.proposal.proposal_id,),
    ).fetchall()
    for approval_id, consumed_by in used:
        if approval_id in approval_ids:
            raise Denied(f"approval {approval_id} was used by {consumed_by}: it is good for once")
    return {person_name(by_id[i].by) for i in approval_ids}


def _enough(saved: SavedProposal, approved_by: set[str]) -> None:
    if saved.decision.verdict == "ask" and len(approved_by) < saved.decision.quorum:
        raise Denied(
            f"proposal {saved.proposal.proposal_id} needs {saved.decision.quorum} approvals, it has {len(approved_by)}",
            hint=f"spotwarden approve {saved.proposal.proposal_id}",
        )


def _consume(db: Any, approval_ids: Sequence[str], intent_id: str) -> None:
    for approval_id in dict.fromkeys(approval_ids):
        taken = db.execute(
            "UPDATE approvals SET consumed_by = ? WHERE approval_id = ? AND consumed_by IS NULL",
            (intent_id, approval_id),
        )
        if taken.rowcount != 1:
            raise Denied(f"approval {approval_id} was used already: it is good for once")


def close_intent(tx: Transaction, intent_id: str, outcome: Outcome, *, unsent_only: bool = False, actor: str) -> bool:
    """Say what became of an intent. `unknown` keeps it open; a later word wins, as the world was read again.

    An `unknown` that comes after a word was found knows less than the journal does: it is not written.

    unsent_only  write it only while nobody has begun to send: who sleeps in between then finds it closed
    Returns      whether it was written
    Raises       JournalError: there is no such intent
    """
    row = tx.db.execute(
        "SELECT proposal_id, closed_at, fleet, sent_at FROM intents WHERE intent_id = ?", (intent_id,)
    ).fetchone()
    if row is None:
        raise JournalError(f"there is no intent {intent_id!r} to close")
    proposal_id, closed_at, fleet, sent_at = row
    if (outcome.status == "unknown" and closed_at is not None) or (unsent_only and sent_at is not None):
        return False
    tx.db.execute(
        "INSERT INTO outcomes (intent_id, at, status, outcome) VALUES (?, ?, ?, ?)",
        (intent_id, instant(outcome.at), outcome.status, clean(outcome.canonical())),
    )
    tx.append(
        "outcome",
        {"proposal_id": proposal_id, "intent_id": intent_id, "fleet": fleet, "outcome": outcome},
        actor=actor,
    )
    if outcome.status == "unknown":
        _set_status(tx.db, proposal_id, intent_id, "unknown", None, outcome)
        return True
    _set_status(tx.db, proposal_id, intent_id, outcome.status, instant(outcome.at), outcome)
    if _had_no_effect(outcome):
        release(tx.db, intent_id, at=outcome.at)
    else:
        restore(tx.db, intent_id)
    return True


def _set_status(db: Any, proposal_id: str, intent_id: str, status: str, closed_at: str | None, said: Outcome) -> None:
    changed = instant(said.at) if status in ("done", "already", "partial", "unknown", "superseded") else None
    db.execute(
        "UPDATE intents SET status = ?, closed_at = ?, changed_at = CASE WHEN sent_at IS NULL THEN changed_at "
        "ELSE coalesce(?, changed_at) END WHERE intent_id = ?",
        (status, closed_at, changed, intent_id),
    )
    db.execute("UPDATE proposals SET status = ? WHERE proposal_id = ?", (_STATUS_AFTER[said.status], proposal_id))


def _had_no_effect(outcome: Outcome) -> bool:
    """AWS refused, or the fields were read back as they were; unread is not unchanged."""
    if outcome.status == "refused":
        return True
    return outcome.status == "failed" and bool(outcome.after) and outcome.after == outcome.before


def mark_sending(tx: Transaction, intent_id: str, *, lease: Lease | None, at: datetime, actor: str) -> None:
    """The last word before the call: from here on it may have happened. Durable on return, once an intent.

    Raises  Denied: the intent was closed meanwhile, was sent before, or its permit is over
            Halted: the lease went to somebody else
            AuditBroken: the audit chain does not hold this intent as its row shows it
    """
    row = tx.db.execute("SELECT closed_at, sent_at, intent FROM intents WHERE intent_id = ?", (intent_id,)).fetchone()
    if row is None or row[0] is not None or row[1] is not None:
        end = "is not known" if row is None else "was sent before" if row[1] else "was closed while its sender slept"
        raise Denied(f"the intent {intent_id} {end}: nothing is sent", hint="ask or plan again")
    now = max(at, tx.at)
    if now >= Intent.model_validate_json(row[2]).permit.expires_at:
        raise Denied(f"the permit of {intent_id} is over: nothing is sent", hint="ask or plan again")
    if lease is not None:
        still_leads(tx.db, lease, now=now)
    confirm_intent(tx.db, intent_id)
    tx.db.execute("UPDATE intents SET sent_at = ? WHERE intent_id = ?", (instant(now), intent_id))
    tx.append("sending", {"intent_id": intent_id}, actor=actor)


def read_open(db: Any) -> tuple[OpenIntent, ...]:
    """Oldest first."""
    rows = db.execute(
        "SELECT proposal_id, intent, sent_at, (SELECT outcome FROM outcomes o WHERE o.intent_id = i.intent_id "
        "ORDER BY outcome_id DESC LIMIT 1) FROM intents i WHERE closed_at IS NULL ORDER BY rowid"
    ).fetchall()
    return tuple(
        OpenIntent(
            proposal_id=p,
            intent=Intent.model_validate_json(i),
            sent_at=datetime.fromisoformat(sent) if sent else None,
            last_outcome=Outcome.model_validate_json(o) if o else None,
        )
        for p, i, sent, o in rows
    )


def read_outcomes(db: Any, proposal_id: str) -> tuple[Outcome, ...]:
    """Oldest first."""
    rows = db.execute(
        "SELECT outcome FROM outcomes WHERE intent_id IN (SELECT intent_id FROM intents WHERE proposal_id = ?) "
        "ORDER BY outcome_id",
        (proposal_id,),
    ).fetchall()
    return tuple(Outcome.model_validate_json(o) for (o,) in rows)


def held_lately(db: Any, intent: Intent, *, since: datetime) -> bool:
    """Whether a change of the same fleet since then began from what this intent wants."""
    rows = db.execute(
        "SELECT intent FROM intents WHERE fleet = ? AND intent_id <> ? AND changed_at >= ?",
        (intent.permit.action.fleet.label, intent.intent_id, instant(since)),
    ).fetchall()
    befores = [Intent.model_validate_json(other).expect for (other,) in rows]
    return any(all(before.get(k) == v for k, v in intent.want.items()) for before in befores)


def seconds_since_change(db: Any, fleet: str, *, now: datetime) -> float | None:
    """None = this journal never changed the fleet. What only saves, copies or restores leaves it as it was."""
    row = db.execute(
        f"SELECT max(changed_at) FROM intents WHERE fleet = ? AND intent ->> '$.permit.action.kind' NOT IN {_COPIES}",  # noqa: S608 - our own words
        (fleet,),
    ).fetchone()
    if row[0] is None:
        return None
    return max(0.0, (now - datetime.fromisoformat(row[0])) / timedelta(seconds=1))


def other_fleets_changing(db: Any, fleet: str) -> int:
    row = db.execute(
        "SELECT count(DISTINCT fleet) FROM intents WHERE closed_at IS NULL AND fleet <> ?", (fleet,)
    ).fetchone()
    return int(row[0])
