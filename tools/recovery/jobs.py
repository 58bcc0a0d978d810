"""What a job's store tells: its checkpoints, how far it is, what its guards report; and whether a notice concerns it.

Layout  as tools/recovery/checkpoints.py, and JOB/reports/<instance_id>.json: the guard's report (docs/guard.md)
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tools.cloud import CloudReader
from tools.errors import CloudError, DataError, NotFound
from tools.records import Checkpoint, Fleet, Job, JobProgress, StoredObject, UtcTime, Workload
from tools.recovery.checkpoints import checkpoint_store, read_pointer, stored, verify_checkpoint

MAX_REPORT_BYTES = 1 << 20
MAX_VERIFIED_BYTES = 1 << 30
"""a larger checkpoint is judged by its sizes here; whoever loads it compares the checksums"""
_MOMENT: TypeAdapter[datetime] = TypeAdapter(UtcTime)
_WORKLOADS: dict[str, Workload] = {"training": "training", "batch": "batch", "ci": "ci", "render": "batch"}


@dataclass(frozen=True)
class Resumed:
    """What a guard reports of the run on one instance.

    checkpoint_id, step   that it began from; None = from the beginning
    working_at            its first progress; None = none yet
    newest_step           of the newest whole checkpoint that it knows
    saved                 after an interruption: was anything saved since the notice; None = not told
    """

    instance_id: str
    started_at: datetime
    restored_at: datetime
    checkpoint_id: str | None
    step: int | None
    working_at: datetime | None
    newest_step: int | None
    saved: bool | None


@dataclass(frozen=True)
class StoreSight:
    """A store as it is now. `pointer` as read_pointer gives it."""

    checkpoints: tuple[Checkpoint, ...] = ()
    """newest first"""
    pointer: Any = None
    reports: frozenset[str] = frozenset()
    """instances with one"""
    listing: tuple[StoredObject, ...] = ()

    @property
    def newest_whole(self) -> Checkpoint | None:
        return next((c for c in self.checkpoints if c.whole and c.manifest is not None), None)


def implicit_job(fleet: Fleet, *, now: datetime, by: str) -> Job | None:
    """The least that is known of the job of a fleet whose tag names a store; None = it names none."""
    store = checkpoint_store(fleet)
    if store is None:
        return None
    return Job(
        job_id=store[1],
        fleet=fleet.ref,
        bucket=store[0],
        store_id=store[1],
        workload=workload_of(fleet),
        implicit=True,
        registered_at=now,
        registered_by=by,
    )


def workload_of(fleet: Fleet) -> Workload:
    """By the fleet's own tag."""
    return _WORKLOADS.get((fleet.tag("workload") or "").lower(), "other")


def read_store(reader: CloudReader, store: tuple[str, str], before: StoreSight | None = None) -> StoreSight:
    """before   the last sight of it: what lies there unchanged is not read again, as a checkpoint is never rewritten

    Raises CloudErrors
    """
    bucket, store_id = store
    listing = reader.objects(bucket, f"{store_id}/checkpoints/")
    same = before is not None and before.listing == listing
    reports = (_instance_of(o) for o in reader.objects(bucket, f"{store_id}/reports/"))
    return StoreSight(
        checkpoints=before.checkpoints if before is not None and same else stored(reader, bucket, store_id),
        pointer=read_pointer(reader, bucket, store_id),
        reports=frozenset(reports),
        listing=listing,
    )


def _instance_of(report: StoredObject) -> str:
    return report.key.rsplit("/", 1)[-1].removesuffix(".json")


def read_report(reader: CloudReader, store: tuple[str, str], instance_id: str) -> Resumed | None:
    """None = there is none, or it is not one: a torn report is as good as none yet.

    Raises CloudErrors other than NotFound
    """
    try:
        text = reader.read_object(store[0], f"{store[1]}/reports/{instance_id}.json", limit_bytes=MAX_REPORT_BYTES)
        found = json.loads(text)
        return _resumed(found, instance_id) if isinstance(found, dict) else None
    except (NotFound, DataError, ValueError, RecursionError):
        return None


