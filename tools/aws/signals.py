"""What EC2 did to our spot instances, from the four places where it says so; each event once.

    spot requests      status codes, for hours: which pool, and who ended it
    instances          state reasons of instances that EC2 still shows
    fleet activity     launches granted and refused, ends, for weeks: Auto Scaling groups
    fleet history      the same for EC2 Fleets, for two days

One that may not be read, or not now, is told as missing, and the others speak. EC2-initiated events only. An
interruption, a recommendation or a launch is one event an instance, whichever place
tells of it and whenever; a refusal is one event a fleet, pool and moment.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, TypeVar

from tools.aws import autoscaling, ec2, fleets
from tools.aws.activities import Told, told_by_activity, told_by_history
from tools.aws.calls import Calls
from tools.errors import AccessDenied, CloudError, NotFound, Rejected, Throttled
from tools.records import LINUX, CapacityPool, PoolSignal, SetAside

REQUESTS = "EC2 DescribeSpotInstanceRequests"
INSTANCES = "EC2 DescribeInstances"
ACTIVITY = "EC2 Auto Scaling DescribeScalingActivities"
HISTORY = "EC2 DescribeFleetHistory"
PLACES = (INSTANCES, REQUESTS, ACTIVITY, HISTORY)

TAKEN = {f"instance-{end}-{why}" for end in ("terminated", "stopped") for why in ("by-price", "no-capacity")} | {
    "instance-terminated-capacity-oversubscribed",
    "instance-stopped-capacity-oversubscribed",
    "marked-for-termination",
}
"""EC2's own doing; by-user, by-schedule, by-experiment and by-service codes are not. Nor is marked-for-stop: a person's
stop goes through it too, and how an instance that EC2 stops ended up is told a moment later"""
_REFUSED = {"capacity-not-available", "capacity-oversubscribed"}
_TAKEN_STATE = {"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"}
_MOMENT = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) GMT\)")
_GROUP_TAG = "aws:autoscaling:groupName"
_FLEET_TAG = "aws:ec2:fleet-id"

Kind = Literal["interruption", "rebalance", "launch", "refusal"]
Key = tuple[str, ...]
T = TypeVar("T")


@dataclass
class Origin:
    """Where a spot instance came from."""

    pool: CapacityPool
    fleet: str | None
    launched_at: datetime | None


@dataclass
class Sightings:
    """Events as they come in: the first telling of one counts."""

    zones: Mapping[str, str]
    origins: dict[str, Origin] = field(default_factory=dict)
    """spot instances by id"""
    on_demand: set[str] = field(default_factory=set)
    taken: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """instances whose state says that EC2 took them: when, and in which words"""
    events: dict[Key, PoolSignal] = field(default_factory=dict)
    unplaced: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    refused: dict[str, CloudError] = field(default_factory=dict)
    """places that may not be read, or not now: the first word of each"""

    def tried(self, place: str, step: Callable[[], T]) -> T | None:
        """What a place says. Raises CloudError: nothing of the account can be read, such as for want of a network."""
        try:
            return step()
        except (AccessDenied, NotFound, Rejected, Throttled) as error:
            self.refused.setdefault(place, error)
            return None

    def pool(self, instance_type: str, zone_name: str, product: str = LINUX) -> CapacityPool:
        return CapacityPool(
            instance_type=instance_type,
            zone_name=zone_name,
            zone_id=self.zones.get(zone_name),
            product=product.removesuffix(" (Amazon VPC)"),
        )

    def of_instance(self, kind: Kind, instance_id: str, at: datetime, source: str, code: str | None = None) -> None:
        """An event of a spot instance whose origin is known."""
        origin = self.origins[instance_id]
        self.events.setdefault(
            (kind, instance_id),
            PoolSignal(
                kind=kind,
                pool=origin.pool,
                instance_id=instance_id,
                fleet=origin.fleet,
                code=code,
                at=at,
                source=source,
            ),
        )

    def refuse(self, pool: CapacityPool, fleet: str | None, at: datetime, source: str, code: str | None) -> None:
        self.events.setdefault(
            ("refusal", fleet or "", pool.label, at.isoformat()),
            PoolSignal(kind="refusal", pool=pool, fleet=fleet, code=code, at=at, source=source),
        )

    def unplace(self, reason: str, example: str) -> None:
        self.unplaced[reason] += 1
        self.examples.setdefault(reason, example)

    def product_of(self, fleet: str) -> str:
        """What the fleet's known instances run; Linux when none is known."""
        return next((o.pool.product for o in self.origins.values() if o.fleet == fleet), LINUX)


