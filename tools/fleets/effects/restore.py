"""create-volume and attach-volume: data comes back from a snapshot, in whatever zone; and a volume to its instance.

CreateVolume takes a token, and what it makes bears the intent's tag: an answer that was lost is looked for by it.
AttachVolume goes by ids and is absolute: EC2 refuses a volume that is attached already.
Source  EBS user guide: a volume stays in its zone; initialise volumes made from snapshots; fast snapshot restore
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import NotFound, UsageError
from tools.fleets.effects import storage
from tools.fleets.effects.disposal import DeleteVolumeEffect
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.effects.storage import Stored, money_told
from tools.fleets.effects.volumes import member
from tools.fleets.launches import Movement
from tools.records import (
    AttachVolume,
    CreateVolume,
    DeleteVolume,
    FieldChange,
    Fleet,
    Intent,
    Snapshot,
    StorageCost,
    Volume,
)

_BY_IOPS = {"gp3": False, "io1": True, "io2": True}
"""types whose IOPS can be said, and whether they must be"""
_BY_THROUGHPUT = ("gp3",)
_ATTACHABLE = ("pending", "running", "stopping", "stopped")
_LAZY = (
    "its blocks come from S3 when they are first read: slow at first, until all were read once; Fast Snapshot Restore"
    " avoids it, and is billed by the hour in each zone"
)
_ENCRYPTED = (
    "the snapshot is encrypted, so the volume is: who makes it needs the KMS key (kms:CreateGrant, kms:Decrypt)"
)


class CreateVolumeEffect(Effect[CreateVolume]):
    iam = ("ec2:CreateTags", "ec2:CreateVolume", "ec2:DescribeAvailabilityZones", *storage.READS)
    moves = False
    watched = False
    free = False
    reversible = True

    def subject(self, reader: CloudReader, action: CreateVolume) -> Fleet:
        snapshot = storage.one_snapshot(reader, action.snapshot_id)
        return storage.stored(reader.fleet(action.fleet), reader, snapshots=(snapshot,))

    def seen(self, reader: CloudReader, action: CreateVolume, fleet: Fleet) -> dict[str, Any]:
        snapshot = _source(fleet)
        return instances_bound(fleet, ()) | {"snapshot": [snapshot.snapshot_id, snapshot.state, snapshot.size_gib]}

    def check(self, action: CreateVolume, fleet: Fleet) -> None:
        snapshot, kind = _source(fleet), action.volume_type
        if snapshot.state != "completed":
            way = "take another one" if snapshot.state == "error" else "wait until it is: spotwarden volumes"
            raise UsageError(
                f"{snapshot.snapshot_id} is {snapshot.state}: a volume is made from a completed one", hint=way
            )
        if action.size_gib < snapshot.size_gib:
            raise UsageError(
                f"{action.size_gib} GiB is smaller than {snapshot.snapshot_id}, which is of {snapshot.size_gib} GiB",
                hint=f"ask for {snapshot.size_gib} GiB or more",
            )
        if snapshot.encrypted and not action.encrypted:
            raise UsageError(
                f"{snapshot.snapshot_id} is encrypted, and so is every volume that is made from it", hint="--encrypted"
            )
        if (action.iops is not None and kind not in _BY_IOPS) or (_BY_IOPS.get(kind) and action.iops is None):
            needs = "needs" if kind in _BY_IOPS else "takes no"
            raise UsageError(f"{kind} {needs} IOPS", hint="io1 and io2 need them, gp3 takes them, others have none")
        if action.throughput_mib_per_second is not None and kind not in _BY_THROUGHPUT:
            raise UsageError(f"{kind} takes no throughput", hint="only gp3 does")
        storage.check_tags(action.tags)

    def check_now(self, reader: CloudReader, action: CreateVolume, fleet: Fleet) -> None:
        zones = reader.zone_ids()
        if action.zone_name not in zones:
            raise UsageError(
                f"{action.fleet.region} has no zone {action.zone_name}", hint=f"one of {', '.join(sorted(zones))}"
            )

    def lines(self, action: CreateVolume, fleet: Fleet) -> tuple[FieldChange, ...]:
        performance = (
            f"{action.iops} IOPS" if action.iops else "",
            f"{action.throughput_mib_per_second} MiB/s" if action.throughput_mib_per_second else "",
            "encrypted" if action.encrypted else "",
        )
        said = {
            "volume": f"from {action.snapshot_id}, in {action.zone_name}",
            "volume_type": ", ".join(filter(None, (f"{action.volume_type} {action.size_gib} GiB", *performance))),
            **{f"tag {t.key}": t.value for t in action.tags},
        }
        return tuple(FieldChange(sign="+", field=f[:255], before="", after=text) for f, text in said.items())

    def calls(self, action: CreateVolume) -> tuple[str, ...]:
        return ("ec2:CreateVolume",)

    def cost(self, action: CreateVolume, fleet: Fleet) -> StorageCost:
        performance = action.iops, action.throughput_mib_per_second
        return storage.wanted_price(fleet, action.volume_type, action.size_gib, *performance)

    def warnings(self, action: CreateVolume, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        encrypted = (_ENCRYPTED,) if _source(fleet).encrypted else ()
        told = money_told(self.cost(action, fleet), f"a volume of {action.size_gib} GiB {action.volume_type}")
        way_back = "the way back is delete-volume of what it makes, which a person is asked about"
        return (f"{told}, until somebody deletes it", _LAZY, *encrypted, way_back)

    def expect_and_want(
        self, reader: CloudReader, action: CreateVolume, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": 1}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateVolume, fleet: Fleet) -> Receipt:
        return writer.create_volume(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateVolume) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}

    def result(self, reader: CloudReader, intent_id: str, action: CreateVolume) -> Fleet:
        """The volume that was made, alone, as one that may be deleted again."""
        made = reader.created_by(intent_id, action)
        if not made:
            raise NotFound(f"{action.fleet.label}: no volume bears the intent {intent_id}")
        alone = action.fleet.with_(kind="volume", fleet_id=made[0])
        return DeleteVolumeEffect().subject(reader, DeleteVolume(fleet=alone, volume_id=made[0]))

    def undo(self, action: CreateVolume, before: dict[str, Any], fleet: Fleet) -> DeleteVolume:
        """Delete what was made. Raises UsageError: what that is is not known."""
        if fleet.ref.kind != "volume":
            raise UsageError(f"{action.fleet.label}: what was made is not known", hint="name the volume's id")
        return DeleteVolume(fleet=fleet.ref, volume_id=fleet.ref.fleet_id)


class AttachVolumeEffect(Effect[AttachVolume]):
    iam = ("ec2:AttachVolume", *storage.READS)
    moves = False
    watched = False

    def subject(self, reader: CloudReader, action: AttachVolume) -> Fleet:
        volume = storage.one_volume(reader, action.volume_id)
        return storage.stored(reader.fleet(action.fleet), reader, volumes=(volume,))

    def seen(self, reader: CloudReader, action: AttachVolume, fleet: Fleet) -> dict[str, Any]:
        """The instance with its devices, and the volume with its tags."""
        volume = _volume(fleet)
        devices = {
            v.device_name: v.volume_id
            for i in fleet.instances
            if i.instance_id == action.instance_id
            for v in i.volumes
        }
        bound = [volume.volume_id, volume.state, volume.zone_name, volume.instance_id, volume.device_name]
        tags = {t.key: t.value for t in volume.tags}
        return instances_bound(fleet, (action.instance_id,)) | {
            "devices": devices,
            "volume": bound,
            "volume_tags": tags,
        }

    def check(self, action: AttachVolume, fleet: Fleet) -> None:
        instance, volume = member(fleet, action.instance_id), _volume(fleet)
        if _where(volume) == _wanted(action):
            return
        if instance.managed_by is not None:
            raise UsageError(
                f"{action.instance_id} is operated by {instance.managed_by}, which lets nobody else change it",
                hint="name an instance of your own",
            )
        if volume.instance_id is not None:
            raise UsageError(
                f"{volume.volume_id} is attached to {volume.instance_id} on {volume.device_name}",
                hint="detach it there first, or make another one from a snapshot: --do restore-volume",
            )
        if volume.state != "available":
            raise UsageError(
                f"{volume.volume_id} is {volume.state}: an available one is attached", hint="wait, and plan it again"
            )
        if instance.state not in _ATTACHABLE:
            raise UsageError(f"{action.instance_id} is {instance.state}", hint="name an instance that lives")
        if volume.zone_name != instance.zone_name:
            raise UsageError(
                f"{volume.volume_id} is in {volume.zone_name}, {action.instance_id} in {instance.zone_name}: a volume"
                " stays in its zone for life",
                hint="snapshot it (--do snapshot-volume), then make a new one from the snapshot in"
                f" {instance.zone_name} (--do restore-volume --zone {instance.zone_name})",
            )
        taken = {v.device_name: v.volume_id for v in instance.volumes}
        if action.device_name in taken:
            raise UsageError(
                f"{action.device_name} of {action.instance_id} has {taken[action.device_name]} already",
                hint=f"a device that is free, such as {free_device(tuple(taken))}",
            )

    def check_now(self, reader: CloudReader, action: AttachVolume, fleet: Fleet) -> None:
        if _where(_volume(fleet)) != _wanted(action) and reader.noticed([action.instance_id]):
            raise UsageError(
                f"EC2 takes {action.instance_id} within two minutes", hint="attach it to the instance that replaces it"
            )

    def lines(self, action: AttachVolume, fleet: Fleet) -> tuple[FieldChange, ...]:
        now, wanted = _where(_volume(fleet)), _wanted(action)
        return () if now == wanted else (FieldChange(sign="~", field=action.volume_id, before=now, after=wanted),)

    def calls(self, action: AttachVolume) -> tuple[str, ...]:
        return ("ec2:AttachVolume",)

    def warnings(self, action: AttachVolume, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        said = [
            "there is no way back here: who wants it off the instance detaches it by hand, after unmounting it",
            "it is not mounted by this; on Nitro instances the system names the device otherwise (/dev/nvme…)",
        ]
        if _volume(fleet).snapshot_id is not None:
            said.append(f"it was made from {_volume(fleet).snapshot_id}: {_LAZY}")
        if fleet.ref.kind != "instance":
            said.append("it is attached to this instance alone: replacements have what the launch template says")
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: AttachVolume, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"attached": _where(_volume(fleet))}, {"attached": _wanted(action)}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: AttachVolume, fleet: Fleet) -> Receipt:
        return writer.attach_volume(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: AttachVolume) -> dict[str, Any]:
        found = [v for v in reader.volumes(volume_ids=[action.volume_id]) if v.state not in storage.GONE]
        return {"attached": _where(found[0]) if found else "gone"}


def free_device(taken: tuple[str, ...]) -> str:
    """The first of EC2's recommended names that is free. Source  EC2 user guide: /dev/sd[f-p] for data volumes."""
    free = [name for letter in "fghijklmnop" if (name := f"/dev/sd{letter}") not in taken]
    if not free:
        raise UsageError("every device from /dev/sdf to /dev/sdp is taken", hint="name one: --devices /dev/xvdba")
    return free[0]


def _where(volume: Volume) -> str:
    return "nothing" if volume.instance_id is None else f"{volume.instance_id} on {volume.device_name}"


def _wanted(action: AttachVolume) -> str:
    return f"{action.instance_id} on {action.device_name}"


def _volume(fleet: Fleet) -> Volume:
    """The one that `subject` read."""
    if not isinstance(fleet, Stored) or not fleet.volumes:
        raise UsageError(f"{fleet.name}: its volume was not read", hint="plan it anew")
    return fleet.volumes[0]


def _source(fleet: Fleet) -> Snapshot:
    """The one that `subject` read."""
    if not isinstance(fleet, Stored) or not fleet.snapshots:
        raise UsageError(f"{fleet.name}: its snapshot was not read", hint="plan it anew")
    return fleet.snapshots[0]
