"""create-snapshots and create-snapshot: an instance's volumes at one moment, or one volume.

EC2 takes no token for them, so an answer that was lost is looked for by the intent's tag, and nothing is sent again.
Source  EC2 API reference, CreateSnapshots: crash-consistent across the volumes of one instance
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects import storage
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.effects.storage import Stored, money_told
from tools.fleets.effects.volumes import member
from tools.fleets.launches import Movement
from tools.records import CreateSnapshot, CreateSnapshots, FieldChange, Fleet, Intent, StorageCost, Volume

_CRASH = (
    "crash-consistent: as after a power cut; what the instance holds in memory is not in them, and a running database"
    " must be able to recover from that"
)
_STILL = "the instance is stopped: nothing is being written, and what it had flushed to its volumes is in them"
_FIRST = "the first snapshot of a volume copies everything: never plan it inside a two-minute notice"
_BILLED = "snapshots are billed by the GB and month until somebody deletes them"


class CreateSnapshotsEffect(Effect[CreateSnapshots]):
    iam = ("ec2:CreateSnapshots", "ec2:CreateTags", *storage.READS)
    moves = False
    free = False

    def subject(self, reader: CloudReader, action: CreateSnapshots) -> Fleet:
        volumes = reader.volumes(volume_ids=action.volume_ids)
        copies = reader.snapshots(volume_ids=action.volume_ids)
        return storage.stored(reader.fleet(action.fleet), reader, volumes=volumes, snapshots=copies)

    def seen(self, reader: CloudReader, action: CreateSnapshots, fleet: Fleet) -> dict[str, Any]:
        """The instance, and every volume as attached: which of them are taken is decided by EC2 at that moment."""
        volumes = {
            v.device_name: [v.volume_id, v.root]
            for i in fleet.instances
            if i.instance_id == action.instance_id
            for v in i.volumes
        }
        stopped = {"stopped": member(fleet, action.instance_id).state == "stopped"} if action.stopped else {}
        return instances_bound(fleet, (action.instance_id,)) | {"volumes": volumes} | stopped

    def check(self, action: CreateSnapshots, fleet: Fleet) -> None:
        instance = member(fleet, action.instance_id)
        if action.stopped and instance.state != "stopped":
            raise UsageError(
                f"{action.instance_id} is {instance.state}, and was to be snapshotted stopped",
                hint="stop it first and wait until it is, or take it as it runs: crash-consistent",
            )
        volumes = instance.volumes
        taken = {v.volume_id for v in volumes if not (v.root and action.exclude_boot_volume)}
        if set(action.volume_ids) == taken:
            return
        which = "all but its root" if action.exclude_boot_volume else "all"
        raise UsageError(
            f"{action.instance_id}: EC2 would snapshot {', '.join(sorted(taken)) or 'no volume'}, which is {which},"
            f" and {', '.join(sorted(action.volume_ids))} was asked for",
            hint="all volumes of an instance can be taken at one moment, or all but its root",
        )

    def check_now(self, reader: CloudReader, action: CreateSnapshots, fleet: Fleet) -> None:
        storage.refuse_first_in_notice(reader, fleet, [action.instance_id])

    def cost(self, action: CreateSnapshots, fleet: Fleet) -> StorageCost:
        return _at_most(fleet, len(action.volume_ids))

    def lines(self, action: CreateSnapshots, fleet: Fleet) -> tuple[FieldChange, ...]:
        device = {v.volume_id: v.device_name for v in member(fleet, action.instance_id).volumes}
        return tuple(
            FieldChange(
                sign="+", field="snapshot", before="", after=f"of {v} on {device.get(v, '?')} of {action.instance_id}"
            )
            for v in action.volume_ids
        )

    def calls(self, action: CreateSnapshots) -> tuple[str, ...]:
        return ("ec2:CreateSnapshots",)

    def warnings(self, action: CreateSnapshots, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        told = money_told(self.cost(action, fleet), f"{len(action.volume_ids)} snapshots", verb="cost")
        return (_STILL if action.stopped else _CRASH, _FIRST, f"{_BILLED}: {told}", *_never_copied(fleet))

    def expect_and_want(
        self, reader: CloudReader, action: CreateSnapshots, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": len(action.volume_ids)}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateSnapshots, fleet: Fleet) -> Receipt:
        return writer.create_snapshots(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateSnapshots) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}


class CreateSnapshotEffect(Effect[CreateSnapshot]):
    iam = ("ec2:CreateSnapshot", "ec2:CreateTags", *storage.READS)
    moves = False
    watched = False
    free = False

    def subject(self, reader: CloudReader, action: CreateSnapshot) -> Fleet:
        volume, copies = storage.one_volume(reader, action.volume_id), reader.snapshots(volume_ids=[action.volume_id])
        return storage.stored(reader.fleet(action.fleet), reader, volumes=(volume,), snapshots=copies)

    def seen(self, reader: CloudReader, action: CreateSnapshot, fleet: Fleet) -> dict[str, Any]:
        volume = _volume(fleet)
        bound = [volume.volume_id, volume.state, volume.instance_id, volume.size_gib]
        return instances_bound(fleet, ()) | {"volume": bound}

    def check(self, action: CreateSnapshot, fleet: Fleet) -> None:
        if action.fleet.kind != "volume" or action.fleet.fleet_id != action.volume_id:
            raise UsageError(
                f"{action.volume_id} alone is snapshotted as itself",
                hint=f"name it: spotwarden plan {action.volume_id} --do snapshot-volume; or --do snapshot an instance",
            )
        if _volume(fleet).state not in {"available", "in-use"}:
            raise UsageError(
                f"{action.volume_id} is {_volume(fleet).state}: nothing of it can be copied",
                hint="wait until it is available",
            )

    def check_now(self, reader: CloudReader, action: CreateSnapshot, fleet: Fleet) -> None:
        instance_id = _volume(fleet).instance_id
        storage.refuse_first_in_notice(reader, fleet, [instance_id] if instance_id else [])

    def cost(self, action: CreateSnapshot, fleet: Fleet) -> StorageCost:
        return _at_most(fleet, 1)

    def lines(self, action: CreateSnapshot, fleet: Fleet) -> tuple[FieldChange, ...]:
        volume = _volume(fleet)
        at = f"on {volume.device_name} of {volume.instance_id}" if volume.instance_id else "attached to nothing"
        return (FieldChange(sign="+", field="snapshot", before="", after=f"of {action.volume_id}, {at}"),)

    def calls(self, action: CreateSnapshot) -> tuple[str, ...]:
        return ("ec2:CreateSnapshot",)

    def warnings(self, action: CreateSnapshot, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        volume, told = _volume(fleet), money_told(self.cost(action, fleet), "a snapshot")
        still = (_CRASH,) if volume.instance_id else ()
        encrypted = ("the volume is encrypted, and so is its snapshot: under the same KMS key",)
        return (*still, _FIRST, f"{_BILLED}: {told}", *(encrypted if volume.encrypted else ()), *_never_copied(fleet))

    def expect_and_want(
        self, reader: CloudReader, action: CreateSnapshot, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": 1}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateSnapshot, fleet: Fleet) -> Receipt:
        return writer.create_snapshot(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateSnapshot) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}


def _volume(fleet: Fleet) -> Volume:
    """The one that `subject` read."""
    if not isinstance(fleet, Stored) or not fleet.volumes:
        raise UsageError(f"{fleet.name}: its volume was not read", hint="plan it anew")
    return fleet.volumes[0]


def _at_most(fleet: Fleet, count: int) -> StorageCost:
    """As if every snapshot stored its whole volume; unknown where a volume's size is."""
    volumes = fleet.volumes if isinstance(fleet, Stored) else ()
    cost = storage.copy_price(fleet, sum(v.size_gib for v in volumes))
    return cost if len(volumes) == count else cost.with_(usd_per_month=None, source="a volume's size is not known")


def _never_copied(fleet: Fleet) -> tuple[str, ...]:
    first = fleet.never_copied if isinstance(fleet, Stored) else ()
    return (f"{', '.join(first)} has no completed snapshot yet: this one may take hours",) if first else ()
