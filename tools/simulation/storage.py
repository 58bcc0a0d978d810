"""Volumes and snapshots that stand alone, as EC2 answers for them where moto's own falls short.

A volume is made in its zone from a snapshot that is complete, takes a moment, and is attached to a running or stopped
instance of that zone, on a device that is free. What is in use is not deleted. Lists come in pages.
Source  EC2 API reference: CreateVolume, AttachVolume, DeleteVolume, DeleteSnapshot, DescribeVolumes; error code page
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from tools.simulation.machines import refuse_managed
from tools.simulation.volumes import ROOT, finish
from tools.simulation.world import World

TYPES = ("gp3", "gp2", "io1", "io2", "st1", "sc1", "standard")
NOT_EVERYWHERE = ("io1", "io2")
"""types that the region's last zone does not have"""
GP3_THROUGHPUT = 125
CREATING = timedelta(seconds=10)
MOST_ROWS = 1_000
_BOOTS_FROM = "block-device-mapping.snapshot-id"
_ATTACHABLE = ("pending", "running", "stopping", "stopped")


def install(world: World) -> None:
    """Replace moto's ways with ours, for this process."""
    actions = StorageActions(world)
    for name in ("create_volume", "attach_volume", "describe_volumes", "describe_snapshots", "describe_images"):
        setattr(EC2Response, name, _bound(getattr(actions, name), getattr(EC2Response, name)))
    setattr(Volume, "status", property(actions.status))  # noqa: B010  a property of moto's own
    moto_make = EC2Backend.create_volume

    def create_volume(backend: EC2Backend, *given: Any, **named: Any) -> Volume:
        made: Volume = moto_make(backend, *given, **named)
        made.create_time = world.clock.now().replace(tzinfo=None)
        if made.volume_type == "gp3" and made.throughput is None:
            made.throughput = GP3_THROUGHPUT
        return made

    setattr(EC2Backend, create_volume.__name__, create_volume)


def _bound(action: Any, moto_action: Any) -> Callable[[EC2Response], ActionResult]:
    def method(response: EC2Response) -> ActionResult:
        result: ActionResult = action(response, moto_action)
        return result

    return method


