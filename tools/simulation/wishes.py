"""What groups and fleets want to be, read from their own settings: sizes, options, strategies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

from tools.simulation.fleets import Option, Wish, on_demand_units
from tools.simulation.market import Pool
from tools.simulation.rates import known_types
from tools.simulation.requirements import matching_types
from tools.simulation.world import World

REFRESHED = "refreshed_to"
"""attribute of a group: the DesiredConfiguration of the instance refresh that is on"""


@dataclass
class Ec2Fleet:
    """An EC2 Fleet: moto's own ignores overrides, weights, zones and strategies, and never replaces."""

    fleet_id: str
    request: dict[str, Any]
    """CreateFleet's parameters, botocore's names"""
    type: str
    target: dict[str, Any]
    """TargetCapacitySpecification as described: TotalTargetCapacity, OnDemandTargetCapacity, SpotTargetCapacity…"""
    tags: dict[str, str]
    created_at: datetime
    client_token: str
    state: str = "active"
    instance_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Configuration:
    """What a group launches: its own settings, or those that an instance refresh brings it to."""

    policy: dict[str, Any] | None
    version: Any
    """moto's launch template version; None = a launch configuration"""


def configuration_of(group: FakeAutoScalingGroup) -> Configuration:
    wanted = vars(group).get(REFRESHED) or {}
    policy = wanted.get("MixedInstancesPolicy") or (
        None if wanted.get("LaunchTemplate") else group.mixed_instances_policy
    )
    spec = wanted.get("LaunchTemplate")
    if wanted.get("MixedInstancesPolicy"):
        spec = wanted["MixedInstancesPolicy"]["LaunchTemplate"]["LaunchTemplateSpecification"]
    if spec:
        backend = group.ec2_backend
        named = spec.get("LaunchTemplateId")
        template = (
            backend.get_launch_template(named)
            if named
            else backend.get_launch_template_by_name(spec["LaunchTemplateName"])
        )
        return Configuration(policy, template.get_version(spec.get("Version") or "$Default"))
    own = group.ec2_launch_template
    return Configuration(policy, own.get_version(group.launch_template_version) if own else None)


def wish_of_group(group: FakeAutoScalingGroup, types: Sequence[str] = ()) -> Wish:
    """What a group's settings ask for.

    types  of the account's market, from which attributes choose; () = every type with a price
    """
    desired = int(group.desired_capacity or 0)
    configuration = configuration_of(group)
    version, policy = configuration.version, configuration.policy
    own_type = version.instance_type if version else group.instance_type
    if not policy:
        return _wish(desired, desired, [(own_type, 1)], group.availability_zones, {}, balance=True)
    split = policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or []
    kinds = [
        (kind, int(o.get("WeightedCapacity") or 1))
        for o in overrides
        for kind in override_types(types or known_types(), o) or (own_type,)
    ]
    on_demand = on_demand_units(
        desired,
        int(split.get("OnDemandBaseCapacity") or 0),
        int(_given(split, "OnDemandPercentageAboveBaseCapacity", 100)),
    )
    kinds = kinds or [(own_type, 1)]
    if any(o.get("InstanceRequirements") for o in overrides):
        split = {"OnDemandAllocationStrategy": "lowest-price", **split}
    return _wish(desired, on_demand, kinds, group.availability_zones, split, balance=True)


def wish_of_fleet(world: World, fleet: Ec2Fleet) -> Wish:
    """What an EC2 Fleet's target capacity and overrides ask for."""
    options: list[Option] = []
    for config in fleet.request["LaunchTemplateConfigs"]:
        template = config.get("LaunchTemplateSpecification")
        version = launch_template_version(world, template) if template else None
        for override in config.get("Overrides") or [{}]:
            kinds = override_types(world.market.types(), override) or ([version.instance_type] if version else [])
            zones = _override_zones(world, override)
            weight = int(float(override.get("WeightedCapacity") or 1))
            options.extend(Option(Pool(k, zone), weight, len(options)) for k in kinds for zone in zones)
    spot = fleet.request.get("SpotOptions") or {}
    return Wish(
        desired=int(fleet.target["TotalTargetCapacity"]),
        on_demand=int(fleet.target["OnDemandTargetCapacity"]),
        options=tuple(options),
        spot_strategy=spot.get("AllocationStrategy") or "lowest-price",
        on_demand_strategy=(fleet.request.get("OnDemandOptions") or {}).get("AllocationStrategy") or "lowest-price",
        spot_pools=int(spot.get("InstancePoolsToUseCount") or 1),
        balance_zones=False,
    )


def launch_template(world: World, spec: dict[str, Any]) -> Any:
    """By id or by name; moto raises EC2's own errors."""
    if spec.get("LaunchTemplateId"):
        return world.ec2.get_launch_template(spec["LaunchTemplateId"])
    return world.ec2.get_launch_template_by_name(str(spec.get("LaunchTemplateName")))


def launch_template_version(world: World, spec: dict[str, Any]) -> Any:
    """The version that a specification means now; moto raises EC2's own errors."""
    return launch_template(world, spec).get_version(spec.get("Version") or "$Default")


def check_configs(world: World, configs: Sequence[dict[str, Any]]) -> None:
    """Raises EC2ClientError: a template, an instance type or a zone that is not there."""
    for config in configs:
        if config.get("LaunchTemplateSpecification"):
            launch_template_version(world, config["LaunchTemplateSpecification"])
        for override in config.get("Overrides") or []:
            kind, zone = override.get("InstanceType"), override.get("AvailabilityZone")
            if kind and kind not in INSTANCE_TYPES and kind not in world.market.types():
                raise EC2ClientError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
            if zone and zone not in world.zones:
                raise EC2ClientError("InvalidParameterValue", f"Invalid availability zone: [{zone}]")


def override_types(types: Sequence[str], override: dict[str, Any]) -> tuple[str, ...]:
    """The instance types of one override, by name or by attributes; () = it names none."""
    if override.get("InstanceType"):
        return (str(override["InstanceType"]),)
    asked = override.get("InstanceRequirements")
    return matching_types(types, asked) if asked else ()


def _wish(
    desired: int,
    on_demand: int,
    kinds: Sequence[tuple[str, int]],
    zones: Iterable[str],
    split: dict[str, Any],
    *,
    balance: bool,
) -> Wish:
    return Wish(
        desired=desired,
        on_demand=on_demand,
        options=tuple(Option(Pool(k, z), w, rank) for rank, (k, w) in enumerate(kinds) for z in sorted(zones)),
        spot_strategy=split.get("SpotAllocationStrategy") or "lowest-price",
        on_demand_strategy=split.get("OnDemandAllocationStrategy") or "prioritized",
        spot_pools=int(split.get("SpotInstancePools") or 2),
        balance_zones=balance,
    )


def _given(split: dict[str, Any], key: str, default: int) -> Any:
    return default if split.get(key) is None else split[key]


def _override_zones(world: World, override: dict[str, Any]) -> tuple[str, ...]:
    if override.get("AvailabilityZone"):
        return (override["AvailabilityZone"],)
    if override.get("SubnetId"):
        return (str(world.ec2.get_subnet(override["SubnetId"]).availability_zone),)
    return world.zones
