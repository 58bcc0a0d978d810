"""How often a job should save itself, as advice: from which figures, what it costs, the guides' table beside it.

The guard on the instance goes by its own schedule (guard/interval.py), which starts from `job_belief` and learns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from tools.errors import UsageError
from tools.figures import share
from tools.records import Hazard, Name, Record, Share, UtcTime
from tools.recovery.guard.interval import UNKNOWN, Belief
from tools.recovery.guard.waste import (
    FITTING_SHARE,
    NOTICE_SECONDS,
    fits_notice,
    guide_seconds,
    usable_seconds,
    waste,
)
from tools.recovery.guide import checkpointing_frequency

NOT_MEASURED = "not known: run the job under spotwarden-guard, or give it"


class Figure(Record):
    """One number behind the advice. None = not known, and `source` says what would tell."""

    value: float | None
    low: float | None = None
    high: float | None = None
    """90 % interval"""
    unit: Name
    source: Name


class IntervalAdvice(Record):
    """How often a job should save itself.

    Where δ is unknown there is no interval; where M is, the safe default stands in, and its source says so.
    """

    instances: int = Field(ge=1)
    """whose loss stops the job, one alone"""
    interval_seconds: float | None
    interval_low_seconds: float | None
    interval_high_seconds: float | None
    """at the ends of M's 90 % interval"""
    why: str
    save_seconds: Figure
    """δ: that a save stops the work"""
    full_save_seconds: Figure
    """upload included"""
    between_seconds: Figure
    """M of the whole job"""
    saved_share: Figure
    """q: of interruptions whose notice saved the work; counted on only where a save fits"""
    restart_seconds: Figure
    fits_notice: bool | None
    """None = the whole save was never measured"""
    overhead_share: Share | None
    """expected at this interval: saves, work done twice, restarts"""
    guide_frequency: Name
    """the guides' word, by their table"""
    guide_seconds: float
    guide_overhead_share: Share | None
    cap_seconds: float | None
    belief_shape: float
    belief_hours: float
    """what the guard is told of the rate: Gamma(shape, hours), interruptions of the job per hour"""
    as_of: UtcTime
    source: Name


@dataclass(frozen=True)
class Measured:
    """What the guard measured, or a person gave. None = nobody knows.

    source  «guard, 20 saves», «given»
    """

    save_seconds: float | None = None
    full_save_seconds: float | None = None
    restart_seconds: float | None = None
    saved_share: float | None = None
    source: str = "given"


def job_belief(pools: Sequence[tuple[Hazard, int]]) -> Belief | None:
    """Rate of a job that stops when any of its instances is taken: the sum of theirs, as the nearest Gamma.

    pools   each hazard with the spot instances of the job in it; on-demand ones are left out
    None    one of the hazards abstains, or the job has no spot instance
    M of n instances of one pool is M / n. The nearest: the sum's own mean and variance; exact for one pool.
    """
    mean = variance = 0.0
    for hazard, count in pools:
        if count < 1:
            raise UsageError(f"{hazard.pool.label}: {count} instances", hint="leave pools out that the job is not in")
        if hazard.per_100_hours is None:
            return None
        rate = hazard.per_100_hours / 100
        hours = hazard.hours or math.inf
        mean += count * rate
        variance += count * count * rate / hours
    if not mean:
        return None
    words = "; ".join(f"{count} in {hazard.pool.label}: {hazard.prior}" for hazard, count in pools)
    hours = mean / variance if variance else 1e6
    return Belief(mean * hours, hours, words[:200])


def advise_interval(
    pools: Sequence[tuple[Hazard, int]],
    measured: Measured,
    *,
    now: datetime,
    duration_seconds: float = 3600.0,
    cap_seconds: float | None = None,
    notice_seconds: float = NOTICE_SECONDS,
    poll_seconds: float = 5.0,
    step_seconds: float = 0.0,
) -> IntervalAdvice:
    """The interval with the least expected waste, and everything it was made of.

    duration_seconds  of the job, for the guides' table alone
    Raises  UsageError: a time or a share that cannot be one
    """
    _check(measured, duration_seconds, cap_seconds, step_seconds)
    belief = job_belief(pools) or UNKNOWN
    between = _between(pools, belief)
    full, delta = measured.full_save_seconds, measured.save_seconds
    fits = None
    if full is not None:
        fits = fits_notice(full, notice_seconds=notice_seconds, poll_seconds=poll_seconds, step_seconds=step_seconds)
    q = measured.saved_share if fits else None
    intervals, overheads = _computed(delta, between, q, measured.restart_seconds, cap_seconds, duration_seconds)
    return IntervalAdvice(
        instances=max(sum(count for _, count in pools), 1),
        interval_seconds=intervals[0],
        interval_low_seconds=intervals[1],
        interval_high_seconds=intervals[2],
        why=_why(delta, fits, q, intervals[0], overheads[0], cap_seconds),
        save_seconds=_figure(delta, "s", measured.source),
        full_save_seconds=_figure(full, "s", measured.source),
        between_seconds=between,
        saved_share=_figure(measured.saved_share, "0..1", measured.source),
        restart_seconds=_figure(measured.restart_seconds, "s", measured.source),
        fits_notice=fits,
        overhead_share=overheads[0],
        guide_frequency=checkpointing_frequency(duration_seconds),
        guide_seconds=guide_seconds(duration_seconds),
        guide_overhead_share=overheads[1],
        cap_seconds=cap_seconds,
        belief_shape=belief.shape,
        belief_hours=belief.hours,
        as_of=now,
        source="Young 1974, Daly 2006; figures as told with each",
    )