def pool_signals(
    calls: Calls, *, since: datetime, zones: Mapping[str, str]
) -> tuple[tuple[PoolSignal, ...], tuple[SetAside, ...], tuple[str, ...]]:
    """Events at or after `since`, oldest first; those whose pool could not be told, counted; and what was not read.

    Raises  CloudError: none of the places can be read
    """
    seen = Sightings(zones)
    seen.tried(INSTANCES, lambda: _instances(calls, seen, [{"Name": "instance-lifecycle", "Values": ["spot"]}]))
    requests = seen.tried(REQUESTS, lambda: _requests(calls)) or []
    activities = seen.tried(ACTIVITY, lambda: _activities(calls, seen, since)) or []
    histories = seen.tried(HISTORY, lambda: _histories(calls, seen, since)) or []
    if len(seen.refused) == len(PLACES):
        raise seen.refused[INSTANCES]
    _learn_from_requests(seen, requests)
    _learn_from_fleets(calls, seen, activities, histories)
    for row in requests:
        _note_request(seen, row)
    for instance_id, (at, code) in seen.taken.items():
        seen.of_instance("interruption", instance_id, at, INSTANCES, code)
    for instance_id, origin in seen.origins.items():
        if origin.launched_at is not None:
            seen.of_instance("launch", instance_id, origin.launched_at, INSTANCES)
    for fleet, told, at in activities:
        _note(seen, fleet, told, at, ACTIVITY)
    for fleet, told, at in histories:
        _note(seen, fleet, told, at, HISTORY)
    found = sorted((e for e in seen.events.values() if e.at >= since), key=lambda e: (e.at, e.kind, e.canonical()))
    aside = [
        SetAside(reason=reason, count=count, example=seen.examples[reason])
        for reason, count in sorted(seen.unplaced.items())
    ]
    missing = tuple(f"{place}: {error.message}" for place, error in seen.refused.items())
    return tuple(found), tuple(aside), missing


# --- instances that EC2 still shows


