"""Nouns of doing: an action of any kind, the permit to do it once, the intent, what became of it."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter

from tools.records.base import Name, Record, UtcTime
from tools.records.changes import (
    CHANGE_TYPES,
    CancelInstanceRefresh,
    ChangeFleet,
    CreateFleet,
    CreateTemplateVersion,
    DeleteFleet,
    FleetAction,
    StartInstanceRefresh,
)
from tools.records.operations import (
    OPERATION_TYPES,
    AttachVolume,
    CreateSnapshot,
    CreateSnapshots,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    OperateInstances,
    ReplaceInstances,
    RequestCheckpoint,
    RestoreCheckpoint,
    RunInstances,
    SetTags,
    SetTargets,
    SetVolumeRetention,
)

Action = Annotated[
    ChangeFleet
    | ReplaceInstances
    | RequestCheckpoint
    | RestoreCheckpoint
    | StartInstanceRefresh
    | CancelInstanceRefresh
    | OperateInstances
    | CreateFleet
    | DeleteFleet
    | RunInstances
    | CreateTemplateVersion
    | SetTargets
    | SetVolumeRetention
    | CreateSnapshots
    | CreateSnapshot
    | CreateVolume
    | AttachVolume
    | DeleteVolume
    | DeleteSnapshot
    | SetTags,
    Field(discriminator="kind"),
]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)

ACTION_KINDS: tuple[type[FleetAction], ...] = get_args(get_args(Action)[0])
"""the nouns themselves"""

ACTION_TYPES: tuple[str, ...] = (
    *dict.fromkeys(CHANGE_TYPES.values()),
    "replace-instances",
    "request-checkpoint",
    "restore-checkpoint",
    "start-instance-refresh",
    "cancel-instance-refresh",
    *dict.fromkeys(w for w in OPERATION_TYPES.values() if w not in CHANGE_TYPES.values()),
    "create-fleet",
    "delete-fleet",
    "run-instances",
    "create-launch-template-version",
    "deregister-targets",
    "register-targets",
    "set-delete-on-termination",
    "create-snapshots",
    "create-snapshot",
    "create-volume",
    "attach-volume",
    "delete-volume",
    "delete-snapshot",
    "tag",
    "remove-tag",
)
"""every word a policy's `actions:` may name"""


INTENT_TAG = "spotwarden:intent"
"""on everything that an intent created: its id"""


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
    send_by: UtcTime | None = None
    """after this moment it is not sent any more: whoever looks later may count on that; None = not marked as sending"""


OutcomeStatus = Literal["done", "already", "partial", "refused", "failed", "unknown", "superseded"]


class ItemOutcome(Record):
    """What became of one of several things that one call touched."""

    item: Name
    """its id, or what was asked for where there is no id"""
    ok: bool
    code: str = ""
    """AWS's error code"""
    message: str = ""


class Outcome(Record):
    """What became of an intent.

    done, already       the world is as wanted: by this intent, or before it
    partial             some of it happened: `items` says what
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
    items: tuple[ItemOutcome, ...] = ()
    """item by item, where AWS answers so"""
    at: UtcTime
