"""Nouns that only the journal speaks, and how rows become nouns again."""

from datetime import datetime
from typing import Any, Literal

from agent.journal.chain import COLUMNS
from policies.records import Approval, Decision, Proposal
from tools.records import AuditEntry, Intent, Name, Outcome, Record, UtcTime

ProposalStatus = Literal[
    "pending", "denied", "allowed", "approved", "refused", "acting", "done", "partial", "failed", "unknown", "expired"
]


class SavedProposal(Record):
    """A proposal with its verdict, its answers, and how far it came.

    denied   by policy; refused: by a person; failed: AWS refused it or it did not come to pass
    """

    proposal: Proposal
    decision: Decision
    status: ProposalStatus
    approvals: tuple[Approval, ...]
    """answers that still count, oldest first"""


class OpenIntent(Record):
    """Something begun whose end is not known yet."""

    proposal_id: Name
    intent: Intent
    sent_at: UtcTime | None
    """when its sender began to send; None = nothing was sent, as long as the intent is closed before it is"""
    last_outcome: Outcome | None
    """unknown, or None when nothing was heard at all"""


class Lease(Record):
    """The right to lead until a moment. A newer token makes every older one worthless."""

    name: Name
    holder: Name
    token: int
    expires_at: UtcTime


class Conversation(Record):
    conversation_id: Name
    title: str
    lang: str | None
    started_at: UtcTime


AUDIT_COLUMNS = ", ".join(COLUMNS)


def audit_entry(row: tuple[Any, ...]) -> AuditEntry:
    return AuditEntry(**{**dict(zip(COLUMNS, row, strict=True)), "at": datetime.fromisoformat(row[1])})
