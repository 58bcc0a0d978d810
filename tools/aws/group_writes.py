"""What changes an Auto Scaling group besides its settings: refreshes, instances; and the tags of fleets of any kind."""

from collections.abc import Sequence
from typing import Any

from tools.aws import autoscaling
from tools.aws.calls import Calls
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.errors import CloudError, OutcomeUnknown, Rejected
from tools.records import (
    CancelInstanceRefresh,
    FleetRef,
    ItemOutcome,
    OperateInstances,
    StartInstanceRefresh,
    Tag,
)


def start_refresh(send: Any, action: StartInstanceRefresh) -> Receipt:
    """Every preference said: AWS's own would wait an hour for protected instances, and follow the group's policy.

    A maximum of 100 % that is said, not left out, lets a new instance come before an old one goes.
    """
    preferences = {
        "MinHealthyPercentage": action.min_healthy_percentage,
        "MaxHealthyPercentage": 100,
        "InstanceWarmup": action.instance_warmup_seconds,
        "SkipMatching": action.skip_matching,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Ignore",
        "StandbyInstances": "Ignore",
    }
    return _receipt(
        send(
            "autoscaling",
            "StartInstanceRefresh",
            AutoScalingGroupName=action.fleet.fleet_id,
            Strategy="Rolling",
            Preferences=preferences,
        )
    )


def cancel_refresh(send: Any, action: CancelInstanceRefresh) -> Receipt:
    """Cancels whichever refresh runs: Auto Scaling takes no id, and at most one runs."""
    return _receipt(send("autoscaling", "CancelInstanceRefresh", AutoScalingGroupName=action.fleet.fleet_id))


def operate(send: Any, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
    """Raises Rejected: not an operation on members of a group; nothing was sent."""
    named = {"AutoScalingGroupName": action.fleet.fleet_id, "InstanceIds": list(instance_ids)}
    lower = {"ShouldDecrementDesiredCapacity": action.lower_desired_capacity}
    match action.operation:
        case "terminate":
            return _terminate(send, action, instance_ids)
        case "enter-standby":
            return _receipt(send("autoscaling", "EnterStandby", **named, **lower))
        case "exit-standby":
            return _receipt(send("autoscaling", "ExitStandby", **named))
        case "protect-from-scale-in" | "unprotect-from-scale-in":
            protected = action.operation == "protect-from-scale-in"
            return _receipt(send("autoscaling", "SetInstanceProtection", **named, ProtectedFromScaleIn=protected))
        case _:
            raise Rejected(f"{action.fleet.label}: {action.operation} is not for members of a group; nothing was sent")


def _terminate(send: Any, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
    """One call an instance; what comes after a no or a silence is not sent.

    Raises  OutcomeUnknown: no answer came for one; CloudErrors: a no to the first, nothing happened
    """
    request_ids: list[str] = []
    for position, instance_id in enumerate(instance_ids):
        done, left = instance_ids[:position], instance_ids[position + 1 :]
        try:
            answer = send(
                "autoscaling",
                "TerminateInstanceInAutoScalingGroup",
                InstanceId=instance_id,
                ShouldDecrementDesiredCapacity=action.lower_desired_capacity,
            )
        except OutcomeUnknown as error:
            told = f"{instance_id}: {error.message}; done: {_named(done)}; not sent: {_named(left)}"
            raise OutcomeUnknown(told, hint=error.hint) from error
        except CloudError as error:
            if not done:
                raise
            return _broken_off(request_ids, done, (instance_id, error), left)
        request_ids.append(request_id_of(answer))
    return Receipt(request_ids=tuple(request_ids), items=tuple(ItemOutcome(item=i, ok=True) for i in instance_ids))


def _broken_off(
    request_ids: Sequence[str], done: Sequence[str], refused: tuple[str, CloudError], left: Sequence[str]
) -> Receipt:
    item, error = refused
    items = (
        *(ItemOutcome(item=i, ok=True) for i in done),
        ItemOutcome(item=item, ok=False, code=error.code, message=error.message),
        *(ItemOutcome(item=i, ok=False, code="NotSent", message="one before it was refused") for i in left),
    )
    return Receipt(request_ids=tuple(r for r in (*request_ids, error.request_id) if r), items=items)


def _named(instance_ids: Sequence[str]) -> str:
    return ", ".join(instance_ids) or "none"


def set_tags(calls: Calls, send: Any, ref: FleetRef, tags: Sequence[Tag]) -> Receipt:
    """Whether instances to come get a group's tag stays as it is; a new one is the group's alone."""
    if ref.kind != "asg":
        pairs = [{"Key": t.key, "Value": t.value} for t in tags]
        return _receipt(send("ec2", "CreateTags", Resources=[ref.fleet_id], Tags=pairs))
    row = autoscaling.group(calls, ref.fleet_id)
    propagated = {t["Key"] for t in row.get("Tags") or () if t.get("PropagateAtLaunch")}
    wanted = [{**_of_group(ref, t.key), "Value": t.value, "PropagateAtLaunch": t.key in propagated} for t in tags]
    return _receipt(send("autoscaling", "CreateOrUpdateTags", Tags=wanted))


def remove_tags(send: Any, ref: FleetRef, keys: Sequence[str]) -> Receipt:
    """By key, whatever the value is."""
    if ref.kind != "asg":
        return _receipt(send("ec2", "DeleteTags", Resources=[ref.fleet_id], Tags=[{"Key": k} for k in keys]))
    return _receipt(send("autoscaling", "DeleteTags", Tags=[_of_group(ref, k) for k in keys]))


def _of_group(ref: FleetRef, key: str) -> dict[str, str]:
    return {"ResourceId": ref.fleet_id, "ResourceType": "auto-scaling-group", "Key": key}


def _receipt(answer: dict[str, Any]) -> Receipt:
    return Receipt(request_ids=(request_id_of(answer),))