def _resumed(found: dict[str, Any], instance_id: str) -> Resumed | None:
    """Somebody's text: only what has the right form is taken from it."""
    started = _moment(found.get("started_at"))
    if started is None or found.get("instance_id") != instance_id:
        return None
    restored, newest = _inner(found, "restored"), _inner(found, "checkpoint")
    restore, restart = _seconds(found.get("restore_seconds")), _seconds(found.get("restart_seconds"))
    checkpoint_id = restored.get("checkpoint_id")
    return Resumed(
        instance_id=instance_id,
        started_at=started,
        restored_at=started + timedelta(seconds=restore or 0),
        checkpoint_id=checkpoint_id if isinstance(checkpoint_id, str) else None,
        step=_step(restored.get("step")),
        working_at=None if restart is None else started + timedelta(seconds=restart),
        newest_step=_step(newest.get("step")),
        saved=found["saved"] if isinstance(found.get("saved"), bool) else None,
    )


def _inner(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> datetime | None:
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None


def _seconds(value: Any) -> float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 366 * 86_400
    return float(value) if fits else None


def _step(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def newest_verified(
    reader: CloudReader, store: tuple[str, str], checkpoints: Sequence[Checkpoint], known: dict[str, Checkpoint]
) -> tuple[Checkpoint | None, tuple[str, ...]]:
    """The newest whole one, with the checksums of its files compared; and what is wrong with newer ones.

    known   those that were verified before, by id; it grows
    Raises  CloudErrors
    """
    problems: list[str] = []
    for candidate in checkpoints:
        checked = candidate
        if candidate.whole and candidate.manifest is not None:
            if sum(f.size_bytes for f in candidate.manifest.files) <= MAX_VERIFIED_BYTES:
                if candidate.checkpoint_id not in known:
                    known[candidate.checkpoint_id] = verify_checkpoint(reader, *store, candidate.checkpoint_id)
                checked = known[candidate.checkpoint_id]
            if checked.whole:
                return checked, tuple(problems)
        problems.append(f"{checked.checkpoint_id}: {checked.problem}")
    return None, tuple(problems)


def progress_of(job: Job, checkpoints: Iterable[Checkpoint], *, now: datetime) -> JobProgress:
    """By the newest whole checkpoint; how fast, by the oldest and the newest that tell a share. Pure."""
    whole = [c.manifest for c in checkpoints if c.whole and c.manifest is not None]
    newest = max(whole, key=lambda m: m.saved_at, default=None)
    told = sorted((m.saved_at, m.progress_share) for m in whole if m.progress_share is not None)
    source = f"s3://{job.bucket}/{job.store_id}/checkpoints/"[:255] if job.store else "keeps no checkpoints"
    if newest is None:
        return JobProgress(job_id=job.job_id, as_of=now, source=source)
    return JobProgress(
        job_id=job.job_id,
        share=newest.progress_share,
        step=newest.step,
        checkpoint_id=newest.checkpoint_id,
        saved_at=newest.saved_at,
        age_seconds=max(0.0, (now - newest.saved_at).total_seconds()),
        share_per_hour=_rate(told),
        as_of=now,
        source=source,
    )


def _rate(told: Sequence[tuple[datetime, float]]) -> float | None:
    """Share an hour between the first and the last; one that fell lost work, and says nothing."""
    if len(told) < 2:
        return None
    hours = (told[-1][0] - told[0][0]).total_seconds() / 3_600
    gained = told[-1][1] - told[0][1]
    return gained / hours if hours > 0 and gained >= 0 else None


def reachable_progress(reader: CloudReader, job: Job, *, now: datetime) -> JobProgress:
    """`progress_of` the store as it is; a store that cannot be read is told in `source`."""
    if job.store is None:
        return progress_of(job, (), now=now)
    try:
        return progress_of(job, stored(reader, *job.store), now=now)
    except CloudError as error:
        return JobProgress(job_id=job.job_id, as_of=now, source=f"not read: {error.message}"[:255])
