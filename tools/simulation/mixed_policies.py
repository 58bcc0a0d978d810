"""What Auto Scaling refuses in a mixed instances policy.

Source  Auto Scaling API reference: InstancesDistribution, LaunchTemplateOverrides (weights 1 to 999, 40 overrides;
prioritized is not for groups that choose by attributes)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

from tools.simulation.wishes import launch_template_version
from tools.simulation.world import World

MOST_OVERRIDES = 40
_SPOT = ("lowest-price", "capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized")
_ON_DEMAND = ("prioritized", "lowest-price")


def check_policy(policy: Mapping[str, Any]) -> None:
    """Raises ValidationError, as Auto Scaling words it."""
    split = policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or []
    _check_split(split, by_attributes=any(o.get("InstanceRequirements") for o in overrides))
    _check_overrides(overrides)


def check_template(world: World, spec: Mapping[str, Any] | None) -> None:
    """Raises ValidationError: the launch template, or that version of it, is not there."""
    try:
        if spec:
            launch_template_version(world, dict(spec))
    except EC2ClientError as error:
        raise ValidationError(f"You must use a valid fully-formed launch template. {error.message}") from None


def _check_split(split: Mapping[str, Any], *, by_attributes: bool) -> None:
    strategy = split.get("SpotAllocationStrategy") or "lowest-price"
    if strategy not in _SPOT:
        raise ValidationError(f"Spot allocation strategy {strategy} is invalid. Valid values: [{', '.join(_SPOT)}]")
    on_demand = split.get("OnDemandAllocationStrategy") or ("lowest-price" if by_attributes else "prioritized")
    if on_demand not in _ON_DEMAND:
        raise ValidationError(
            f"On-Demand allocation strategy {on_demand} is invalid. Valid values: [{', '.join(_ON_DEMAND)}]"
        )
    if by_attributes and on_demand == "prioritized":
        raise ValidationError("The prioritized On-Demand strategy cannot be used with InstanceRequirements.")
    if not 0 <= int(split.get("OnDemandPercentageAboveBaseCapacity") or 0) <= 100:
        raise ValidationError("OnDemandPercentageAboveBaseCapacity must be between 0 and 100.")
    if int(split.get("OnDemandBaseCapacity") or 0) < 0:
        raise ValidationError("OnDemandBaseCapacity must be 0 or more.")
    if split.get("SpotInstancePools") is not None:
        if strategy != "lowest-price":
            raise ValidationError("SpotInstancePools is only available with the lowest-price allocation strategy.")
        if not 1 <= int(split["SpotInstancePools"]) <= 20:
            raise ValidationError("SpotInstancePools must be between 1 and 20.")


def _check_overrides(overrides: Sequence[Mapping[str, Any]]) -> None:
    if len(overrides) > MOST_OVERRIDES:
        raise ValidationError(f"At most {MOST_OVERRIDES} launch template overrides may be specified.")
    kinds = [str(o["InstanceType"]) for o in overrides if o.get("InstanceType")]
    if len(kinds) != len(set(kinds)):
        raise ValidationError("Instance types in the launch template overrides must be unique.")
    for kind in kinds:
        if kind not in INSTANCE_TYPES:
            raise ValidationError(f"You must use a valid instance type: {kind} is not one.")
    if any(o.get("InstanceType") and o.get("InstanceRequirements") for o in overrides):
        raise ValidationError("An override may have an InstanceType or InstanceRequirements, not both.")
    for asked in (o["InstanceRequirements"] for o in overrides if o.get("InstanceRequirements")):
        if not (asked.get("VCpuCount") and asked.get("MemoryMiB")):
            raise ValidationError("InstanceRequirements needs VCpuCount and MemoryMiB.")
    _check_weights([o.get("WeightedCapacity") for o in overrides])


def _check_weights(weights: Sequence[Any]) -> None:
    if any(weights) and not all(weights):
        raise ValidationError("If one override has a WeightedCapacity, every override must have one.")
    for weight in filter(None, weights):
        if not (str(weight).isdigit() and 1 <= int(weight) <= 999):
            raise ValidationError(f"WeightedCapacity must be a whole number from 1 to 999: {weight} is not one.")
