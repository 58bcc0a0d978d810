"""Auto Scaling's actions as AWS answers them; moto's own launch at once, never spot, and check little.

Methods here are set on moto's response class, so parsing and serialising stay botocore's.
"""

from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.models import InstanceState as MotoState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from tools.simulation.mixed_policies import check_policy, check_template
from tools.simulation.settling import Settler
from tools.simulation.standby import named_group
from tools.simulation.world import World


def install(world: World, settler: Settler) -> None:
    """Replace moto's answers with ours, for this process."""
    actions = GroupActions(world, settler)
    _put(FakeAutoScalingGroup, "set_desired_capacity", _set_desired_only)
    _put(FakeAutoScalingGroup, "replace_autoscaling_group_instances", _leave_it_to_the_tick)
    moto_create = AutoScalingResponse.create_auto_scaling_group
    moto_delete = AutoScalingResponse.delete_auto_scaling_group

    def create_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
        actions.check_create(response)
        return moto_create(response)

    def delete_auto_scaling_group(response: AutoScalingResponse) -> ActionResult:
        actions.prepare_delete(response)
        return moto_delete(response)

    for made in (create_auto_scaling_group, delete_auto_scaling_group):
        _put(AutoScalingResponse, made.__name__, made)
    for name in ("suspend_processes", "resume_processes", "describe_load_balancer_target_groups"):
        _put(AutoScalingResponse, name, _of_a_group(world, getattr(AutoScalingResponse, name)))
    _put(MotoState, "launch_template", property(_launched_from))
    for name in (
        "update_auto_scaling_group",
        "set_desired_capacity",
        "detach_instances",
        "describe_scaling_activities",
    ):
        _put(AutoScalingResponse, name, _bound(getattr(actions, name)))
    _put(AutoScalingResponse, "terminate_instance_in_auto_scaling_group", _bound(actions.terminate_instance))


def _put(moto_class: type, name: str, method: Any) -> None:
    setattr(moto_class, name, method)


def _bound(action: Any) -> Any:
    def method(response: AutoScalingResponse) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


def _of_a_group(world: World, moto_action: Any) -> Any:
    """moto's own action, for a group that is there."""

    def method(response: AutoScalingResponse) -> ActionResult:
        named_group(world, response)
        result: ActionResult = moto_action(response)
        return result

    return method


def _launched_from(state: MotoState) -> dict[str, Any] | None:
    """The template version that an instance was launched from, not the one its group would use now."""
    spec = vars(state.instance).get("launched_from") or {}
    template = state.auto_scaling_group and state.auto_scaling_group.ec2_launch_template
    if not spec.get("Version"):
        return None
    name = template.name if template and template.id == spec["LaunchTemplateId"] else None
    return {"LaunchTemplateId": spec["LaunchTemplateId"], "LaunchTemplateName": name, "Version": spec["Version"]}


def _set_desired_only(group: FakeAutoScalingGroup, new_capacity: int | None) -> None:
    group.desired_capacity = group.min_size if new_capacity is None else new_capacity


def _leave_it_to_the_tick(group: FakeAutoScalingGroup, count_needed: int, propagated_tags: dict[str, str]) -> None:
    """Launches happen on ticks."""


