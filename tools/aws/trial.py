"""AWS's own DryRun: the very call that the writer would make, asked for without doing it.

The functions that build the writer's calls build these too, and what they would send goes through the reading client
with DryRun set. EC2 then checks permissions and parameters, and answers DryRunOperation where it would do it; it does
not look at capacity. Where an API has no DryRun (Auto Scaling, Elastic Load Balancing, S3, ModifySpotFleetRequest)
nothing is asked: botocore would refuse the parameter besides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from tools.aws import ec2, fleet_writes, fleets, group_writes, instance_writes, volume_writes
from tools.aws.calls import Calls
from tools.cloud import Clock, FleetSettings
from tools.errors import Rejected
from tools.fleets.launches import mix_after
from tools.records import Action, ChangeFleet, OperateInstances, SetTags

WOULD = "AWS would do it: {call} with DryRun says so; capacity is not looked at"
_WILLING = "DryRunOperation"
_HAVE_IT = frozenset(
    {
        "AttachVolume",
        "CancelSpotFleetRequests",
        "CreateFleet",
        "CreateLaunchTemplateVersion",
        "CreateSnapshot",
        "CreateSnapshots",
        "CreateTags",
        "CreateVolume",
        "DeleteFleets",
        "DeleteSnapshot",
        "DeleteTags",
        "DeleteVolume",
        "ModifyFleet",
        "ModifyInstanceAttribute",
        "RunInstances",
        "StartInstances",
        "StopInstances",
        "TerminateInstances",
    }
)
"""of EC2's operations that we send"""


@dataclass(frozen=True)
class _Nobody:
    """In place of an intent: the token and the tag of a call that does nothing."""

    intent_id: str = "dry-run"
    token: str = "spotwarden-dry-run"  # noqa: S105 - EC2's idempotency token


class _Answered(Exception):
    """The call was answered, or could not be tried. Not a SpotError: nothing on the way may take it for one."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def try_out(calls: Calls, clock: Clock, action: Action) -> str:
    """What AWS says of the first call that the action makes; "" = its API has no DryRun. Changes nothing.

    Raises  CloudErrors: it would be refused, and why
    """
    call = _first_call(calls, clock, action)
    if call is None:
        return ""
    try:
        call(partial(_ask, calls))
    except _Answered as told:
        return told.words
    return ""


def _ask(calls: Calls, service: str, operation: str, **parameters: Any) -> NoReturn:
    if service != "ec2" or operation not in _HAVE_IT:
        raise _Answered("")
    try:
        calls.read(service, operation, DryRun=True, **parameters)
    except Rejected as refused:
        if refused.code == _WILLING:
            raise _Answered(WOULD.format(call=f"{service}:{operation}")) from None
        raise
    raise _Answered(f"{service}:{operation} answered a DryRun as if it were none, which AWS does not document")


def _first_call(calls: Calls, clock: Clock, action: Action) -> Callable[[Any], object] | None:
    """What makes it, wanting to be told how to send; None = no call of EC2's own."""
    if action.kind in _CREATING:
        return partial(_CREATING[action.kind], action=action, intent=_Nobody())
    if action.kind in _BY_ID:
        return partial(_BY_ID[action.kind], action=action)
    call: Callable[[Any], object] | None = None
    match action:
        case ChangeFleet() if action.fleet.kind == "ec2-fleet":
            call = partial(_send_modification, parameters=_modification(calls, clock, action))
        case OperateInstances() if action.fleet.kind == "instance":
            call = partial(instance_writes.operate, action=action, instance_ids=action.instance_ids)
        case SetTags() if action.fleet.kind != "asg" and action.tags:
            call = partial(group_writes.set_tags, calls, ref=action.fleet, tags=action.tags)
        case SetTags() if action.fleet.kind != "asg":
            call = partial(group_writes.remove_tags, ref=action.fleet, keys=action.remove)
    return call


_CREATING: dict[str, Callable[..., object]] = {
    "create-fleet": fleet_writes.create,
    "run-instances": fleet_writes.run,
    "create-launch-template-version": fleet_writes.create_template_version,
    "create-snapshots": volume_writes.create_snapshots,
    "create-snapshot": volume_writes.create_snapshot,
    "create-volume": volume_writes.create_volume,
}
_BY_ID: dict[str, Callable[..., object]] = {
    "delete-fleet": fleet_writes.delete,
    "set-delete-on-termination": volume_writes.set_retention,
    "attach-volume": volume_writes.attach_volume,
    "delete-volume": volume_writes.delete_volume,
    "delete-snapshot": volume_writes.delete_snapshot,
}


def _send_modification(send: Any, parameters: dict[str, Any]) -> None:
    send("ec2", "ModifyFleet", **parameters)


def _modification(calls: Calls, clock: Clock, action: ChangeFleet) -> dict[str, Any]:
    row = fleets.one(calls, action.fleet.fleet_id)
    sight = ec2.Sight(account_id=action.fleet.account_id, zones=ec2.zone_ids(calls), now=clock.now())
    (fleet,) = fleets.as_fleets(calls, [row], sight)
    settings = FleetSettings(mix=mix_after(action, fleet), desired_capacity=action.desired_capacity)
    return fleets.update(row, settings)
