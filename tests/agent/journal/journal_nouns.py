"""Nouns for the journal's tests: one proposal on one fleet, its answers, its intent. Nothing is pretended but AWS."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from policies.records import Approval, Decision, Facts, Proposal, Reservation
from tools.records import ChangeFleet, FleetRef, HourlyCost, Intent, Outcome, Permit, Preview, digest_of

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
UNKNOWN_COST = HourlyCost(
    list_usd_per_hour=None,
    contracted_usd_per_hour=None,
    effective_usd_per_hour=None,
    unused_commitment_usd_per_hour=None,
)
STATE = {"desired_capacity": 12}


class StoppedClock:
    """Time stands still until a test moves it."""

    def __init__(self, at=NOW):
        self.at = at

    def now(self):
        return self.at

    def move(self, seconds):
        self.at += timedelta(seconds=seconds)


def proposal(proposal_id="p-1", fleet="ml-train", capacity=14, at=NOW):
    ref = FleetRef(kind="asg", fleet_id=fleet, account_id="123456789012", region="us-east-1")
    preview = Preview(
        fleet=ref,
        state_fingerprint=digest_of(STATE),
        changes=(),
        replaced_instances=(),
        instances_launched=2,
        instances_total=14,
        cost_before=UNKNOWN_COST,
        cost_after=UNKNOWN_COST,
        added_cost_usd_per_day=Decimal("12.5"),
        risk_before="high",
        risk_after="low",
        reversible=True,
        calls=("UpdateAutoScalingGroup",),
        price_as_of=None,
        as_of=at,
        source="test",
    )
    return Proposal(
        proposal_id=proposal_id,
        action=ChangeFleet(fleet=ref, desired_capacity=capacity),
        fleet=ref,
        rationale="checkout is thin",
        proposed_by="agent:offline planner",
        preview=preview,
        state_seen=STATE,
        facts=Facts(),
        created_at=at,
    )


def decision(verdict="ask", *, quorum=1, reservations=(), at=NOW):
    return Decision(
        verdict=verdict,
        clauses=("web/mode",),
        reasons=("a person must look",),
        said=(),
        policy="web",
        policy_digest="policy-1",
        mode="approve",
        reservations=reservations,
        quorum=quorum,
        judged_at=at,
    )


def approval(of, approval_id="ok-1", *, by="person:ada", answer="approve", at=NOW, seconds=1800, **other):
    fields = {
        "proposal_digest": of.digest,
        "action_digest": of.action.digest,
        "state_fingerprint": of.preview.state_fingerprint,
        "policy_digest": "policy-1",
    }
    return Approval(
        approval_id=approval_id,
        answer=answer,
        by=by,
        at=at,
        expires_at=at + timedelta(seconds=seconds),
        **fields | other,
    )


def intent(of, intent_id="i-1", *, at=NOW, seconds=600, **other):
    permit = Permit(
        **{
            "permit_id": f"permit-{intent_id}",
            "proposal_digest": of.digest,
            "action": of.action,
            "action_digest": of.action.digest,
            "state_fingerprint": of.preview.state_fingerprint,
            "policy_digest": "policy-1",
            "granted_by": "person:ada",
            "approval_id": None,
            "issued_at": at,
            "expires_at": at + timedelta(seconds=seconds),
        }
        | other
    )
    return Intent(
        intent_id=intent_id,
        permit=permit,
        expect={"desired_capacity": 12},
        want={"desired_capacity": 14},
        token="token",
        opened_at=at,
    )


def outcome(status="done", *, after=None, at=NOW):
    return Outcome(
        status=status,
        message=f"it is {status}",
        before={"desired_capacity": 12},
        after={"desired_capacity": 14} if after is None else after,
        request_ids=("req-1",),
        at=at,
    )


def limit(measure="instances_replaced", *, amount=1, ceiling=3, scope="*", seconds=3600):
    return Reservation(
        limit=f"{measure}/{seconds}",
        measure=measure,
        scope=scope,
        amount=amount,
        ceiling=ceiling,
        window_seconds=seconds,
    )


def begin(journal, of, *, number=1, **other):
    """Open an intent on a proposal with nothing but the proposal itself, unless told otherwise."""
    given = {"amounts": {}, "limits": (), "approval_ids": (), "lease": None, "actor": "test"} | other
    at = given.pop("at", NOW)
    journal.open_intent(of.proposal_id, intent(of, f"i-{number}", at=at), fleet=of.fleet.label, **given)


def saved(journal, proposal_id="p-1", *, verdict="allow", fleet="ml-train", **other):
    made = proposal(proposal_id, fleet=fleet)
    journal.save_proposal(made, decision(verdict, **other), actor="agent")
    return made