class GroupActions:
    def __init__(self, world: World, settler: Settler) -> None:
        self.world = world
        self.settler = settler

    def _group(self, response: AutoScalingResponse) -> FakeAutoScalingGroup:
        return named_group(self.world, response)

    def check_create(self, response: AutoScalingResponse) -> None:
        name = response._get_param("AutoScalingGroupName")
        if name in self.world.autoscaling.autoscaling_groups:
            raise ValidationError(
                f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
            )
        low, high = response._get_int_param("MinSize", 0), response._get_int_param("MaxSize", 0)
        desired = response._get_int_param("DesiredCapacity")
        _check_sizes(low, high, low if desired is None else desired)
        policy = response._get_param("MixedInstancesPolicy") or {}
        check_policy(policy)
        self._check_places(response, policy)

    def _check_places(self, response: AutoScalingResponse, policy: dict[str, Any]) -> None:
        """Raises ValidationError: a zone or a launch template version that is not there. moto would keep half."""
        for zone in response._get_param("AvailabilityZones", []):
            if zone not in self.world.zones:
                raise ValidationError(f"Invalid Availability Zone(s): [{zone}].")
        spec = (policy.get("LaunchTemplate") or {}).get("LaunchTemplateSpecification")
        check_template(self.world, spec or response._get_param("LaunchTemplate"))

    def prepare_delete(self, response: AutoScalingResponse) -> None:
        group = self._group(response)
        if group.instance_states and not response._get_bool_param("ForceDelete", False):
            raise ValidationError(
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot requests"
            )
        for state in list(group.instance_states):
            self.settler._end(state.instance, self.world.clock.now())
        group.instance_states = []

    def update_auto_scaling_group(self, response: AutoScalingResponse) -> ActionResult:
        group = self._group(response)
        low = response._get_int_param("MinSize", group.min_size or 0)
        high = response._get_int_param("MaxSize", group.max_size or 0)
        desired = response._get_int_param("DesiredCapacity")
        if desired is None:
            desired = min(max(int(group.desired_capacity or 0), low), high)
        _check_sizes(int(low or 0), int(high or 0), desired)
        policy = response._get_param("MixedInstancesPolicy")
        template = response._get_param("LaunchTemplate", {})
        if policy and template:
            raise ValidationError("Only one of LaunchTemplate and MixedInstancesPolicy can be specified.")
        kept = None if template else group.mixed_instances_policy
        merged = _merged(kept, policy or {}, group) if policy or kept else None
        if merged:
            check_policy(merged)
        self._check_places(response, merged or {})
        group.update(
            availability_zones=response._get_param("AvailabilityZones", []),
            desired_capacity=desired,
            max_size=high,
            min_size=low,
            launch_config_name=response._get_param("LaunchConfigurationName"),
            launch_template=template,
            vpc_zone_identifier=response._get_param("VPCZoneIdentifier"),
            health_check_period=response._get_int_param("HealthCheckGracePeriod"),
            health_check_type=response._get_param("HealthCheckType"),
            new_instances_protected_from_scale_in=response._get_bool_param("NewInstancesProtectedFromScaleIn", None),
            mixed_instances_policy=merged,
        )
        for attribute, value in (
            ("capacity_rebalance", response._get_bool_param("CapacityRebalance", None)),
            ("default_cooldown", response._get_int_param("DefaultCooldown")),
            ("termination_policies", response._get_param("TerminationPolicies")),
        ):
            if value is not None:
                setattr(group, attribute, value)
        return EmptyResult()

    def set_desired_capacity(self, response: AutoScalingResponse) -> ActionResult:
        group = self._group(response)
        wanted = response._get_int_param("DesiredCapacity")
        if wanted > int(group.max_size or 0):
            raise ValidationError(
                f"New SetDesiredCapacity value {wanted} is above max value {group.max_size} for the AutoScalingGroup."
            )
        if wanted < int(group.min_size or 0):
            raise ValidationError(
                f"New SetDesiredCapacity value {wanted} is below min value {group.min_size} for the AutoScalingGroup."
            )
        group.desired_capacity = wanted
        return EmptyResult()

    def detach_instances(self, response: AutoScalingResponse) -> ActionResult:
        group = self._group(response)
        wanted = response._get_param("InstanceIds", [])
        members = {s.instance.id for s in group.instance_states}
        for instance_id in wanted:
            if instance_id not in members:
                raise ValidationError(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
        decrement = response._get_bool_param("ShouldDecrementDesiredCapacity", False)
        after = int(group.desired_capacity or 0) - (len(wanted) if decrement else 0)
        if after < int(group.min_size or 0):
            raise ValidationError(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}; its desired-size would become {after}."
            )
        activities = self.world.autoscaling.detach_instances(group.name, wanted, decrement)
        return ActionResult({"Activities": activities})

    def terminate_instance(self, response: AutoScalingResponse) -> ActionResult:
        instance_id = response._get_param("InstanceId")
        groups = self.world.autoscaling.autoscaling_groups.values()
        group = next((g for g in groups if any(s.instance.id == instance_id for s in g.instance_states)), None)
        if group is None:
            raise ValidationError(f"Instance Id not found - No managed instance found for instance ID: {instance_id}")
        if response._get_bool_param("ShouldDecrementDesiredCapacity", False):
            if int(group.desired_capacity or 0) <= int(group.min_size or 0):
                raise ValidationError(
                    f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without "
                    "replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity "
                    "flag to false or lower group's min size."
                )
            group.desired_capacity = int(group.desired_capacity or 0) - 1
        group.instance_states = [s for s in group.instance_states if s.instance.id != instance_id]
        now = self.world.clock.now()
        self.settler._end(self.world.instances[instance_id], now)
        activity = {
            "ActivityId": self.world.request_id(f"terminate|{instance_id}"),
            "AutoScalingGroupName": group.name,
            "Description": f"Terminating EC2 instance: {instance_id}",
            "Cause": f"instance {instance_id} was taken out of service in response to a user request",
            "StartTime": now,
            "StatusCode": "InProgress",
            "Progress": 0,
        }
        return ActionResult({"Activity": activity})

    def describe_scaling_activities(self, response: AutoScalingResponse) -> ActionResult:
        name = response._get_param("AutoScalingGroupName")
        names = [name] if name else sorted(self.world.activities)
        rows = [row for n in names for row in self.world.activities.get(n, [])]
        rows.sort(key=lambda r: r["StartTime"], reverse=True)
        rows = [row for row in rows if _in_time(row, response._get_param("Filters", []))]
        start = int(response._get_param("NextToken") or 0)
        size = response._get_int_param("MaxRecords", 100)
        more = str(start + size) if start + size < len(rows) else None
        return ActionResult({"Activities": rows[start : start + size], "NextToken": more})


