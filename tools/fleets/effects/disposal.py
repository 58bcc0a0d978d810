"""delete-volume and delete-snapshot: what is gone is gone. By id, once; what is in use or kept by a service is refused.

Source  EC2 API reference: DeleteVolume (available ones only), DeleteSnapshot (not the root of a registered AMI)
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects import storage
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.effects.storage import Stored, money_told
from tools.fleets.launches import Movement
from tools.records import DeleteSnapshot, DeleteVolume, FieldChange, Fleet, Intent, Snapshot, StorageCost, Volume

_THERE, _GONE = "there", "gone"
_DELETABLE = ("available", "error")


class DeleteVolumeEffect(Effect[DeleteVolume]):
    iam = ("ec2:DeleteVolume", *storage.READS)
    moves = False
    watched = False
    free = False

    def subject(self, reader: CloudReader, action: DeleteVolume) -> Fleet:
        alone = reader.fleet(action.fleet)
        volume = storage.one_volume(reader, action.volume_id)
        snapshots = reader.snapshots(volume_ids=[action.volume_id])
        return storage.stored(alone, reader, volumes=(volume,), snapshots=snapshots)

    def seen(self, reader: CloudReader, action: DeleteVolume, fleet: Fleet) -> dict[str, Any]:
        """The volume, and the copy of it that is told to stay."""
        volume, known = _volume(fleet)
        copies = _completed(known)
        bound = [volume.volume_id, volume.state, volume.instance_id, volume.size_gib]
        return instances_bound(fleet, ()) | {"volume": bound, "copied": copies[0].snapshot_id if copies else None}

    def check(self, action: DeleteVolume, fleet: Fleet) -> None:
        _its_own(action.fleet.kind == "volume" and action.fleet.fleet_id == action.volume_id, action.volume_id)
        volume, _ = _volume(fleet)
        if volume.instance_id is not None:
            raise UsageError(
                f"{volume.volume_id} is in use: {volume.instance_id} has it on {volume.device_name}",
                hint="what an instance has is not deleted: detach it first, or let it go with its instance"
                " (--do delete-volumes)",
            )
        if volume.state not in _DELETABLE:
            raise UsageError(
                f"{volume.volume_id} is {volume.state}: an available one is deleted", hint="wait, and plan it again"
            )
        storage.refuse_kept(volume.tags, volume.volume_id)

    def lines(self, action: DeleteVolume, fleet: Fleet) -> tuple[FieldChange, ...]:
        volume, _ = _volume(fleet)
        was = f"{fleet.name}: {volume.volume_type} {volume.size_gib} GiB in {volume.zone_name}"
        return (FieldChange(sign="-", field=action.volume_id, before=was, after=""),)

    def calls(self, action: DeleteVolume) -> tuple[str, ...]:
        return ("ec2:DeleteVolume",)

    def cost(self, action: DeleteVolume, fleet: Fleet) -> StorageCost:
        """Below 0: it is not paid any more."""
        cost = storage.volume_price(fleet, _volume(fleet)[0])
        return cost.with_(usd_per_month=None if cost.usd_per_month is None else -cost.usd_per_month)

    def warnings(self, action: DeleteVolume, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        volume, known = _volume(fleet)
        copies = _completed(known)
        left = "no completed snapshot of it is left: what it holds is lost for good"
        if copies:
            left = f"what it held at {copies[0].started_at:%Y-%m-%d %H:%M} UTC stays in {copies[0].snapshot_id}"
        told = money_told(storage.volume_price(fleet, volume), f"{volume.size_gib} GiB {volume.volume_type}")
        return (f"a deleted volume cannot be brought back; {left}", f"{told}, which it then does not any more")

    def expect_and_want(
        self, reader: CloudReader, action: DeleteVolume, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"volume": _THERE}, {"volume": _GONE}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: DeleteVolume, fleet: Fleet) -> Receipt:
        return writer.delete_volume(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: DeleteVolume) -> dict[str, Any]:
        left = [v for v in reader.volumes(volume_ids=[action.volume_id]) if v.state not in storage.GONE]
        return {"volume": _THERE if left else _GONE}


class DeleteSnapshotEffect(Effect[DeleteSnapshot]):
    iam = ("ec2:DeleteSnapshot", "ec2:DescribeImages", *storage.READS)
    moves = False
    watched = False
    free = False

    def subject(self, reader: CloudReader, action: DeleteSnapshot) -> Fleet:
        alone = reader.fleet(action.fleet)
        snapshot = storage.one_snapshot(reader, action.snapshot_id)
        others = [s for s in reader.snapshots(volume_ids=[snapshot.volume_id]) if s.snapshot_id != action.snapshot_id]
        images = reader.images_of([action.snapshot_id]).get(action.snapshot_id, ())
        return storage.stored(alone, reader, snapshots=(snapshot, *others), images=images)

    def seen(self, reader: CloudReader, action: DeleteSnapshot, fleet: Fleet) -> dict[str, Any]:
        """The snapshot, whether another copy of its volume is left, and a newer one, and what boots from it."""
        snapshot, known = _snapshot(fleet)
        bound = [snapshot.snapshot_id, snapshot.state, snapshot.volume_id]
        copies = {"others": bool(_others(known)), "newer": bool(newer_copies(known))}
        return instances_bound(fleet, ()) | {"snapshot": bound, **copies, "images": list(known.images)}

    def check(self, action: DeleteSnapshot, fleet: Fleet) -> None:
        mine = action.fleet.kind == "snapshot" and action.fleet.fleet_id == action.snapshot_id
        _its_own(mine, action.snapshot_id)
        snapshot, known = _snapshot(fleet)
        if known.images:
            raise UsageError(
                f"{snapshot.snapshot_id} is in use: {', '.join(known.images[:3])} boots from it",
                hint="deregister the image first, if nothing launches from it any more",
            )
        storage.refuse_kept(snapshot.tags, snapshot.snapshot_id)

    def lines(self, action: DeleteSnapshot, fleet: Fleet) -> tuple[FieldChange, ...]:
        snapshot, _ = _snapshot(fleet)
        was = f"{fleet.name}: {snapshot.state}, of {snapshot.volume_id} at {snapshot.started_at:%Y-%m-%d %H:%M} UTC"
        return (FieldChange(sign="-", field=action.snapshot_id, before=was, after=""),)

    def calls(self, action: DeleteSnapshot) -> tuple[str, ...]:
        return ("ec2:DeleteSnapshot",)

    def warnings(self, action: DeleteSnapshot, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        snapshot, known = _snapshot(fleet)
        others = _others(known)
        left = f"no other completed snapshot of {snapshot.volume_id} is left"
        if others:
            left = f"{len(others)} other completed snapshots of {snapshot.volume_id} are left, each whole by itself"
        price = money_told(storage.copy_price(fleet, snapshot.size_gib), f"of {snapshot.size_gib} GiB it")
        shared = "blocks that later snapshots share stay, and stay paid, so less may be saved"
        return (f"a deleted snapshot cannot be brought back, but from a Recycle Bin; {left}", f"{price}; {shared}")

    def expect_and_want(
        self, reader: CloudReader, action: DeleteSnapshot, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"snapshot": _THERE}, {"snapshot": _GONE}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: DeleteSnapshot, fleet: Fleet) -> Receipt:
        return writer.delete_snapshot(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: DeleteSnapshot) -> dict[str, Any]:
        return {"snapshot": _THERE if reader.snapshots(snapshot_ids=[action.snapshot_id]) else _GONE}


def _its_own(mine: bool, what: str) -> None:
    """Tags that protect a thing are its own. Raises UsageError: it is judged as something else."""
    if not mine:
        raise UsageError(f"{what} is deleted as itself, and as nothing else", hint=f"name it: spotwarden plan {what}")


def _volume(fleet: Fleet) -> tuple[Volume, Stored]:
    if not isinstance(fleet, Stored) or not fleet.volumes:
        raise UsageError(f"{fleet.name}: its volume was not read", hint="plan it anew")
    return fleet.volumes[0], fleet


def _snapshot(fleet: Fleet) -> tuple[Snapshot, Stored]:
    if not isinstance(fleet, Stored) or not fleet.snapshots:
        raise UsageError(f"{fleet.name}: its snapshot was not read", hint="plan it anew")
    return fleet.snapshots[0], fleet


def _completed(known: Stored) -> list[Snapshot]:
    return [s for s in known.snapshots if s.state == "completed"]


def newer_copies(known: Stored) -> list[Snapshot]:
    """Completed ones of the same volume, begun after the one that is to be deleted."""
    return [s for s in _others(known) if s.started_at > known.snapshots[0].started_at]


def _others(known: Stored) -> list[Snapshot]:
    """Copies that were copied themselves have no volume in common, though EC2 writes the same id on all of them."""
    same = [s for s in known.snapshots[1:] if s.volume_id == known.snapshots[0].volume_id != storage.COPIED]
    return [s for s in same if s.state == "completed"]
