"""Volumes and snapshots of a test on the proving ground, and an action of each kind on one of them."""

from tests.contract.conftest import World
from tests.contract.ground_house import ref
from tools.records import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    Fleet,
)

HERE, THERE = "us-east-1a", "us-east-1b"
SNAPSHOT_SECONDS = 70


def volume(ground: World, zone: str = HERE, **tags: str) -> str:
    """Somebody's, of 1 GiB, attached to nothing."""
    marked = {"Tags": [{"Key": k, "Value": v} for k, v in tags.items()], "ResourceType": "volume"}
    more = {"TagSpecifications": [marked]} if tags else {}
    made = ground.raw("ec2").create_volume(AvailabilityZone=zone, Size=1, VolumeType="gp3", **more)
    ground.sim.advance(10)
    return made["VolumeId"]


def snapshot(ground: World, of: str, *, seconds: int = SNAPSHOT_SECONDS) -> str:
    made = ground.raw("ec2").create_snapshot(VolumeId=of)["SnapshotId"]
    ground.sim.advance(seconds)
    return made


def lone(ground: World, name: str = "lone-saver") -> Fleet:
    rows = ground.raw("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])["Reservations"]
    return ground.reader.fleet(ref(ground, "instance", rows[0]["Instances"][0]["InstanceId"]))


def copied(ground: World, of: str | None = None) -> CreateSnapshot:
    found = of or volume(ground)
    return CreateSnapshot(fleet=ref(ground, "volume", found), volume_id=found)


def restored(ground: World, **more: object) -> CreateVolume:
    found = more.pop("snapshot_id", None) or snapshot(ground, volume(ground))
    wanted = {"zone_name": THERE, "volume_type": "gp3", "size_gib": 1, "encrypted": False, **more}
    return CreateVolume(fleet=lone(ground).ref, snapshot_id=found, **wanted)


def free(ground: World) -> str:
    taken = {v.device_name for v in lone(ground).instances[0].volumes}
    return next(d for d in (f"/dev/sd{letter}" for letter in "ghijklmnop") if d not in taken)


def attached(ground: World, of: str | None = None, **more: object) -> AttachVolume:
    saver = lone(ground)
    wanted = {"instance_id": saver.ref.fleet_id, "device_name": free(ground), **more}
    return AttachVolume(fleet=saver.ref, volume_id=of or volume(ground), **wanted)


def dropped(ground: World, of: str | None = None) -> DeleteVolume:
    found = of or volume(ground)
    return DeleteVolume(fleet=ref(ground, "volume", found), volume_id=found)


def forgotten(ground: World, of: str | None = None) -> DeleteSnapshot:
    found = of or snapshot(ground, volume(ground))
    return DeleteSnapshot(fleet=ref(ground, "snapshot", found), snapshot_id=found)
