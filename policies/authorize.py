"""authorize(): the only maker of Permits. A permit is for one exact action, once, for a short while."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from policies.document import Policy
from policies.engine import decide
from policies.people import is_person, person_name
from policies.records import Approval, Decision, Proposal
from tools.errors import ApprovalNeeded, Denied, StalePlan
from tools.records import Permit, digest_of

PERMIT_SECONDS = 300


def authorize(
    proposal: Proposal, decision: Decision, approvals: Sequence[Approval], policy: Policy, *, now: datetime
) -> Permit:
    """Turn a judged, and where it must be approved, proposal into the right to act.

    The proposal is judged again at `now`: a window that closed or a policy that expired since still denies, and
    a decision that says more than the law does is not believed.

    Raises  Denied: the verdict, or a person, says no; the parts do not belong together
            ApprovalNeeded: not enough different people said yes yet
            StalePlan: approved or judged under another policy, another state, another action, or too long ago
    """
    _belongs_together(proposal)
    if decision.policy_digest != policy.digest:
        raise StalePlan("the policy changed since this was judged", hint="propose it again")
    again = decide(proposal.action, proposal.facts, policy, now=now)
    for said in (decision, again):
        if said.verdict == "deny":
            raise Denied(f"{proposal.title}: {'; '.join(said.reasons)}", hint=f"by {', '.join(said.clauses)}")
    _nobody_said_no(proposal, approvals, policy)
    _still_fresh(decision, now)
    yes: tuple[Approval, ...] = ()
    if "ask" in (decision.verdict, again.verdict):
        yes = _enough(proposal, decision if decision.quorum >= again.quorum else again, approvals, policy, now)
    return _permit(proposal, decision, yes, policy, now)


def _belongs_together(proposal: Proposal) -> None:
    if not proposal.fleet == proposal.action.fleet == proposal.preview.fleet:
        raise Denied(f"{proposal.title}: the proposal, its action and its preview name different fleets")


def _still_fresh(decision: Decision, now: datetime) -> None:
    if now < decision.judged_at - timedelta(seconds=1):
        raise StalePlan("this was judged in the future: the clock went back", hint="propose it again")
    if now >= decision.judged_at + timedelta(seconds=decision.approval_ttl_seconds):
        raise StalePlan("this was judged too long ago and has expired, which is a no", hint="propose it again")


def _nobody_said_no(proposal: Proposal, approvals: Sequence[Approval], policy: Policy) -> None:
    for a in approvals:
        if a.answer == "deny" and a.proposal_digest == proposal.digest and _may_answer(a.by, policy):
            raise Denied(f"{proposal.title}: {a.by} said no" + (f": {a.reason}" if a.reason else ""))


def _enough(
    proposal: Proposal, decision: Decision, approvals: Sequence[Approval], policy: Policy, now: datetime
) -> tuple[Approval, ...]:
    """One valid yes of each person, as many as the quorum wants."""
    said_yes = [a for a in approvals if a.answer == "approve" and _may_answer(a.by, policy)]
    troubles = {a.approval_id: _trouble(a, proposal, policy, now) for a in said_yes}
    valid = {person_name(a.by): a for a in said_yes if troubles[a.approval_id] is None}
    if len(valid) >= decision.quorum:
        return tuple(valid.values())[: decision.quorum]
    stale = next((t for t in troubles.values() if t is not None), None)
    if stale is not None:
        raise StalePlan(f"{proposal.title}: {stale}", hint="propose it again: what is shown is what runs")
    who = " or ".join(policy.escalation.approvers) or "any person"
    raise ApprovalNeeded(
        f"{proposal.title}: {len(valid)} of {decision.quorum} approvals ({'; '.join(decision.reasons)})",
        hint=f"{who} can approve it: spotwarden approve {proposal.proposal_id}",
    )


def _trouble(a: Approval, proposal: Proposal, policy: Policy, now: datetime) -> str | None:
    for name, given, actual in (
        ("proposal", a.proposal_digest, proposal.digest),
        ("action", a.action_digest, proposal.action.digest),
        ("state", a.state_fingerprint, proposal.preview.state_fingerprint),
        ("policy", a.policy_digest, policy.digest),
    ):
        if given != actual:
            return f"the approval of {a.by} is for another {name}"
    if now >= a.expires_at:
        return f"the approval of {a.by} has expired"
    return f"the approval of {a.by} lies in the future" if a.at > now else None


def _may_answer(by: str, policy: Policy) -> bool:
    """A person whom the document lists, or any person where it lists none; never the agent, never the reflex."""
    approvers = policy.escalation.approvers
    return is_person(by) and (not approvers or person_name(by) in {person_name(name) for name in approvers})


def _permit(proposal: Proposal, decision: Decision, yes: tuple[Approval, ...], policy: Policy, now: datetime) -> Permit:
    ids = ",".join(a.approval_id for a in yes) or None
    ends = [now + timedelta(seconds=PERMIT_SECONDS), *(a.expires_at for a in yes)]
    name = digest_of([proposal.digest, decision.policy_digest, ids, now])[:32]
    return Permit(
        permit_id=f"permit-{name}",
        proposal_digest=proposal.digest,
        action=proposal.action,
        action_digest=proposal.action.digest,
        state_fingerprint=proposal.preview.state_fingerprint,
        policy_digest=policy.digest,
        granted_by=", ".join(a.by for a in yes) or f"policy:{decision.policy}"[:255],
        approval_id=ids,
        issued_at=now,
        expires_at=min(ends),
    )
