"""What is kept as a model reads it: volumes and snapshots, those nobody uses first; queues, and advice, as they are."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tools.records import KeptSnapshot, KeptVolume, Money, QueuesReport, ScheduleState, VolumesReport, utc_text
from tools.recovery.ray.findings import SEVERITIES, Finding, Review
from tools.recovery.ray.plan import ClusterPlan
from tools.volumes.advice import KeepingAdvice


def of_volumes(found: VolumesReport) -> dict[str, Any]:
    """Every count and sum is of the whole region, also where rows are left out."""
    return {
        "volumes_total": len(found.volumes),
        "snapshots_total": len(found.snapshots),
        "orphan_volumes": sum(k.orphan for k in found.volumes),
        "orphan_snapshots": sum(k.orphan for k in found.snapshots),
        "volumes_without_snapshot": sum(k.newest_snapshot is None for k in found.volumes),
        "orphan_usd_per_month_at_most": _usd(found.orphan_usd_per_month),
        "total_usd_per_month_at_most": _usd(found.total_usd_per_month),
        "volumes": [_volume(k) for k in sorted(found.volumes, key=_most_telling)],
        "snapshots": [_snapshot(k, found) for k in sorted(found.snapshots, key=lambda k: (not k.orphan, _taken(k)))],
        "schedules": [_schedule(s) for s in found.schedules],
        "not_known": list(found.missing),
        "as_of": utc_text(found.as_of),
        "source": found.source,
    }


def _most_telling(kept: KeptVolume) -> tuple[bool, float, bool, float]:
    """Orphans by cost, then what has no copy, then by the age of the copy."""
    cost = float(kept.cost.usd_per_month or 0) if kept.orphan else 0.0
    return not kept.orphan, -cost, kept.newest_snapshot is not None, -(kept.snapshot_age_seconds or 0.0)


def _taken(kept: KeptSnapshot) -> str:
    return utc_text(kept.snapshot.started_at)


def _volume(kept: KeptVolume) -> dict[str, Any]:
    volume = kept.volume
    row = {
        "volume_id": volume.volume_id,
        "fleet": kept.fleet,
        "zone": volume.zone_name,
        "type": volume.volume_type,
        "size_gib": volume.size_gib,
        "state": volume.state,
        "attached_to": volume.instance_id,
        "delete_on_termination": volume.delete_on_termination,
        "usd_per_month": _usd(kept.cost.usd_per_month),
        "newest_snapshot": kept.newest_snapshot.snapshot_id if kept.newest_snapshot else None,
        "snapshot_age_hours": _hours(kept.snapshot_age_seconds),
    }
    if kept.newest_snapshot is not None:
        row |= {"consistency": kept.consistency, "because": kept.evidence}
    if kept.orphan:
        row |= {"orphan": True, "orphan_since": None if kept.orphan_since is None else utc_text(kept.orphan_since)}
    return row | ({"protected_by": kept.protected_by} if kept.protected_by is not None else {})


def _snapshot(kept: KeptSnapshot, found: VolumesReport) -> dict[str, Any]:
    snapshot = kept.snapshot
    row = {
        "snapshot_id": snapshot.snapshot_id,
        "of": snapshot.volume_id,
        "fleet": kept.fleet,
        "state": snapshot.state,
        "size_gib": snapshot.size_gib,
        "age_hours": _hours((found.as_of - snapshot.started_at).total_seconds()),
        "usd_per_month_at_most": _usd(kept.cost.usd_per_month),
        "consistency": kept.consistency,
    }
    if snapshot.state == "pending":
        row["progress_percent"] = snapshot.progress_percent
    if kept.orphan:
        row["orphan"] = True
    if kept.expires_at is not None:
        row["expires_at"] = utc_text(kept.expires_at)
    return row | ({"protected_by": kept.protected_by} if kept.protected_by is not None else {})


def _schedule(state: ScheduleState) -> dict[str, Any]:
    return {
        "fleet": state.fleet.label,
        "every_hours": state.every_hours,
        "keep": state.keep,
        "newest_at": None if state.newest_at is None else utc_text(state.newest_at),
        "due_at": None if state.due_at is None else utc_text(state.due_at),
        "overdue_seconds": None if state.overdue_seconds is None else round(state.overdue_seconds),
        "trouble": state.trouble,
    }


def volumes_line(found: VolumesReport) -> str:
    orphans = sum(k.orphan for k in found.volumes) + sum(k.orphan for k in found.snapshots)
    lost = found.orphan_usd_per_month
    cost = "at a cost unknown" if lost is None else f"at most ${lost:,.2f} a month"
    return f"{len(found.volumes)} volumes, {len(found.snapshots)} snapshots, {orphans} orphans ({cost})"


def _usd(amount: Money | None) -> str | None:
    return None if amount is None else str(round(Decimal(amount), 2))


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3_600, 1)


def queues_line(found: QueuesReport) -> str:
    unread = sum(q.trouble is not None for q in found.queues)
    dead = sum(q.dead or 0 for q in found.queues)
    waiting = sum(q.waiting or 0 for q in found.queues)
    return f"{len(found.queues)} queues, {waiting} waiting, {dead} dead" + (f", {unread} not read" if unread else "")


def of_review(found: Review) -> dict[str, Any]:
    """What is wrong, errors first; a reason that was told before is not told again."""
    rows = sorted(found.findings, key=lambda f: (SEVERITIES.index(f.severity), f.line))
    told: set[tuple[str, str]] = set()
    findings = []
    for finding in rows:
        same = (finding.rule, finding.why)
        findings.append(_finding(finding, brief=same in told))
        told.add(same)
    counts = {"errors": found.errors, "warnings": found.warnings, "findings_total": len(rows)}
    return {"file": found.file, **counts, "findings": findings, "checked": list(found.checked)}


def _finding(finding: Finding, *, brief: bool) -> dict[str, Any]:
    kept = {"rule", "severity", "line", "seen"} if brief else {"rule", "severity", "row", "line", "seen", "why", "fix"}
    return finding.model_dump(mode="json", include=kept, exclude_none=True)


def of_plan(found: ClusterPlan) -> dict[str, Any]:
    """Its groups and notes; the file itself is for the person."""
    body = found.model_dump(mode="json", exclude={"text"})
    return body | {"file": f"{found.text.count(chr(10)):,} lines of YAML, shown to the person; nothing was written"}


KEEPING: dict[type[Any], Callable[[Any], dict[str, Any]]] = {
    VolumesReport: of_volumes,
    Review: of_review,
    ClusterPlan: of_plan,
}
UNTRUSTED_IN_KEEPING: dict[type[Any], tuple[str, ...]] = {
    VolumesReport: ("volumes.fleet", "volumes.protected_by", "snapshots.fleet", "snapshots.protected_by"),
    QueuesReport: ("queues.trouble", "queues.warnings"),
    KeepingAdvice: ("found",),
    Review: ("file", "findings.seen"),
    ClusterPlan: ("cluster_name",),
}
"""where text stands that somebody else wrote; tags and descriptions are not told at all"""
KEEPING_LINES: dict[type[Any], Callable[[Any], str]] = {
    VolumesReport: volumes_line,
    QueuesReport: queues_line,
    KeepingAdvice: lambda r: f"{r.topic}: {r.short}",
    Review: lambda r: f"{r.file}: {r.errors} errors, {r.warnings} warnings",
    ClusterPlan: lambda r: f"{r.cluster_name}: {len(r.groups)} groups planned, nothing written",
}
