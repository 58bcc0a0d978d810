"""Data comes back: the newest completed set becomes volumes in the new zone, each attached to the replacement.

A volume stays in its zone for life, and a replacement should not come up in the zone that EC2 has just taken: so what
is kept on termination (DeleteOnTermination false) comes back directly only where the replacement stands in the same
zone, and through a snapshot everywhere else.

    completed set → create-volume in the zone → wait until it is available → attach-volume

Each step is a proposal of its own. What was made bears a tag, so that a plan begun anew goes on where it ended.
"""

from collections.abc import Mapping, Sequence

from tools.errors import UsageError
from tools.fleets.effects.restore import free_device
from tools.records import (
    Account,
    AttachVolume,
    CreateVolume,
    Fleet,
    FleetRef,
    Instance,
    Name,
    Record,
    Snapshot,
    SnapshotSet,
    Tag,
    Volume,
)

RESTORE_TAG = "spotwarden:restore"
"""on a volume that a restore made: for which instance, or for which zone"""
USUAL_TYPE = "gp3"
ZONE_RULE = (
    "a kept volume is bound to its zone, and the zone that EC2 has just taken is the one to avoid: spotwarden starts "
    "replacements elsewhere and restores from the newest completed snapshot; it attaches the kept volume itself only "
    "where the replacement stands in the volume's own zone"
)
_GONE = frozenset({"deleting", "deleted"})
_RESTORED = "spotwarden volumes restore"


class RestoreItem(Record):
    """One volume to bring back. Exactly one of `create` and `volume_id` is there."""

    snapshot_id: Name | None
    """what it comes from; None = the kept volume itself"""
    create: CreateVolume | None
    volume_id: Name | None
    """there already: kept, or made by an earlier run"""
    device_name: Name | None
    """None = it is not attached to anything"""
    notes: tuple[str, ...] = ()


class RestorePlan(Record):
    zone_name: Name
    instance_id: Name | None
    items: tuple[RestoreItem, ...]
    notes: tuple[str, ...]


def newest_completed(sets: Sequence[SnapshotSet], *, of: str) -> SnapshotSet:
    """The set to restore of a fleet (its label) or an instance. Raises UsageError: none is completed, and why."""
    mine = [s for s in sets if of in (s.instance_id, s.fleet)]
    found = next((s for s in mine if s.state == "completed"), None)
    if found is not None:
        return found
    if not mine:
        raise UsageError(f"{of} has no snapshots of ours", hint="spotwarden volumes lists every snapshot: name its id")
    newest = mine[0]
    told = newest.trouble or "its snapshots are not completed"
    way = "wait until it is completed: spotwarden volumes" if newest.state == "pending" else "take another one"
    raise UsageError(
        f"{of}: the newest set, of {newest.started_at:%Y-%m-%d %H:%M} UTC, is {newest.state}: {told}", hint=way
    )


def plan_restore(
    snapshots: Sequence[Snapshot],
    *,
    zone: str,
    zones: Sequence[str],
    instance: Instance | None,
    volumes: Sequence[Volume],
    account: Account,
    kept: bool = False,
    device: str | None = None,
    volume_type: str | None = None,
) -> RestorePlan:
    """What to do for each snapshot, as the account stands. Pure.

    zones   of the region
    ref     any reference of this account and region
    kept    take the volume itself where it is still there, free, and in the zone
    Raises  UsageError: it cannot be, with the way out
    """
    if zone not in zones:
        raise UsageError(f"{account.region} has no zone {zone}", hint=f"one of {', '.join(sorted(zones))}")
    if instance is not None and instance.zone_name != zone:
        raise UsageError(
            f"{instance.instance_id} is in {instance.zone_name}, not in {zone}: a volume is attached in its own zone",
            hint=f"--zone {instance.zone_name}",
        )
    by_id = {v.volume_id: v for v in volumes if v.state not in _GONE}
    taken = {v.device_name: v.volume_id for v in instance.volumes} if instance is not None else {}
    items: list[RestoreItem] = []
    for snapshot in sorted(snapshots, key=lambda s: s.snapshot_id):
        item = _item(snapshot, zone, instance, by_id, account, taken, kept, device, volume_type)
        if item.device_name is not None:
            taken[item.device_name] = item.volume_id or item.snapshot_id or "?"
        items.append(item)
    rule = (ZONE_RULE,) if any(_elsewhere(s, by_id, zone) for s in snapshots) else ()
    whose = instance.instance_id if instance is not None else None
    return RestorePlan(zone_name=zone, instance_id=whose, items=tuple(items), notes=rule)


def _elsewhere(snapshot: Snapshot, volumes: Mapping[str, Volume], zone: str) -> bool:
    volume = volumes.get(snapshot.volume_id)
    return volume is None or volume.zone_name != zone


