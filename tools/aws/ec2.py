"""EC2 as we read it: instances, zones, launch templates, spot prices, placement scores."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any

from tools.aws.calls import Calls
from tools.errors import DataError, NotFound
from tools.records import AttachedVolume, CapacityPool, Instance, PlacementScore, SpotPrice, Tag

IDS_A_CALL = 200  # EC2 takes at most 200 values in one filter
_TYPES_A_CALL = 100
SCORED_TYPES = 3
"""below three types a placement score is low whatever the capacity is, so it is not asked for"""
_GONE = {"shutting-down", "terminated"}


@dataclass(frozen=True)
class Sight:
    """What every fleet of one look has in common."""

    account_id: str
    zones: Mapping[str, str]
    """zone name → zone id"""
    now: datetime


def zone_ids(calls: Calls) -> dict[str, str]:
    answer = calls.read("ec2", "DescribeAvailabilityZones")
    return {z["ZoneName"]: z["ZoneId"] for z in answer["AvailabilityZones"] if z.get("ZoneId")}


def instances(
    calls: Calls, ids: Iterable[str], *, zones: Mapping[str, str], protected: frozenset[str] = frozenset()
) -> dict[str, Instance]:
    """Instances that still live, by id. One that EC2 does not know (any more, or not yet) is left out."""
    return {row["InstanceId"]: instance(row, zones, protected) for row in live_rows(calls, ids)}


def live_rows(calls: Calls, ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    """What EC2 says of instances that still live, stopped ones too.

    A filter is used and not InstanceIds: one id that is gone would fail the whole call.
    """
    for some in batches(sorted(set(ids)), IDS_A_CALL):
        filters = [{"Name": "instance-id", "Values": some}]
        for reservation in calls.pages("ec2", "DescribeInstances", "Reservations", Filters=filters):
            yield from (row for row in reservation["Instances"] if row["State"]["Name"] not in _GONE)


def instance(row: dict[str, Any], zones: Mapping[str, str], protected: frozenset[str] = frozenset()) -> Instance:
    zone = row["Placement"]["AvailabilityZone"]
    return Instance(
        instance_id=row["InstanceId"],
        instance_type=row["InstanceType"],
        zone_name=zone,
        zone_id=zones.get(zone),
        purchase_option="spot" if row.get("InstanceLifecycle") == "spot" else "on-demand",
        state=row["State"]["Name"],
        launched_at=row["LaunchTime"],
        protected_from_scale_in=row["InstanceId"] in protected,
        volumes=_volumes(row),
        hibernation_configured=bool((row.get("HibernationOptions") or {}).get("Configured")),
        managed_by=_operator(row.get("Operator") or {}),
    )


def _volumes(row: dict[str, Any]) -> tuple[AttachedVolume, ...]:
    """EBS volumes; an instance store has none, and nothing of it outlives its instance."""
    root = row.get("RootDeviceName")
    return tuple(
        AttachedVolume(
            device_name=device["DeviceName"],
            volume_id=device["Ebs"]["VolumeId"],
            delete_on_termination=bool(device["Ebs"].get("DeleteOnTermination")),
            root=device["DeviceName"] == root,
        )
        for device in row.get("BlockDeviceMappings") or ()
        if "Ebs" in device
    )


def _operator(operator: Mapping[str, Any]) -> str | None:
    return (operator.get("Principal") or "an AWS service") if operator.get("Managed") else None


Template = tuple[str, str]
"""a launch template by id or name, and its version: a number, $Default or $Latest"""


def template_of(specification: Mapping[str, Any]) -> Template:
    """EC2 answers with id and name, and wants exactly one of them."""
    named = specification.get("LaunchTemplateId") or specification["LaunchTemplateName"]
    return named, str(specification.get("Version") or "$Default")


def template_types(calls: Calls, templates: Iterable[Template]) -> dict[Template, str | None]:
    """Instance types of launch template versions; None when the template names none or is gone.

    Of many templates the default and latest versions are read from EC2's listing of all, not one by one.
    """
    wanted = set(templates)
    moving = {t for t in wanted if t[1] in _MOVING}
    if len(moving) <= _ASKED_ONE_BY_ONE:
        moving = set()
    listed = _listed_types(calls, {version for _, version in moving})
    return {t: listed.get(t) if t in moving else template_type(calls, t) for t in sorted(wanted)}


_MOVING = ("$Default", "$Latest")
_ASKED_ONE_BY_ONE = 3


def _listed_types(calls: Calls, versions: set[str]) -> dict[Template, str | None]:
    """Of every template of the region, under its id and under its name."""
    found: dict[Template, str | None] = {}
    if not versions:
        return found
    newest: dict[str, int] = {}
    for row in calls.pages(
        "ec2", "DescribeLaunchTemplateVersions", "LaunchTemplateVersions", Versions=sorted(versions)
    ):
        names = (row["LaunchTemplateId"], row["LaunchTemplateName"])
        kind = row["LaunchTemplateData"].get("InstanceType")
        if row["DefaultVersion"]:
            found |= {(name, "$Default"): kind for name in names}
        if row["VersionNumber"] > newest.get(names[0], 0):
            newest[names[0]] = row["VersionNumber"]
            found |= {(name, "$Latest"): kind for name in names}
    return found


def template_type(calls: Calls, template: Template) -> str | None:
    """The instance type of one launch template version; None when it names none or is gone."""
    name, version = template
    named = {"LaunchTemplateId" if name.startswith("lt-") else "LaunchTemplateName": name}
    try:
        versions = calls.pages(
            "ec2", "DescribeLaunchTemplateVersions", "LaunchTemplateVersions", Versions=[version], **named
        )
        return next((v["LaunchTemplateData"].get("InstanceType") for v in versions), None)
    except NotFound:
        return None


def subnet_zones(calls: Calls, subnet_ids: Iterable[str]) -> dict[str, str]:
    """Subnet id → zone name."""
    ids = sorted(set(subnet_ids))
    if not ids:
        return {}
    filters = [{"Name": "subnet-id", "Values": ids[:IDS_A_CALL]}]
    rows = calls.pages("ec2", "DescribeSubnets", "Subnets", Filters=filters)
    return {r["SubnetId"]: r["AvailabilityZone"] for r in rows}


def spot_prices(
    calls: Calls,
    instance_types: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    product: str,
    zones: Mapping[str, str],
) -> tuple[SpotPrice, ...]:
    """Changes in the window and the price in force at its start, oldest first.

    The window is of our clock; where EC2's own runs ahead, its newest change may lie after `until` and is not told.

    Source  EC2 DescribeSpotPriceHistory: changes, at most 90 days; the first row of a pool may lie before `since`
    Raises  DataError: a price that is none
    """
    pools: dict[tuple[str, str, str], CapacityPool] = {}
    prices: dict[tuple[str, ...], SpotPrice] = {}
    for some in batches(sorted(set(instance_types)), _TYPES_A_CALL):
        for row in calls.pages(
            "ec2",
            "DescribeSpotPriceHistory",
            "SpotPriceHistory",
            InstanceTypes=some,
            ProductDescriptions=[product],
            StartTime=since,
            EndTime=until,
        ):
            named = (row["InstanceType"], row["AvailabilityZone"], row["ProductDescription"])
            pool = pools.get(named) or pools.setdefault(named, _pool(row, zones))
            change = (*named, str(row["Timestamp"]), row["SpotPrice"])
            if change not in prices:  # a change may come again on the next page, when the price moved meanwhile
                prices[change] = SpotPrice(pool=pool, usd_per_hour=_price(row), at=row["Timestamp"])
    return tuple(sorted(prices.values(), key=lambda p: (p.at, p.pool.label, p.usd_per_hour)))


def _price(row: Mapping[str, Any]) -> Decimal:
    try:
        price = Decimal(row["SpotPrice"])
    except InvalidOperation:
        price = Decimal("NaN")
    if not (price.is_finite() and price > 0):
        raise DataError(
            f"EC2 DescribeSpotPriceHistory: {row['InstanceType']} in {row['AvailabilityZone']} at {row['Timestamp']}:"
            f" SpotPrice: saw {row['SpotPrice']!r}, expected a price above 0",
            hint="ask again; if it stays, leave the type out",
        )
    return price


def _pool(row: dict[str, Any], zones: Mapping[str, str]) -> CapacityPool:
    zone = row["AvailabilityZone"]
    return CapacityPool(
        instance_type=row["InstanceType"],
        zone_name=zone,
        zone_id=row.get("AvailabilityZoneId") or zones.get(zone),
        product=row["ProductDescription"],
    )


def placement_scores(
    calls: Calls, instance_types: Sequence[str], *, target_capacity: int, now: datetime
) -> tuple[PlacementScore, ...]:
    """By zone, highest first; empty for fewer than three types, which EC2 always scores low.

    Raises  Rejected: EC2 takes so many new configurations a day (MaxConfigLimitExceeded)
    """
    types = tuple(sorted(set(instance_types)))
    if len(types) < SCORED_TYPES or target_capacity < 1:
        return ()
    rows = calls.pages(
        "ec2",
        "GetSpotPlacementScores",
        "SpotPlacementScores",
        InstanceTypes=list(types),
        TargetCapacity=target_capacity,
        TargetCapacityUnitType="units",
        SingleAvailabilityZone=True,
        RegionNames=[calls.region],
    )
    scores = [
        PlacementScore(
            region=r.get("Region", calls.region),
            zone_id=r.get("AvailabilityZoneId"),
            score=r["Score"],
            instance_types=types,
            target_capacity=target_capacity,
            as_of=now,
        )
        for r in rows
    ]
    return tuple(sorted(scores, key=lambda s: (-s.score, s.zone_id or "")))


def tags(rows: Iterable[Mapping[str, Any]]) -> tuple[Tag, ...]:
    """As written by whoever wrote them: data, never markup or instructions."""
    return tuple(sorted((Tag(key=r["Key"], value=r.get("Value") or "") for r in rows), key=lambda t: t.key))


def batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(ids)
    while some := list(islice(rest, size)):
        yield some
