"""What bears the tag of an intent: how something that was created is found when the answer was lost.

Fleets are found by DescribeTags: EC2 lists an EC2 Fleet of type instant only to who knows its id.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from tools.aws import ec2, fleets, spot_fleets, templates
from tools.aws.calls import Calls
from tools.errors import NotFound
from tools.records import (
    INTENT_TAG,
    Action,
    CreateFleet,
    CreateSnapshot,
    CreateSnapshots,
    CreateTemplateVersion,
    CreateVolume,
    FleetKind,
    RunInstances,
    Site,
)

_LIVE_STATES = ("pending", "running", "stopping", "stopped")


def tags_of(intent_id: str, name: str | None, tags: Sequence[Any] = ()) -> list[dict[str, str]]:
    """What a created thing bears, in EC2's shape."""
    named = {} if name is None else {"Name": name}
    bears = named | {t.key: t.value for t in tags} | {INTENT_TAG: intent_id}
    return [{"Key": k, "Value": v} for k, v in bears.items()]


def description_of(intent_id: str) -> str:
    """Versions of launch templates take no tags: the description bears the intent."""
    return f"{INTENT_TAG}={intent_id}"


def created_by(calls: Calls, intent_id: str, action: Action) -> tuple[str, ...]:
    """Ids in order, for as long as AWS shows them, of what ended meanwhile too; () for kinds that create nothing."""
    match action:
        case CreateFleet():
            return tuple(sorted(_tagged(calls, "fleet", INTENT_TAG, intent_id)))
        case RunInstances():
            return tuple(sorted(r["InstanceId"] for r in _instances(calls, INTENT_TAG, intent_id)))
        case CreateTemplateVersion(launch_template_id=template_id):
            versions = templates.template_versions(calls, template_id)
            return tuple(f"{template_id}:{v.number}" for v in versions if v.description == description_of(intent_id))
        case CreateSnapshots() | CreateSnapshot():
            filters = [{"Name": f"tag:{INTENT_TAG}", "Values": [intent_id]}]
            rows = calls.pages("ec2", "DescribeSnapshots", "Snapshots", OwnerIds=["self"], Filters=filters)
            return tuple(sorted(r["SnapshotId"] for r in rows))
        case CreateVolume():
            filters = [{"Name": f"tag:{INTENT_TAG}", "Values": [intent_id]}]
            rows = calls.pages("ec2", "DescribeVolumes", "Volumes", Filters=filters)
            return tuple(sorted(r["VolumeId"] for r in rows))
        case _:
            return ()


def site(calls: Calls, kind: FleetKind, name: str, subnet_ids: Sequence[str], *, now: datetime) -> Site:
    """A fleet's name is free when no group, EC2 Fleet or Spot Fleet request bears it; an instance's, when none does."""
    bearers = _instances_named(calls, name) if kind == "instance" else _fleets_named(calls, name)
    return Site(zones=ec2.subnet_zones(calls, subnet_ids), bearers=tuple(sorted(bearers)), as_of=now)


def _instances_named(calls: Calls, name: str) -> Iterator[str]:
    rows = _instances(calls, "Name", name)
    return (r["InstanceId"] for r in rows if r["State"]["Name"] in _LIVE_STATES)


def _fleets_named(calls: Calls, name: str) -> Iterator[str]:
    groups = calls.pages("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", AutoScalingGroupNames=[name])
    yield from (r["AutoScalingGroupName"] for r in groups)
    for kind, one in (("fleet", fleets.one), ("spot-fleet-request", spot_fleets.one)):
        for fleet_id in _tagged(calls, kind, "Name", name):
            try:
                yield one(calls, fleet_id)["FleetId"]
            except NotFound:  # its tags outlive it for a while
                continue


def _tagged(calls: Calls, resource_type: str, key: str, value: str) -> Iterator[str]:
    """In a filter * and ? stand for any text, and the value may hold them: what is not equal is left out."""
    filters = [
        {"Name": "resource-type", "Values": [resource_type]},
        {"Name": "key", "Values": [key]},
        {"Name": "value", "Values": [value]},
    ]
    rows = calls.pages("ec2", "DescribeTags", "Tags", Filters=filters)
    return (r["ResourceId"] for r in rows if r["Value"] == value)


def _instances(calls: Calls, key: str, value: str) -> Iterator[dict[str, Any]]:
    filters = [{"Name": f"tag:{key}", "Values": [value]}]
    for reservation in calls.pages("ec2", "DescribeInstances", "Reservations", Filters=filters):
        for row in reservation["Instances"]:
            if {"Key": key, "Value": value} in (row.get("Tags") or []):
                yield row
