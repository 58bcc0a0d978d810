"""Nouns of doing: what may change, the permit to do it, what became of it.

Every value is absolute: a relative change repeated is another change.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from tools.records.base import Name, Record, UtcTime
from tools.records.fleets import FleetRef, InstanceTypeName, SpotAllocationStrategy

InstanceId = Annotated[str, Field(pattern=r"^i-[0-9a-f]{8,17}$")]


class ChangeFleet(Record):
    """Set some of a fleet's purchase options. None leaves a field as it is."""

    kind: Literal["change-fleet"] = "change-fleet"
    fleet: FleetRef
    on_demand_base_capacity: int | None = Field(default=None, ge=0, le=10_000)
    on_demand_percentage_above_base: int | None = Field(default=None, ge=0, le=100)
    spot_allocation_strategy: SpotAllocationStrategy | None = None
    instance_types: tuple[InstanceTypeName, ...] | None = Field(default=None, min_length=1, max_length=40)
    """the whole list after the change; an ASG takes at most 40"""
    desired_capacity: int | None = Field(default=None, ge=0, le=10_000)

    @model_validator(mode="after")
    def _says_something(self) -> "ChangeFleet":
        if all(getattr(self, f) is None for f in _CHANGE_TYPES):
            raise ValueError("names no change: give at least one of " + ", ".join(_CHANGE_TYPES))
        if self.instance_types is not None and len(set(self.instance_types)) < len(self.instance_types):
            raise ValueError("instance_types names one type twice")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t for f, t in _CHANGE_TYPES.items() if getattr(self, f) is not None))


# the words policies use for what a change-fleet action does (Cloud Custodian's style)
_CHANGE_TYPES = {
    "on_demand_base_capacity": "set-purchase-mix",
    "on_demand_percentage_above_base": "set-purchase-mix",
    "spot_allocation_strategy": "set-allocation-strategy",
    "instance_types": "set-instance-types",
    "desired_capacity": "set-desired-capacity",
}


class ReplaceInstances(Record):
    """Detach named instances without lowering desired capacity: the group launches replacements at once,
    and the old ones keep running for whatever time they have left.
    """

    kind: Literal["replace-instances"] = "replace-instances"
    fleet: FleetRef
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=20)

    @property
    def types(self) -> tuple[str, ...]:
        return ("replace-instances",)


class RequestCheckpoint(Record):
    """Ask the job on named instances to save now: one marker object an instance, written once."""

    kind: Literal["request-checkpoint"] = "request-checkpoint"
    fleet: FleetRef
    job_id: Name
    bucket: Name
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=100)
    notice_digest: str
    """of the notice that caused it: one request a notice"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("request-checkpoint",)


class RestoreCheckpoint(Record):
    """Make one whole, verified checkpoint the one that a job resumes from: its pointer is written last."""

    kind: Literal["restore-checkpoint"] = "restore-checkpoint"
    fleet: FleetRef
    job_id: Name
    bucket: Name
    checkpoint_id: Name
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def types(self) -> tuple[str, ...]:
        return ("restore-checkpoint",)


Action = Annotated[ChangeFleet | ReplaceInstances | RequestCheckpoint | RestoreCheckpoint, Field(discriminator="kind")]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)

ACTION_TYPES: tuple[str, ...] = (
    *dict.fromkeys(_CHANGE_TYPES.values()),
    "replace-instances",
    "request-checkpoint",
    "restore-checkpoint",
)
"""every word a policy's `actions:` may name"""


class Permit(Record):
    """The right to make one exact action once. Only policies.authorize makes them."""

    permit_id: Name
    proposal_digest: str
    action: Action
    action_digest: str
    state_fingerprint: str | None
    """of the fleet that it was judged on; None = the action does not depend on the fleet's state"""
    policy_digest: str
    granted_by: Name
    """policy:<name> or a person"""
    approval_id: str | None
    issued_at: UtcTime
    expires_at: UtcTime


class Intent(Record):
    """What is about to be done, durable before it is done. `token` is the API's idempotency token."""

    intent_id: Name
    permit: Permit
    expect: dict[str, Any]
    """the fields to change, as they were when it was judged"""
    want: dict[str, Any]
    """the same fields, as they shall be"""
    token: str = Field(max_length=64)
    opened_at: UtcTime


OutcomeStatus = Literal["done", "already", "refused", "failed", "unknown", "superseded"]


class Outcome(Record):
    """What became of an intent.

    done, already       the world is as wanted: by this intent, or before it
    refused, failed     nothing happened: our last look said no, or AWS did
    unknown             it may or may not have happened: the only status that is not final
    superseded          never known, and the world has moved on since: nothing is re-sent
    """

    status: OutcomeStatus
    message: str
    before: dict[str, Any]
    after: dict[str, Any]
    """as read back; empty = not read"""
    request_ids: tuple[str, ...] = ()
    """AWS request ids, which join CloudTrail"""
    at: UtcTime
