"""replace_instances: detach named instances so that their group launches others at once."""

from typing import Annotated

from pydantic import Field

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.records import InstanceId, Name, ReplaceInstances
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
    effect_of(action).check(action, found)
    return action
