"""EBS as we read it: volumes, snapshots, what uses them; each alone as a fleet of nothing, with its own tags."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tools.aws import ec2
from tools.aws.calls import Calls
from tools.errors import NotFound
from tools.records import Fleet, FleetRef, Snapshot, Volume

VOLUMES = "EC2 DescribeVolumes"
SNAPSHOTS = "EC2 DescribeSnapshots"
_PAGE = {"PageSize": 500}
_OWN = ["self"]
_NOTICED = "marked-for-termination"


def volumes(calls: Calls, ids: Sequence[str] | None, zones: Mapping[str, str]) -> tuple[Volume, ...]:
    """By id; ids that EC2 does not know are left out, for a filter is used: one such id would fail the whole call."""
    rows = (r for f in _filters("volume-id", ids) for r in _pages(calls, "DescribeVolumes", "Volumes", f))
    found = {row["VolumeId"]: _volume(row, zones) for row in rows}
    return tuple(found[i] for i in sorted(found))


def snapshots(calls: Calls, ids: Sequence[str] | None, volume_ids: Sequence[str] | None = None) -> tuple[Snapshot, ...]:
    """This account's own, newest first; all of them, or of those ids or volumes that EC2 knows."""
    name, wanted = ("volume-id", volume_ids) if ids is None else ("snapshot-id", ids)
    rows = (
        r
        for f in _filters(name, wanted)
        for r in _pages(calls, "DescribeSnapshots", "Snapshots", f, OwnerIds=_OWN)
        if volume_ids is None or r["VolumeId"] in volume_ids
    )
    found = {row["SnapshotId"]: _snapshot(row) for row in rows}
    return tuple(sorted(found.values(), key=lambda s: (s.started_at, s.snapshot_id), reverse=True))


def images_of(calls: Calls, snapshot_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Snapshot → AMIs of ours that boot from it; those of none are left out."""
    found: dict[str, list[str]] = {}
    for filters in _filters("block-device-mapping.snapshot-id", snapshot_ids):
        for row in calls.pages("ec2", "DescribeImages", "Images", Owners=_OWN, Filters=filters):
            for device in row.get("BlockDeviceMappings") or ():
                snapshot_id = str((device.get("Ebs") or {}).get("SnapshotId"))
                if snapshot_id in snapshot_ids:
                    found.setdefault(snapshot_id, []).append(row["ImageId"])
    return {snapshot_id: tuple(sorted(set(images))) for snapshot_id, images in found.items()}


def noticed(calls: Calls, instance_ids: Sequence[str]) -> frozenset[str]:
    """Spot instances that EC2 has said it will end, and has not ended yet."""
    marked = [{"Name": "status-code", "Values": [_NOTICED]}]
    return frozenset(
        row["InstanceId"]
        for f in _filters("instance-id", instance_ids)
        for row in calls.pages("ec2", "DescribeSpotInstanceRequests", "SpotInstanceRequests", Filters=[*f, *marked])
    )


def as_fleet(calls: Calls, ref: FleetRef, sight: ec2.Sight) -> Fleet:
    """A volume or a snapshot alone: no instances, its own tags; a snapshot is of the region, and in no zone.

    Raises  NotFound: it is gone, or was never there
    """
    if ref.kind == "volume":
        (volume,) = volumes(calls, [ref.fleet_id], sight.zones) or (None,)
        gone = volume is None or volume.state in GONE
        tags, zones = (volume.tags, (volume.zone_name,)) if volume else ((), ())
    else:
        (snapshot,) = snapshots(calls, [ref.fleet_id]) or (None,)
        gone, tags, zones = snapshot is None, snapshot.tags if snapshot else (), ()
    if gone:
        raise NotFound(
            f"there is no {ref.kind} {ref.fleet_id} of this account in {calls.region}",
            hint=f"`spotwarden volumes` lists volumes and snapshots, or name its region: --region, not {calls.region}",
        )
    return Fleet(
        ref=FleetRef(kind=ref.kind, fleet_id=ref.fleet_id, account_id=sight.account_id, region=calls.region),
        desired_capacity=0,
        min_size=0,
        max_size=0,
        mix=None,
        zones=zones,
        instances=(),
        tags=tags,
        as_of=sight.now,
        source=VOLUMES if ref.kind == "volume" else SNAPSHOTS,
    )


GONE = ("deleting", "deleted")
"""states of a volume that is not there any more, shown for a while"""


def _filters(name: str, ids: Sequence[str] | None) -> Iterable[list[dict[str, Any]]]:
    """The filters of each call; every one at once where nothing is named."""
    if ids is None:
        return [[]]
    return [[{"Name": name, "Values": some}] for some in ec2.batches(sorted(set(ids)), ec2.IDS_A_CALL)]


def _pages(
    calls: Calls, operation: str, key: str, filters: list[dict[str, Any]], **more: Any
) -> Iterable[dict[str, Any]]:
    return calls.pages("ec2", operation, key, Filters=filters, PaginationConfig=_PAGE, **more)


def _volume(row: Mapping[str, Any], zones: Mapping[str, str]) -> Volume:
    at: Mapping[str, Any] = next((a for a in row.get("Attachments") or () if a.get("State") != "detached"), {})
    zone = row["AvailabilityZone"]
    return Volume(
        volume_id=row["VolumeId"],
        zone_name=zone,
        zone_id=row.get("AvailabilityZoneId") or zones.get(zone),
        volume_type=row["VolumeType"],
        size_gib=row["Size"],
        iops=row.get("Iops"),
        throughput_mib_per_second=row.get("Throughput"),
        state=row["State"],
        encrypted=bool(row.get("Encrypted")),
        snapshot_id=row.get("SnapshotId") or None,
        instance_id=at.get("InstanceId"),
        device_name=at.get("Device"),
        delete_on_termination=bool(at.get("DeleteOnTermination")) if at else None,
        created_at=row["CreateTime"],
        tags=ec2.tags(row.get("Tags") or ()),
    )


def _snapshot(row: Mapping[str, Any]) -> Snapshot:
    told = str(row.get("Progress") or "").rstrip("%")
    return Snapshot(
        snapshot_id=row["SnapshotId"],
        volume_id=row["VolumeId"],
        state=row["State"],
        progress_percent=int(told) if told.isdigit() else None,
        size_gib=row["VolumeSize"],
        encrypted=bool(row.get("Encrypted")),
        started_at=row["StartTime"],
        completed_at=row.get("CompletionTime"),
        description=row.get("Description") or "",
        tags=ec2.tags(row.get("Tags") or ()),
    )
