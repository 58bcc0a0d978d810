"""authorize() is the only maker of Permits, and makes none too many."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.authorize import authorize
from policies.engine import decide
from policies.records import Approval, Proposal
from tests.policies.cases import NOW, action, facts, policy, rule
from tools.errors import ApprovalNeeded, Denied, StalePlan
from tools.records import HourlyCost, Preview

pytestmark = pytest.mark.accepts("P-15")
ASKS = policy(rule(mode="{type: approve}"))
TWO = policy(rule(mode="{type: approve}"), head="escalation: {approvers: [ann, ben], quorum: {default: 2}}")
ALLOWS = policy(rule())
NO_COST = HourlyCost(
    list_usd_per_hour=None,
    contracted_usd_per_hour=None,
    effective_usd_per_hour=None,
    unused_commitment_usd_per_hour=None,
)


def proposal(**changes: Any) -> Proposal:
    wanted = action()
    preview = Preview(
        fleet=wanted.fleet, state_fingerprint="state-1", changes=(), replaced_instances=(), instances_launched=0,
        instances_total=40, cost_before=NO_COST, cost_after=NO_COST, added_cost_usd_per_day=None, risk_before="low",
        risk_after="low", reversible=True, calls=(), price_as_of=None, as_of=NOW, source="test",
    )  # fmt: skip
    return Proposal(
        **{"proposal_id": "p-1", "action": wanted, "fleet": wanted.fleet, "rationale": "because", "preview": preview}
        | {"proposed_by": "agent:test", "state_seen": {}, "facts": facts(), "created_at": NOW}
        | changes
    )


def approval(law, plan: Proposal, by: str = "person:ann", **changes: Any) -> Approval:
    return Approval(
        **{"approval_id": f"ok-{by}", "proposal_digest": plan.digest, "action_digest": plan.action.digest}
        | {"state_fingerprint": plan.preview.state_fingerprint, "policy_digest": law.digest, "answer": "approve"}
        | {"by": by, "at": NOW, "expires_at": NOW + timedelta(minutes=30)}
        | changes
    )


def permit(law, approvals=(), *, plan: Proposal | None = None, now=NOW, decision=None):
    plan = plan or proposal()
    decision = decision or decide(plan.action, plan.facts, law, now=NOW)
    return authorize(plan, decision, approvals, law, now=now)


def test_what_is_allowed_gets_a_permit_for_exactly_that():
    plan = proposal()
    made = permit(ALLOWS, plan=plan)
    assert (made.action, made.action_digest, made.proposal_digest) == (plan.action, plan.action.digest, plan.digest)
    assert (made.granted_by, made.approval_id, made.state_fingerprint) == ("policy:a", None, "state-1")
    assert made.expires_at == NOW + timedelta(minutes=5)


def test_what_asks_needs_a_person():
    with pytest.raises(ApprovalNeeded, match="0 of 1 approvals"):
        permit(ASKS)
    made = permit(ASKS, [approval(ASKS, proposal())])
    assert (made.granted_by, made.approval_id) == ("person:ann", "ok-person:ann")


def test_what_is_denied_gets_none_even_when_a_person_says_yes():
    law = policy(rule(mode="{type: observe}"))
    with pytest.raises(Denied, match="observe only"):
        permit(law, [approval(law, proposal())])


def test_a_no_from_a_person_is_a_no_whoever_else_says_yes_and_whatever_the_policy_allows():
    plan = proposal()
    with pytest.raises(Denied, match="ben said no: too late"):
        permit(ASKS, [approval(ASKS, plan), approval(ASKS, plan, "ben", answer="deny", reason="too late")])
    with pytest.raises(Denied):
        permit(ALLOWS, [approval(ALLOWS, plan, answer="deny")])


@pytest.mark.parametrize("field", ["proposal_digest", "action_digest", "state_fingerprint", "policy_digest"])
def test_an_approval_of_something_else_is_stale(field):
    with pytest.raises(StalePlan, match="for another"):
        permit(ASKS, [approval(ASKS, proposal(), **{field: "other"})])


def test_an_approval_has_an_end_and_a_beginning():
    with pytest.raises(StalePlan, match="expired"):
        permit(ASKS, [approval(ASKS, proposal(), expires_at=NOW)])
    with pytest.raises(StalePlan, match="future"):
        permit(ASKS, [approval(ASKS, proposal(), at=NOW + timedelta(seconds=1))])


def test_a_permit_never_outlives_its_approval():
    short = approval(ASKS, proposal(), expires_at=NOW + timedelta(seconds=10))
    assert permit(ASKS, [short]).expires_at == NOW + timedelta(seconds=10)


MACHINES = ("agent:offline", "agent", "Agent", "person:AGENT:gpt", "reflex", "model", "model:gpt", "policy:a", "daemon")


@pytest.mark.parametrize("by", [*MACHINES, "autonomy", "reconcile", "person:", "  ", "an\u200bn", "ann\u202e"])
def test_an_approver_is_never_the_agent(by):
    with pytest.raises(ApprovalNeeded):
        permit(ASKS, [approval(ASKS, proposal(), by)])


def test_a_quorum_counts_different_people_who_may():
    plan = proposal()
    one = approval(TWO, plan, "person:ann")
    again = approval(TWO, plan, "Ann", approval_id="other")
    stranger = approval(TWO, plan, "person:eve")
    for given in ([one], [one, again], [one, stranger]):
        with pytest.raises(ApprovalNeeded, match="1 of 2"):
            permit(TWO, given)
    assert permit(TWO, [one, approval(TWO, plan, "person:ben")]).granted_by == "person:ann, person:ben"


def test_a_decision_under_another_policy_is_stale():
    plan = proposal()
    with pytest.raises(StalePlan, match="policy changed"):
        permit(ASKS, plan=plan, decision=decide(plan.action, plan.facts, ALLOWS, now=NOW))


def test_an_unanswered_proposal_expires():
    with pytest.raises(StalePlan, match="too long ago"):
        permit(ALLOWS, now=NOW + timedelta(minutes=30))


def test_a_window_that_closed_since_denies():
    head = "windows: {night: {from: '01:00', to: '02:10'}}"
    law = policy(rule(mode="{type: approve, window: night}"), head=head)
    yes = approval(law, proposal())
    assert permit(law, [yes], now=NOW + timedelta(minutes=9))
    with pytest.raises(Denied, match="outside the window"):
        permit(law, [yes], now=NOW + timedelta(minutes=10))


def test_a_decision_that_claims_more_than_the_law_is_not_believed():
    plan = proposal()
    honest = decide(plan.action, plan.facts, ASKS, now=NOW)
    with pytest.raises(ApprovalNeeded):
        permit(ASKS, plan=plan, decision=honest.with_(verdict="allow"))


def test_parts_about_different_fleets_get_none():
    plan = proposal()
    other = plan.fleet.with_(fleet_id="other")
    with pytest.raises(Denied, match="different fleets"):
        permit(ALLOWS, plan=proposal(fleet=other))


def test_nothing_else_in_the_house_makes_permits():
    root = Path(__file__).resolve().parents[2]
    makers = set()
    for path in [p for floor in ("agent", "policies", "tools", "tui") for p in (root / floor).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Permit":
                makers.add(path.relative_to(root).as_posix())
    assert makers == {"policies/authorize.py"}
