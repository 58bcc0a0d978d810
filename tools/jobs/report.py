"""describe_jobs and recover_job: how jobs stand, what an interruption would cost, and what is to be done."""

import difflib
import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive, AuditReader
from tools.errors import CheckpointDamaged, NotFound, UsageError
from tools.fleets.dry_pools import places_of
from tools.fleets.launches import spot_pools
from tools.fleets.prices import AccountPrices, read_account_prices
from tools.jobs.deadline import advise_job
from tools.jobs.sight import Sight, astray
from tools.market.subject import FLEETS_IAM
from tools.money.hourly import bought
from tools.records import (
    Action,
    CapacityPool,
    Checkpoint,
    Fleet,
    Job,
    JobProgress,
    Name,
    Record,
    Recovery,
    RecoveryTimeline,
    ReplaceInstances,
    RestoreCheckpoint,
    UtcTime,
)
from tools.recovery.checkpoints import verify_checkpoint
from tools.recovery.deadline.advice_records import DeadlineAdvice
from tools.recovery.eta import Eta, Pace, estimate_completion
from tools.recovery.guard.interval import Belief
from tools.recovery.interval import job_belief
from tools.recovery.jobs import implicit_job, newest_verified, reachable_progress, read_store
from tools.recovery.lost_work import LostWork, Option, lost_now
from tools.recovery.rules import Choice, JobOutlook, choose, job_outlook, measured_changeover_seconds
from tools.risk.knowledge import RISK_IAM, Knowledge, read_knowledge
from tools.tool import tool

BY = "spotwarden"
SHOWN = 5
"""recoveries of a job, newest first"""
ASSUMED_INTERVAL_SECONDS = 900.0
"""between checkpoints, where fewer than two are kept"""
_STORE_IAM = ("s3:GetObject", "s3:ListBucket")


class RecoveryView(Record):
    """One recovery, with its timeline in seconds."""

    recovery: Recovery
    timeline: RecoveryTimeline


class JobState(Record):
    """One job as it stands."""

    job: Job
    progress: JobProgress
    outlook: JobOutlook
    eta: Eta
    lost: LostWork
    """if every instance were interrupted now"""
    choice: Choice
    on_demand_usd_per_hour: Decimal | None
    """of as many instances on demand; None = a price is unknown"""
    recoveries: tuple[RecoveryView, ...]
    """newest first"""
    advice: DeadlineAdvice | None = None
    """what to run it on now, by the deadline planner; None = it has no deadline"""


class JobsReport(Record):
    jobs: tuple[JobState, ...]
    missing: tuple[str, ...]
    """what could not be read"""
    as_of: UtcTime
    source: Name


@tool(effect="read", iam=(*RISK_IAM, *_STORE_IAM), example={"job": None})
def describe_jobs(
    reader: CloudReader,
    clock: Clock,
    audit: AuditReader,
    archive: Archive,
    advisor: AdvisorReader,
    job: Annotated[Name | None, Field(description="a job's name, or its fleet's; null = every job")],
) -> JobsReport:
    """Jobs: durable progress, ETA, deadline and what to run on now, work lost if interrupted now, recoveries.

    Raises  NotFound: no job and no checkpointed fleet of this name; names the nearest
    """
    fleets, now = reader.fleets(), clock.now()
    jobs = known_jobs(audit.registered_jobs(), fleets, now=now)
    wanted = jobs if job is None else (named_job(jobs, job),)
    prices = read_account_prices(reader, clock, fleets)
    knowledge = read_knowledge(reader, archive, advisor, now=now)
    by_ref = {f.ref: f for f in fleets}
    states = tuple(_state(reader, audit, j, by_ref.get(j.fleet), prices, knowledge, archive, now) for j in wanted)
    return JobsReport(
        jobs=states,
        missing=knowledge.missing,
        as_of=now,
        source="the job store, checkpoints in S3, prices: " + prices.book.source,
    )


def known_jobs(registered: Sequence[Job], fleets: Sequence[Fleet], *, now: datetime) -> tuple[Job, ...]:
    """Those registered, and the least that the tags of other fleets tell."""
    taken = {j.fleet for j in registered}
    tagged = (implicit_job(f, now=now, by=BY) for f in fleets if f.ref not in taken)
    return (*registered, *(j for j in tagged if j is not None))


def named_job(jobs: Sequence[Job], name: str) -> Job:
    """By its own name, or its fleet's where that has one job. Raises NotFound."""
    found = [j for j in jobs if j.job_id == name] or [j for j in jobs if name in (j.fleet.fleet_id, j.fleet.label)]
    if len(found) == 1:
        return found[0]
    names = sorted({j.job_id for j in jobs})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names[:5]
    many = f" ({len(found)} jobs run on it)" if found else ""
    raise NotFound(f"no job is called {name[:80]!r}{many}", hint=f"there is {', '.join(near) or 'none'}")


