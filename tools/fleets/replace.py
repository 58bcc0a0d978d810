"""replace_instances: detach named instances so that their group launches others at once."""

from typing import Annotated, Any

from pydantic import Field

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.find import find_fleet
from tools.fleets.preview import check_possible
from tools.records import Fleet, Name, Permit, ReplaceInstances
from tools.records.actions import InstanceId
from tools.tool import tool


@tool(
    effect="write",
    iam=("autoscaling:DetachInstances", "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"),
    example={"fleet": "ml-train", "instance_ids": ["i-0123456789abcdef0"]},
)
def replace_instances(
    reader: CloudReader,
    fleet: Annotated[Name, Field(description="fleet name or id")],
    instance_ids: Annotated[
        tuple[InstanceId, ...], Field(min_length=1, max_length=20, description="instances of the fleet")
    ],
) -> ReplaceInstances:
    """Draw up: detach named instances, so that the group launches replacements while the old ones still run.

    Raises  UsageError: an instance that is not in the fleet, or an EC2 Fleet, which replaces by itself
    """
    found = find_fleet(reader, fleet)
    mine = {i.instance_id for i in found.instances}
    strangers = [i for i in instance_ids if i not in mine]
    if strangers:
        raise UsageError(f"{found.name} has no {', '.join(strangers[:3])}", hint="describe_fleet lists its instances")
    action = ReplaceInstances(fleet=found.ref, instance_ids=tuple(dict.fromkeys(instance_ids)))
    check_possible(action, found)
    return action


# the effect


def replace_expect_and_want(action: ReplaceInstances, fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
    """Which of the named instances are attached, and that none shall be."""
    return _attached(action, fleet), {"attached": []}


def observe_replace(reader: CloudReader, action: ReplaceInstances) -> dict[str, Any]:
    return _attached(action, reader.fleet(action.fleet))


def carry_out_replace(writer: CloudWriter, permit: Permit, action: ReplaceInstances) -> Receipt:
    return writer.detach_instances(permit, action.fleet, action.instance_ids)


def _attached(action: ReplaceInstances, fleet: Fleet) -> dict[str, Any]:
    mine = {i.instance_id for i in fleet.instances}
    return {"attached": sorted(i for i in action.instance_ids if i in mine)}
