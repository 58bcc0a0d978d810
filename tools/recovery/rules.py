"""How a job stands with its deadline, and what it should go on with: by what is durable, and never by what is claimed.

On-demand from the latest moment on ends in time whatever spot does: before it, what an hour of lasting work costs
decides; from it on, nothing else does. The guard is that of the deadline planner.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from tools.records import Job, JobProgress, Money, Record, Recovery, UtcTime
from tools.recovery.deadline.problem import ASSUMED_CHANGEOVER_SECONDS, idle_is_safe
from tools.recovery.guide import ReplacementStrategy, determine_replacement_strategy
from tools.recovery.lost_work import Option, cheapest_useful_hour

DECIDE_SECONDS = 300.0
"""between two decisions: a round of the daemon"""


class JobOutlook(Record):
    """A job against its deadline. None = unknown, and `unknown` says why."""

    work_left_seconds: float | None
    """of compute, after the newest whole checkpoint"""
    changeover_seconds: float | None
    changeover_source: str
    deadline: UtcTime | None
    slack_seconds: float | None
    """that may still be lost before on-demand must begin; below 0 = so late even on-demand from now on"""
    on_demand_by: UtcTime | None
    """the latest moment at which on-demand must begin"""
    spot_is_safe: bool | None
    """until the next decision; None = not known, or there is no deadline"""
    unknown: str | None
    as_of: UtcTime


class Choice(Record):
    """What to go on with, and what the guides' rule would say beside it."""

    take: Literal["spot", "on-demand"]
    where: str | None
    """the option; None = whatever the fleet gets"""
    usd_per_useful_hour: Money | None
    expected_usd: Money | None
    """for the work that is left; None = a price, a hazard or the work is not known"""
    why: str
    guide: ReplacementStrategy
    """tools/recovery/guide.py, by the same facts"""


def measured_changeover_seconds(recoveries: Sequence[Recovery]) -> float | None:
    """Notice → restored of the first that came so far, newest first; None = none did."""
    return next((t for r in recoveries if (t := r.timeline.restored_seconds) is not None), None)


def job_outlook(
    job: Job, progress: JobProgress, *, measured_changeover_seconds: float | None = None, now: datetime
) -> JobOutlook:
    """measured_changeover_seconds   notice → restored of the last recovery; what was told goes before it

    A changeover that nobody knows counts as ASSUMED_CHANGEOVER_SECONDS, and `unknown` says so. Spot is safe until the
    next decision where all of that time may be lost: a launch may be refused, and work that is not saved is no work.
    """
    left, why = _work_left(job, progress)
    told = job.changeover_seconds
    changeover = told if told is not None else measured_changeover_seconds
    source = "told" if told is not None else "measured" if changeover is not None else "unknown"
    if left is None or job.deadline is None:
        unknown = why if job.deadline is not None or why else None
        return _outlook(job, left, changeover, source, None, None, unknown, now)
    hurdle = ASSUMED_CHANGEOVER_SECONDS if changeover is None else changeover
    slack = (job.deadline - now).total_seconds() - left - hurdle
    ticks = max(0, int((job.deadline - now).total_seconds() // DECIDE_SECONDS))
    safe = left == 0 or idle_is_safe(left, hurdle, DECIDE_SECONDS, ticks)
    assumed = f"how long a changeover takes is not known: {hurdle / 60:.0f} min assumed"
    missing = None if changeover is not None else assumed
    return _outlook(job, left, changeover, source, slack, safe, missing, now)


def _outlook(
    job: Job,
    left: float | None,
    changeover: float | None,
    source: str,
    slack: float | None,
    safe: bool | None,
    unknown: str | None,
    now: datetime,
) -> JobOutlook:
    return JobOutlook(
        work_left_seconds=left,
        changeover_seconds=changeover,
        changeover_source=source,
        deadline=job.deadline,
        slack_seconds=slack,
        on_demand_by=None if slack is None else now + timedelta(seconds=slack),
        spot_is_safe=safe,
        unknown=unknown,
        as_of=now,
    )


def _work_left(job: Job, progress: JobProgress) -> tuple[float | None, str | None]:
    """By the share that is durable; without any, all of it: an interruption now would leave nothing."""
    share = progress.share
    if share is None and progress.checkpoint_id is not None:
        return None, "its checkpoints tell no progress_share"
    if share is None and job.store is not None and progress.source.startswith("not read"):
        return None, progress.source
    if job.work_seconds is not None:
        return job.work_seconds * (1 - (share or 0.0)), None
    if share is not None and progress.share_per_hour:
        return (1 - share) / progress.share_per_hour * 3_600, None
    return None, "how much work it is was not told (--work), and its rate was not measured"


def choose(
    job: Job,
    progress: JobProgress,
    outlook: JobOutlook,
    options: Sequence[Option] = (),
    *,
    save_seconds: float = 0.0,
    restart_seconds: float | None = None,
) -> Choice:
    """The cheapest hour of lasting work, while the deadline allows spot.

    options   pools and on-demand («on-demand» in the name), each with its price and how often it is taken
    """
    guide = determine_replacement_strategy(
        {
            "priority": job.priority,
            "time_constraint": "flexible" if job.deadline is None else "strict",
            "progress": progress.share or 0,
        }
    )

    def chosen(
        take: Literal["spot", "on-demand"], why: str, option: Option | None = None, usd: Money | None = None
    ) -> Choice:
        hours = outlook.work_left_seconds
        total = (
            None if usd is None or hours is None else (usd * Decimal(repr(hours / 3_600))).quantize(Decimal("0.0001"))
        )
        name = option.name if option is not None else None
        return Choice(take=take, where=name, usd_per_useful_hour=usd, expected_usd=total, why=why, guide=guide)

    weighed = cheapest_useful_hour(
        options, save_seconds=save_seconds, restart_seconds=restart_seconds or outlook.changeover_seconds or 0.0
    )
    known = [(o, loss.usd_per_useful_hour) for o, loss in weighed if loss and loss.usd_per_useful_hour is not None]
    sure = next(((o, usd) for o, usd in known if "on-demand" in o.name), (None, None))
    if outlook.spot_is_safe is False:
        why = "the deadline leaves no time for spot to be lost once more"
        return chosen("on-demand", why, sure[0], sure[1])
    if job.deadline is not None and outlook.spot_is_safe is None and job.priority == "high":
        return chosen("on-demand", f"it has a deadline and priority, and {outlook.unknown}", sure[0], sure[1])
    if not known:
        return chosen("spot", "nothing is known against spot: prices and hazards were not read")
    best, usd = known[0]
    take: Literal["spot", "on-demand"] = "on-demand" if "on-demand" in best.name else "spot"
    return chosen(take, "the cheapest hour of lasting work", best, usd)