class StorageActions:
    def __init__(self, world: World) -> None:
        self.world = world

    def status(self, volume: Volume) -> str:
        if volume.attachment:
            return "in-use"
        ready_at: datetime | None = vars(volume).get("ready_at")
        return "creating" if ready_at is not None and self.world.clock.now() < ready_at else "available"

    # --- making
    def create_volume(self, response: EC2Response, moto_action: Any) -> ActionResult:
        zone, kind = str(response._get_param("AvailabilityZone")), response._get_param("VolumeType") or "gp2"
        self._check_place(zone, kind)
        snapshot_id = response._get_param("SnapshotId")
        if snapshot_id:
            self._check_source(self.world.ec2.get_snapshot(snapshot_id), response._get_param("Size"))
        result: ActionResult = moto_action(response)
        made: Any = result.result
        vars(made)["ready_at"] = self.world.clock.now() + CREATING
        return result

    def _check_place(self, zone: str, kind: str) -> None:
        if zone not in {z.name for z in self.world.ec2.describe_availability_zones()}:
            raise EC2ClientError("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
        if kind not in TYPES:
            text = f"Unsupported volume type '{kind}' for volume creation."
            raise EC2ClientError("UnknownVolumeType", text)
        if kind in NOT_EVERYWHERE and zone == self.world.zones[-1]:
            text = f"The volume type '{kind}' is not supported in the Availability Zone '{zone}'."
            raise EC2ClientError("UnsupportedOperation", text)

    def _check_source(self, snapshot: Snapshot, size: Any) -> None:
        if snapshot.status != "completed":
            text = f"Snapshot '{snapshot.id}' is in invalid state - {snapshot.status}: it must be completed."
            raise EC2ClientError("IncorrectState", text)
        if size is not None and int(size) < int(snapshot.volume.size):
            least = snapshot.volume.size
            text = f"Volume of {size}GiB is smaller than snapshot '{snapshot.id}', expect size >= {least}GiB"
            raise EC2ClientError("InvalidParameterValue", text)

    # --- attaching
    def attach_volume(self, response: EC2Response, moto_action: Any) -> ActionResult:
        volume = self.world.ec2.get_volume(str(response._get_param("VolumeId")))
        instance_id, device = str(response._get_param("InstanceId")), str(response._get_param("Device"))
        instance = self.world.instances.get(instance_id)
        if instance is None:
            raise EC2ClientError("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        refuse_managed(instance)
        self._check_attaching(volume, instance, device)
        result: ActionResult = moto_action(response)
        made: Any = result.result
        now = self.world.clock.now().replace(tzinfo=None)
        volume.attachment.attach_time = instance.block_device_mapping[device].attach_time = now  # type: ignore[union-attr]
        made["AttachTime"] = now
        return result

    def _check_attaching(self, volume: Volume, instance: Instance, device: str) -> None:
        if volume.attachment:
            raise EC2ClientError("VolumeInUse", f"{volume.id} is already attached to an instance")
        if self.status(volume) != "available":
            raise EC2ClientError("IncorrectState", f"{volume.id} is not 'available'.")
        if instance.state not in _ATTACHABLE:
            raise EC2ClientError("IncorrectState", f"Instance '{instance.id}' is not 'running'.")
        if volume.zone.name != str(instance.placement.zone):
            text = f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'"
            raise EC2ClientError("InvalidVolume.ZoneMismatch", text)
        if device in instance.block_device_mapping:
            text = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
            raise EC2ClientError("InvalidParameterValue", text)

    # --- lists
    def describe_volumes(self, response: EC2Response, moto_action: Any) -> ActionResult:
        return _page(response, moto_action(response), "Volumes", "VolumeIds")

    def describe_snapshots(self, response: EC2Response, moto_action: Any) -> ActionResult:
        return _page(response, moto_action(response), "Snapshots", "SnapshotIds")

    def describe_images(self, response: EC2Response, moto_action: Any) -> ActionResult:
        """By what they boot from, which moto cannot tell."""
        wanted = response._filters_from_querystring().get(_BOOTS_FROM)
        if wanted is None:
            result: ActionResult = moto_action(response)
            return result
        found = [i for i in self.world.ec2.amis.values() if getattr(i, "ebs_snapshot", None) is not None]
        return ActionResult({"Images": [_image(i) for i in found if i.ebs_snapshot.id in wanted]})


def _image(image: Any) -> dict[str, Any]:
    device = {"DeviceName": ROOT, "Ebs": {"SnapshotId": image.ebs_snapshot.id}}
    about = {"State": "available", "OwnerId": image.owner_id, "CreationDate": image.creation_date}
    return {"ImageId": image.id, "BlockDeviceMappings": [device], **about}


def _page(response: EC2Response, whole: ActionResult, key: str, ids: str) -> ActionResult:
    asked, token = response._get_param("MaxResults"), response._get_param("NextToken") or "0"
    if asked and response._get_param(ids):
        text = f"The parameter {ids} cannot be used with the parameter maxResults"
        raise EC2ClientError("InvalidParameterCombination", text)
    if not (str(token).isascii() and str(token).isdigit()):
        raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid.")
    result: Any = whole.result
    start, size = int(token), min(int(asked or MOST_ROWS), MOST_ROWS)
    told = {key: result[key][start : start + size]}
    if start + size < len(result[key]):
        told["NextToken"] = str(start + size)
    return ActionResult(told)


def lay_out(world: World, now: datetime) -> None:
    """What instances left behind: data that is kept, with a snapshot; a scratch disk that nobody misses; a snapshot of
    a volume that is long gone.
    """
    zone = world.zones[0]
    kept = _volume(world, zone, 20, now - timedelta(days=12), Name="kept-data", team="research", env="test")
    _snapshot(world, kept, now - timedelta(days=1), Name="kept-data", team="research", env="test")
    _volume(world, zone, 50, now - timedelta(days=60), Name="scratch", team="studio", env="test")
    gone = _volume(world, zone, 100, now - timedelta(days=230), Name="old-index")
    _snapshot(world, gone, now - timedelta(days=210), Name="old-index", team="search", env="test")
    world.ec2.delete_volume(gone.id)


def _volume(world: World, zone: str, size_gib: int, at: datetime, **tags: str) -> Volume:
    made: Volume = world.ec2.create_volume(size=size_gib, zone_name=zone, volume_type="gp3")
    made.create_time = at.replace(tzinfo=None)
    made.add_tags(tags)
    return made


def _snapshot(world: World, volume: Volume, at: datetime, **tags: str) -> None:
    made: Snapshot = world.ec2.create_snapshot(volume.id, "by hand")
    made.start_time = at.replace(tzinfo=None)
    made.add_tags(tags)
    finish(made, at + timedelta(minutes=4))
