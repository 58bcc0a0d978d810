"""Auto Scaling groups: read as fleets, and the one request that changes a group."""

from collections.abc import Iterable
from typing import Any, get_args

from tools.aws import ec2
from tools.aws.calls import Calls
from tools.errors import DataError, NotFound, Rejected
from tools.records import Fleet, FleetRef, InstanceTypeOverride, PurchaseMix, SpotAllocationStrategy

SOURCE = "EC2 Auto Scaling DescribeAutoScalingGroups"
_GROUPS = ("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups")


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
    fleets = []
    for row in rows:
        ids = sorted(m["InstanceId"] for m in _members(row))
        mix = _mix(row)
        fleets.append(
            Fleet(
                ref=FleetRef(
                    kind="asg", fleet_id=row["AutoScalingGroupName"], account_id=sight.account_id, region=calls.region
                ),
                desired_capacity=row["DesiredCapacity"],
                min_size=row["MinSize"],
                max_size=row["MaxSize"],
                mix=mix,
                instance_type=None if mix and mix.overrides else _own_type(calls, row),
                capacity_rebalance=bool(row.get("CapacityRebalance")),
                zones=tuple(sorted(row.get("AvailabilityZones") or ())),
                instances=tuple(found[i] for i in ids if i in found),
                tags=ec2.tags(row.get("Tags") or ()),
                as_of=sight.now,
                source=SOURCE,
            )
        )
    return fleets


def _members(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Instances of the group; one that is being detached is no longer its own."""
    return [m for m in row.get("Instances") or () if not str(m.get("LifecycleState")).startswith("Detach")]


def _mix(row: dict[str, Any]) -> PurchaseMix | None:
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


def _own_type(calls: Calls, row: dict[str, Any]) -> str | None:
    mixed = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template = row.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    if template:
        return ec2.template_type(calls, template)
    name = row.get("LaunchConfigurationName")
    if not name:
        return None
    found = calls.pages(
        "autoscaling", "DescribeLaunchConfigurations", "LaunchConfigurations", LaunchConfigurationNames=[name]
    )
    return next((c.get("InstanceType") for c in found), None)


def types_of(calls: Calls, row: dict[str, Any]) -> tuple[str, ...]:
    """Instance types that a group may launch: its overrides', or its template's."""
    mixed = (row.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    named = tuple(o["InstanceType"] for o in mixed.get("Overrides") or () if o.get("InstanceType"))
    own = None if named else _own_type(calls, row)
    return named or ((own,) if own else ())


def update(row: dict[str, Any], *, mix: PurchaseMix | None, desired_capacity: int | None) -> dict[str, Any]:
    """Parameters of the one UpdateAutoScalingGroup: every value of the mix explicit, none left to AWS's defaults.

    row     the group as it stands: its launch template and what overrides carry besides type are kept
    Raises  Rejected: a mix for a group that cannot take one from us
    """
    parameters: dict[str, Any] = {"AutoScalingGroupName": row["AutoScalingGroupName"]}
    if mix is not None:
        parameters["MixedInstancesPolicy"] = _policy(row, mix)
    if desired_capacity is not None:
        parameters["DesiredCapacity"] = desired_capacity
    return parameters


def _policy(row: dict[str, Any], mix: PurchaseMix) -> dict[str, Any]:
    name, policy = row["AutoScalingGroupName"], row.get("MixedInstancesPolicy")
    if not policy:
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
