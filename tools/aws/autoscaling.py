"""Auto Scaling groups: read as fleets, and the one request that changes a group."""

from collections.abc import Iterable
from typing import Any, get_args

from tools.aws import ec2
from tools.aws.calls import Calls
from tools.cloud import FleetSettings
from tools.errors import DataError, NotFound, Rejected
from tools.records import Fleet, FleetRef, InstanceTypeOverride, PurchaseMix, SpotAllocationStrategy

SOURCE = "EC2 Auto Scaling DescribeAutoScalingGroups"
_GROUPS = ("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups")
_CONFIGURATIONS_A_CALL = 50


def groups(calls: Calls) -> list[dict[str, Any]]:
    return list(calls.pages(*_GROUPS))


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
    members = [m for row in rows for m in _members(row)]
    protected = frozenset(m["InstanceId"] for m in members if m.get("ProtectedFromScaleIn"))
    found = ec2.instances(calls, (m["InstanceId"] for m in members), zones=sight.zones, protected=protected)
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


def read_mix(row: dict[str, Any]) -> PurchaseMix | None:
    """AWS leaves defaults out of its answers: base 0, 100 % above it, lowest-price."""
    policy = row.get("MixedInstancesPolicy")
    if not policy:
        return None
    distribution = policy.get("InstancesDistribution") or {}
    strategy = distribution.get("SpotAllocationStrategy") or "lowest-price"
    if strategy not in get_args(SpotAllocationStrategy):
        raise DataError(
            f"{row['AutoScalingGroupName']}: AWS names a spot allocation strategy {strategy!r}, not known here"
        )
    return PurchaseMix(
        on_demand_base_capacity=distribution.get("OnDemandBaseCapacity") or 0,
        on_demand_percentage_above_base=_given(distribution.get("OnDemandPercentageAboveBaseCapacity"), 100),
        spot_allocation_strategy=strategy,
        overrides=tuple(
            InstanceTypeOverride(instance_type=o["InstanceType"], weighted_capacity=_weight(o.get("WeightedCapacity")))
            for o in (policy.get("LaunchTemplate") or {}).get("Overrides") or ()
            if o.get("InstanceType")
        ),
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _weight(text: str | None) -> int | None:
    return int(text) if text else None


def _own_types(calls: Calls, rows: Iterable[dict[str, Any]]) -> dict[str, str | None]:
    """Group → the instance type of its launch template or configuration, each read once; None = it names none."""
    templates, configurations = {}, {}
    for row in rows:
        mixed = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
        template = row.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
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
        return {"LaunchTemplate": {**_one_name(row.get("LaunchTemplate") or {}), "Version": str(version)}}
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
    wanted: dict[str, Any] = {
        "OnDemandAllocationStrategy": now.get("OnDemandAllocationStrategy") or "prioritized",
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
    if any("InstanceRequirements" in o for o in now):
        if mix.overrides:
            raise Rejected(
                f"{name} selects instance types by attributes, so a list of types cannot be set; nothing was sent",
                hint="change its instance requirements, or ask for the purchase mix alone",
            )
        return now
    by_type = {o["InstanceType"]: o for o in now if o.get("InstanceType")}
    wanted = []
    for override in mix.overrides:
        kept = dict(by_type.get(override.instance_type, {"InstanceType": override.instance_type}))
        if override.weighted_capacity is not None:
            kept["WeightedCapacity"] = str(override.weighted_capacity)
        if kept.get("LaunchTemplateSpecification"):
            kept["LaunchTemplateSpecification"] = _one_name(kept["LaunchTemplateSpecification"])
        wanted.append(kept)
    return wanted
