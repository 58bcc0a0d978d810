"""Rows are believed only where the audit chain tells the same: anybody with SQL can write a row."""

import json
from typing import Any

from agent.journal.chain import COLUMNS, entry_hash
from agent.journal.writer import clean
from tools.errors import AuditBroken
from tools.records import canonical_json

_ENTRY = f"SELECT {', '.join(COLUMNS)} FROM audit WHERE seq = ?"  # noqa: S608 - our own columns
_LATER = "SELECT seq, kind, payload FROM audit WHERE seq > ? AND kind IN ('approval', 'intent', 'refused')"
_HINT = "somebody changed the journal's tables: keep the file, run `spotwarden audit verify`, and propose it again"


def confirm(db: Any, proposal_id: str) -> None:
    """A proposal that its rows call free to be acted on: does the chain say so too?

    The proposal, its verdict and every answer stand in the chain as in their rows, no answer is missing here or
    there, and nothing was begun on it or refused. One look-up a row, and one walk over what came after it.

    Raises  AuditBroken: the rows tell something else
    """
    first, second, proposal, decision = db.execute(
        "SELECT proposal_seq, decision_seq, proposal, decision FROM proposals WHERE proposal_id = ?", (proposal_id,)
    ).fetchone()
    _same(db, first, "proposal", proposal, proposal_id)
    _same(db, second, "decision", decision, proposal_id)
    answers = db.execute("SELECT seq, approval FROM approvals WHERE proposal_id = ?", (proposal_id,)).fetchall()
    for seq, approval in answers:
        _same(db, seq, "approval", approval, proposal_id)
    later = [(seq, kind) for seq, kind, payload in db.execute(_LATER, (first,)) if _about(payload) == proposal_id]
    for seq, kind in later:
        if kind != "approval":
            raise _broken(proposal_id, f"entry {seq:,} tells of its {kind}, and its row does not")
    if sorted(seq for seq, _ in later) != sorted(seq for seq, _ in answers):
        raise _broken(proposal_id, "the answers in the audit log are not those in the table")


def confirm_intent(db: Any, intent_id: str) -> None:
    """Raises  AuditBroken: the chain does not hold this intent as its row does"""
    seq, proposal_id, intent = db.execute(
        "SELECT seq, proposal_id, intent FROM intents WHERE intent_id = ?", (intent_id,)
    ).fetchone()
    _same(db, seq, "intent", intent, proposal_id)


def _same(db: Any, seq: int, kind: str, text: str, proposal_id: str) -> None:
    """Entry `seq` is of this kind, holds this noun for this proposal, and is what was chained."""
    row = db.execute(_ENTRY, (seq,)).fetchone()
    if row is None or row[3] != kind:
        raise _broken(proposal_id, f"the audit log holds no {kind} entry {seq:,}")
    payload = _parsed(row[4])
    if _about(row[4]) != proposal_id or clean(canonical_json(payload.get(kind))) != text:
        raise _broken(proposal_id, f"the stored {kind} is not the one of entry {seq:,}")
    after = db.execute("SELECT previous_hash FROM audit WHERE seq = ?", (seq + 1,)).fetchone()
    if entry_hash(*row[:6]) != row[6] or (after is not None and after[0] != row[6]):
        raise _broken(proposal_id, f"entry {seq:,} does not match its hash")


def _about(payload: str) -> str | None:
    """Which proposal an entry is about."""
    found = _parsed(payload)
    inner = found.get("proposal")
    about = inner.get("proposal_id") if isinstance(inner, dict) else found.get("proposal_id")
    return about if isinstance(about, str) else None


def _parsed(payload: str) -> dict[str, Any]:
    try:
        found = json.loads(payload)
    except ValueError:  # appended by somebody else
        return {}
    return found if isinstance(found, dict) else {}


def _broken(proposal_id: str, what: str) -> AuditBroken:
    return AuditBroken(f"proposal {proposal_id}: {what}: nothing was called", hint=_HINT)
