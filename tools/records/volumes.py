"""Nouns of EBS: volumes, snapshots, what they cost a month, what became of the ones that outlived their instance."""

from typing import Literal

from pydantic import Field

from tools.records.base import Money, Name, Record, UtcTime
from tools.records.fleets import FleetRef, Tag

Consistency = Literal["crash-consistent", "application-consistent", "unknown"]
"""application-consistent only by evidence: the instance told that it was frozen over the moment of the snapshot"""


class Volume(Record):
    """An EBS volume as EC2 describes it. It stays in its zone for life."""

    volume_id: Name
    zone_name: Name
    zone_id: str | None
    volume_type: Name
    """gp3, gp2, io2, st1, …"""
    size_gib: int = Field(ge=0)
    iops: int | None = None
    throughput_mib_per_second: int | None = None
    state: Name
    """creating, available, in-use, deleting, deleted, error"""
    encrypted: bool = False
    snapshot_id: Name | None = None
    """what it was made from"""
    instance_id: Name | None = None
    device_name: Name | None = None
    delete_on_termination: bool | None = None
    """None = attached to nothing"""
    created_at: UtcTime
    tags: tuple[Tag, ...] = ()


class Snapshot(Record):
    """An EBS snapshot of ours."""

    snapshot_id: Name
    volume_id: Name
    """of the volume that it was taken of, which may be gone"""
    state: Name
    """pending, completed, error, recoverable, recovering"""
    progress_percent: int | None = None
    size_gib: int = Field(ge=0)
    """of the volume: what the snapshot itself stores is never told by EC2"""
    encrypted: bool = False
    started_at: UtcTime
    completed_at: UtcTime | None = None
    description: str = ""
    tags: tuple[Tag, ...] = ()


class StorageRate(Record):
    """A list price of EBS in one region."""

    what: Name
    """a volume type (gp3, io2, …) or `snapshot`"""
    usd_per_gib_month: Money
    usd_per_iops_month: Money | None = None
    """above what is included"""
    usd_per_mib_per_second_month: Money | None = None
    as_of: UtcTime
    source: Name


class StorageCost(Record):
    """What one volume or snapshot costs a month of 730 hours."""

    usd_per_month: Money | None
    """None = a rate is unknown; of a snapshot an upper bound: EC2 does not tell how much of the volume it stores"""
    upper_bound: bool
    as_of: UtcTime | None
    source: Name


class SnapshotSchedule(Record):
    """Snapshots of every instance of one fleet, as the settings say: `[[snapshots]]`."""

    fleet: Name
    """name or id"""
    every_hours: float = Field(ge=0.25, le=8_784)
    keep: int = Field(ge=1, le=1_000)
    """completed sets of an instance"""
    include_root: bool = False
    """of a running instance it is crash-consistent, as after a power cut"""
    freeze_seconds: int | None = Field(default=None, ge=5, le=120)
    """ask the guard on the instance to hold writes still for so long; None = no freeze"""


class KeepingSettings(Record):
    """What is kept, and what nobody may propose to delete."""

    schedules: tuple[SnapshotSchedule, ...] = ()
    protected_tags: tuple[str, ...] = ()
    """KEY, or KEY=VALUE"""


NOTHING_KEPT = KeepingSettings()


SetState = Literal["completed", "pending", "stuck", "failed", "partial"]
"""stuck = pending for longer than its size explains; partial = some of its snapshots are not there"""


class SnapshotSet(Record):
    """Volumes of one instance at one moment, by one intent of ours: crash-consistent together."""

    intent_id: Name
    instance_id: Name
    fleet: Name | None
    """label; None = the journal and the tags do not tell"""
    snapshots: tuple[Snapshot, ...] = Field(min_length=1)
    missing: tuple[Name, ...] = ()
    """volumes of it whose snapshot is not there; () also where the journal does not know what was asked for"""
    started_at: UtcTime
    state: SetState
    trouble: str | None = None
    """of a stuck, failed or partial one, with the way out"""


class KeptVolume(Record):
    """One volume of the report, with its newest snapshot."""

    volume: Volume
    fleet: Name | None
    """label of the fleet whose instance has it, or had it by its tags; None = unknown"""
    cost: StorageCost
    newest_snapshot: Snapshot | None
    consistency: Consistency
    """of the newest snapshot; unknown where there is none"""
    evidence: str = ""
    """why it is called so"""
    snapshot_age_seconds: float | None
    orphan: bool
    """attached to nothing"""
    orphan_since: UtcTime | None
    """as far as the journal or EC2 tell; None = unknown"""
    protected_by: str | None = None
    """why nothing proposes to delete it: a protected tag, a job that needs it, too young, …; None = nothing does"""


class KeptSnapshot(Record):
    snapshot: Snapshot
    fleet: Name | None
    cost: StorageCost
    consistency: Consistency
    evidence: str = ""
    orphan: bool
    """its volume is gone, and no schedule keeps it"""
    expires_at: UtcTime | None
    """when a schedule would let it go; None = no schedule does"""
    protected_by: str | None = None


class ScheduleState(Record):
    """How one schedule of the settings stands."""

    fleet: FleetRef
    every_hours: float = Field(gt=0)
    keep: int = Field(ge=1)
    newest_at: UtcTime | None
    due_at: UtcTime | None
    """None = nothing to snapshot"""
    overdue_seconds: float | None
    trouble: str | None = None
    """a snapshot that failed or never ends, in words"""


class VolumesReport(Record):
    """Volumes and snapshots of the region, what they cost a month, and what nobody uses any more."""

    volumes: tuple[KeptVolume, ...]
    snapshots: tuple[KeptSnapshot, ...]
    schedules: tuple[ScheduleState, ...]
    orphan_usd_per_month: Money | None
    """of orphan volumes and orphan snapshots, snapshots at their upper bound; None = a rate is unknown"""
    total_usd_per_month: Money | None
    missing: tuple[str, ...]
    """what could not be read, in words"""
    as_of: UtcTime
    source: Name