def _state(
    reader: CloudReader,
    audit: AuditReader,
    job: Job,
    fleet: Fleet | None,
    prices: AccountPrices,
    knowledge: Knowledge,
    archive: Archive,
    now: datetime,
) -> JobState:
    recoveries = audit.recoveries_of(job.job_id, limit=SHOWN)
    progress = reachable_progress(reader, job, now=now)
    measured = measured_changeover_seconds(recoveries)
    outlook = job_outlook(job, progress, measured_changeover_seconds=measured, now=now)
    cost = prices.of_account().by_fleet.get(job.fleet.label)
    restart, running = outlook.changeover_seconds, fleet.instances if fleet is not None else ()
    options = _options(fleet, prices, knowledge) if fleet is not None else ()
    sure = next((o.usd_per_hour for o in options if o.name.startswith("on-demand")), None)
    return JobState(
        job=job,
        progress=progress,
        outlook=outlook,
        eta=_eta(progress, outlook, _belief(fleet, knowledge), now),
        lost=lost_now(
            progress.saved_at,
            min((i.launched_at for i in running), default=progress.saved_at or now),
            usd_per_hour=cost.effective_usd_per_hour if cost is not None else None,
            restart_minutes=None if restart is None else restart / 60,
            now=now,
            source=progress.source,
        ),
        choice=choose(job, progress, outlook, options),
        on_demand_usd_per_hour=sure,
        recoveries=tuple(RecoveryView(recovery=r, timeline=r.timeline) for r in recoveries),
        advice=advise_job(
            job, progress, outlook, fleet=fleet, book=prices.book, knowledge=knowledge, archive=archive, now=now
        ),
    )


def _eta(progress: JobProgress, outlook: JobOutlook, belief: Belief | None, now: datetime) -> Eta:
    """By the measured share an hour; the work that was told only where no share is."""
    rate = progress.share_per_hour
    left = None if progress.share is None else 1 - progress.share
    if rate is None and outlook.work_left_seconds is not None:
        left, rate = outlook.work_left_seconds / 3_600, 1.0  # an hour of compute an hour, while it runs
    return estimate_completion(
        Pace(work_left=left, rate_per_hour=rate, restart_seconds=outlook.changeover_seconds, working=True),
        belief,
        interval_seconds=ASSUMED_INTERVAL_SECONDS,
        save_seconds=0.0,
        now=now,
        source=progress.source,
    )


def _belief(fleet: Fleet | None, knowledge: Knowledge) -> Belief | None:
    """How often the whole job is interrupted: any of its instances."""
    if fleet is None:
        return None
    pools = spot_pools(bought(fleet))
    if not pools and fleet.instances:
        return Belief(0.0, 1.0, "on-demand: EC2 does not interrupt it")
    return job_belief([(knowledge.hazard(_pool(*p)), n) for p, n in sorted(pools.items())])


def _options(fleet: Fleet, prices: AccountPrices, knowledge: Knowledge) -> tuple[Option, ...]:
    """Every pool of the fleet and on-demand, each for all of its instances."""
    count = max(1, len(fleet.instances))
    options = []
    for kind, zone in places_of(fleet):
        usd, hazard = prices.book.spot_now(kind, zone), knowledge.hazard(_pool(kind, zone)).per_100_hours
        if usd is not None:
            between = None if hazard is None else math.inf if hazard == 0 else 360_000 / hazard / count
            options.append(Option(f"{kind}/{zone}", usd * count, between))
    first = next(iter(fleet.instance_types), None)
    rate = prices.book.on_demand(first) if first is not None else None
    return (*options, *([Option(f"on-demand {first}", rate * count, math.inf)] if rate is not None else []))


def _pool(kind: str, zone: str) -> CapacityPool:
    return CapacityPool(instance_type=kind, zone_name=zone, zone_id=None)


@tool(
    effect="write",
    iam=(*FLEETS_IAM, *_STORE_IAM, "s3:PutObject", "autoscaling:DetachInstances"),
    example={"job": "ml-train", "checkpoint_id": None},
)
def recover_job(
    reader: CloudReader,
    clock: Clock,
    audit: AuditReader,
    job: Annotated[Name, Field(description="a job's name, or its fleet's")],
    checkpoint_id: Annotated[Name | None, Field(description="null = the newest whole one")],
) -> Action:
    """Draw up what a job's recovery still lacks: the checkpoint to resume from, or a replacement for what EC2 takes.

    Raises  UsageError: nothing is missing; CheckpointDamaged: none is whole; NotFound: no such job or checkpoint
    """
    found = named_job(known_jobs(audit.registered_jobs(), reader.fleets(), now=clock.now()), job)
    action = missing_action(
        reader, found, audit.recoveries_of(found.job_id, limit=100), checkpoint_id=checkpoint_id, now=clock.now()
    )
    if action is None:
        raise UsageError(
            f"{found.job_id}: nothing is missing: it would resume from its newest whole checkpoint",
            hint="name a checkpoint to resume from another one; describe_jobs tells how it stands",
        )
    return action


