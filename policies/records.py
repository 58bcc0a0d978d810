"""Nouns of the law: what was proposed, on which facts, what was decided, who approved."""

from typing import Any, Literal

from pydantic import Field, model_validator

from tools.records import (
    Action,
    FleetKind,
    FleetRef,
    Money,
    Name,
    Preview,
    PurchaseMix,
    Record,
    RiskLevel,
    Share,
    UtcTime,
)

Verdict = Literal["allow", "ask", "deny"]
Mode = Literal["observe", "approve", "autonomous"]


Resource = Literal["aws.asg", "aws.ec2-fleet", "aws.spot-fleet", "aws.ec2", "aws.ebs", "aws.ebs-snapshot"]
"""Cloud Custodian's words for what a policy speaks about; aws.ec2 = a single instance"""
RESOURCES: dict[FleetKind, Resource] = {
    "asg": "aws.asg",
    "ec2-fleet": "aws.ec2-fleet",
    "spot-fleet": "aws.spot-fleet",
    "instance": "aws.ec2",
    "volume": "aws.ebs",
    "snapshot": "aws.ebs-snapshot",
}


class WindowUse(Record):
    """What has been done already, counted by the journal over the sliding windows that the policy names."""

    actions: dict[str, int] = {}
    """window (such as «1h») → actions, every policy and session together"""
    instances_replaced: dict[str, int] = {}
    """window → instances replaced in this fleet"""
    added_cost_usd: dict[str, Money] = {}
    """budget name → dollars added in its period"""
    tool_cost_usd: dict[str, Money] = {}
    """budget name → dollars for model tokens and paid calls in its period"""
    effective_cost_usd: dict[str, Money] = {}
    """budget name → dollars that the account spent in its period"""
    seconds_since_change: float | None = Field(default=None, ge=0)
    """since this fleet was changed last; None = not known, unless `never_changed` says why"""
    never_changed: bool = False
    """True = the journal was read and holds no change of this fleet"""
    fleets_changing: int | None = Field(default=None, ge=0)
    """other fleets with an open intent"""


class TrackRecord(Record):
    """What a fleet × action class has shown; earned autonomy is judged on it."""

    observed_days: float | None = None
    prediction_error_percent: float | None = None
    approved_in_a_row: int | None = None
    drill_age_days: float | None = Field(default=None, ge=0)
    """since the newest interruption that this fleet recovered from, measured; None = none, or a later one failed"""
    drill_ready_seconds: float | None = Field(default=None, ge=0)
    """of that one: from the notice until the job worked on elsewhere"""


class Facts(Record):
    """Everything a decision may look at. None = not known, which asks; it never passes as 0.

    `policy schema --decide` prints this shape.
    """

    account_id: str | None = Field(default=None, pattern=r"^\d{12}$")
    region: str | None = None
    actor: Literal["person", "agent", "reflex"] = "agent"
    """who asks: reflex = an interruption notice, without a model"""
    resource: Resource | None = None
    fleet: str | None = None
    tags: dict[str, str] | None = None
    """the fleet's tags; None = not read, and then protection cannot be excluded"""
    desired_capacity: int | None = Field(default=None, ge=0)
    instances: int | None = Field(default=None, ge=0)
    mix_after: PurchaseMix | None = None
    """the purchase mix after the action; None = no mix"""
    desired_capacity_after: int | None = Field(default=None, ge=0)
    on_demand_instances_after: int | None = Field(default=None, ge=0)
    zones: int | None = Field(default=None, ge=0)
    largest_pool_share_after: Share | None = None
    mixed_instances: bool | None = None
    """the fleet has a mixed instances policy now"""
    mix_before: PurchaseMix | None = None
    """the purchase mix as it is; None = not known, or no mix"""
    instance_ids: tuple[str, ...] | None = None
    """instances that the action touches, or may touch where AWS chooses; () = none"""
    scale_in_protected: int | None = Field(default=None, ge=0)
    """of those, how many are protected from scale-in"""
    instances_replaced: int | None = Field(default=None, ge=0)
    """instances that end or leave service by the action, whether others come in their place or not"""
    added_cost_usd_per_day: Money | None = None
    """effective basis, snapshots at what they cost at most; below 0 is a saving; None = not known"""
    net_saving_usd_per_day: Money | None = None
    net_saving_basis: Literal["list", "contracted", "effective"] | None = None
    net_saving_after: tuple[Literal["interruption_overhead", "commitment_waste"], ...] = ()
    """what was taken off the net saving"""
    risk_before: RiskLevel | None = None
    risk_after: RiskLevel | None = None
    placement_score: int | None = Field(default=None, ge=1, le=10)
    price_age_seconds: float | None = Field(default=None, ge=0)
    verification: Literal["rollback", "escalate"] | None = None
    """what the actuator can do when its later check of the change fails; None = it does not check later"""
    volume_tags: dict[str, str] | None = None
    """tags of the volume that it attaches; None = it attaches none, or they were not read"""
    superseded: bool | None = None
    """the snapshot that it deletes was taken by a schedule of ours, which lets it go, and a newer whole one of its
    volume is left; None = it deletes none"""
    principal_arn: str | None = None
    """who writes, as STS tells it"""
    audit_verified: bool | None = None
    kill_switch: bool | None = None
    """True = STOP is set"""
    failed_launches: int | None = Field(default=None, ge=0)
    interruptions_per_100_instance_hours: float | None = Field(default=None, ge=0)
    use: WindowUse = WindowUse()
    track_record: TrackRecord = TrackRecord()

    @property
    def whole(self) -> int | None:
        """Instances that a share of the fleet is a share of: weights make units of desired capacity."""
        mix = self.mix_before
        weighs = mix is not None and any(o.weighted_capacity not in (None, 1) for o in mix.overrides)
        return self.instances if weighs else self.desired_capacity


