"""Actions on volumes and snapshots from what a person typed. Reads what it needs, changes nothing."""

from dataclasses import dataclass

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.fleets.effects import storage
from tools.fleets.effects.restore import free_device
from tools.fleets.find import find_fleet
from tools.records import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    Fleet,
    Instance,
    Snapshot,
    Tag,
    Volume,
)

PLAIN = "gp3"
"""of a volume whose own type is not known any more"""
_HINT = "spotwarden plan --help"


@dataclass(frozen=True)
class StorageTyped:
    """What may follow an operation on storage; None = not said."""

    volume: str | None = None
    snapshot: str | None = None
    zone: str | None = None
    volume_type: str | None = None
    size_gib: int | None = None
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool = False


NOTHING_TYPED = StorageTyped()


def restore(reader: CloudReader, name: str, typed: StorageTyped, tags: tuple[Tag, ...]) -> CreateVolume:
    """A volume like the one that the snapshot is of, as far as that is known.

    Raises  UsageError: no snapshot, or no zone, is said or follows from what is
    """
    fleet = find_fleet(reader, name)
    snapshot = _snapshot(reader, fleet, typed)
    was = next(iter(reader.volumes(volume_ids=[snapshot.volume_id])), None)
    kind = typed.volume_type or (was.volume_type if was else PLAIN)
    like = was if was is not None and was.volume_type == kind else None
    iops, throughput = _performance(like, kind)
    return CreateVolume(
        fleet=fleet.ref,
        snapshot_id=snapshot.snapshot_id,
        zone_name=typed.zone or _only_zone(fleet),
        volume_type=kind,
        size_gib=typed.size_gib or snapshot.size_gib,
        encrypted=typed.encrypted or snapshot.encrypted,
        iops=typed.iops or iops,
        throughput_mib_per_second=typed.throughput or throughput,
        tags=tags,
    )


def attach(
    reader: CloudReader, fleet: Fleet, instance: Instance, typed: StorageTyped, device: str | None
) -> AttachVolume:
    taken = tuple(v.device_name for v in instance.volumes)
    return AttachVolume(
        fleet=fleet.ref,
        volume_id=storage.one_volume(reader, typed.volume or _need("--volume", "attach-volume")).volume_id,
        instance_id=instance.instance_id,
        device_name=device or free_device(taken),
    )


def alone(
    reader: CloudReader, name: str, operation: str, typed: StorageTyped
) -> CreateSnapshot | DeleteVolume | DeleteSnapshot:
    """What is named by its own id, in the place of a fleet or by its option."""
    kind, given = ("snapshot", typed.snapshot) if operation == "delete-snapshot" else ("volume", typed.volume)
    fleet = find_fleet(reader, given or name)
    if fleet.ref.kind != kind:
        raise UsageError(
            f"{operation} is about a {kind}, and {name} is none",
            hint=f"name it by its id: spotwarden plan {'snap' if kind == 'snapshot' else 'vol'}-… --do {operation}",
        )
    found = fleet.ref.fleet_id
    if operation == "snapshot-volume":
        return CreateSnapshot(fleet=fleet.ref, volume_id=found)
    if operation == "delete-volume":
        return DeleteVolume(fleet=fleet.ref, volume_id=found)
    return DeleteSnapshot(fleet=fleet.ref, snapshot_id=found)


def _snapshot(reader: CloudReader, fleet: Fleet, typed: StorageTyped) -> Snapshot:
    """The one that is named; of a volume that is, its newest completed one."""
    volume_id = fleet.ref.fleet_id if fleet.ref.kind == "volume" else typed.volume
    if typed.snapshot or fleet.ref.kind == "snapshot":
        return storage.one_snapshot(reader, typed.snapshot or fleet.ref.fleet_id)
    if volume_id is None:
        raise UsageError("restore-volume needs --snapshot, or --volume for its newest one", hint=_HINT)
    found = next((s for s in reader.snapshots(volume_ids=[volume_id]) if s.state == "completed"), None)
    if found is None:
        raise UsageError(
            f"{volume_id} has no completed snapshot",
            hint=f"take one first: spotwarden plan {volume_id} --do snapshot-volume",
        )
    return found


def _only_zone(fleet: Fleet) -> str:
    """An instance's own; a volume's is where the volume is already."""
    if fleet.ref.kind == "instance":
        return fleet.zones[0]
    return _need("--zone", "restore-volume")


def _performance(like: Volume | None, kind: str) -> tuple[int | None, int | None]:
    """What the source was given; types that take none have none."""
    if like is None or kind not in {"gp3", "io1", "io2"}:
        return None, None
    return like.iops, like.throughput_mib_per_second if kind == "gp3" else None


def _need(option: str, operation: str) -> str:
    raise UsageError(f"{operation} needs {option}", hint=_HINT)