def missing_action(
    reader: CloudReader, job: Job, recoveries: Sequence[Recovery], *, checkpoint_id: str | None, now: datetime
) -> RestoreCheckpoint | ReplaceInstances | None:
    """The pointer first, since whoever starts next follows it; None = nothing is missing.

    Raises  CheckpointDamaged, NotFound, CloudErrors
    """
    if job.store is not None:
        restore = _pointer(reader, job, checkpoint_id, now)
        if restore is not None:
            return restore
    elif checkpoint_id is not None:
        raise NotFound(f"{job.job_id} keeps no checkpoints", hint="register it with --store s3://BUCKET/JOB")
    fleet = reader.fleet(job.fleet)
    mine = {i.instance_id for i in fleet.instances}
    lost = [r.instance_id for r in recoveries if r.status == "open" and r.instance_id in mine]
    if not lost or fleet.ref.kind != "asg":
        return None
    return ReplaceInstances(fleet=fleet.ref, instance_ids=tuple(dict.fromkeys(lost))[:20])


def _pointer(reader: CloudReader, job: Job, checkpoint_id: str | None, now: datetime) -> RestoreCheckpoint | None:
    assert job.store is not None  # noqa: S101 - looked at by the caller
    try:
        store = read_store(reader, job.store)
    except NotFound as error:
        raise NotFound(
            f"{job.job_id}: s3://{job.bucket}/{job.store_id}: {error.message}",
            hint="jobs register it again with the --store s3://BUCKET/JOB that it saves to",
        ) from None
    if checkpoint_id is not None:
        kept = [c.checkpoint_id for c in store.checkpoints]
        if checkpoint_id not in kept:
            raise NotFound(
                f"{job.job_id}: there is no checkpoint {checkpoint_id[:80]!r} in s3://{job.bucket}/{job.store_id}",
                hint=f"there is {', '.join(kept[:5]) or 'none'}",
            )
        chosen = verify_checkpoint(reader, *job.store, checkpoint_id)
        if not chosen.whole:
            raise CheckpointDamaged(
                f"{job.job_id}/{checkpoint_id} is not whole: {chosen.problem}",
                hint="leave it out to resume from the newest whole one",
            )
        wanted = not isinstance(store.pointer, dict) or store.pointer.get("checkpoint_id") != checkpoint_id
    else:
        newest, damaged = newest_verified(reader, job.store, store.checkpoints, {})
        if newest is None:
            if damaged:
                raise CheckpointDamaged(
                    f"{job.job_id}: none of {len(damaged)} checkpoints is whole: {'; '.join(damaged[:3])}",
                    hint="the job has to start over, or save anew",
                )
            return None
        chosen = newest
        wanted = astray(Sight(now=now, fleet=reader.fleet(job.fleet), store=store, chosen=chosen, damaged=damaged))
    if not wanted or chosen.manifest_sha256 is None:
        return None
    return pointer_to(job, chosen)


def pointer_to(job: Job, checkpoint: Checkpoint) -> RestoreCheckpoint:
    """Make this checkpoint the one that the job resumes from."""
    assert job.store is not None and checkpoint.manifest_sha256 is not None  # noqa: S101, PT018 - found in its store
    return RestoreCheckpoint(
        fleet=job.fleet,
        job_id=job.store[1],
        bucket=job.store[0],
        checkpoint_id=checkpoint.checkpoint_id,
        manifest_sha256=checkpoint.manifest_sha256,
    )


def on_demand_usd(reader: CloudReader, clock: Clock, job: Job, seconds: float) -> Decimal | None:
    """What all instances of the job's fleet cost on demand for so long; None = a price is unknown."""
    fleets = reader.fleets()
    fleet = next((f for f in fleets if f.ref == job.fleet), None)
    first = next(iter(fleet.instance_types), None) if fleet is not None else None
    if fleet is None or first is None:
        return None
    rate = read_account_prices(reader, clock, (fleet,)).book.on_demand(first)
    return None if rate is None else rate * max(1, len(fleet.instances)) * Decimal(repr(seconds / 3_600))
