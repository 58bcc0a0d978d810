"""operate_instances and operate_fleet: what operators do by hand, drawn up for the one way to write."""

from typing import Annotated, Literal

from pydantic import Field

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.fleets.effects import EFFECTS, effect_of
from tools.fleets.find import find_fleet
from tools.market.subject import FLEETS_IAM
from tools.records import (
    Action,
    CancelInstanceRefresh,
    DeleteFleet,
    Fleet,
    InstanceId,
    InstanceOperation,
    Name,
    OperateInstances,
    StartInstanceRefresh,
)
from tools.tool import tool

FleetOperation = Literal["start-instance-refresh", "cancel-instance-refresh", "delete", "delete-with-instances"]


@tool(
    effect="write",
    iam=(*EFFECTS["operate-instances"].iam, *FLEETS_IAM),
    example={
        "fleet": "web-canary",
        "operation": "enter-standby",
        "instance_ids": ["i-0123456789abcdef0"],
        "lower_desired_capacity": True,
    },
)
def operate_instances(
    reader: CloudReader,
    fleet: Annotated[Name, Field(description="fleet name or id; or the id of a single instance")],
    operation: InstanceOperation,
    instance_ids: Annotated[tuple[InstanceId, ...], Field(min_length=1, max_length=20)],
    lower_desired_capacity: Annotated[
        bool, Field(description="terminate, enter-standby: true = launch nothing in their place")
    ],
) -> OperateInstances:
    """Draw up one operation on named instances: stop, hibernate, start, terminate, standby, scale-in protection.

    Raises  UsageError: AWS would refuse it, with the way out; NotFound; CloudError kinds
    """
    found = its_group(reader, find_fleet(reader, fleet))
    action = OperateInstances(
        fleet=found.ref,
        operation=operation,
        instance_ids=tuple(dict.fromkeys(instance_ids)),
        lower_desired_capacity=lower_desired_capacity,
    )
    effect_of(action).check(action, found)
    return action


def its_group(reader: CloudReader, found: Fleet) -> Fleet:
    """An instance of a group is acted on through its group."""
    group = found.tag("aws:autoscaling:groupName") if found.ref.kind == "instance" else None
    return find_fleet(reader, group) if group else found


@tool(
    effect="write",
    iam=(
        "autoscaling:StartInstanceRefresh",
        "autoscaling:CancelInstanceRefresh",
        "autoscaling:DescribeInstanceRefreshes",
        "ec2:DeleteFleets",
        "ec2:CancelSpotFleetRequests",
        *FLEETS_IAM,
    ),
    example={"fleet": "web-canary", "operation": "start-instance-refresh", "min_healthy_percentage": 90},
)
def operate_fleet(
    reader: CloudReader,
    fleet: Annotated[Name, Field(description="fleet name or id")],
    operation: FleetOperation,
    min_healthy_percentage: Annotated[
        int | None, Field(ge=0, le=100, description="of a refresh; null = 90, as AWS has it")
    ],
) -> Action:
    """Draw up: replace a group's instances in batches, stop that, or delete an EC2 Fleet or Spot Fleet request.

    Raises  UsageError: AWS would refuse it, with the way out; NotFound; CloudError kinds
    """
    found = find_fleet(reader, fleet)
    action = _drawn(reader, found, operation, 90 if min_healthy_percentage is None else min_healthy_percentage)
    effect_of(action).check(action, found)
    return action


def _drawn(reader: CloudReader, fleet: Fleet, operation: FleetOperation, healthy: int) -> Action:
    match operation:
        case "start-instance-refresh":
            return StartInstanceRefresh(
                fleet=fleet.ref, min_healthy_percentage=healthy, instance_warmup_seconds=300, skip_matching=True
            )
        case "cancel-instance-refresh":
            return CancelInstanceRefresh(fleet=fleet.ref, instance_refresh_id=running_refresh(reader, fleet))
        case _:
            return DeleteFleet(fleet=fleet.ref, terminate_instances=operation == "delete-with-instances")


def running_refresh(reader: CloudReader, fleet: Fleet) -> str:
    """Raises UsageError: none runs."""
    running = [r for r in reader.instance_refreshes(fleet.ref) if r.runs] if fleet.ref.kind == "asg" else []
    if not running:
        raise UsageError(f"{fleet.name}: no instance refresh runs", hint="there is nothing to cancel")
    return running[0].refresh_id
