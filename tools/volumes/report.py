"""Volumes and snapshots of the region: whose they are, what they cost, how consistent they are, what nobody uses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from tools.cloud import Clock, CloudReader
from tools.desk import AuditReader, ChangeMade
from tools.errors import CloudError, DataError, NotFound
from tools.market.subject import INSTANCE_ID, fleet_among, named_fleet
from tools.money.storage import copy_cost, storage_cost, summed
from tools.records import (
    CreateSnapshots,
    Fleet,
    KeepingSettings,
    KeptSnapshot,
    KeptVolume,
    ScheduleState,
    Snapshot,
    SnapshotSet,
    StorageRate,
    Tag,
    Volume,
    VolumesReport,
)
from tools.volumes.consistency import Asked, Freeze, consistency_of, freezes_near, read_freezes
from tools.volumes.protection import snapshot_protected, volume_protected
from tools.volumes.schedule import expiries, plan_schedule
from tools.volumes.sets import fleet_told_by, instance_of, sets_of, without_copied_tags

SOURCE = "EC2 DescribeVolumes and DescribeSnapshots, the EBS price list, the journal"
MOST_CHANGES = 20_000
"""of one fleet, newest first, in which the journal is looked for what it asked for"""
_FLEET_TAGS = {
    "aws:autoscaling:groupName": "asg",
    "aws:ec2:fleet-id": "ec2-fleet",
    "aws:ec2spot:fleet-request-id": "spot-fleet",
}


@dataclass(frozen=True)
class Sight:
    """What was read for one report."""

    fleets: tuple[Fleet, ...]
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]
    """newest first"""
    rates: tuple[StorageRate, ...]
    freezes: tuple[Freeze, ...]
    asked: Asked
    jobs: Mapping[str, str]
    """fleet label → a registered job that runs on it"""
    images: Mapping[str, tuple[str, ...]]
    """snapshot → AMIs of ours that boot from it, of snapshots whose volume is gone"""
    settings: KeepingSettings
    missing: tuple[str, ...]
    now: datetime

    @cached_property
    def homes(self) -> dict[str, str]:
        """Instance → label of its fleet; alone it is one only where no group has it."""
        alone_first = sorted(self.fleets, key=lambda f: f.ref.kind != "instance")
        return {i.instance_id: f.ref.label for f in alone_first for i in f.instances}

    @cached_property
    def copies(self) -> dict[str, list[Snapshot]]:
        """Volume → its snapshots, newest first."""
        found: dict[str, list[Snapshot]] = {}
        for snapshot in self.snapshots:
            found.setdefault(snapshot.volume_id, []).append(snapshot)
        return found

    @cached_property
    def held(self) -> dict[str, list[Freeze]]:
        """Instance → its freezes."""
        found: dict[str, list[Freeze]] = {}
        for freeze in self.freezes:
            found.setdefault(freeze.instance_id, []).append(freeze)
        return found


def volumes_report(
    reader: CloudReader, clock: Clock, audit: AuditReader, settings: KeepingSettings | None = None
) -> VolumesReport:
    """Everything of EBS in the region. What cannot be read is told in `missing`.

    Raises  CloudError: volumes, snapshots or fleets cannot be read
    """
    return drawn_from(see(reader, clock, audit, settings or KeepingSettings()))


def see(reader: CloudReader, clock: Clock, audit: AuditReader, settings: KeepingSettings) -> Sight:
    """Read what a report is drawn from. Raises CloudError."""
    missing: list[str] = []
    fleets, volumes, snapshots = fleets_for(reader, settings), reader.volumes(), reader.snapshots()
    rates = _rates(reader, missing)
    told = {label for s in snapshots if (label := fleet_told_by(s)) is not None}
    made = changes_of(audit, told)
    there = {v.volume_id for v in volumes}
    images = _images(reader, [s.snapshot_id for s in snapshots if s.volume_id not in there], missing)
    freezes, unread = read_freezes(reader, freezes_near(made, snapshots))
    return Sight(
        fleets=fleets,
        volumes=volumes,
        snapshots=tuple(sorted(snapshots, key=lambda s: s.started_at, reverse=True)),
        rates=rates,
        freezes=freezes,
        asked=asked_in(made),
        jobs={job.fleet.label: job.job_id for job in audit.registered_jobs()},
        images=images,
        settings=settings,
        missing=(*missing, *unread),
        now=clock.now(),
    )


def fleets_for(reader: CloudReader, settings: KeepingSettings) -> tuple[Fleet, ...]:
    """Every fleet of the region, and single instances that a schedule names. Raises CloudError."""
    fleets = reader.fleets()
    alone = [s.fleet for s in settings.schedules if INSTANCE_ID.fullmatch(s.fleet)]
    return (*fleets, *(found for name in alone if (found := _if_there(reader, name)) is not None))


def _if_there(reader: CloudReader, name: str) -> Fleet | None:
    try:
        return named_fleet(reader, name)
    except NotFound:
        return None


def changes_of(audit: AuditReader, labels: Iterable[str]) -> tuple[ChangeMade, ...]:
    """What was carried out on these fleets."""
    return tuple(change for label in sorted(labels) for change in audit.changes_of(label, limit=MOST_CHANGES))


def asked_in(made: Iterable[ChangeMade]) -> Asked:
    """What create-snapshots asked for, by intent."""
    return {c.intent_id: (c.proposal_id, c.action, c.made) for c in made if isinstance(c.action, CreateSnapshots)}


def sets_in(snapshots: Sequence[Snapshot], asked: Asked, *, now: datetime) -> tuple[SnapshotSet, ...]:
    """As `sets_of`; what AWS answered goes before what tags say."""
    genuine = without_copied_tags(snapshots, {i: made for i, (_, _, made) in asked.items()})
    return sets_of(genuine, {i: action for i, (_, action, _) in asked.items()}, now=now)


def _rates(reader: CloudReader, missing: list[str]) -> tuple[StorageRate, ...]:
    try:
        return reader.storage_rates()
    except (CloudError, DataError) as error:
        missing.append(f"prices of EBS: {error.message}")
        return ()


def _images(reader: CloudReader, snapshot_ids: Sequence[str], missing: list[str]) -> Mapping[str, tuple[str, ...]]:
    """Where it cannot be read, EC2 itself still refuses to delete what an AMI boots from."""
    try:
        return reader.images_of(snapshot_ids) if snapshot_ids else {}
    except (CloudError, DataError) as error:
        missing.append(f"AMIs that boot from snapshots: {error.message}")
        return {}


def drawn_from(sight: Sight) -> VolumesReport:
    """The report. Pure."""
    sets = sets_in(sight.snapshots, sight.asked, now=sight.now)
    states, keeps, unknown = _schedules(sight, sets)
    owners = {v.volume_id: _owner(v, sight) for v in sight.volumes}
    completed = ((v, next((s for s in found if s.state == "completed"), None)) for v, found in sight.copies.items())
    newest = {v: s for v, s in completed if s is not None}
    volumes = tuple(_volume(v, owners[v.volume_id], newest.get(v.volume_id), sight) for v in sight.volumes)
    snapshots = tuple(_snapshot(s, owners, newest, keeps, sight) for s in sight.snapshots)
    kept: tuple[KeptVolume | KeptSnapshot, ...] = (*volumes, *snapshots)
    return VolumesReport(
        volumes=volumes,
        snapshots=snapshots,
        schedules=states,
        orphan_usd_per_month=summed([k.cost.usd_per_month for k in kept if k.orphan]),
        total_usd_per_month=summed([k.cost.usd_per_month for k in kept]),
        missing=(*sight.missing, *unknown),
        as_of=sight.now,
        source=SOURCE,
    )


def _schedules(
    sight: Sight, sets: Sequence[SnapshotSet]
) -> tuple[tuple[ScheduleState, ...], dict[str, datetime | None], tuple[str, ...]]:
    """Their states, the snapshots that they keep and until when, and schedules of fleets that are not there."""
    states: list[ScheduleState] = []
    keeps: dict[str, datetime | None] = {}
    unknown: list[str] = []
    for schedule in sight.settings.schedules:
        try:
            fleet = fleet_among(sight.fleets, schedule.fleet)
        except NotFound as error:
            unknown.append(f"[[snapshots]] {error.message}; {error.hint}")
            continue
        states.append(plan_schedule(schedule, fleet, sets, now=sight.now).state)
        keeps |= {s: at for s, at in expiries(schedule, fleet, sets).items() if at is None or at > sight.now}
    return tuple(states), keeps, tuple(unknown)


def _volume(volume: Volume, fleet: str | None, newest: Snapshot | None, sight: Sight) -> KeptVolume:
    level, evidence = ("unknown", "it has no completed snapshot") if newest is None else _consistency(newest, sight)
    protected = None
    if volume.instance_id is None:
        tags = sight.settings.protected_tags
        of_it = sight.copies.get(volume.volume_id, ())
        at = max((s.started_at for s in of_it if instance_of(s) is not None), default=None)  # an instance had it
        protected = volume_protected(volume, fleet=fleet, jobs=sight.jobs, tags=tags, attached_at=at, now=sight.now)
    return KeptVolume.model_validate(
        {
            "volume": volume,
            "fleet": fleet,
            "cost": storage_cost(
                sight.rates,
                volume_type=volume.volume_type,
                size_gib=volume.size_gib,
                iops=volume.iops,
                throughput_mib_per_second=volume.throughput_mib_per_second,
            ),
            "newest_snapshot": newest,
            "consistency": level,
            "evidence": evidence,
            "snapshot_age_seconds": None if newest is None else (sight.now - newest.started_at).total_seconds(),
            "orphan": volume.state == "available",
            "orphan_since": None,
            "protected_by": protected,
        }
    )


def _snapshot(
    snapshot: Snapshot,
    owners: Mapping[str, str | None],
    newest: Mapping[str, Snapshot],
    keeps: Mapping[str, datetime | None],
    sight: Sight,
) -> KeptSnapshot:
    fleet = fleet_told_by(snapshot) or _tagged(snapshot.tags) or owners.get(snapshot.volume_id)
    orphan = snapshot.volume_id not in owners and snapshot.snapshot_id not in keeps
    level, evidence = _consistency(snapshot, sight)
    protected = None
    if orphan:
        protected = snapshot_protected(
            snapshot,
            fleet=fleet,
            jobs=sight.jobs,
            tags=sight.settings.protected_tags,
            images=sight.images.get(snapshot.snapshot_id, ()),
            newest=newest.get(snapshot.volume_id) == snapshot,
            now=sight.now,
        )
    return KeptSnapshot.model_validate(
        {
            "snapshot": snapshot,
            "fleet": fleet,
            "cost": copy_cost(sight.rates, snapshot.size_gib),
            "consistency": level,
            "evidence": evidence,
            "orphan": orphan,
            "expires_at": keeps.get(snapshot.snapshot_id),
            "protected_by": protected,
        }
    )


def _consistency(snapshot: Snapshot, sight: Sight) -> tuple[str, str]:
    return consistency_of(snapshot, freezes=sight.held, asked=sight.asked)


def _owner(volume: Volume, sight: Sight) -> str | None:
    """Label of the fleet that has it; else of the one that had it, by its tags and by our snapshots of it."""
    if volume.instance_id is not None:
        return sight.homes.get(volume.instance_id, f"instance/{volume.instance_id}")
    tagged = _tagged(volume.tags)
    if tagged is not None:
        return tagged
    of_it = sight.copies.get(volume.volume_id, ())
    told = (fleet_told_by(s) or sight.homes.get(instance_of(s) or "") for s in of_it)
    return next((label for label in told if label is not None), None)


def _tagged(tags: Sequence[Tag]) -> str | None:
    return next((f"{_FLEET_TAGS[t.key]}/{t.value}" for t in tags if t.key in _FLEET_TAGS and t.value), None)
