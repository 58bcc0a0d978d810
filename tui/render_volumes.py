"""Volumes, snapshots and schedules in words: what each costs, how old its newest copy is, what nobody uses any more."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from tools.figures import length
from tools.records import (
    KeptSnapshot,
    KeptVolume,
    Money,
    ScheduleState,
    Snapshot,
    StorageCost,
    Tag,
    VolumesReport,
)
from tools.volumes.sets import taken_alone
from tui.safe_text import safe_text

Fact = tuple[str, str]
"""(label, words): the words are safe to show"""
Step = Literal["snapshot", "wait", "delete-volume", "delete-snapshot"]
MOST_COPIES = 6
"""snapshots of a volume that are named"""


def a_month(amount: Money | None, *, upper_bound: bool) -> str:
    """$8.00, <=$8.00 at most, unknown"""
    return "unknown" if amount is None else f"{'<=' if upper_bound else ''}${amount:,.2f}"


def clean_up_step(kept: KeptVolume | KeptSnapshot, report: VolumesReport) -> Step:
    """What clears an orphan away now: a volume is copied first, while nothing writes to it, and deleted after that."""
    if isinstance(kept, KeptSnapshot):
        return "delete-snapshot"
    volume_id = kept.volume.volume_id
    copies = {s.snapshot.state for s in report.snapshots if taken_alone(s.snapshot, volume_id)}
    return "delete-volume" if "completed" in copies else "wait" if "pending" in copies else "snapshot"


def schedule_words(state: ScheduleState, now: datetime) -> tuple[str, str]:
    """How a schedule stands, and its ink: one of error, warning, success, secondary."""
    if state.trouble is not None:
        return f"TROUBLE: {safe_text(state.trouble, limit=300)}", "error"
    if state.overdue_seconds:
        return f"OVERDUE by {length(state.overdue_seconds)}", "warning"
    if state.due_at is None:
        return "nothing to snapshot", "secondary"
    left = (state.due_at - now).total_seconds()
    return (f"due in {length(left)}", "success") if left > 0 else ("due now", "warning")


def schedule_line(state: ScheduleState, now: datetime) -> str:
    """asg/ml-train: every 6 h, keep 4: due in 2 h 10 min"""
    rule = f"every {state.every_hours:g} h, keep {state.keep}"
    return f"{safe_text(state.fleet.label, limit=80)}: {rule}: {schedule_words(state, now)[0]}"


def volume_facts(kept: KeptVolume, report: VolumesReport) -> Iterator[Fact]:
    """One volume whole."""
    volume = kept.volume
    if kept.orphan:
        since = (
            f"since {kept.orphan_since:%Y-%m-%d %H:%MZ}" if kept.orphan_since is not None else "since when is unknown"
        )
        yield "ORPHAN", f"attached to nothing, {since}"
    yield from _protection(kept.protected_by)
    sealed = "encrypted" if volume.encrypted else "not encrypted"
    speed = [f"{volume.iops:,} IOPS"] if volume.iops is not None else []
    if volume.throughput_mib_per_second is not None:
        speed.append(f"{volume.throughput_mib_per_second} MiB/s")
    size = ", ".join([f"{volume.size_gib:,} GiB {safe_text(volume.volume_type, limit=20)}", *speed, sealed])
    zone = f" ({volume.zone_id})" if volume.zone_id is not None else ""
    yield "is", f"{safe_text(volume.state, limit=30)} in {safe_text(volume.zone_name, limit=40)}{zone}, {size}"
    if not kept.orphan:
        yield "attached", _attached(kept)
    yield "fleet", safe_text(kept.fleet, limit=200) if kept.fleet is not None else "unknown"
    if volume.snapshot_id is not None:
        yield "made from", safe_text(volume.snapshot_id)
    yield "cost", _cost(kept.cost)
    yield "newest", _newest(kept)
    copies = [s.snapshot for s in report.snapshots if s.snapshot.volume_id == volume.volume_id]
    if len(copies) > 1:
        yield "snapshots", _copies(copies)
    yield from _schedules(kept.fleet, report)
    yield from _tags(volume.tags)


def snapshot_facts(kept: KeptSnapshot, report: VolumesReport) -> Iterator[Fact]:
    """One snapshot whole."""
    snapshot = kept.snapshot
    if kept.orphan:
        yield "ORPHAN", "its volume is gone and no schedule keeps it"
    yield from _protection(kept.protected_by)
    sealed = "encrypted" if snapshot.encrypted else "not encrypted"
    yield "is", f"{_state(snapshot)}, of a volume of {snapshot.size_gib:,} GiB, {sealed}"
    there = any(v.volume.volume_id == snapshot.volume_id for v in report.volumes)
    yield "of", f"{safe_text(snapshot.volume_id)}{'' if there else ', which is gone'}"
    yield "fleet", safe_text(kept.fleet, limit=200) if kept.fleet is not None else "unknown"
    yield "taken", f"{snapshot.started_at:%Y-%m-%d %H:%M:%SZ}; {_consistent(kept)}"
    yield "cost", _cost(kept.cost)
    if kept.expires_at is not None:
        yield "expires", f"{kept.expires_at:%Y-%m-%d %H:%MZ}, by its schedule"
    yield from _schedules(kept.fleet, report)
    if snapshot.description:
        yield "described", f"{safe_text(snapshot.description, limit=300)} (theirs)"
    yield from _tags(snapshot.tags)


def _attached(kept: KeptVolume) -> str:
    volume = kept.volume
    if volume.instance_id is None:
        return "to nothing"
    ends = {True: "goes with the instance", False: "outlives the instance", None: "unknown"}
    device = safe_text(volume.device_name, limit=40) if volume.device_name is not None else "a device unknown"
    told = f"DeleteOnTermination: {ends[volume.delete_on_termination]}"
    return f"to {safe_text(volume.instance_id)} as {device}; {told}"


def _cost(cost: StorageCost) -> str:
    amount = a_month(cost.usd_per_month, upper_bound=cost.upper_bound)
    if cost.usd_per_month is None:
        return f"unknown: {safe_text(cost.source, limit=200)}"
    bound = "; EC2 does not tell how much of the volume a snapshot stores" if cost.upper_bound else ""
    as_of = f", as of {cost.as_of:%Y-%m-%d}" if cost.as_of is not None else ""
    return f"{amount} a month at list prices{as_of}, {safe_text(cost.source, limit=200)}{bound}"


def _newest(kept: KeptVolume) -> str:
    snapshot = kept.newest_snapshot
    if snapshot is None:
        return "no snapshot: what it holds is in one zone only"
    age = length(kept.snapshot_age_seconds)
    return f"{safe_text(snapshot.snapshot_id)}, {age} old, {_state(snapshot)}; {_consistent(kept)}"


def _consistent(kept: KeptVolume | KeptSnapshot) -> str:
    word = "consistency unknown" if kept.consistency == "unknown" else kept.consistency
    return f"{word}: {safe_text(kept.evidence, limit=300)}" if kept.evidence else word


def _state(snapshot: Snapshot) -> str:
    done = "" if snapshot.progress_percent is None else f" {snapshot.progress_percent} %"
    return f"pending{done}" if snapshot.state == "pending" else safe_text(snapshot.state, limit=30)


def _copies(copies: Sequence[Snapshot]) -> str:
    newest = sorted(copies, key=lambda s: s.started_at, reverse=True)
    told = [f"{safe_text(s.snapshot_id)} {s.started_at:%m-%d %H:%MZ}" for s in newest[:MOST_COPIES]]
    more = len(newest) - MOST_COPIES
    return ", ".join([*told, f"and {more} more"] if more > 0 else told)


def _schedules(fleet: str | None, report: VolumesReport) -> Iterator[Fact]:
    for state in report.schedules:
        if fleet is not None and fleet in {state.fleet.label, state.fleet.fleet_id}:
            yield "schedule", schedule_line(state, report.as_of).partition(": ")[2]


def _protection(protected_by: str | None) -> Iterator[Fact]:
    if protected_by is not None:
        yield "kept", f"nothing proposes to delete it: {safe_text(protected_by, limit=300)}"


def _tags(tags: Sequence[Tag]) -> Iterator[Fact]:
    if tags:
        yield "tags", f"{safe_text(', '.join(f'{t.key}={t.value}' for t in tags), limit=600)} (theirs)"