def _in_time(row: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    for wanted in filters:
        name = wanted.get("Name")
        if name not in ("StartTimeLowerBound", "StartTimeUpperBound"):
            raise ValidationError(f"Filter {name} is not supported.")
        bounds = [datetime.fromisoformat(str(v)) for v in wanted.get("Values") or []]
        bounds = [b if b.tzinfo else b.replace(tzinfo=UTC) for b in bounds]
        late = name == "StartTimeUpperBound"
        if any(row["StartTime"] > b if late else row["StartTime"] < b for b in bounds):
            return False
    return True


def _check_sizes(low: int, high: int, desired: int) -> None:
    if low > high:
        raise ValidationError(f"Max bound, {high}, must be greater than or equal to min bound, {low}")
    if not low <= desired <= high:
        raise ValidationError(
            f"Desired capacity:{desired} must be between the specified min size:{low} and max size:{high}"
        )


def _merged(old: dict[str, Any] | None, new: dict[str, Any], group: FakeAutoScalingGroup) -> dict[str, Any]:
    """An update leaves out what it does not change; a new overrides list replaces the old one whole."""
    split = {**((old or {}).get("InstancesDistribution") or {}), **(new.get("InstancesDistribution") or {})}
    if split.get("SpotAllocationStrategy") not in (None, "lowest-price") and "SpotInstancePools" not in (
        new.get("InstancesDistribution") or {}
    ):
        split.pop("SpotInstancePools", None)  # it has no meaning with another strategy
    template = {**((old or {}).get("LaunchTemplate") or {}), **(new.get("LaunchTemplate") or {})}
    if "LaunchTemplateSpecification" not in template and group.launch_template:
        template["LaunchTemplateSpecification"] = group.launch_template
    spec = dict(template.get("LaunchTemplateSpecification") or {})
    if spec.get("LaunchTemplateId"):
        spec.pop("LaunchTemplateName", None)
    return {"InstancesDistribution": split, "LaunchTemplate": {**template, "LaunchTemplateSpecification": spec}}
