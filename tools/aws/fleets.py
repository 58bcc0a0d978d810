"""EC2 Fleets: read as fleets, and the one request that changes a fleet.

An EC2 Fleet buys by counts where a group buys by base and percentage. The mapping, both ways:

    default spot                     base = on-demand target,          0 % above base
    default on-demand, no spot       base = on-demand target,        100 % above base
    default on-demand, some spot     base = total − spot target,       0 % above base (true at this capacity)

So a percentage above base is 0 or 100; other shares have to be said as a base count. Its allocation strategy cannot
be changed while it runs. It has no minimum and no maximum: 0 and the service's own ceiling are given.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from tools.aws import ec2
from tools.aws.attributes import requirements_of
from tools.aws.calls import Calls
from tools.cloud import FleetSettings
from tools.errors import DataError, NotFound, Rejected
from tools.records import (
    Fleet,
    FleetKind,
    FleetRef,
    InstanceTypeOverride,
    LaunchTemplateUse,
    OnDemandAllocationStrategy,
    PurchaseMix,
    SpotAllocationStrategy,
    Tag,
)

SOURCE = "EC2 DescribeFleets"
MAX_TARGET = 10_000
"""units in one EC2 Fleet (service quota)"""
_LIVE = ("active", "modifying", "submitted")
_MEMBER_TAG = "aws:ec2:fleet-id"
"""which EC2 writes on every instance of an EC2 Fleet"""


def live(calls: Calls) -> list[dict[str, Any]]:
    filters = [{"Name": "fleet-state", "Values": list(_LIVE)}]
    return [r for r in calls.pages("ec2", "DescribeFleets", "Fleets", Filters=filters) if r.get("FleetState") in _LIVE]


def one(calls: Calls, fleet_id: str) -> dict[str, Any]:
    """Raises NotFound."""
    found = list(calls.pages("ec2", "DescribeFleets", "Fleets", FleetIds=[fleet_id]))
    if not found or found[0].get("FleetState") not in _LIVE:
        raise NotFound(
            f"there is no live EC2 Fleet {fleet_id!r} in {calls.region}", hint="`spotwarden fleets` lists them"
        )
    return found[0]


def as_fleets(calls: Calls, rows: Iterable[dict[str, Any]], sight: ec2.Sight) -> list[Fleet]:
    return built(calls, ((r, _members(calls, r)) for r in rows), sight, kind="ec2-fleet", source=SOURCE)


def built(
    calls: Calls, rows: Iterable[tuple[dict[str, Any], list[str]]], sight: ec2.Sight, *, kind: FleetKind, source: str
) -> list[Fleet]:
    """Fleets of DescribeFleets rows, each with the ids of its instances; a Spot Fleet request has the same shape."""
    rows = list(rows)
    found = ec2.instances(calls, (i for _, ids in rows for i in ids), zones=sight.zones)
    subnets = ec2.subnet_zones(calls, (s for r, _ in rows for o in _raw_overrides(r) for s in _list(o.get("SubnetId"))))
    return [
        Fleet(
            ref=FleetRef(kind=kind, fleet_id=row["FleetId"], account_id=sight.account_id, region=calls.region),
            desired_capacity=row["TargetCapacitySpecification"]["TotalTargetCapacity"],
            min_size=0,
            max_size=MAX_TARGET,
            mix=mix_of(row),
            instance_type=_own_type(calls, row),
            capacity_rebalance=_rebalances(row),
            zones=_zones(row, subnets, sight.zones),
            instances=tuple(found[i] for i in ids if i in found),
            tags=_tags(row),
            launch_template=_template(row),
            fleet_type=row.get("Type") or "maintain",
            as_of=sight.now,
            source=source,
        )
        for row, ids in rows
    ]


def _members(calls: Calls, row: dict[str, Any]) -> list[str]:
    """Ids in id order. DescribeFleetInstances does not know fleets of type instant: their instances tell by a tag."""
    if row.get("Type") == "instant":
        filters = [{"Name": f"tag:{_MEMBER_TAG}", "Values": [row["FleetId"]]}]
        found = calls.pages("ec2", "DescribeInstances", "Reservations", Filters=filters)
        return sorted(i["InstanceId"] for r in found for i in r["Instances"])
    listed = calls.pages_by_token(
        "ec2",
        "DescribeFleetInstances",
        "ActiveInstances",
        token="NextToken",  # noqa: S106 - the name of a field
        FleetId=row["FleetId"],
    )
    return sorted(r["InstanceId"] for r in listed)


def _template(row: dict[str, Any]) -> LaunchTemplateUse | None:
    """Of the first configuration; None = it is named in no way that could be asked about."""
    specification = next((c.get("LaunchTemplateSpecification") or {} for c in _configs(row)), {})
    template_id = specification.get("LaunchTemplateId")
    if not template_id:
        return None
    return LaunchTemplateUse(template_id=template_id, version=str(specification.get("Version") or "$Default"))


def _configs(row: dict[str, Any]) -> list[dict[str, Any]]:
    return row.get("LaunchTemplateConfigs") or []


def _raw_overrides(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [o for c in _configs(row) for o in c.get("Overrides") or ()]


def _list(joined: str | None) -> list[str]:
    """EC2 Fleet takes several subnets or zones in one text, separated by commas."""
    return [part.strip() for part in (joined or "").split(",") if part.strip()]


def _own_type(calls: Calls, row: dict[str, Any]) -> str | None:
    if any(o.get("InstanceType") for o in _raw_overrides(row)) or not _configs(row):
        return None
    specification = _configs(row)[0].get("LaunchTemplateSpecification")
    return ec2.template_type(calls, ec2.template_of(specification)) if specification else None


def _rebalances(row: dict[str, Any]) -> bool:
    strategies = (row.get("SpotOptions") or {}).get("MaintenanceStrategies") or {}
    return bool((strategies.get("CapacityRebalance") or {}).get("ReplacementStrategy"))


def _zones(row: dict[str, Any], subnets: Mapping[str, str], zones: Mapping[str, str]) -> tuple[str, ...]:
    """Where its overrides point, by name, id or subnet; a fleet that names no place may launch in every zone."""
    raw = _raw_overrides(row)
    by_id = {zone_id: name for name, zone_id in zones.items()}
    named = {z for o in raw for z in _list(o.get("AvailabilityZone"))}
    named |= {by_id[z] for o in raw for z in _list(o.get("AvailabilityZoneId")) if z in by_id}
    named |= {subnets[s] for o in raw for s in _list(o.get("SubnetId")) if s in subnets}
    return tuple(sorted(named or zones))


def _tags(row: dict[str, Any]) -> tuple[Tag, ...]:
    return ec2.tags(row.get("Tags") or ())


def mix_of(row: dict[str, Any]) -> PurchaseMix:
    target = row["TargetCapacitySpecification"]
    on_demand, spot = target.get("OnDemandTargetCapacity") or 0, target.get("SpotTargetCapacity") or 0
    by_default = target.get("DefaultTargetCapacityType") == "on-demand"
    strategy = (row.get("SpotOptions") or {}).get("AllocationStrategy") or "lowest-price"
    if strategy not in get_args(SpotAllocationStrategy):
        raise DataError(f"{row['FleetId']}: AWS names a spot allocation strategy {strategy!r}, not known here")
    return PurchaseMix(
        on_demand_base_capacity=target["TotalTargetCapacity"] - spot if by_default and spot else on_demand,
        on_demand_percentage_above_base=100 if by_default and not spot else 0,
        spot_allocation_strategy=strategy,
        on_demand_allocation_strategy=_on_demand_strategy(row),
        overrides=_overrides_by_type(row),
        instance_requirements=requirements_of(row["FleetId"], _raw_overrides(row)),
    )


def _on_demand_strategy(row: dict[str, Any]) -> OnDemandAllocationStrategy | None:
    told = (row.get("OnDemandOptions") or {}).get("AllocationStrategy")
    return next((s for s in get_args(OnDemandAllocationStrategy) if s == told), None)


def _overrides_by_type(row: dict[str, Any]) -> tuple[InstanceTypeOverride, ...]:
    """One entry a type, although EC2 lists one a type and place. Fractional weights are not ours to round: None."""
    weights: dict[str, int | None] = {}
    for override in _raw_overrides(row):
        weight = override.get("WeightedCapacity")
        if override.get("InstanceType"):
            weights.setdefault(override["InstanceType"], int(weight) if weight and weight == int(weight) else None)
    return tuple(InstanceTypeOverride(instance_type=t, weighted_capacity=w) for t, w in weights.items())


def update(row: dict[str, Any], settings: FleetSettings) -> dict[str, Any]:
    """Parameters of the one ModifyFleet, every number explicit.

    Raises  Rejected: what an EC2 Fleet cannot do while it runs; nothing was sent
    """
    if row.get("Type") != "maintain":
        raise Rejected(
            f"{row['FleetId']} is of type {row.get('Type')!r}, and EC2 changes only fleets of type maintain",
            hint="create a new fleet with what you want",
        )
    now = mix_of(row)
    wanted = settings.mix or now
    for what, has, asked in (
        ("spot allocation strategy", now.spot_allocation_strategy, wanted.spot_allocation_strategy),
        ("on-demand allocation strategy", now.on_demand_allocation_strategy, wanted.on_demand_allocation_strategy),
    ):
        if has != asked:
            raise Rejected(
                f"{row['FleetId']}: EC2 cannot change the {what} of a fleet that runs; nothing was sent",
                hint="create a new fleet with the strategy, and drain this one",
            )
    parameters: dict[str, Any] = {
        "FleetId": row["FleetId"],
        "TargetCapacitySpecification": _target(row, wanted, settings.desired_capacity),
        "ExcessCapacityTerminationPolicy": row.get("ExcessCapacityTerminationPolicy") or "termination",
    }
    if wanted.overrides != now.overrides or wanted.instance_requirements != now.instance_requirements:
        parameters["LaunchTemplateConfigs"] = _new_configs(row, wanted)
    return parameters


def _target(row: dict[str, Any], mix: PurchaseMix, desired_capacity: int | None) -> dict[str, Any]:
    specification = row["TargetCapacitySpecification"]
    total = specification["TotalTargetCapacity"] if desired_capacity is None else desired_capacity
    base, percentage = mix.on_demand_base_capacity, mix.on_demand_percentage_above_base
    if percentage not in (0, 100) or base > total:
        raise Rejected(
            f"{row['FleetId']}: an EC2 Fleet buys by counts: {percentage} % above a base of {base} of {total} units"
            " cannot be said to it; nothing was sent",
            hint="percentage above base 0 or 100, and a base within the target capacity",
        )
    unit = specification.get("TargetCapacityUnitType")
    return {
        "TotalTargetCapacity": total,
        "OnDemandTargetCapacity": base,
        "SpotTargetCapacity": 0 if percentage else total - base,
        "DefaultTargetCapacityType": "on-demand" if percentage else "spot",
        **({"TargetCapacityUnitType": unit} if unit else {}),
    }


def _new_configs(row: dict[str, Any], mix: PurchaseMix) -> list[dict[str, Any]]:
    """Kept types keep their entries, with the weights that are wanted; a new type stands wherever the first config's
    overrides stood.
    """
    if mix.instance_requirements is not None or any("InstanceRequirements" in o for o in _raw_overrides(row)):
        raise Rejected(
            f"{row['FleetId']}: instance types chosen by attributes are not changed in an EC2 Fleet; nothing was sent",
            hint="create a new fleet with a list of types, and drain this one",
        )
    known = {o.get("InstanceType") for o in _raw_overrides(row)}
    wanted = {o.instance_type: _override(o) for o in mix.overrides}
    configs = []
    for number, config in enumerate(_configs(row)):
        specification = dict(config["LaunchTemplateSpecification"])
        if specification.get("LaunchTemplateId"):
            specification.pop("LaunchTemplateName", None)
        raw = config.get("Overrides") or []
        overrides = [{**o, **wanted[o["InstanceType"]]} for o in raw if o.get("InstanceType") in wanted]
        if number == 0:
            new = [override for kind, override in wanted.items() if kind not in known]
            overrides += [{**place, **override} for override in new for place in _places(raw)]
        if overrides:
            configs.append({"LaunchTemplateSpecification": specification, "Overrides": overrides})
    return configs


def _places(overrides: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The distinct subnets and zones of some overrides, in order; one empty place when they name none."""
    places = [{k: o[k] for k in ("SubnetId", "AvailabilityZone", "AvailabilityZoneId") if o.get(k)} for o in overrides]
    return [p for n, p in enumerate(places) if p not in places[:n]] or [{}]


def _override(override: InstanceTypeOverride) -> dict[str, Any]:
    weight = override.weighted_capacity
    return {"InstanceType": override.instance_type, **({"WeightedCapacity": float(weight)} if weight else {})}