def _instances(calls: Calls, seen: Sightings, filters: list[dict[str, Any]]) -> None:
    for reservation in calls.pages("ec2", "DescribeInstances", "Reservations", Filters=filters):
        for row in reservation["Instances"]:
            if row.get("InstanceLifecycle") != "spot":
                seen.on_demand.add(row["InstanceId"])
                continue
            pool = seen.pool(
                row["InstanceType"], row["Placement"]["AvailabilityZone"], row.get("PlatformDetails") or LINUX
            )
            tags = {t["Key"]: t.get("Value") for t in row.get("Tags") or ()}
            seen.origins[row["InstanceId"]] = Origin(pool, _fleet_of(tags), row["LaunchTime"])
            code = (row.get("StateReason") or {}).get("Code")
            ended = _MOMENT.search(str(row.get("StateTransitionReason") or ""))
            if code in _TAKEN_STATE and ended:
                at = datetime.strptime(ended.group(1), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
                seen.taken[row["InstanceId"]] = (at, code)


def _fleet_of(tags: Mapping[str, str | None]) -> str | None:
    """A group launches through fleets of its own, so its tag comes first."""
    if tags.get(_GROUP_TAG):
        return f"asg/{tags[_GROUP_TAG]}"
    return f"ec2-fleet/{tags[_FLEET_TAG]}" if tags.get(_FLEET_TAG) else None


# --- spot requests


def _requests(calls: Calls) -> list[dict[str, Any]]:
    return list(calls.pages("ec2", "DescribeSpotInstanceRequests", "SpotInstanceRequests"))


def _learn_from_requests(seen: Sightings, requests: Iterable[Mapping[str, Any]]) -> None:
    """Instances that EC2 shows no longer, but whose requests it still knows."""
    for row in requests:
        pool, instance_id = _pool_of_request(seen, row), row.get("InstanceId")
        if instance_id and pool and instance_id not in seen.origins:
            launched = row.get("CreateTime") if row.get("Type") == "one-time" else None
            tags = {t["Key"]: t.get("Value") for t in row.get("Tags") or ()}
            seen.origins[instance_id] = Origin(pool, _fleet_of(tags), launched)


def _note_request(seen: Sightings, row: Mapping[str, Any]) -> None:
    status = row.get("Status") or {}
    code, at = str(status.get("Code") or ""), status.get("UpdateTime")
    if at is None or code not in TAKEN | _REFUSED:
        return
    pool, instance_id = _pool_of_request(seen, row), row.get("InstanceId")
    if code in TAKEN and instance_id in seen.origins:
        seen.of_instance("interruption", str(instance_id), at, REQUESTS, code)
    elif code in _REFUSED and pool:
        seen.refuse(pool, None, at, REQUESTS, code)
    else:
        seen.unplace("spot request without an instance type or a zone", row["SpotInstanceRequestId"])


def _pool_of_request(seen: Sightings, row: Mapping[str, Any]) -> CapacityPool | None:
    specification = row.get("LaunchSpecification") or {}
    kind = specification.get("InstanceType")
    zone = row.get("LaunchedAvailabilityZone") or (specification.get("Placement") or {}).get("AvailabilityZone")
    return seen.pool(kind, zone, row.get("ProductDescription") or LINUX) if kind and zone else None


# --- fleets

Entry = tuple[str, Told, datetime]
"""fleet, what was told, when"""


def _activities(calls: Calls, seen: Sightings, since: datetime) -> list[Entry]:
    """Group by group, as AWS asks: one listing of a whole account may time out. It keeps six weeks."""
    found: list[Entry] = []
    for group in autoscaling.groups(calls):
        if not _still_asked(seen, ACTIVITY):
            break
        found += seen.tried(ACTIVITY, partial(_activities_of, calls, group, since)) or []
    return found


def _activities_of(calls: Calls, group: dict[str, Any], since: datetime) -> list[Entry]:
    name, types = group["AutoScalingGroupName"], autoscaling.types_of(calls, group)
    rows = calls.pages(
        "autoscaling",
        "DescribeScalingActivities",
        "Activities",
        AutoScalingGroupName=name,
        Filters=[{"Name": "StartTimeLowerBound", "Values": [since.astimezone(UTC).isoformat()]}],
    )
    return [(f"asg/{name}", told_by_activity(r, types), r["StartTime"]) for r in rows if r["StartTime"] >= since]


def _histories(calls: Calls, seen: Sightings, since: datetime) -> list[Entry]:
    found: list[Entry] = []
    for row in fleets.live(calls):
        if not _still_asked(seen, HISTORY):
            break
        if row.get("Type") != "instant":  # it answers at once, and keeps no history
            found += seen.tried(HISTORY, partial(_history_of, calls, row["FleetId"], since)) or []
    return found


def _history_of(calls: Calls, fleet_id: str, since: datetime) -> list[Entry]:
    records = calls.pages_by_token(
        "ec2",
        "DescribeFleetHistory",
        "HistoryRecords",
        token="NextToken",  # noqa: S106 - the name of a field
        FleetId=fleet_id,
        StartTime=since,
    )
    return [(f"ec2-fleet/{fleet_id}", told_by_history(r), r["Timestamp"]) for r in records]


def _still_asked(seen: Sightings, place: str) -> bool:
    """One fleet may be gone since it was listed; where the account is refused, the next one would be too."""
    return not isinstance(seen.refused.get(place), (AccessDenied, Throttled))


def _learn_from_fleets(calls: Calls, seen: Sightings, activities: Iterable[Entry], histories: Iterable[Entry]) -> None:
    """Which instances of the entries are spot, and of which pool and fleet."""
    named: dict[str, Entry] = {}
    for entry in (*activities, *histories):
        if entry[1].instance_id:
            named.setdefault(entry[1].instance_id, entry)
    strangers = sorted(i for i in named if i not in seen.origins and INSTANCES not in seen.refused)
    for some in ec2.batches(strangers, ec2.IDS_A_CALL):
        seen.tried(INSTANCES, partial(_instances, calls, seen, [{"Name": "instance-id", "Values": some}]))
    for instance_id, (fleet, _, _) in named.items():
        if instance_id in seen.origins and seen.origins[instance_id].fleet is None:
            seen.origins[instance_id].fleet = fleet


def _note(seen: Sightings, fleet: str, told: Told, at: datetime, source: str) -> None:
    if told.kind == "refusal":
        if not told.zone_name or not told.instance_types:
            seen.unplace("refused launch that names no pool", f"{fleet} at {at:%Y-%m-%d %H:%M}")
            return
        for kind in told.instance_types:
            seen.refuse(seen.pool(kind, told.zone_name, seen.product_of(fleet)), fleet, at, source, told.code)
    elif told.kind != "other" and told.instance_id and told.instance_id not in seen.on_demand:
        if told.instance_id not in seen.origins:
            seen.unplace(f"{_IN_WORDS[told.kind]} of an instance that EC2 no longer shows", told.instance_id)
        elif told.kind != "gone":  # of an instance still shown, its state says who ended it
            seen.of_instance(told.kind, told.instance_id, at, source)


_IN_WORDS = {"launch": "launch", "rebalance": "rebalance", "interruption": "interruption", "gone": "end"}
