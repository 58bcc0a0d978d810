"""An interruption drill: what a finished recovery measured. One made on purpose counts like one that EC2 made."""

from collections.abc import Iterable

from pydantic import Field

from tools.records import FleetRef, Name, Record, Recovery, UtcTime


class Drill(Record):
    """From a notice until the job worked on elsewhere; seconds after the notice, None = it did not come to that."""

    recovery_id: Name
    job_id: Name
    fleet: FleetRef
    at: UtcTime
    """of the notice"""
    recovered: bool
    """False: it gave up"""
    detected_seconds: float = Field(ge=0)
    """the recovery was opened"""
    checkpoint_seconds: float | None
    """a whole checkpoint was in the store"""
    replaced_seconds: float | None
    """another instance was in service"""
    restored_seconds: float | None
    """the job began on it"""
    ready_seconds: float | None
    """it was seen to work on; None = not seen, and then nothing was measured"""


def drill_of(recovery: Recovery) -> Drill | None:
    """None = it is open, or its replacement was interrupted too and another recovery goes on with it."""
    if recovery.status not in ("recovered", "gave-up"):
        return None
    line, recovered = recovery.timeline, recovery.status == "recovered"
    return Drill(
        recovery_id=recovery.recovery_id,
        job_id=recovery.job.job_id,
        fleet=recovery.job.fleet,
        at=recovery.notice_at,
        recovered=recovered,
        detected_seconds=max(0.0, (recovery.opened_at - recovery.notice_at).total_seconds()),
        checkpoint_seconds=line.saved_seconds,
        replaced_seconds=line.replaced_seconds,
        restored_seconds=line.restored_seconds,
        ready_seconds=line.verified_seconds if recovered else None,
    )


def newest_drill(recoveries: Iterable[Recovery]) -> Drill | None:
    """The newest that measured anything; None = none did, or one after it gave up: what it showed holds no more."""
    found = [d for d in map(drill_of, recoveries) if d is not None and (not d.recovered or d.ready_seconds is not None)]
    newest = max(found, key=lambda d: (d.at, d.recovered), default=None)
    return newest if newest is not None and newest.recovered else None
