"""What a snapshot schedule wants now: which instances are due, and which sets may be let go. Pure.

Nothing is planned on a snapshot that is not completed: a pending one is not counted as kept, and never let go.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from tools.figures import length
from tools.records import Fleet, Instance, Name, Record, ScheduleState, Snapshot, SnapshotSchedule, SnapshotSet, UtcTime

_FIRST_RETRY = timedelta(minutes=10)
"""doubles with every failure, up to the schedule's own time"""
_MOST_PENDING = 3
"""sets of one instance: EC2 takes 5 pending snapshots of a volume at most, of an st1 or sc1 volume 1"""
_LET_GO_AGAIN = timedelta(hours=24)
_SEEN_LATE = timedelta(minutes=10)
"""between what the journal says was done, and when its snapshots say they began"""
_WAITS = frozenset({"pending", "approved", "acting", "unknown"})
_NOT_DONE = frozenset({"failed", "denied"})
_ANSWERED_NO = frozenset({"refused", "expired"})
_DONE = frozenset({"done", "partial"})
_STANDS = frozenset({"running", "stopped"})
_GOOD = frozenset({"completed", "pending"})


class Tried(Record):
    """A proposal that the schedule led to, as the journal tells of it."""

    proposal_id: Name
    kind: Name
    """create-snapshots or delete-snapshot"""
    target: Name
    """the instance, or the snapshot"""
    status: Name
    at: UtcTime


class DueSet(Record):
    """One instance to be snapshotted now."""

    instance_id: Name
    volume_ids: tuple[Name, ...]
    exclude_boot_volume: bool
    why: str


class LetGo(Record):
    """One snapshot that the schedule does not keep any more."""

    snapshot_id: Name
    why: str


class SchedulePlan(Record):
    due: tuple[DueSet, ...]
    let_go: tuple[LetGo, ...]
    held: tuple[str, ...]
    """what would be due and is not done now, in words"""
    state: ScheduleState


def plan_schedule(
    schedule: SnapshotSchedule,
    fleet: Fleet,
    sets: Sequence[SnapshotSet],
    *,
    tried: Sequence[Tried] = (),
    made: frozenset[str] = frozenset(),
    snapshotted: frozenset[str] = frozenset(),
    noticed: frozenset[str] = frozenset(),
    now: datetime,
) -> SchedulePlan:
    """What to do now for one schedule.

    sets         of the account, newest first
    tried        proposals of the last days
    made         snapshots that a schedule took: nothing else is ever let go, nor counted as kept
    snapshotted  volumes that have a completed snapshot: another copies only what changed
    noticed      instances that EC2 is taking back
    """
    lines = lines_of(fleet, sets)
    due: list[DueSet] = []
    held: list[str] = []
    moments: list[datetime] = []
    for instance in fleet.instances:
        wanted = _wanted(schedule, instance)
        if instance.state not in _STANDS or not wanted:
            held += [] if wanted or not instance.volumes else [_only_root(instance)]
            continue
        line = lines.get(instance.instance_id, ())
        mine = [t for t in tried if t.kind == "create-snapshots" and t.target == instance.instance_id]
        at, waits = _next(schedule, line, wanted, mine, now)
        moments.append(at)
        waits = waits or _first_inside_notice(instance, wanted, snapshotted, noticed)
        if at <= now and waits is None:
            due.append(_due(schedule, instance, wanted, at, now))
        elif at <= now and waits is not None:
            held.append(f"{instance.instance_id}: {waits}")
    let_go = [g for i, line in lines.items() for g in _let_go(schedule, line, _lives(fleet, i), tried, made, now)]
    state = _state_of(schedule, fleet, lines, min(moments, default=None), now)
    return SchedulePlan(due=tuple(due), let_go=tuple(let_go), held=tuple(held), state=state)


def lines_of(fleet: Fleet, sets: Sequence[SnapshotSet]) -> dict[str, tuple[SnapshotSet, ...]]:
    """Instance → its sets, newest first; also of those that the fleet has lost."""
    mine = {i.instance_id for i in fleet.instances}
    lines: dict[str, tuple[SnapshotSet, ...]] = {}
    for found in sets:
        if found.instance_id in mine or found.fleet == fleet.ref.label:
            lines[found.instance_id] = (*lines.get(found.instance_id, ()), found)
    return lines


def expiries(schedule: SnapshotSchedule, fleet: Fleet, sets: Sequence[SnapshotSet]) -> dict[str, datetime | None]:
    """Snapshot → when the schedule will let it go, if it goes on as planned; None = it keeps it. Others are left out.

    Of an instance that is gone the newest set is never let go; after a while no schedule keeps it either.
    """
    every = timedelta(hours=schedule.every_hours)
    found: dict[str, datetime | None] = {}
    for instance_id, line in lines_of(fleet, sets).items():
        completed = [s for s in line if s.state == "completed"]
        for rank, one in enumerate(completed):
            ends = completed[0].started_at + every * (schedule.keep - rank)
            found |= {s.snapshot_id: ends for s in one.snapshots}
        found |= {s.snapshot_id: None for one in line if one.state == "pending" for s in one.snapshots}
        if not _lives(fleet, instance_id) and completed:
            found |= {s.snapshot_id: completed[0].started_at + every * schedule.keep for s in completed[0].snapshots}
    return found


def _wanted(schedule: SnapshotSchedule, instance: Instance) -> tuple[str, ...]:
    return tuple(v.volume_id for v in instance.volumes if schedule.include_root or not v.root)


def _only_root(instance: Instance) -> str:
    return f"{instance.instance_id} has no volume but its root: include_root = true takes that too"