class ClauseSaid(Record):
    """One clause's word: which, what, why."""

    clause: Name
    """policy/path, such as web-canary-mix/capacity.on_demand_base"""
    verdict: Verdict
    reason: str


class Reservation(Record):
    """What an allowed action takes from a limit; reserved in the intent's transaction.

    limit     budget or window name
    measure   what is counted
    amount    what this action takes
    ceiling   what the limit allows in its window, all together
    """

    limit: Name
    measure: Literal["actions", "instances_replaced", "added_cost_usd", "tool_cost_usd"]
    scope: Name
    """«*» or a fleet label: over what the sum runs"""
    amount: Money
    ceiling: Money
    window_seconds: int = Field(ge=1)


class Decision(Record):
    """The verdict of one policy on one proposal, with every clause that spoke."""

    verdict: Verdict
    clauses: tuple[str, ...]
    """those that decided it"""
    reasons: tuple[str, ...]
    said: tuple[ClauseSaid, ...]
    """every clause that was asked, for the card and the audit"""
    policy: str | None
    """name of the policy that applied; None = none did"""
    policy_digest: str
    mode: Mode
    reservations: tuple[Reservation, ...] = ()
    approval_ttl_seconds: int = 1800
    quorum: int = 1
    judged_at: UtcTime


class Aftercare(Record):
    """How a change is looked after once it is made."""

    verify_seconds: int | None = Field(default=None, ge=60, le=604_800)
    """watched so long; None = not watched"""
    on_fail: Literal["rollback", "escalate"] = "escalate"
    """when the watch fails: set back what was recorded, as a change like any other; or tell a person"""
    undoes: Name | None = None
    """the proposal that this one rolls back: it is never rolled back itself"""

    @model_validator(mode="after")
    def _ends(self) -> "Aftercare":
        if self.undoes is not None and self.on_fail == "rollback":
            raise ValueError("a rollback is not rolled back")
        return self


class Proposal(Record):
    """One exact action, why, on which evidence, with its computed preview."""

    proposal_id: Name
    action: Action
    fleet: FleetRef
    rationale: str
    """the proposer's words: shown as such, never judged"""
    proposed_by: Name
    """person:<name>, agent:<model>, reflex"""
    preview: Preview
    state_seen: dict[str, Any]
    """what the approval is bound to, as it was read; its digest is preview.state_fingerprint"""
    facts: Facts
    aftercare: Aftercare | None = None
    """asked for by the policy or by the proposer; None = nobody asked for any"""
    created_at: UtcTime

    @property
    def title(self) -> str:
        return f"{', '.join(self.action.types)} on {self.fleet.label}"


class Approval(Record):
    """A person's word on one proposal: bound to what was shown, for once, until a moment."""

    approval_id: Name
    proposal_digest: str
    action_digest: str
    state_fingerprint: str
    policy_digest: str
    answer: Literal["approve", "deny"]
    by: Name
    reason: str = ""
    at: UtcTime
    expires_at: UtcTime


class Measure(Record):
    """What the journal must count before a decision: one sliding window of one limit."""

    name: Name
    """the key under which WindowUse holds it"""
    measure: Literal["actions", "instances_replaced", "added_cost_usd", "tool_cost_usd"]
    window_seconds: int = Field(ge=1)
    per_fleet: bool
    """True: this fleet's rows only"""
