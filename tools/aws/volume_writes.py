"""Volumes of instances: kept or not when the instance ends, and snapshots of them."""

from typing import Any

from tools.aws.created import tags_of
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.records import CreateSnapshots, Intent, ItemOutcome, SetVolumeRetention, Tag


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
