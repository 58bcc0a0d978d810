"""Actions on volumes and snapshots, drawn up from what was named. Reads what it needs, changes nothing."""

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.fleets.effects.restore import free_device
from tools.fleets.effects.storage import one_volume
from tools.fleets.find import find_fleet
from tools.market.subject import INSTANCE_ID
from tools.records import (
    AttachVolume,
    CreateSnapshot,
    CreateSnapshots,
    DeleteSnapshot,
    DeleteVolume,
    Fleet,
    FleetKind,
    FleetRef,
    Instance,
    Volume,
)

_MANY = 20
"""instances of one fleet snapshotted at once by hand"""


def reference(reader: CloudReader, kind: FleetKind, name: str) -> FleetRef:
    here = reader.account()
    return FleetRef(kind=kind, fleet_id=name, account_id=here.account_id, region=here.region)


def home_of(reader: CloudReader, instance_id: str) -> tuple[Fleet, Instance]:
    """The instance, and the fleet that has it; alone, it is a fleet of one. Raises NotFound."""
    for fleet in reader.fleets():
        for instance in fleet.instances:
            if instance.instance_id == instance_id:
                return fleet, instance
    alone = find_fleet(reader, instance_id)
    return alone, alone.instances[0]


def draw_snapshots(
    reader: CloudReader, name: str, *, include_root: bool, stopped: bool = False
) -> tuple[CreateSnapshots | CreateSnapshot, ...]:
    """One set an instance of what is named: a fleet, an instance, or a volume that no instance has.

    stopped  the instance is stopped, and is to be
    Raises   UsageError: nothing to snapshot; NotFound; CloudErrors
    """
    if name.startswith("vol-"):
        return (_of_a_volume(reader, one_volume(reader, name)),)
    fleet, instances = _named_instances(reader, name)
    drawn = [_of_an_instance(fleet, i, include_root=include_root, stopped=stopped) for i in instances]
    found = tuple(action for action in drawn if action is not None)
    if not found:
        raise UsageError(
            f"{name}: nothing to snapshot: no instance has a volume but its root",
            hint=f"spotwarden volumes snapshot {name} --include-root, crash-consistent while it runs",
        )
    return found


def _named_instances(reader: CloudReader, name: str) -> tuple[Fleet, tuple[Instance, ...]]:
    if INSTANCE_ID.fullmatch(name):
        fleet, instance = home_of(reader, name.rsplit("/", maxsplit=1)[-1])
        return fleet, (instance,)
    fleet = find_fleet(reader, name)
    alive = tuple(i for i in fleet.instances if i.state in ("running", "stopped"))
    if not alive:
        raise UsageError(f"{fleet.name}: no instance runs", hint="spotwarden volumes lists what it left behind")
    if len(alive) > _MANY:
        raise UsageError(
            f"{fleet.name} has {len(alive)} instances, at most {_MANY} are snapshotted at once by hand",
            hint="name one instance, or let [[snapshots]] in the settings take them in turn",
        )
    return fleet, alive


def _of_an_instance(fleet: Fleet, instance: Instance, *, include_root: bool, stopped: bool) -> CreateSnapshots | None:
    volumes = tuple(v.volume_id for v in instance.volumes if include_root or not v.root)
    if not volumes:
        return None
    return CreateSnapshots(
        fleet=fleet.ref,
        instance_id=instance.instance_id,
        volume_ids=volumes,
        exclude_boot_volume=not include_root and any(v.root for v in instance.volumes),
        stopped=stopped,
    )


def _of_a_volume(reader: CloudReader, volume: Volume) -> CreateSnapshot:
    if volume.instance_id is not None:
        raise UsageError(
            f"{volume.volume_id} is attached to {volume.instance_id}: its volumes are taken together, at one moment",
            hint=f"spotwarden volumes snapshot {volume.instance_id}",
        )
    return CreateSnapshot(fleet=reference(reader, "volume", volume.volume_id), volume_id=volume.volume_id)


def draw_attachment(reader: CloudReader, volume_id: str, instance_id: str, device_name: str | None) -> AttachVolume:
    """device_name  None = EC2's first free one. Raises UsageError, NotFound, CloudErrors."""
    fleet, instance = home_of(reader, instance_id)
    taken = tuple(v.device_name for v in instance.volumes)
    return AttachVolume(
        fleet=fleet.ref,
        volume_id=volume_id,
        instance_id=instance_id,
        device_name=device_name or free_device(taken),
    )


def draw_deletion(reader: CloudReader, name: str) -> DeleteVolume | DeleteSnapshot:
    if name.startswith("vol-"):
        return DeleteVolume(fleet=reference(reader, "volume", name), volume_id=name)
    return DeleteSnapshot(fleet=reference(reader, "snapshot", name), snapshot_id=name)
