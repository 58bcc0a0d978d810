"""What AWS lets nobody do to instances, told before anything is asked, with the way out. Pure."""

from tools.errors import UsageError
from tools.fleets.effects.operate_states import capacity_after, needing
from tools.records import Fleet, OperateInstances

_ON_SINGLES = ("stop", "hibernate", "start", "terminate")
_IN_GROUPS = ("terminate", "enter-standby", "exit-standby", "protect-from-scale-in", "unprotect-from-scale-in")
_OWNER_TAGS = ("aws:autoscaling:groupName", "aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id")


def check_operation(action: OperateInstances, fleet: Fleet) -> None:
    """Raises UsageError."""
    _check_kind(action, fleet)
    mine = {i.instance_id for i in fleet.instances}
    strangers = [i for i in action.instance_ids if i not in mine]
    if strangers:
        raise UsageError(
            f"{fleet.name} has no {', '.join(strangers[:3])}", hint="`spotwarden fleets NAME` lists its instances"
        )
    managed = next((i for i in needing(action, fleet) if i.managed_by), None)
    if managed is not None:
        raise UsageError(
            f"{managed.instance_id} is operated by {managed.managed_by}, and EC2 lets nobody else change it",
            hint=f"act through {managed.managed_by}",
        )
    if fleet.ref.kind == "instance":
        _check_single(action, fleet)
    else:
        _check_members(action, fleet)


def _check_kind(action: OperateInstances, fleet: Fleet) -> None:
    word = action.operation
    if fleet.ref.kind in {"ec2-fleet", "spot-fleet"}:
        raise UsageError(
            f"{fleet.name} is a fleet that replaces what it loses: {word} of its instances would not last",
            hint="lower its target capacity, or delete the fleet with its instances",
        )
    if fleet.ref.kind == "asg" and word not in _IN_GROUPS:
        raise UsageError(
            f"{fleet.name} is an Auto Scaling group: it ends instances that are stopped, as unhealthy",
            hint="enter-standby takes an instance out of service; terminate ends it",
        )
    if fleet.ref.kind == "instance" and word not in _ON_SINGLES:
        raise UsageError(
            f"{fleet.name} is a single instance: {word} is for members of an Auto Scaling group",
            hint=f"what a single instance takes: {', '.join(_ON_SINGLES)}",
        )
    if action.lower_desired_capacity and (fleet.ref.kind != "asg" or word not in {"terminate", "enter-standby"}):
        raise UsageError(
            f"{fleet.name}: {word} does not lower desired capacity",
            hint="only terminate and enter-standby in an Auto Scaling group do",
        )


def _check_single(action: OperateInstances, fleet: Fleet) -> None:
    owner = next((f for key in _OWNER_TAGS if (f := fleet.tag(key))), None)
    if owner is not None:
        raise UsageError(f"{fleet.ref.fleet_id} is a member of {owner}", hint="act on it through its fleet")
    unfit = [i for i in needing(action, fleet) if not i.hibernation_configured]
    if action.operation == "hibernate" and unfit:
        raise UsageError(
            f"{fleet.ref.fleet_id} is not set up for hibernation, which only its launch can do",
            hint="stop it, or launch its next one with hibernation",
        )


def _check_members(action: OperateInstances, fleet: Fleet) -> None:
    touched = needing(action, fleet)
    not_yet = [i for i in touched if i.lifecycle_state != "InService"]
    if action.operation == "enter-standby" and not_yet:
        raise UsageError(
            f"{fleet.name}: {not_yet[0].instance_id} is {not_yet[0].lifecycle_state or 'in no known state'},"
            " and only instances in service enter standby",
            hint="wait until it is in service, or leave it out",
        )
    if action.lower_desired_capacity and any(i.in_standby for i in touched):
        raise UsageError(
            f"{fleet.name}: instances in standby do not count in desired capacity, so ending them does not lower it",
            hint="end them without lowering desired capacity",
        )
    after = capacity_after(action, fleet)
    if after is not None and not fleet.min_size <= after <= fleet.max_size:
        bound = f"min size {fleet.min_size}" if after < fleet.min_size else f"max size {fleet.max_size}"
        raise UsageError(
            f"{fleet.name}: desired capacity would go from {fleet.desired_capacity} to {after}, past its {bound}",
            hint="change the size limits first, name fewer instances, or leave desired capacity as it is",
        )
