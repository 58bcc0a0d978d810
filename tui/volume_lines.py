"""Volumes and snapshots as lines of a terminal: the list, the ledger of orphans, advice."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tools.figures import length
from tui.output import plain, table
from tui.render import usd

if TYPE_CHECKING:
    from tools.records import KeptSnapshot, KeptVolume, StorageCost, VolumesReport
    from tools.volumes.advice import KeepingAdvice

_ORPHAN = "ORPHAN"


def listing(report: "VolumesReport") -> Iterator[str]:
    """Every volume, orphans first, then the snapshots whose volume is gone, then the schedules."""
    total, unused = usd(report.total_usd_per_month), usd(report.orphan_usd_per_month)
    counted = f"{_many(report.volumes, 'volume')}, {_many(report.snapshots, 'snapshot')}"
    yield f"{counted}: {total} a month at list price, snapshots at most; of that {unused} is for what nobody uses"
    if report.volumes:
        header = ("VOLUME", "FLEET", "STATE", "SIZE", "ZONE", "$/MONTH", "NEWEST SNAPSHOT", "CONSISTENCY")
        ordered = sorted(report.volumes, key=lambda v: (not v.orphan, v.fleet or "", v.volume.volume_id))
        yield table(header, [_volume_row(v) for v in ordered], right=frozenset({5}))
    there = {v.volume.volume_id for v in report.volumes}
    gone = [s for s in report.snapshots if s.snapshot.volume_id not in there]
    if gone:
        yield "snapshots whose volume is gone:"
        yield table(
            ("SNAPSHOT", "FLEET", "STATE", "SIZE", "AGE", "$/MONTH", "CONSISTENCY"),
            [_snapshot_row(s, report) for s in gone],
            right=frozenset({5}),
        )
    yield from _schedules(report)
    yield from _tail(report)


def ledger(report: "VolumesReport") -> Iterator[str]:
    """What nobody uses, with its cost and the command that clears it away."""
    kept = [*report.volumes, *report.snapshots]
    if not kept:
        yield "nothing lies unused: every volume has its instance, every snapshot its volume or its schedule"
    else:
        yield f"{usd(report.orphan_usd_per_month)} a month for what nobody uses, snapshots at their upper bound"
        header = ("ID", "WHAT", "FLEET", "AGE", "$/MONTH", "WHAT TO DO")
        rows = [_volume_entry(v, report) for v in report.volumes] + [
            _snapshot_entry(s, report) for s in report.snapshots
        ]
        yield table(header, rows, right=frozenset({4}))
        yield "all that nothing holds: spotwarden volumes clean-up --dry-run"
    yield from _tail(report)


def advice_lines(advice: "KeepingAdvice") -> Iterator[str]:
    yield advice.short
    yield ""
    for fact in advice.facts:
        yield f"- {fact.text}"
        yield f"    {fact.source}, read {fact.as_of:%Y-%m-%d}"
    yield ""
    yield from (f"→ {text}" for text in advice.do)
    if advice.found:
        yield ""
        yield from (f"! {plain(text)}" for text in advice.found)


def _many(items: Sequence[object], word: str) -> str:
    return f"{len(items)} {word}{'' if len(items) == 1 else 's'}"


def money(cost: "StorageCost") -> str:
    most = "≤ " if cost.upper_bound and cost.usd_per_month is not None else ""
    return f"{most}{usd(cost.usd_per_month)}"


def _volume_row(kept: "KeptVolume") -> tuple[str, ...]:
    volume = kept.volume
    newest = kept.newest_snapshot
    age = f"{length(kept.snapshot_age_seconds)} ago" if newest is not None else "none"
    state = f"{_ORPHAN} {volume.state}" if kept.orphan else volume.state
    return (
        volume.volume_id,
        kept.fleet or "unknown",
        state,
        f"{volume.size_gib} GiB {volume.volume_type}",
        volume.zone_name,
        money(kept.cost),
        age,
        kept.consistency,
    )


def _snapshot_row(kept: "KeptSnapshot", report: "VolumesReport") -> tuple[str, ...]:
    snapshot = kept.snapshot
    return (
        snapshot.snapshot_id,
        kept.fleet or "unknown",
        f"{_ORPHAN} {snapshot.state}" if kept.orphan else snapshot.state,
        f"{snapshot.size_gib} GiB",
        length((report.as_of - snapshot.started_at).total_seconds()),
        money(kept.cost),
        kept.consistency,
    )


def _volume_entry(kept: "KeptVolume", report: "VolumesReport") -> tuple[str, ...]:
    volume = kept.volume
    return (
        volume.volume_id,
        f"{volume.size_gib} GiB {volume.volume_type} in {volume.zone_name}",
        kept.fleet or "unknown",
        length((report.as_of - volume.created_at).total_seconds()),
        money(kept.cost),
        _to_do(volume.volume_id, kept.protected_by),
    )


def _snapshot_entry(kept: "KeptSnapshot", report: "VolumesReport") -> tuple[str, ...]:
    snapshot = kept.snapshot
    return (
        snapshot.snapshot_id,
        f"snapshot of {snapshot.volume_id}, {snapshot.size_gib} GiB",
        kept.fleet or "unknown",
        length((report.as_of - snapshot.started_at).total_seconds()),
        money(kept.cost),
        _to_do(snapshot.snapshot_id, kept.protected_by),
    )


def _to_do(name: str, protected_by: str | None) -> str:
    return f"left alone: {protected_by}" if protected_by is not None else f"spotwarden volumes clean-up {name}"


def _schedules(report: "VolumesReport") -> Iterator[str]:
    for state in report.schedules:
        newest = f"newest set {state.newest_at:%Y-%m-%d %H:%M} UTC" if state.newest_at is not None else "no set yet"
        due = f"next {state.due_at:%Y-%m-%d %H:%M} UTC" if state.due_at is not None else "nothing to snapshot"
        late = f", OVERDUE by {length(state.overdue_seconds)}" if state.overdue_seconds else ""
        yield plain(
            f"schedule {state.fleet.label}: every {state.every_hours:g} h, keep {state.keep}: {newest}, {due}{late}"
        )
        if state.trouble is not None:
            yield f"  ! {plain(state.trouble)}"


def _tail(report: "VolumesReport") -> Iterator[str]:
    yield from (f"  ! {plain(text)}" for text in report.missing)
    yield f"as of {report.as_of:%Y-%m-%d %H:%M:%S} UTC; {report.source}"
