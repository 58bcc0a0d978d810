"""Tags as AWS answers for them, where moto falls short: our own fleets, groups that are not there, aws: keys."""

from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tools.simulation.machines import refuse_managed
from tools.simulation.wishes import Ec2Fleet
from tools.simulation.world import World


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    moto_create, moto_delete = EC2Response.create_tags, EC2Response.delete_tags
    group_create, group_delete = AutoScalingResponse.create_or_update_tags, AutoScalingResponse.delete_tags

    def create_tags(response: EC2Response) -> ActionResult:
        tags = {t["Key"]: t.get("Value") or "" for t in response._get_param("Tags", [])}
        _check_keys(tags)
        fleets = _fleets(world, response)
        result: ActionResult = moto_create(response)
        for fleet in fleets:
            fleet.tags.update(tags)
        return result

    def delete_tags(response: EC2Response) -> ActionResult:
        tags = {t["Key"]: t.get("Value") for t in response._get_param("Tags", [])}
        _check_keys(tags)
        fleets = _fleets(world, response)
        result: ActionResult = moto_delete(response)
        for fleet in fleets:
            for key, value in tags.items():
                if value is None or fleet.tags.get(key) == value:
                    fleet.tags.pop(key, None)
        return result

    def create_or_update_tags(response: AutoScalingResponse) -> ActionResult:
        _check_groups(world, response)
        result: ActionResult = group_create(response)
        return result

    def delete_group_tags(response: AutoScalingResponse) -> ActionResult:
        _check_groups(world, response)
        result: ActionResult = group_delete(response)
        return result

    setattr(EC2Response, create_tags.__name__, create_tags)
    setattr(EC2Response, delete_tags.__name__, delete_tags)
    setattr(AutoScalingResponse, create_or_update_tags.__name__, create_or_update_tags)
    setattr(AutoScalingResponse, delete_tags.__name__, delete_group_tags)


def _check_keys(tags: dict[str, Any]) -> None:
    for key in tags:
        if key.lower().startswith("aws:"):
            text = f"Tag keys starting with 'aws:' are reserved for internal use: {key}"
            raise EC2ClientError("InvalidParameterValue", text)


def _fleets(world: World, response: EC2Response) -> list[Ec2Fleet]:
    """The fleets that a request names. Raises EC2ClientError: one is not there, or an instance is a service's."""
    found = []
    for resource_id in response._get_param("Resources", []):
        if resource_id in world.instances:
            refuse_managed(world.instances[resource_id])
        if resource_id.startswith("i-") and resource_id not in world.instances:
            text = f"The instance ID '{resource_id}' does not exist"
            raise EC2ClientError("InvalidInstanceID.NotFound", text)
        if resource_id.startswith(("fleet-", "sfr-")):
            fleet = world.ec2_fleets.get(resource_id) or world.spot_fleets.get(resource_id)
            if fleet is None:
                raise EC2ClientError("InvalidFleetId.NotFound", f"The fleet ID '{resource_id}' does not exist")
            found.append(fleet)
    return found


def _check_groups(world: World, response: AutoScalingResponse) -> None:
    for tag in response._get_param("Tags", []):
        name = tag.get("ResourceId")
        if name not in world.autoscaling.autoscaling_groups:
            raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
        if str(tag.get("Key", "")).lower().startswith("aws:"):
            raise ValidationError(f"Tag keys starting with 'aws:' are reserved for internal use: {tag.get('Key')}")
