"""Volumes: kept or not when their instance ends, made, attached and deleted; and snapshots of them."""

from typing import Any

from tools.aws.created import tags_of
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.records import (
    AttachVolume,
    CreateSnapshot,
    CreateSnapshots,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    Intent,
    ItemOutcome,
    SetVolumeRetention,
    Tag,
)


def set_retention(send: Any, action: SetVolumeRetention) -> Receipt:
    """One ModifyInstanceAttribute for every device of the action: all of them, or none."""
    wanted = {"DeleteOnTermination": action.delete_on_termination}
    answer = send(
        "ec2",
        "ModifyInstanceAttribute",
        InstanceId=action.instance_id,
        BlockDeviceMappings=[{"DeviceName": name, "Ebs": wanted} for name in action.device_names],
    )
    return Receipt(request_ids=(request_id_of(answer),))


def create_snapshots(send: Any, action: CreateSnapshots, intent: Intent) -> Receipt:
    """One CreateSnapshots: every volume at the same moment, or none. EC2 takes no token for it: the tag finds them."""
    tags = tags_of(intent.intent_id, action.instance_id, (Tag(key="Instance", value=action.instance_id),))
    answer = send(
        "ec2",
        "CreateSnapshots",
        InstanceSpecification={
            "InstanceId": action.instance_id,
            "ExcludeBootVolume": action.exclude_boot_volume,
        },
        Description=f"{action.fleet.label}, by spotwarden",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )
    made = answer.get("Snapshots") or []
    items = tuple(ItemOutcome(item=f"{s['SnapshotId']} of {s['VolumeId']}", ok=s["State"] != "error") for s in made)
    return Receipt(request_ids=(request_id_of(answer),), items=items)


def create_snapshot(send: Any, action: CreateSnapshot, intent: Intent) -> Receipt:
    """One CreateSnapshot. EC2 takes no token for it: the tag finds it."""
    tags = tags_of(intent.intent_id, action.volume_id)
    made = send(
        "ec2",
        "CreateSnapshot",
        VolumeId=action.volume_id,
        Description=f"{action.fleet.label}, by spotwarden",
        TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
    )
    item = ItemOutcome(item=f"{made['SnapshotId']} of {action.volume_id}", ok=made["State"] != "error")
    return Receipt(request_ids=(request_id_of(made),), items=(item,))


def create_volume(send: Any, action: CreateVolume, intent: Intent) -> Receipt:
    """One CreateVolume under the intent's token: sent twice, it would make one volume."""
    performance = {"Iops": action.iops, "Throughput": action.throughput_mib_per_second}
    made = send(
        "ec2",
        "CreateVolume",
        ClientToken=intent.token,
        SnapshotId=action.snapshot_id,
        AvailabilityZone=action.zone_name,
        VolumeType=action.volume_type,
        Size=action.size_gib,
        Encrypted=action.encrypted,
        TagSpecifications=[{"ResourceType": "volume", "Tags": tags_of(intent.intent_id, None, action.tags)}],
        **{name: value for name, value in performance.items() if value is not None},
    )
    item = ItemOutcome(item=f"{made['VolumeId']} from {action.snapshot_id}", ok=made["State"] != "error")
    return Receipt(request_ids=(request_id_of(made),), items=(item,))


def attach_volume(send: Any, action: AttachVolume) -> Receipt:
    """By id: a volume that is attached already is refused by EC2, and never attached twice."""
    answer = send(
        "ec2",
        "AttachVolume",
        VolumeId=action.volume_id,
        InstanceId=action.instance_id,
        Device=action.device_name,
    )
    return Receipt(request_ids=(request_id_of(answer),))


def delete_volume(send: Any, action: DeleteVolume) -> Receipt:
    return Receipt(request_ids=(request_id_of(send("ec2", "DeleteVolume", VolumeId=action.volume_id)),))


def delete_snapshot(send: Any, action: DeleteSnapshot) -> Receipt:
    return Receipt(request_ids=(request_id_of(send("ec2", "DeleteSnapshot", SnapshotId=action.snapshot_id)),))
