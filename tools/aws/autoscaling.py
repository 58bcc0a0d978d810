"""Auto Scaling groups: read as fleets, and the one request that changes a group."""

from collections.abc import Iterable
from typing import Any, get_args

from tools.aws import ec2
from tools.aws.attributes import CHOICES, requirements_of
from tools.aws.calls import Calls
from tools.cloud import FleetSettings
from tools.errors import DataError, NotFound, Rejected
from tools.records import (
    Fleet,
    FleetRef,
    Instance,
    InstanceRequirements,
    InstanceTypeOverride,
    LaunchTemplateUse,
    OnDemandAllocationStrategy,
    PurchaseMix,
    SpotAllocationStrategy,
)

SOURCE = "EC2 Auto Scaling DescribeAutoScalingGroups"
_GROUPS = ("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups")
_MOST_A_PAGE = 100
_CONFIGURATIONS_A_CALL = 50


def groups(calls: Calls) -> list[dict[str, Any]]:
    return list(calls.pages(*_GROUPS, MaxRecords=_MOST_A_PAGE))


def group(calls: Calls, name: str) -> dict[str, Any]:
    """Raises NotFound."""
    found = list(calls.pages(*_GROUPS, AutoScalingGroupNames=[name]))
    if not found:
        raise NotFound(
            f"there is no Auto Scaling group {name!r} in {calls.region}", hint="`spotwarden fleets` lists them"
        )
    return found[0]


def as_fleets(calls: Calls, rows: Iterable[dict[str, Any]], sight: ec2.Sight) -> list[Fleet]:
    """Groups with their instances: EC2 is asked once for all of them."""
    rows = list(rows)
    members = {m["InstanceId"]: m for row in rows for m in _members(row)}
    read = ec2.instances(calls, members, zones=sight.zones)
    found = {i: _member(instance, members[i]) for i, instance in read.items()}
    mixes = {row["AutoScalingGroupName"]: read_mix(row) for row in rows}
    own = _own_types(calls, (r for r in rows if not _names_types(mixes[r["AutoScalingGroupName"]])))
    fleets = []
    for row in rows:
        ids = sorted(m["InstanceId"] for m in _members(row))
        mix = mixes[row["AutoScalingGroupName"]]
        fleets.append(
            Fleet(
                ref=FleetRef(
                    kind="asg", fleet_id=row["AutoScalingGroupName"], account_id=sight.account_id, region=calls.region
                ),
                desired_capacity=row["DesiredCapacity"],
                min_size=row["MinSize"],
                max_size=row["MaxSize"],
                mix=mix,
                instance_type=own.get(row["AutoScalingGroupName"]),
                capacity_rebalance=bool(row.get("CapacityRebalance")),
                zones=tuple(sorted(row.get("AvailabilityZones") or ())),
                instances=tuple(found[i] for i in ids if i in found),
                tags=ec2.tags(row.get("Tags") or ()),
                launch_template=_template_use(_specification(row)),
                target_groups=_target_groups(row),
                new_instances_protected=bool(row.get("NewInstancesProtectedFromScaleIn")),
                deletion_protected=row.get("DeletionProtection") not in {None, "none"},
                as_of=sight.now,
                source=SOURCE,
            )
        )
    return fleets


def _names_types(mix: PurchaseMix | None) -> bool:
    return mix is not None and bool(mix.overrides)