def _between(pools: Sequence[tuple[Hazard, int]], belief: Belief) -> Figure:
    """M; its ends are those of all rates together, which is wider than chance would have it."""
    low = high = None
    if belief is not UNKNOWN:
        slow = sum(count * (h.low if h.low is not None else h.per_100_hours or 0.0) for h, count in pools) / 100
        fast = sum(count * (h.high if h.high is not None else h.per_100_hours or 0.0) for h, count in pools) / 100
        low, high = 3600 / fast, min(3600 / slow, 1e9) if slow else 1e9
    return Figure(value=belief.between_seconds, low=low, high=high, unit="s", source=belief.source)


def _computed(
    delta: float | None,
    between: Figure,
    q: float | None,
    restart: float | None,
    cap: float | None,
    duration: float,
) -> tuple[tuple[float | None, float | None, float | None], tuple[float | None, float | None]]:
    """(interval, at the low end of M, at its high end), (overhead, the guides'); all None while δ is unknown."""
    m = between.value
    if delta is None or m is None:
        return (None, None, None), (None, None)
    ends = (end if end is not None else m for end in (m, between.low, between.high))
    middle, low, high = (usable_seconds(delta, end, q, cap) for end in ends)
    overheads = (waste(delta, every, restart or 0.0, m, q or 0.0) for every in (middle, guide_seconds(duration)))
    mine, guides = (min(max(one, 0.0), 1.0) for one in overheads)
    return (middle, low, high), (mine, guides)


def _why(
    delta: float | None,
    fits: bool | None,
    q: float | None,
    every: float | None,
    overhead: float | None,
    cap: float | None,
) -> str:
    if delta is None or every is None or overhead is None:
        return "how long a save takes is not known: save once early, the guard measures it"
    if overhead >= 0.5:
        return f"saves take too long for so many interruptions: {share(overhead)} of the time would be lost"
    if cap is not None and every >= cap:
        return "the longest interval that was allowed"
    if q is not None:
        return f"a save fits inside the notice, and {share(q)} of interruptions ended in one: the others lose work"
    if fits is False:
        return f"a whole save needs over {FITTING_SHARE:.0%} of the notice: every interruption is taken to lose work"
    return "nobody knows how many notices were enough: every interruption is taken to lose work"


def _figure(value: float | None, unit: str, source: str) -> Figure:
    return Figure(value=value, unit=unit, source=source if value is not None else NOT_MEASURED)


def _check(measured: Measured, duration: float, cap: float | None, step: float) -> None:
    times = {
        "save_seconds": measured.save_seconds,
        "full_save_seconds": measured.full_save_seconds,
        "restart_seconds": measured.restart_seconds,
        "step_seconds": step,
        "duration_seconds": duration,
    }
    for name, value in times.items():
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} {value:g}: not a time", hint="give seconds of 0 or more")
    if cap is not None and not 0 < cap < math.inf:
        raise UsageError(f"cap_seconds {cap:g}: not a time above 0", hint="leave it out for no cap")
    if measured.saved_share is not None and not 0 <= measured.saved_share <= 1:
        raise UsageError(f"saved_share {measured.saved_share:g}: a share is 0 to 1", hint="90 % is 0.9")


def said(advice: IntervalAdvice) -> tuple[str, ...]:
    """The advice in words, a line each, with every figure it rests on."""
    lines = []
    if advice.interval_seconds is None:
        lines.append(f"No interval yet: {advice.why}.")
    else:
        spread = ""
        if advice.between_seconds.low is not None:
            spread = f" ({_span(advice.interval_low_seconds)} to {_span(advice.interval_high_seconds)})"
        lines.append(f"Save every {_span(advice.interval_seconds)}{spread}: {advice.why}.")
    between = advice.between_seconds
    job = "the job" if advice.instances == 1 else f"the job on {advice.instances} instances"
    lines.append(f"M: {job} is interrupted every {_span(between.value)} on average ({between.source}).")
    lines.append(f"δ: a save stops the work for {_span(advice.save_seconds.value)} ({advice.save_seconds.source}).")
    if advice.overhead_share is not None and advice.guide_overhead_share is not None:
        lines.append(
            f"Expected overhead {share(advice.overhead_share)} of the time; {share(advice.guide_overhead_share)} by the"
            f" guides' table ({advice.guide_frequency})."
        )
    else:
        lines.append(f"The guides' table says {advice.guide_frequency}, whatever δ and M are.")
    return tuple(lines)


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "an unknown time"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
