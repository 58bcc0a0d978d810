"""When a job will be done: work left at the newest durable checkpoint, its measured rate, and interruptions to come.

Unknown is unknown: without a measured rate, or where the job stands still, there is no time.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from tools.errors import UsageError
from tools.records import Name, Record, UtcTime
from tools.recovery.guard.interval import Belief
from tools.recovery.guard.waste import waste

LOW, HIGH = 0.1, 0.9
LONGEST = timedelta(days=3650)


class Eta(Record):
    """When a job will be done. None = unknown, and `unknown` says why."""

    finishes_at: UtcTime | None
    """expected"""
    low_at: UtcTime | None
    high_at: UtcTime | None
    """p10 and p90, from how many interruptions there may be and from the measured rate's own range"""
    earliest_at: UtcTime | None
    """with no interruption at all; known where only their rate is not"""
    unknown: str | None
    work_hours: float | None
    """left, at the measured rate"""
    interruptions_expected: float | None = Field(default=None, ge=0)
    as_of: UtcTime
    source: Name


@dataclass(frozen=True)
class Pace:
    """How the job goes on. None = not known.

    work_left       at the newest durable checkpoint, in any unit: a share of the work, steps, seconds of compute
    rate_per_hour   measured, in that unit; 0 = it stands still
    rate_range      its 80 % range, where several were measured
    restart_seconds until it works again, now and after each interruption
    """

    work_left: float | None
    rate_per_hour: float | None
    rate_range: tuple[float, float] | None = None
    restart_seconds: float | None = None
    working: bool = False
    """it runs: no restart comes first"""


def estimate_completion(
    pace: Pace,
    belief: Belief | None,
    *,
    interval_seconds: float,
    save_seconds: float,
    saved_share: float = 0.0,
    now: datetime,
    source: str,
) -> Eta:
    """now + restart + work / rate, with the saves and interruptions that fall into it.

    belief  interruptions of the whole job per hour; None = unknown; shape 0 = on-demand: none
    Each interruption costs a restart and, where its notice saved nothing, half an interval of work on average.
    Raises  UsageError: work or times below 0
    """
    hours, why = _work_hours(pace)
    if hours is None or pace.restart_seconds is None:
        return _unknown(why or "how long a restart takes was never measured", hours, now, source)
    if interval_seconds <= 0 or save_seconds < 0:
        raise UsageError(f"a save of {save_seconds} s every {interval_seconds} s: no times")
    first = 0.0 if pace.working or hours == 0 else pace.restart_seconds / 3600
    saves = hours * save_seconds / interval_seconds
    earliest = first + hours + saves
    if belief is None:
        why = "how often the job is interrupted is unknown"
        return _unknown(why, hours, now, source).with_(earliest_at=_at(now, earliest))
    m = belief.between_seconds
    lost = waste(save_seconds, interval_seconds, pace.restart_seconds, m, saved_share)
    expected = first + hours / (1 - lost) if lost < 1 else math.inf
    finish = _at(now, expected)
    if finish is None:
        return _unknown(f"it gets nowhere: {lost:.1%} of the time is lost to interruptions", hours, now, source)
    count = (expected - first) * 3600 / m
    each = Loss(pace.restart_seconds / 3600, interval_seconds / 3600, saved_share)
    low, high = _range(earliest, count, belief, each, pace)
    return Eta(
        finishes_at=finish,
        low_at=_at(now, min(low, expected)),
        high_at=_at(now, max(high, expected)),
        earliest_at=_at(now, earliest),
        unknown=None,
        work_hours=hours,
        interruptions_expected=count,
        as_of=now,
        source=source,
    )


@dataclass(frozen=True)
class Loss:
    """Hours that one interruption costs: the restart, and up to an interval where it was not saved."""

    restart: float
    interval: float
    saved_share: float

    @property
    def mean(self) -> float:
        return self.restart + (1 - self.saved_share) * self.interval / 2

    @property
    def variance(self) -> float:
        lost = 1 - self.saved_share
        return lost * self.interval**2 / 3 - (lost * self.interval / 2) ** 2


def _work_hours(pace: Pace) -> tuple[float | None, str]:
    for name in ("work_left", "rate_per_hour", "restart_seconds"):
        value = getattr(pace, name)
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} {value}: not a number of 0 or more")
    if pace.work_left is None:
        return None, "how much work is left is not known: no durable checkpoint tells its progress"
    if pace.work_left == 0:
        return 0.0, ""
    if pace.rate_per_hour is None:
        return None, "the rate of work was never measured"
    if pace.rate_per_hour == 0:
        return None, "the job stands still: its rate is 0"
    return pace.work_left / pace.rate_per_hour, ""


def _range(earliest: float, count: float, belief: Belief, each: Loss, pace: Pace) -> tuple[float, float]:
    """p10 and p90 in hours. The number of interruptions is negative binomial: Poisson at a rate that is not known."""
    slow, fast = pace.rate_range or (pace.rate_per_hour, pace.rate_per_hour)
    rate = pace.rate_per_hour or 1.0
    ends = [earliest * rate / (edge or rate) for edge in (fast, slow)]
    if not count:
        return ends[0], ends[1]
    chances = number_of_interruptions(count, belief.shape)
    return ends[0] + _quantile(chances, each, LOW), ends[1] + _quantile(chances, each, HIGH)


def number_of_interruptions(mean: float, shape: float) -> list[float]:
    """P(0), P(1), … until all but 1e-6 is told; shape → ∞ is Poisson's. Rates ~ Gamma(shape)."""
    odds = mean / (shape + mean)
    log_p = -shape * math.log1p(mean / shape)
    chances, total, n = [], 0.0, 0
    limit = int(mean + 12 * math.sqrt(mean + mean * mean / shape)) + 60
    while total < 1 - 1e-6 and n <= limit:
        chances.append(math.exp(log_p))
        total += chances[-1]
        log_p += math.log((shape + n) / (n + 1)) + math.log(odds)
        n += 1
    return chances


def _quantile(chances: list[float], each: Loss, share: float) -> float:
    """Hours lost that are not exceeded with this chance; n losses together are close to normal."""
    low, high = 0.0, len(chances) * (each.restart + each.interval) + 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, chances, each) < share:
            low = middle
        else:
            high = middle
    return high


def _within(hours: float, chances: list[float], each: Loss) -> float:
    total = chances[0]
    for n, chance in enumerate(chances[1:], 1):
        spread = math.sqrt(n * each.variance)
        z = (hours - n * each.mean) / spread if spread else math.copysign(math.inf, hours - n * each.mean)
        total += chance * (1 + math.erf(z / math.sqrt(2))) / 2
    return total


def _at(now: datetime, hours: float) -> datetime | None:
    """None = further away than anybody plans."""
    return now + timedelta(hours=hours) if hours < LONGEST / timedelta(hours=1) else None


def _unknown(why: str, hours: float | None, now: datetime, source: str) -> Eta:
    return Eta(
        finishes_at=None,
        low_at=None,
        high_at=None,
        earliest_at=None,
        unknown=why,
        work_hours=hours,
        as_of=now,
        source=source,
    )