def _item(
    snapshot: Snapshot,
    zone: str,
    instance: Instance | None,
    volumes: Mapping[str, Volume],
    account: Account,
    taken: Mapping[str, str],
    kept: bool,
    device: str | None,
    volume_type: str | None,
) -> RestoreItem:
    was = volumes.get(snapshot.volume_id)
    made = _made(snapshot, zone, instance, volumes)
    if made is not None:
        there = made.device_name if made.instance_id is not None else _device(instance, was, taken, device)
        return RestoreItem(
            snapshot_id=snapshot.snapshot_id,
            create=None,
            volume_id=made.volume_id,
            device_name=there,
            notes=("an earlier run made it",),
        )
    if kept and was is not None and was.zone_name == zone and was.state == "available":
        return RestoreItem(
            snapshot_id=None,
            create=None,
            volume_id=was.volume_id,
            device_name=_device(instance, was, taken, device),
            notes=("kept, and in this zone: it holds what was written after the snapshot too",),
        )
    _check_source(snapshot)
    create, notes = _create(snapshot, zone, instance, was, account, volume_type)
    return RestoreItem(
        snapshot_id=snapshot.snapshot_id,
        create=create,
        volume_id=None,
        device_name=_device(instance, was, taken, device),
        notes=notes,
    )


def _check_source(snapshot: Snapshot) -> None:
    if snapshot.state == "completed":
        return
    told = f"{snapshot.snapshot_id} is {snapshot.state}"
    if snapshot.state == "pending":
        share = f" ({snapshot.progress_percent} %)" if snapshot.progress_percent is not None else ""
        raise UsageError(f"{told}{share}: a volume is made from a completed one", hint="wait: spotwarden volumes tells")
    raise UsageError(f"{told}: it holds nothing that can be restored", hint="name an older one: spotwarden volumes")


def _made(snapshot: Snapshot, zone: str, instance: Instance | None, volumes: Mapping[str, Volume]) -> Volume | None:
    wanted = Tag(key=RESTORE_TAG, value=instance.instance_id if instance is not None else zone)
    return next(
        (
            v
            for v in volumes.values()
            if v.snapshot_id == snapshot.snapshot_id and v.zone_name == zone and wanted in v.tags
        ),
        None,
    )


def _create(
    snapshot: Snapshot, zone: str, instance: Instance | None, was: Volume | None, account: Account, kind: str | None
) -> tuple[CreateVolume, tuple[str, ...]]:
    """As the volume was, where that is still known."""
    like = was if was is not None and kind in (None, was.volume_type) else None
    provisioned = like is not None and like.volume_type in ("gp3", "io1", "io2")
    notes = [] if like is not None else [f"its volume is gone or another type was asked for: {kind or USUAL_TYPE}"]
    if snapshot.encrypted:
        notes.append(
            "encrypted: without the use of its KMS key the new volume ends in an error or vanishes; "
            "allow kms:CreateGrant and kms:Decrypt on the key, or copy the snapshot to another key"
        )
    name = next((t.value for t in snapshot.tags if t.key == "Name"), snapshot.volume_id)
    action = CreateVolume(
        fleet=FleetRef(
            kind="snapshot", fleet_id=snapshot.snapshot_id, account_id=account.account_id, region=account.region
        ),
        snapshot_id=snapshot.snapshot_id,
        zone_name=zone,
        volume_type=like.volume_type if like is not None else kind or USUAL_TYPE,
        size_gib=max(snapshot.size_gib, like.size_gib if like is not None else 1),
        encrypted=snapshot.encrypted,
        iops=like.iops if like is not None and provisioned else None,
        throughput_mib_per_second=like.throughput_mib_per_second
        if like is not None and like.volume_type == "gp3"
        else None,
        tags=(
            Tag(key="Name", value=name[:255]),
            Tag(key=RESTORE_TAG, value=instance.instance_id if instance is not None else zone),
        ),
    )
    return action, tuple(notes)


def _device(instance: Instance | None, was: Volume | None, taken: Mapping[str, str], asked: str | None) -> str | None:
    """The one that was asked for; else the one that it had, where that is free; else EC2's first free one."""
    if instance is None:
        return None
    if asked is not None:
        if asked in taken:
            free = free_device(tuple(taken))
            raise UsageError(f"{asked} of {instance.instance_id} has {taken[asked]} already", hint=f"--device {free}")
        return asked
    before = was.device_name if was is not None else None
    return before if before is not None and before not in taken else free_device(tuple(taken))


def attachment(item: RestoreItem, volume: Volume | None, instance: Instance, fleet: Fleet) -> AttachVolume | None:
    """The next action once the volume is there; None = wait, or it is attached.

    volume  as it stands now; None = it is not shown
    Raises  UsageError: it failed, or somebody else has it
    """
    if volume is None or volume.state in (*_GONE, "error"):
        raise UsageError(
            f"{item.volume_id} did not come up: {volume.state if volume is not None else 'it is gone'}",
            hint="of an encrypted snapshot that is usually its KMS key: allow kms:CreateGrant and kms:Decrypt on it; "
            f"then again: {_RESTORED}",
        )
    if volume.instance_id == instance.instance_id or volume.state == "creating":
        return None
    if volume.instance_id is not None:
        raise UsageError(
            f"{volume.volume_id} is attached to {volume.instance_id} on {volume.device_name}",
            hint=f"name the snapshot, so that another volume is made: {_RESTORED} snap-… --to {instance.instance_id}",
        )
    if item.device_name is None:
        return None
    return AttachVolume(
        fleet=fleet.ref,
        volume_id=volume.volume_id,
        instance_id=instance.instance_id,
        device_name=item.device_name,
    )
