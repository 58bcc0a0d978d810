"""Jobs as the screens see them: one late, one being recovered, one that gave up, one known by its fleet's tag only."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.tui.records import NOW, ref
from tools.jobs.report import JobsReport, JobState, RecoveryView
from tools.records import Job, JobProgress, QueuesReport, QueueState, Recovery, RecoveryStepName
from tools.recovery.eta import Eta
from tools.recovery.lost_work import LostWork
from tools.recovery.rules import Choice, job_outlook

SOURCE = "s3://acme-checkpoints/ml-train/checkpoints/"
OLD, NEW = "i-0a11ce0a11ce0a11c", "i-0b0b0b0b0b0b0b0b0"


def job(name: str = "nightly", fleet: str = "ml-train", **told: Any) -> Job:
    given = {"job_id": name, "fleet": ref(fleet), "bucket": "acme-checkpoints", "store_id": fleet}
    known = {"workload": "training", "registered_at": NOW - timedelta(days=1), "registered_by": "minji"}
    return Job.model_validate(given | known | told)


def recovery(
    of: Job,
    status: str = "open",
    *,
    notice_seconds_ago: float = 42,
    name: str = "r-0001",
    **steps: tuple[str, Any, str],
) -> Recovery:
    """steps   name=(state, seconds after the notice or None, words)"""
    noticed = NOW - timedelta(seconds=notice_seconds_ago)
    found = Recovery(recovery_id=name, job=of, instance_id=OLD, notice_at=noticed, opened_at=noticed)
    for step, (state, after, words) in steps.items():
        at = None if after is None else noticed + timedelta(seconds=after)
        named: RecoveryStepName = step  # type: ignore[assignment]
        found = found.with_step(named, state=state, at=at, words=words)
    return found if status == "open" else found.with_(status=status, ended_at=NOW)


def going(of: Job) -> Recovery:
    """42 s after its notice: a replacement is there, the job is being restored."""
    return recovery(
        of,
        save=("done", 8, f"ckpt-20261118T011356Z at step 1240 by {OLD}"),
        replace=("done", 35.4, f"{NEW}, spot g5.xlarge/use1-az2"),
        restore=("done", 9, "ckpt-20261118T011356Z at step 1240"),
        restart=("asked", 36, f"on {NEW}"),
    ).with_(replaced_by=NEW, checkpoint_id="ckpt-20261118T011356Z", restored_step=1240, lost_work_seconds=0.0)


def whole(of: Job, *, name: str = "r-0000") -> Recovery:
    return recovery(
        of,
        "recovered",
        notice_seconds_ago=7200,
        name=name,
        save=("done", 10, f"ckpt-1 at step 900 by {OLD}"),
        replace=("done", 61, f"{NEW}, spot g5.xlarge/use1-az2"),
        restore=("done", 11, "ckpt-1 at step 900"),
        restart=("done", 85, "from ckpt-1 at step 900"),
        verify=("done", 118, "works on from step 900"),
        tell=("done", 118, ""),
    ).with_(lost_work_seconds=30.0, restored_step=900)


def given_up(of: Job) -> Recovery:
    told = "gave up: replace: no replacement in 30 min; EC2 had no spare capacity: a person has to look"
    return recovery(
        of,
        "gave-up",
        notice_seconds_ago=1900,
        name="r-2000",
        save=("failed", 120, "the interruption came before the save was whole"),
        replace=("failed", 1800, "no replacement in 30 min; EC2 had no spare capacity"),
        restore=("skipped", 120, "none was ever saved: it starts over"),
    ).with_(told=told)


def state(of: Job, *recoveries: Recovery, share: float | None = 0.62, age: float = 420) -> JobState:
    saved = NOW - timedelta(seconds=age)
    found = JobProgress(job_id=of.job_id, as_of=NOW, source=SOURCE)
    if share is not None:
        told = {"share": share, "step": 1240, "checkpoint_id": "ckpt-20261118T011356Z", "saved_at": saved}
        found = found.with_(**told, age_seconds=age, share_per_hour=0.021)
    outlook = job_outlook(of, found, measured_changeover_seconds=85 if recoveries else None, now=NOW)
    return JobState(
        job=of,
        progress=found,
        outlook=outlook,
        eta=_eta(known=bool(recoveries) and share is not None),
        lost=LostWork(
            unsaved_minutes=age / 60 if share is not None else None,
            restart_minutes=1.4,
            usd_per_hour=Decimal("6.15"),
            usd=Decimal("0.86") if share is not None else None,
            unknown=None if share is not None else "no whole checkpoint is known",
            as_of=NOW,
            source=SOURCE,
        ),
        choice=Choice(
            take="spot",
            where="g5.xlarge/us-east-1b",
            usd_per_useful_hour=Decimal("6.40"),
            expected_usd=Decimal("115.8"),
            why="the cheapest hour of work that lasts",
            guide="spot_retry",
        ),
        on_demand_usd_per_hour=Decimal("12.07"),
        recoveries=tuple(RecoveryView(recovery=r, timeline=r.timeline) for r in recoveries),
    )


def _eta(*, known: bool) -> Eta:
    at = NOW + timedelta(hours=18.1)
    return Eta(
        finishes_at=at if known else None,
        low_at=at - timedelta(hours=1) if known else None,
        high_at=at + timedelta(hours=2) if known else None,
        earliest_at=None,
        unknown=None if known else "how long a restart takes was never measured",
        work_hours=18.1,
        as_of=NOW,
        source=SOURCE,
    )


def jobs() -> JobsReport:
    day = timedelta(days=1)
    nightly = job(work_seconds=48 * 3600, deadline=NOW + 1.5 * day)
    late = job("야간 재학습 실험 7", "batch", work_seconds=48 * 3600, deadline=NOW + 0.5 * day, priority="high")
    stuck = job("render", "web-canary", workload="batch")
    tagged = job("api-core", "api-core", implicit=True, workload="other")
    return JobsReport(
        jobs=(
            state(nightly, going(nightly), whole(nightly)),
            state(late, whole(late, name="r-1000"), share=0.31, age=3_700),
            state(stuck, given_up(stuck), share=None),
            state(tagged),
        ),
        missing=(),
        as_of=NOW,
        source="the job store, checkpoints in S3, prices: EC2 DescribeSpotPriceHistory",
    )


def queues(*, trouble: str = "Connection refused: is redis-server running?") -> QueuesReport:
    """One with dead items, one at work, one of which little is told, one whose server does not answer."""
    held = "2 dead items wait for a person: python -m spotwarden_guard.queues dead URL NAME tells why"
    return QueuesReport(
        queues=(
            QueueState(
                name="renders",
                server="redis://queue.internal:6379/0",
                waiting=1_204,
                in_flight=8,
                oldest_in_flight_seconds=252,
                dead=0,
                done=88_120,
                workers=8,
            ),
            QueueState(name="thumbnails", server="amqp://mq", waiting=3, dead=2, done=None, workers=1, warnings=(held,)),
            QueueState(name="야간 인코딩", server="redis://mq", waiting=5, in_flight=0, dead=0, workers=0,
                       warnings=("items wait, and no worker is connected",)),
            QueueState(name="mail", server="redis://mq:6379/0", trouble=trouble),
        ),
        as_of=NOW,
        source="the queues' own servers",
    )  # fmt: skip
