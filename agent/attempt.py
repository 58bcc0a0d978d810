"""One try of a machine's: propose, and act where the policy allows it alone."""

from dataclasses import replace
from typing import Literal

from agent.actuation import Actuation
from agent.facts import Actor
from tools.cloud import CloudReader
from tools.errors import AuditBroken, Halted, JournalError, SpotError
from tools.records import Action, Outcome, Record

FATAL = (Halted, JournalError, AuditBroken)
"""after these nobody may go on: the kill switch, a lost lease, a journal that cannot be trusted or written"""


class Attempt(Record):
    """What the law said, and what became of it."""

    verdict: Literal["allow", "ask", "deny", "error"]
    reasons: tuple[str, ...]
    proposal_id: str | None = None
    outcome: Outcome | None = None


def attempt(
    actuation: Actuation,
    action: Action,
    *,
    by: str,
    actor: Actor,
    rationale: str,
    drawn_on: CloudReader | None = None,
) -> Attempt:
    """Trouble with this one action is told and not raised, so that the next one gets its turn.

    drawn_on  what was read a moment ago, to draw it up on; where that moved since, it is drawn up once more
    Raises    Halted, JournalError, AuditBroken
    """
    drawing = actuation if drawn_on is None else replace(actuation, reader=drawn_on)
    try:
        saved = drawing.propose(action, by=by, actor=actor, rationale=rationale)
    except FATAL:
        raise
    except SpotError as error:
        return Attempt(verdict="error", reasons=(error.message,))
    proposal_id, decision = saved.proposal.proposal_id, saved.decision
    if decision.verdict != "allow":
        return Attempt(verdict=decision.verdict, reasons=decision.reasons, proposal_id=proposal_id)
    tried = carry_out(actuation, proposal_id, by=by, reasons=decision.reasons)
    if drawn_on is not None and tried.outcome is None and actuation.journal.proposal(proposal_id).status == "refused":
        return attempt(actuation, action, by=by, actor=actor, rationale=rationale)
    return tried


def carry_out(actuation: Actuation, proposal_id: str, *, by: str, reasons: tuple[str, ...]) -> Attempt:
    """Act on what is allowed or approved; as `attempt`, it tells of trouble."""
    try:
        outcome = actuation.act(proposal_id, by=by)
    except FATAL:
        raise
    except SpotError as error:
        return Attempt(verdict="error", reasons=(error.message,), proposal_id=proposal_id)
    return Attempt(verdict="allow", reasons=reasons, proposal_id=proposal_id, outcome=outcome)