def _members(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Instances of the group; one that is being detached is no longer its own."""
    return [m for m in row.get("Instances") or () if not str(m.get("LifecycleState")).startswith("Detach")]


def _member(instance: Instance, member: dict[str, Any]) -> Instance:
    """An instance with what its group says of it."""
    return instance.with_(
        protected_from_scale_in=bool(member.get("ProtectedFromScaleIn")),
        lifecycle_state=member.get("LifecycleState"),
        launch_template=_template_use(member.get("LaunchTemplate")),
    )


def _specification(row: dict[str, Any]) -> dict[str, Any] | None:
    """The launch template of a group; None = it uses a launch configuration."""
    mixed = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    found: dict[str, Any] | None = row.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    return found


def _template_use(specification: dict[str, Any] | None) -> LaunchTemplateUse | None:
    if not specification:
        return None
    template_id, version = ec2.template_of(specification)
    return LaunchTemplateUse(template_id=template_id, version=version)


def _target_groups(row: dict[str, Any]) -> tuple[str, ...]:
    """AWS tells a target group in either of two places, or in both."""
    sources = [s["Identifier"] for s in row.get("TrafficSources") or () if s.get("Type", "elbv2") == "elbv2"]
    arns = (*(row.get("TargetGroupARNs") or ()), *(s for s in sources if ":targetgroup/" in s))
    return tuple(dict.fromkeys(arns))


def read_mix(row: dict[str, Any]) -> PurchaseMix | None:
    """AWS leaves defaults out of its answers: base 0, 100 % above it, lowest-price; on demand, lowest-price for types
    chosen by attributes and prioritized for a list.
    """
    policy = row.get("MixedInstancesPolicy")
    if not policy:
        return None
    name, distribution = row["AutoScalingGroupName"], policy.get("InstancesDistribution") or {}
    overrides = (policy.get("LaunchTemplate") or {}).get("Overrides") or ()
    requirements = requirements_of(name, overrides)
    spot = distribution.get("SpotAllocationStrategy") or "lowest-price"
    on_demand = distribution.get("OnDemandAllocationStrategy") or ("lowest-price" if requirements else "prioritized")
    for said, known in ((spot, SpotAllocationStrategy), (on_demand, OnDemandAllocationStrategy)):
        if said not in get_args(known):
            raise DataError(f"{name}: AWS names an allocation strategy {said!r}, not known here")
    return PurchaseMix(
        on_demand_base_capacity=distribution.get("OnDemandBaseCapacity") or 0,
        on_demand_percentage_above_base=_given(distribution.get("OnDemandPercentageAboveBaseCapacity"), 100),
        spot_allocation_strategy=spot,
        overrides=tuple(
            InstanceTypeOverride(instance_type=o["InstanceType"], weighted_capacity=_weight(o.get("WeightedCapacity")))
            for o in overrides
            if o.get("InstanceType")
        ),
        instance_requirements=requirements,
        on_demand_allocation_strategy=on_demand,
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _weight(text: str | None) -> int | None:
    return int(text) if text else None


def _own_types(calls: Calls, rows: Iterable[dict[str, Any]]) -> dict[str, str | None]:
    """Group → the instance type of its launch template or configuration, each read once; None = it names none."""
    templates, configurations = {}, {}
    for row in rows:
        template = _specification(row)
        if template:
            templates[row["AutoScalingGroupName"]] = ec2.template_of(template)
        elif row.get("LaunchConfigurationName"):
            configurations[row["AutoScalingGroupName"]] = row["LaunchConfigurationName"]
    types = ec2.template_types(calls, templates.values())
    named = _configured_types(calls, configurations.values())
    return {g: types[t] for g, t in templates.items()} | {g: named.get(c) for g, c in configurations.items()}


def _configured_types(calls: Calls, names: Iterable[str]) -> dict[str, str | None]:
    rows = (
        row
        for some in ec2.batches(sorted(set(names)), _CONFIGURATIONS_A_CALL)
        for row in calls.pages(
            "autoscaling", "DescribeLaunchConfigurations", "LaunchConfigurations", LaunchConfigurationNames=some
        )
    )
    return {row["LaunchConfigurationName"]: row.get("InstanceType") for row in rows}


def types_of(calls: Calls, row: dict[str, Any]) -> tuple[str, ...]:
    """Instance types that a group may launch: its overrides', or its template's."""
    mixed = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    named = tuple(o["InstanceType"] for o in mixed.get("Overrides") or () if o.get("InstanceType"))
    own = None if named else _own_types(calls, [row]).get(row["AutoScalingGroupName"])
    return named or ((own,) if own else ())


def update(row: dict[str, Any], wanted: FleetSettings) -> dict[str, Any]:
    """Parameters of the one UpdateAutoScalingGroup: every value of the mix explicit, none left to AWS's defaults.

    row     the group as it stands: its launch template and what overrides carry besides type are kept
    Raises  Rejected: a mix for a group that cannot take one from us
    """
    parameters: dict[str, Any] = {"AutoScalingGroupName": row["AutoScalingGroupName"]}
    if wanted.mix is not None or wanted.launch_template_version is not None:
        parameters |= _bought(row, wanted)
    for field, name in _PLAIN.items():
        if getattr(wanted, field) is not None:
            parameters[name] = getattr(wanted, field)
    return parameters


_PLAIN = {
    "desired_capacity": "DesiredCapacity",
    "min_size": "MinSize",
    "max_size": "MaxSize",
    "capacity_rebalance": "CapacityRebalance",
    "new_instances_protected": "NewInstancesProtectedFromScaleIn",
}


def _bought(row: dict[str, Any], wanted: FleetSettings) -> dict[str, Any]:
    """The purchase mix, the launch template's version, or both: they stand in one parameter where there is a mix."""
    version = wanted.launch_template_version
    if not row.get("MixedInstancesPolicy") and wanted.mix is None:
        if not row.get("LaunchTemplate"):
            raise Rejected(
                f"{row['AutoScalingGroupName']} launches from a launch configuration; nothing was sent",
                hint="give the group a launch template first: launch configurations have no versions",
            )
        return {"LaunchTemplate": {**_one_name(row["LaunchTemplate"]), "Version": str(version)}}
    policy = _policy(row, wanted.mix or read_mix(row))
    if version is not None:
        policy["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] = str(version)
    return {"MixedInstancesPolicy": policy}


def _policy(row: dict[str, Any], mix: PurchaseMix | None) -> dict[str, Any]:
    name, policy = row["AutoScalingGroupName"], row.get("MixedInstancesPolicy")
    if not policy or mix is None:
        raise Rejected(
            f"{name} has no mixed instances policy, so there is no purchase mix to set; nothing was sent",
            hint="give the group a mixed instances policy from its launch template first",
        )
    if (policy.get("InstancesDistribution") or {}).get("DistributionSegments"):
        raise Rejected(f"{name} buys by distribution segments, which spotwarden does not write; nothing was sent")
    template = policy["LaunchTemplate"]
    specification = template["LaunchTemplateSpecification"]
    wanted = {"LaunchTemplateSpecification": _one_name(specification)}
    overrides = _overrides(name, template.get("Overrides") or [], mix)
    return {
        "LaunchTemplate": {**wanted, "Overrides": overrides} if overrides else wanted,
        "InstancesDistribution": _distribution(policy.get("InstancesDistribution") or {}, mix),
    }


def _one_name(specification: dict[str, Any]) -> dict[str, Any]:
    """AWS answers with a template's id and name, and takes only one of them."""
    kept = dict(specification)
    if kept.get("LaunchTemplateId"):
        kept.pop("LaunchTemplateName", None)
    return kept


def _distribution(now: dict[str, Any], mix: PurchaseMix) -> dict[str, Any]:
    by_default = "lowest-price" if mix.instance_requirements else "prioritized"
    wanted: dict[str, Any] = {
        "OnDemandAllocationStrategy": mix.on_demand_allocation_strategy
        or now.get("OnDemandAllocationStrategy")
        or by_default,
        "OnDemandBaseCapacity": mix.on_demand_base_capacity,
        "OnDemandPercentageAboveBaseCapacity": mix.on_demand_percentage_above_base,
        "SpotAllocationStrategy": mix.spot_allocation_strategy,
    }
    if mix.spot_allocation_strategy == "lowest-price":  # the only strategy that takes a number of pools
        wanted["SpotInstancePools"] = now.get("SpotInstancePools") or 2
    if now.get("SpotMaxPrice"):
        wanted["SpotMaxPrice"] = now["SpotMaxPrice"]
    return wanted


def _overrides(name: str, now: list[dict[str, Any]], mix: PurchaseMix) -> list[dict[str, Any]]:
    """The list, whole: kept types and attributes keep what else AWS has of them."""
    now = [_one_template(o) for o in now]
    if mix.instance_requirements is not None:
        return _by_attributes(name, now, mix.instance_requirements)
    by_type = {o["InstanceType"]: o for o in now if o.get("InstanceType")}
    wanted = []
    for override in mix.overrides:
        kept = dict(by_type.get(override.instance_type, {"InstanceType": override.instance_type}))
        if override.weighted_capacity is not None:
            kept["WeightedCapacity"] = str(override.weighted_capacity)
        wanted.append(kept)
    return wanted


def _one_template(override: dict[str, Any]) -> dict[str, Any]:
    specification = override.get("LaunchTemplateSpecification")
    return {**override, "LaunchTemplateSpecification": _one_name(specification)} if specification else override


def _by_attributes(name: str, now: list[dict[str, Any]], wanted: InstanceRequirements) -> list[dict[str, Any]]:
    """One override with the attributes wanted; what else it asks for, such as local disks, it keeps asking for."""
    by_attributes = [o for o in now if o.get("InstanceRequirements")]
    if now == by_attributes and requirements_of(name, now) == wanted:
        return now
    if len(by_attributes) > 1:
        raise Rejected(
            f"{name} has {len(by_attributes)} overrides that choose types by attributes, and one would be written;"
            " nothing was sent",
            hint="change them where they were made",
        )
    first = by_attributes[0] if by_attributes else {}
    asked = {k: v for k, v in (first.get("InstanceRequirements") or {}).items() if k not in CHOICES.values()}
    asked["VCpuCount"] = _range(wanted.min_vcpus, wanted.max_vcpus)
    asked["MemoryMiB"] = _range(wanted.min_memory_mib, wanted.max_memory_mib)
    asked |= {member: list(getattr(wanted, field)) for field, member in CHOICES.items() if getattr(wanted, field)}
    return [{**first, "InstanceRequirements": asked}]


def _range(low: int, high: int | None) -> dict[str, int]:
    return {"Min": low} if high is None else {"Min": low, "Max": high}
