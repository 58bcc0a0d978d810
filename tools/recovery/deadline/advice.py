"""The deadline planner at work: what a job should run on now, until when it may, and what it would cost from here.

What a trace tells for a whole tick nobody tells in life: spot that is asked for may be refused, and spot that runs may
be taken with what it has not saved. So spot is advised only where the time until the next look may come to nothing
at all: then on-demand with one changeover still ends in time, and the deadline is kept whatever spot does.
Pure: everything read comes in by parameters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from tools.recovery.deadline.advice_given import (
    LOOK_SECONDS,
    NOTHING_SEEN,
    Holding,
    Need,
    OnDemand,
    Planners,
    PoolSight,
)
from tools.recovery.deadline.advice_records import Because, Cost, DeadlineAdvice, Span, Take
from tools.recovery.deadline.advice_words import reason_of
from tools.recovery.deadline.problem import (
    ASSUMED_CHANGEOVER_SECONDS,
    IDLE,
    ON_DEMAND,
    SPOT,
    JobTerms,
    Situation,
    idle_is_safe,
)
from tools.recovery.deadline.warden import RUNGS_HOURS, Warden, WardenRun
from tools.recovery.deadline.zones import IDLING, ON_DEMAND_HELD, Zones, ZonesPlanner, ZonesSituation

NOTICE_SECONDS = 120.0
"""EC2 announces an interruption so long before: work that ends within it is not lost"""
ASSUMED = (
    "assumed: nobody told it (--changeover) and no recovery measured it; EC2 boots in a few minutes, the rest is"
    " for restore and warm-up"
)
NEAR_SECONDS, FAR_LOOK_SECONDS = 54 * 3600.0, 600.0
"""a deadline further away is planned in longer ticks, in half the time; the guard keeps its own"""
WORTH_WAITING = 0.01
"""of on-demand all the way: what idling beside spot must be expected to save"""
MOST_AHEAD = timedelta(days=366 * 100)
"""a moment further away is not told"""
_TAKES: dict[int, Take] = {IDLE: "idle", SPOT: "spot", ON_DEMAND: "on-demand"}


class _Plan(NamedTuple):
    """A decision. pool: of spot that is taken, or that is waited for; hours: expected, of on-demand."""

    mode: int | None
    because: Because
    pool: PoolSight | None = None
    pool_by: str = ""
    hours: float | None = None
    expected_by: str = "no planner was asked"


@dataclass(frozen=True)
class _Reckoned:
    """Seconds of the guard, all from now on. hurdle: until on-demand works on."""

    left: float
    changeover: float
    changeover_basis: str
    hurdle: float
    remaining: float

    def ends_seconds(self, unsaved: float) -> float:
        return self.hurdle + max(self.left - unsaved, 0.0)


def advise(
    need: Need,
    holding: Holding,
    pools: Sequence[PoolSight],
    on_demand: OnDemand,
    *,
    planners: Planners | None,
    pools_by: str = "in the order given",
    now: datetime,
) -> DeadlineAdvice:
    """pools     the better ones first, `pools_by` what makes them so; () = the fleet buys no spot
    planners  None = their artefacts cannot be read: the guard speaks alone
    """
    guard = _reckon(need, holding, now)
    if guard is None:
        plan = _Plan(None, "unknown", expected_by="the work left is not known")
        return _told(need, holding, on_demand, guard, plan, now)
    plan = _plan(guard, holding, pools, on_demand, planners, pools_by)
    return _told(need, holding, on_demand, guard, plan, now)


def _reckon(need: Need, holding: Holding, now: datetime) -> _Reckoned | None:
    if need.work_left_seconds is None:
        return None
    told = need.changeover_seconds
    changeover, basis = (ASSUMED_CHANGEOVER_SECONDS, ASSUMED) if told is None else (told, need.changeover_source)
    hurdle = holding.changeover_left_seconds if holding.mode == ON_DEMAND else changeover
    return _Reckoned(need.work_left_seconds, changeover, basis, hurdle, (need.deadline - now).total_seconds())


def _plan(
    guard: _Reckoned,
    holding: Holding,
    pools: Sequence[PoolSight],
    on_demand: OnDemand,
    planners: Planners | None,
    pools_by: str,
) -> _Plan:
    if guard.left <= 0:
        return _Plan(IDLE, "done", hours=0.0, expected_by="nothing is left")
    surely = holding.unsaved_seconds if holding.mode == ON_DEMAND else 0.0
    if guard.ends_seconds(surely) > guard.remaining:
        return _when_late(guard, holding, pools)
    if not pools:
        return _Plan(
            ON_DEMAND, "no-spot", pool_by=pools_by, hours=guard.ends_seconds(0) / 3600, expected_by="on-demand"
        )
    return _weighed(guard, holding, pools, on_demand, planners, pools_by)


def _when_late(guard: _Reckoned, holding: Holding, pools: Sequence[PoolSight]) -> _Plan:
    """Spot that is held may still be in time: it needs no changeover, and keeps what is not saved."""
    if guard.remaining <= 0:
        return _Plan(ON_DEMAND, "past", expected_by="on-demand all the way")
    own = holding.changeover_left_seconds + max(guard.left - holding.unsaved_seconds, 0.0)
    if holding.mode == SPOT and own <= guard.remaining:
        held = next((p for p in pools if p.pool == holding.pool), None)
        return _Plan(SPOT, "stay", held, "held", expected_by="no planner was asked: no mode is sure any more")
    return _Plan(ON_DEMAND, "too-late", expected_by="on-demand all the way")


def _weighed(
    guard: _Reckoned,
    holding: Holding,
    pools: Sequence[PoolSight],
    on_demand: OnDemand,
    planners: Planners | None,
    pools_by: str,
) -> _Plan:
    """By the planner, as far as the guard lets it."""
    priced = [p for p in pools if p.spot_usd_per_hour is not None]
    held = next((p for p in priced if holding.mode == SPOT and p.pool == holding.pool), None)
    waits = _may_come_to_nothing(guard)
    missing = _missing(holding, held, priced, on_demand, planners)
    if missing is not None or planners is None:
        return (
            _Plan(None, "no-price", pool_by=missing or "") if waits else _Plan(ON_DEMAND, "guard", expected_by=_ALONE)
        )
    safe = waits or (held is not None and _ends_within_notice(guard, holding))
    found = None
    if waits and held is None and len(priced) > 1 and all(len(p.past.flags) for p in priced):
        found = _by_zones(guard, holding, priced, on_demand, planners.several)
    if found is None:
        found = _by_one(guard, holding, held, priced, on_demand, planners.one, pools_by, safe=safe)
    return found._replace(because="guard") if found.mode == ON_DEMAND and not waits else found


_ALONE = "the guard spoke alone"


def _missing(
    holding: Holding,
    held: PoolSight | None,
    priced: Sequence[PoolSight],
    on_demand: OnDemand,
    planners: Planners | None,
) -> str | None:
    """What a planner lacks; None = nothing."""
    if planners is None:
        return "the planner's artefact cannot be read"
    if on_demand.usd_per_hour is None:
        return f"the on-demand price of {on_demand.instance_type} is not known"
    if not priced:
        return "no spot price of its pools is known"
    return "the price of the spot that it holds is not known" if holding.mode == SPOT and held is None else None


def _may_come_to_nothing(guard: _Reckoned) -> bool:
    """May the time until the next look be lost whole?"""
    tick, ticks = _ticks(guard.remaining, LOOK_SECONDS)
    return idle_is_safe(guard.left, guard.changeover, tick, ticks)


def _ends_within_notice(guard: _Reckoned, holding: Holding) -> bool:
    own = holding.changeover_left_seconds + guard.left
    return own <= min(NOTICE_SECONDS, guard.remaining)


def _ticks(remaining: float, shortest: float) -> tuple[float, int]:
    """(seconds, ticks) that fill the time left whole, none shorter than that unless it is the last."""
    ticks = max(1, int(remaining // shortest))
    return max(math.floor(remaining / ticks * 1000) / 1000, 0.001), ticks


def _terms(guard: _Reckoned, price_ratio: float) -> JobTerms:
    """A deadline further away than tables reach, or than twice the work, only helps: it is planned as that far."""
    enough = max(RUNGS_HOURS[-1] * 3600, 2 * (guard.left + guard.changeover))
    until = min(guard.remaining, enough)
    tick, ticks = _ticks(until, LOOK_SECONDS if until <= NEAR_SECONDS else FAR_LOOK_SECONDS)
    return JobTerms(guard.left, until, guard.changeover, tick, max(price_ratio, 1e-3), window_ticks=ticks)


def _ratio(pool: PoolSight, on_demand: OnDemand) -> float:
    assert pool.spot_usd_per_hour is not None and on_demand.usd_per_hour is not None  # noqa: S101, PT018 - looked at by the caller
    return float(pool.spot_usd_per_hour / on_demand.usd_per_hour)


def _by_one(
    guard: _Reckoned,
    holding: Holding,
    held: PoolSight | None,
    priced: Sequence[PoolSight],
    on_demand: OnDemand,
    planner: Warden,
    pools_by: str,
    *,
    safe: bool,
) -> _Plan:
    """The pool that is held, else the best that can be had; whether, by the planner of one pool."""
    pool = held or next((p for p in priced if p.available is not False), priced[0])
    there = held is not None or pool.available is not False
    terms = _terms(guard, _ratio(pool, on_demand))
    run = planner.begin(terms, pool.past.at(terms.tick_seconds))
    now = Situation(0, there, holding.mode, guard.left, holding.changeover_left_seconds, preempted=False)
    mode = run.choose(now)
    if mode == IDLE and there and safe and not _worth_waiting(run, now, guard):
        mode = SPOT
    mode = ON_DEMAND if mode == SPOT and not safe else mode
    by = "held" if held is not None else pools_by
    basis = f"deadline planner {planner.version}, {pool.past.said}"
    return _Plan(mode, _why(mode, there), pool, by, run.expected_hours(now, mode), basis)


def _worth_waiting(run: WardenRun, now: Situation, guard: _Reckoned) -> bool:
    """Done early is worth something too, and of two equal ways the planner may tell either."""
    spot, idle = run.expected_hours(now, SPOT), run.expected_hours(now, IDLE)
    return spot is None or idle is None or spot - idle > WORTH_WAITING * guard.ends_seconds(0) / 3600


def _by_zones(
    guard: _Reckoned,
    holding: Holding,
    priced: Sequence[PoolSight],
    on_demand: OnDemand,
    planner: ZonesPlanner,
) -> _Plan | None:
    """Which pool as well, by the planner of several: the past of each is known.

    None = it would idle beside spot: what that saves it does not tell, so the planner of one pool is asked
    """
    ratios = np.array([_ratio(p, on_demand) for p in priced])
    terms = _terms(guard, float(ratios.min()))
    pasts = [p.past.at(terms.tick_seconds) for p in priced]
    length = min(len(past) for past in pasts)
    offered = np.stack([past[len(past) - length :] for past in pasts])
    run = planner.begin(terms, Zones(offered, np.repeat(ratios[:, None], length, axis=1)))
    there = np.array([p.available is not False for p in priced])
    held = {ON_DEMAND: ON_DEMAND_HELD}.get(holding.mode, IDLING)
    now = ZonesSituation(0, there, ratios, held, guard.left, holding.changeover_left_seconds, preempted=False)
    chosen = run.choose(now)
    if chosen == IDLING and there.any():
        return None
    mode = {IDLING: IDLE, ON_DEMAND_HELD: ON_DEMAND}.get(chosen, SPOT)
    pool = priced[chosen] if mode == SPOT else next((p for p in priced if p.available is not False), priced[0])
    by = f"by the planner of several zones, from {length * terms.tick_seconds / 3600:.0f} h of {len(priced)} pools"
    return _Plan(mode, _why(mode, there=mode == SPOT), pool, by, None, "the planner of several zones tells no cost")


def _why(mode: int, there: bool) -> Because:
    if mode == IDLE:
        return "not-lasting" if there else "wait"
    return "spot" if mode == SPOT else "on-demand"


def _told(
    need: Need, holding: Holding, on_demand: OnDemand, guard: _Reckoned | None, plan: _Plan, now: datetime
) -> DeadlineAdvice:
    ends, slack, begins = _times(guard, holding, plan)
    late = -slack if slack is not None and slack < 0 else None
    pool = plan.pool.pool if plan.pool is not None and plan.mode in (SPOT, IDLE) else None
    bare = DeadlineAdvice(
        job_id=need.job_id,
        take=None if plan.mode is None else _TAKES[plan.mode],
        pool=pool,
        pool_by=plan.pool_by or None,
        because=plan.because,
        reason="",
        holds=_TAKES[holding.mode],
        deadline=need.deadline,
        on_demand_by=None if begins is None else _after(now, begins),
        kept=_kept(plan, slack),
        done_at=None if ends is None else _after(now, ends),
        work_left=_span(
            None if guard is None else guard.left, need.unknown or "after the newest checkpoint", need, now
        ),
        changeover=_changeover(need, guard, now),
        slack=_span(slack, _slack_basis(need, held=begins is None), need, now),
        late=_span(late, "on-demand from now on" if late is not None else _not_late(slack), need, now),
        on_demand=_on_demand_cost(on_demand, ends, now),
        expected=_expected(on_demand, plan, ends, now),
        past=_past(plan.pool, now),
        as_of=now,
        source="deadline planner",
    )
    return bare.with_(reason=reason_of(bare))


def _times(guard: _Reckoned | None, holding: Holding, plan: _Plan) -> tuple[float | None, float | None, float | None]:
    """Seconds: until on-demand from now on is done; slack; until on-demand must begin, None = it is held and stays."""
    if guard is None:
        return None, None, None
    if guard.left <= 0:
        return 0.0, guard.remaining if guard.remaining >= 0 else None, None  # when it was done is not known
    held = holding.mode == ON_DEMAND
    ends = guard.ends_seconds(holding.unsaved_seconds if held else 0.0)
    if held and plan.mode == ON_DEMAND:
        return ends, guard.remaining - ends, None
    slack = guard.remaining - guard.left - guard.changeover
    return ends, slack, slack


def _kept(plan: _Plan, slack: float | None) -> bool | None:
    """None = nobody knows: not judged, or spot may still be in time."""
    return None if slack is None or plan.because == "stay" else slack >= 0


def _after(now: datetime, seconds: float) -> datetime | None:
    try:
        return now + timedelta(seconds=seconds) if abs(seconds) < MOST_AHEAD.total_seconds() else None
    except OverflowError:
        return None


def _span(seconds: float | None, basis: str, need: Need, now: datetime) -> Span:
    return Span(seconds=seconds, basis=basis, as_of=now, source=need.source)


def _changeover(need: Need, guard: _Reckoned | None, now: datetime) -> Span:
    if guard is None:
        return _span(need.changeover_seconds, need.changeover_source, need, now)
    return _span(guard.changeover, guard.changeover_basis, need, now)


def _slack_basis(need: Need, *, held: bool) -> str:
    if need.work_left_seconds is None:
        return need.unknown or "the work left is not known"
    if held:
        return "until the deadline, less the work left, counting what on-demand has done since the newest checkpoint"
    return "until the deadline, less the work left and one changeover"


def _not_late(slack: float | None) -> str:
    return "not known" if slack is None else "the deadline can be kept"


def _on_demand_cost(on_demand: OnDemand, ends: float | None, now: datetime) -> Cost:
    usd = on_demand.usd(None if ends is None else ends / 3600)
    rate = on_demand.usd_per_hour
    if rate is None:
        basis = f"the on-demand price of {on_demand.instance_type} is not known"
    elif ends is None:
        basis = "the work left is not known"
    else:
        basis = (
            f"{on_demand.count} × {on_demand.instance_type} at ${rate.normalize():f} an hour for {ends / 3600:.1f} h"
        )
    return Cost(usd=usd, basis=basis, as_of=now, source=on_demand.source)


def _expected(on_demand: OnDemand, plan: _Plan, ends: float | None, now: datetime) -> Cost:
    """Where nothing is left to choose it is the cost of on-demand all the way."""
    hours = plan.hours
    if plan.because in ("too-late", "past") and ends is not None:
        hours = ends / 3600
    if hours is not None and ends is not None:
        hours = min(hours, ends / 3600)  # read off a table between its points, it may come out a little above
    usd = on_demand.usd(hours)
    basis = plan.expected_by if hours is None or usd is not None else "the on-demand price is not known"
    return Cost(usd=usd, basis=basis, as_of=now, source="deadline planner")


def _past(pool: PoolSight | None, now: datetime) -> Span:
    """How much of the pool's past was read."""
    past = NOTHING_SEEN if pool is None else pool.past
    seconds = len(past.flags) * past.gap_seconds
    said = "no pool was looked at" if pool is None else past.said
    return Span(seconds=seconds or None, basis=said, as_of=now, source="archive of our own fleets")