def _next(
    schedule: SnapshotSchedule,
    line: Sequence[SnapshotSet],
    wanted: Sequence[str],
    tried: Sequence[Tried],
    now: datetime,
) -> tuple[datetime, str | None]:
    """When the next one is due, and why it is not begun all the same. A set without a wanted volume says nothing."""
    every = timedelta(hours=schedule.every_hours)
    good = [s for s in line if s.state in _GOOD and _holds(s, wanted)]
    seen = [*good, *(s for s in line if s.state not in _GOOD)]
    begun = max((s.started_at for s in good), default=None)
    done = [t.at for t in tried if t.status in _DONE and not _shows(seen, t)]
    begun = max(filter(None, (begun, *done)), default=None)
    due = now if begun is None else begun + every
    bad = [s.started_at for s in line if s.state in ("failed", "stuck", "partial")]
    bad += [t.at for t in tried if t.status in _NOT_DONE]
    bad = [at for at in bad if begun is None or at > begun]
    if bad:
        due = max(due if begun else min(bad), max(bad) + min(every, _FIRST_RETRY * 2 ** min(len(bad) - 1, 20)))
    no = [t.at for t in tried if t.status in _ANSWERED_NO and (begun is None or t.at > begun)]
    if no:
        due = max(due, max(no) + every)
    return due, _why_not(line, tried)


def _holds(one: SnapshotSet, wanted: Sequence[str]) -> bool:
    return {s.volume_id for s in one.snapshots}.issuperset(wanted)


def _shows(line: Sequence[SnapshotSet], tried: Tried) -> bool:
    """What the journal says was done is seen in the account by now; what somebody deleted was done all the same."""
    return any(abs(s.started_at - tried.at) <= _SEEN_LATE for s in line)


def _why_not(line: Sequence[SnapshotSet], tried: Sequence[Tried]) -> str | None:
    waits = next((t for t in tried if t.status in _WAITS), None)
    if waits is not None:
        said = "waits for an answer" if waits.status == "pending" else f"is {waits.status}"
        return f"{waits.proposal_id} {said}"
    pending = [s for s in line if any(p.state == "pending" for p in s.snapshots)]
    if len(pending) >= _MOST_PENDING:
        return f"{len(pending)} of its sets are pending: another is begun when one of them ends"
    return None


def _first_inside_notice(
    instance: Instance, wanted: Sequence[str], snapshotted: frozenset[str], noticed: frozenset[str]
) -> str | None:
    """The first snapshot of a volume copies all of it, for minutes to hours."""
    never = [v for v in wanted if v not in snapshotted]
    if instance.instance_id not in noticed or not never:
        return None
    return f"EC2 takes it back: the first snapshot of {', '.join(never)} would not end in two minutes"


def _due(
    schedule: SnapshotSchedule, instance: Instance, wanted: tuple[str, ...], at: datetime, now: datetime
) -> DueSet:
    late = (now - at).total_seconds()
    said = f", {length(late)} late" if late >= 60 else ""
    root = "with its root" if schedule.include_root else "without its root"
    return DueSet(
        instance_id=instance.instance_id,
        volume_ids=wanted,
        exclude_boot_volume=not schedule.include_root and any(v.root for v in instance.volumes),
        why=f"every {schedule.every_hours:g} h, {root}, {schedule.keep} kept{said}",
    )


def _lives(fleet: Fleet, instance_id: str) -> bool:
    return any(i.instance_id == instance_id for i in fleet.instances)


def _let_go(
    schedule: SnapshotSchedule,
    line: Sequence[SnapshotSet],
    lives: bool,
    tried: Sequence[Tried],
    made: frozenset[str],
    now: datetime,
) -> list[LetGo]:
    """Of each volume, what is older than the kept ones: none that is pending, nor its last completed one."""
    completed = [s for s in line if s.state == "completed"]
    keep, every = schedule.keep, timedelta(hours=schedule.every_hours)
    if not lives and completed and now > completed[0].started_at + every * keep:
        keep = 1
    quiet = {t.target for t in tried if t.kind == "delete-snapshot" and not _again(t, every, now)}
    kept: Counter[str] = Counter()
    found: list[LetGo] = []
    for one in line:
        mine = [s for s in one.snapshots if s.snapshot_id in made]
        why = f"of {one.started_at:%Y-%m-%d %H:%M} UTC: {keep} newer sets are completed"
        older = (s for s in mine if kept[s.volume_id] >= keep and _may_go(s) and s.snapshot_id not in quiet)
        found += [LetGo(snapshot_id=s.snapshot_id, why=why) for s in older]
        if one.state == "completed":
            kept.update(s.volume_id for s in mine)
    return found


def _may_go(snapshot: Snapshot) -> bool:
    return snapshot.state in ("completed", "error")


def _again(tried: Tried, every: timedelta, now: datetime) -> bool:
    if tried.status in _WAITS | _DONE:
        return False
    return tried.status == "allowed" or now >= tried.at + max(_LET_GO_AGAIN, every)


def _state_of(
    schedule: SnapshotSchedule,
    fleet: Fleet,
    lines: dict[str, tuple[SnapshotSet, ...]],
    due_at: datetime | None,
    now: datetime,
) -> ScheduleState:
    completed = [s.started_at for line in lines.values() for s in line if s.state == "completed"]
    newest = [line[0] for i, line in lines.items() if line and _lives(fleet, i)]
    troubles = [f"{s.instance_id}: {s.trouble}" for s in newest if s.trouble is not None]
    late = (now - due_at).total_seconds() if due_at is not None else None
    return ScheduleState(
        fleet=fleet.ref,
        every_hours=schedule.every_hours,
        keep=schedule.keep,
        newest_at=max(completed, default=None),
        due_at=due_at,
        overdue_seconds=late if late is not None and late > 0 else None,
        trouble="; ".join(troubles[:3]) or None,
    )
