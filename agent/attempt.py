"""One try of a machine's: propose, and act where the policy allows it alone."""

from typing import Literal

from agent.actuation import Actuation
from agent.facts import Actor
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


def attempt(actuation: Actuation, action: Action, *, by: str, actor: Actor, rationale: str) -> Attempt:
    """Trouble with this one action is told and not raised, so that the next one gets its turn.

    Raises  Halted, JournalError, AuditBroken
    """
    try:
        saved = actuation.propose(action, by=by, actor=actor, rationale=rationale)
    except FATAL:
        raise
    except SpotError as error:
        return Attempt(verdict="error", reasons=(error.message,))
    proposal_id, decision = saved.proposal.proposal_id, saved.decision
    if decision.verdict != "allow":
        return Attempt(verdict=decision.verdict, reasons=decision.reasons, proposal_id=proposal_id)
    return carry_out(actuation, proposal_id, by=by, reasons=decision.reasons)


def carry_out(actuation: Actuation, proposal_id: str, *, by: str, reasons: tuple[str, ...]) -> Attempt:
    """Act on what is allowed or approved; as `attempt`, it tells of trouble."""
    try:
        outcome = actuation.act(proposal_id, by=by)
    except FATAL:
        raise
    except SpotError as error:
        return Attempt(verdict="error", reasons=(error.message,), proposal_id=proposal_id)
    return Attempt(verdict="allow", reasons=reasons, proposal_id=proposal_id, outcome=outcome)
