"""Proposals, their verdicts, and the people's answers: each bound to what was shown, for once, until a moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from agent.journal.records import SavedProposal
from agent.journal.writer import Transaction, clean, instant
from policies.people import is_person, person_name
from policies.records import Approval, Decision, Proposal
from tools.errors import Denied, StalePlan, UsageError

_FIRST_STATUS = {"deny": "denied", "allow": "allowed", "ask": "pending"}
_ANSWERABLE = ("pending", "approved", "allowed")
_STATUS_NOW = (
    "CASE WHEN status IN ('pending', 'approved', 'allowed') AND expires_at <= ? THEN 'expired' ELSE status END"
)


def save_proposal(tx: Transaction, proposal: Proposal, decision: Decision, *, actor: str) -> None:
    expires = decision.judged_at + timedelta(seconds=decision.approval_ttl_seconds)
    if tx.db.execute("SELECT 1 FROM proposals WHERE proposal_id = ?", (proposal.proposal_id,)).fetchone():
        raise UsageError(f"there is a proposal {proposal.proposal_id} already")
    told = tx.append("proposal", {"proposal": proposal}, actor=actor)
    judged = tx.append("decision", {"proposal_id": proposal.proposal_id, "decision": decision}, actor=actor)
    tx.db.execute(
        "INSERT INTO proposals (proposal_id, at, fleet, verdict, status, expires_at, digest, proposal_seq, "
        "decision_seq, proposal, decision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            proposal.proposal_id,
            instant(proposal.created_at),
            proposal.fleet.label,
            decision.verdict,
            _FIRST_STATUS[decision.verdict],
            instant(expires),
            proposal.digest,
            told.seq,
            judged.seq,
            clean(proposal.canonical()),
            clean(decision.canonical()),
        ),
    )


def save_approval(tx: Transaction, proposal_id: str, approval: Approval, *, actor: str) -> None:
    """A yes or a no. A no after a yes takes the yes back, as long as nothing was begun.

    Raises  Denied: not a person, answered already, or nothing is left to answer
            StalePlan: expired, or meant for something else
    """
    if not is_person(approval.by):
        raise Denied(f"{approval.by} cannot answer for a person", hint="approve from a terminal: spotwarden approve")
    saved = read_one(tx.db, proposal_id, now=tx.at)
    if saved.status == "expired":
        raise StalePlan(f"proposal {proposal_id} has expired", hint="ask for it again: the numbers may have moved")
    if saved.status not in _ANSWERABLE:
        raise Denied(f"proposal {proposal_id} is {saved.status}: there is nothing left to answer")
    if approval.answer == "approve":
        _same_thing(saved, approval)
    if tx.db.execute("SELECT 1 FROM approvals WHERE approval_id = ?", (approval.approval_id,)).fetchone():
        raise Denied(
            f"proposal {proposal_id} was already answered by {approval.by} at this moment: it is {saved.status}",
            hint="that answer counts: there is nothing to repeat",
        )
    told = tx.append("approval", {"proposal_id": proposal_id, "approval": approval}, actor=actor)
    tx.db.execute(
        'INSERT INTO approvals (approval_id, proposal_id, at, "by", answer, expires_at, seq, approval) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            approval.approval_id,
            proposal_id,
            instant(approval.at),
            clean(approval.by),
            approval.answer,
            instant(approval.expires_at),
            told.seq,
            clean(approval.canonical()),
        ),
    )
    _advance(tx, saved, approval)


def refuse(tx: Transaction, proposal_id: str, *, reason: str, drift: Sequence[str], actor: str) -> None:
    """Nothing was begun and nothing will be. About what was acted on already there is nothing to say."""
    read_one(tx.db, proposal_id, now=tx.at)
    if tx.db.execute("SELECT 1 FROM intents WHERE proposal_id = ?", (proposal_id,)).fetchone():
        return
    tx.db.execute(
        "UPDATE proposals SET status = 'refused' "
        "WHERE proposal_id = ? AND status IN ('pending', 'approved', 'allowed')",
        (proposal_id,),
    )
    tx.append("refused", {"proposal_id": proposal_id, "reason": reason, "drift": list(drift)}, actor=actor)


def _same_thing(saved: SavedProposal, approval: Approval) -> None:
    shown = {
        "proposal": (approval.proposal_digest, saved.proposal.digest),
        "action": (approval.action_digest, saved.proposal.action.digest),
        "fleet's state": (approval.state_fingerprint, saved.proposal.preview.state_fingerprint),
        "policy": (approval.policy_digest, saved.decision.policy_digest),
    }
    other = [what for what, (given, ours) in shown.items() if given != ours]
    if other:
        raise StalePlan(
            f"the approval is for another {' and another '.join(other)} than {saved.proposal.proposal_id} shows",
            hint="look at the proposal again and approve what it shows",
        )


def _advance(tx: Transaction, saved: SavedProposal, approval: Approval) -> None:
    proposal_id = saved.proposal.proposal_id
    if approval.answer == "deny":
        tx.db.execute("UPDATE proposals SET status = 'refused' WHERE proposal_id = ?", (proposal_id,))
        return
    yes = [a for a in (*saved.approvals, approval) if a.answer == "approve"]
    if saved.status == "pending" and len({person_name(a.by) for a in yes}) >= saved.decision.quorum:
        tx.db.execute(
            "UPDATE proposals SET status = 'approved', expires_at = ? WHERE proposal_id = ?",
            (instant(min(a.expires_at for a in yes)), proposal_id),
        )


def read_one(db: Any, proposal_id: str, *, now: datetime) -> SavedProposal:
    """Raises  UsageError: there is none with that id"""
    row = db.execute(
        f"SELECT proposal_id, proposal, decision, {_STATUS_NOW} FROM proposals WHERE proposal_id = ?",  # noqa: S608
        (instant(now), proposal_id),
    ).fetchone()
    if row is None:
        raise UsageError(
            f"there is no proposal {proposal_id[:80]!r} in this journal",
            hint="spotwarden approve lists what waits; spotwarden audit show --kind proposal tells of all",
        )
    return _saved(db, row)


def read_many(db: Any, *, now: datetime, status: str | None, limit: int) -> tuple[SavedProposal, ...]:
    """Newest first; status None = any."""
    rows = db.execute(
        f"SELECT * FROM (SELECT proposal_id, proposal, decision, {_STATUS_NOW} AS status_now, rowid AS n "  # noqa: S608
        "FROM proposals) WHERE ? IS NULL OR status_now = ? ORDER BY n DESC LIMIT ?",
        (instant(now), status, status, limit),
    ).fetchall()
    return tuple(_saved(db, row) for row in rows)


def _saved(db: Any, row: tuple[Any, ...]) -> SavedProposal:
    answers = db.execute("SELECT approval FROM approvals WHERE proposal_id = ? ORDER BY rowid", (row[0],)).fetchall()
    return SavedProposal(
        proposal=Proposal.model_validate_json(row[1]),
        decision=Decision.model_validate_json(row[2]),
        status=row[3],
        approvals=tuple(Approval.model_validate_json(a[0]) for a in answers),
    )
