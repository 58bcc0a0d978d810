"""What the deadline planner reads for a job at work: what it holds, its pools, their prices, rates and past states."""

import math
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from threading import Lock

import numpy as np

from tools.desk import Archive
from tools.errors import DataError
from tools.figures import share
from tools.market.pricebook import PriceBook
from tools.records import CapacityPool, Fleet, Instance, Job, JobProgress, PoolState
from tools.recovery.deadline.advice import advise
from tools.recovery.deadline.advice_given import (
    LOOK_SECONDS,
    NOTHING_SEEN,
    Holding,
    Need,
    OnDemand,
    Past,
    Planners,
    PoolSight,
)
from tools.recovery.deadline.advice_records import DeadlineAdvice
from tools.recovery.deadline.problem import ASSUMED_CHANGEOVER_SECONDS, IDLE, ON_DEMAND, SPOT
from tools.recovery.deadline.warden import RUNGS_HOURS, load_planner
from tools.recovery.deadline.zones_warden import load_zones_planner
from tools.recovery.lost_work import Option, cheapest_useful_hour
from tools.recovery.rules import JobOutlook
from tools.risk.knowledge import Knowledge, same_pool
from tools.risk.states import LOOK_BACK, StateGrid, dry_by_the_last, state_grid

MOST_POOLS = 6
"""the best ones; the past of no more is read"""
_STATES: dict[str, PoolState] = {"refusal": "refused", "interruption": "taken", "launch": "running"}
_PLANNING = Lock()
"""planners keep tables; terminals and chats ask from several threads"""
_Looks = tuple[tuple[datetime, PoolState], ...]


def advise_job(
    job: Job,
    progress: JobProgress,
    outlook: JobOutlook,
    *,
    fleet: Fleet | None,
    book: PriceBook,
    knowledge: Knowledge,
    archive: Archive,
    now: datetime,
) -> DeadlineAdvice | None:
    """None = the job has no deadline, or its fleet is gone."""
    if job.deadline is None or fleet is None:
        return None
    need = Need(
        job_id=job.job_id,
        deadline=job.deadline,
        work_left_seconds=outlook.work_left_seconds,
        changeover_seconds=outlook.changeover_seconds,
        changeover_source=outlook.changeover_source,
        unknown=outlook.unknown if outlook.work_left_seconds is None else None,
        source=progress.source,
    )
    told = outlook.changeover_seconds
    changeover = ASSUMED_CHANGEOVER_SECONDS if told is None else told
    holding = held_by(fleet, progress, changeover_seconds=changeover, now=now)
    on_demand = _on_demand(fleet, book)
    ranked, by = _ranked(fleet, book, knowledge, restart_seconds=changeover)
    best = ranked[:MOST_POOLS]
    if holding.pool is not None:
        held = _as_priced(holding.pool, book)
        holding = replace(holding, pool=held)
        best += [held] if held not in best else []
    sights = [_sight(pool, fleet, book, knowledge, archive, now) for pool in best]
    rungs = _rungs((job.deadline - now).total_seconds(), (need.work_left_seconds or 0.0) + changeover)
    with _PLANNING:
        return advise(need, holding, sights, on_demand, planners=_planners(rungs), pools_by=by, now=now)


@lru_cache(maxsize=8)
def _planners(_rungs: tuple[float, ...]) -> Planners | None:
    """None = an artefact is not there or damaged.

    A table that was made for a longer job tells a shorter one's cost a little differently: each rung has its own, so
    that an answer does not depend on what was asked before.
    """
    try:
        return Planners(load_planner(), load_zones_planner())
    except DataError:
        return None


def _rungs(*seconds: float) -> tuple[float, ...]:
    """Those of the tables that a job of this size is planned with."""
    return tuple(next((r for r in RUNGS_HOURS if r * 3600 >= t), RUNGS_HOURS[-1]) for t in seconds)


def held_by(fleet: Fleet, progress: JobProgress, *, changeover_seconds: float, now: datetime) -> Holding:
    """A job whose fleet has any spot instance is held by spot: the loss of one stops it."""
    at_work = [i for i in fleet.instances if i.state in ("pending", "running") and not i.in_standby]
    if not at_work:
        return Holding(IDLE)
    spot = Counter(i.pool for i in at_work if i.purchase_option == "spot")
    begins = _newest(at_work).launched_at + timedelta(seconds=changeover_seconds)
    since = now if progress.saved_at is None else max(begins, progress.saved_at)  # nothing tells that it works
    return Holding(
        mode=SPOT if spot else ON_DEMAND,
        pool=max(spot, key=lambda p: (spot[p], p.label)) if spot else None,
        changeover_left_seconds=max((begins - now).total_seconds(), 0.0),
        unsaved_seconds=max((now - since).total_seconds(), 0.0),
    )


def _as_priced(pool: CapacityPool, book: PriceBook) -> CapacityPool:
    """The same pool as the price book names it: one of the two may lack the zone's id."""
    known = book.pool(pool.instance_type, pool.zone_name or pool.zone_id or "?")
    return known.pool if known is not None else pool


def _newest(instances: list[Instance]) -> Instance:
    return max(instances, key=lambda i: i.launched_at)


def _on_demand(fleet: Fleet, book: PriceBook) -> OnDemand:
    kind = next(iter(fleet.instance_types), None) or next((i.instance_type for i in fleet.instances), None)
    count = len(fleet.instances) or max(1, fleet.desired_capacity)
    return OnDemand(kind or "any type", None if kind is None else book.on_demand(kind), count, book.source)


def _ranked(
    fleet: Fleet, book: PriceBook, knowledge: Knowledge, *, restart_seconds: float
) -> tuple[list[CapacityPool], str]:
    """Pools that it runs in or may launch in and that have a price, the best first; and what makes them so."""
    if fleet.mix is None and not fleet.spot:
        return [], "bought on demand alone"
    count = max(1, len(fleet.instances))
    found: dict[str, CapacityPool] = {}
    options = []
    for kind, zone in _places(fleet):
        known = book.pool(kind, zone)
        if known is None or known.current_usd_per_hour is None:
            continue
        rate = knowledge.hazard(known.pool).per_100_hours
        between = None if rate is None else math.inf if rate == 0 else 360_000 / rate / count
        found[known.pool.label] = known.pool
        options.append(Option(known.pool.label, known.current_usd_per_hour, between))
    options.sort(key=lambda o: (o.usd_per_hour, o.name))
    weighed = cheapest_useful_hour(options, save_seconds=0.0, restart_seconds=restart_seconds)
    rates = any(o.between_seconds is not None for o in options)
    what = "price and interruption rate" if rates else "price: interruption rates are not known"
    return [found[o.name] for o, _ in weighed], f"among {len(options)} by {what}"


def _places(fleet: Fleet) -> list[tuple[str, str]]:
    may = {(kind, zone) for kind in fleet.instance_types for zone in fleet.zones}
    return sorted(may | {(i.instance_type, i.zone_name) for i in fleet.spot})


def _sight(
    pool: CapacityPool, fleet: Fleet, book: PriceBook, knowledge: Knowledge, archive: Archive, now: datetime
) -> PoolSight:
    signals = {(s.at, _STATES[s.kind]) for s in knowledge.of(pool).signals if s.kind in _STATES}
    looks: _Looks = ()
    with suppress(DataError):  # which records and why is told once, with what else is missing
        looks = archive.pool_states(pool, region=knowledge.region, since=now - LOOK_BACK)
    looks = tuple(sorted(signals | set(looks)))
    ours = any(same_pool(i.pool, pool) and i.state == "running" for i in fleet.spot)
    dry = dry_by_the_last(looks, now=now)
    zone = pool.zone_name or pool.zone_id or "?"
    return PoolSight(
        pool=pool,
        spot_usd_per_hour=book.spot_now(pool.instance_type, zone),
        available=True if ours else False if dry else None,
        past=past_of(pool, state_grid(looks, now=now)),
    )


def past_of(pool: CapacityPool, seen: StateGrid | str) -> Past:
    """A tick that nobody looked at is as the last one that was: a hole in our looks is no outage."""
    if isinstance(seen, str):
        return Past(NOTHING_SEEN.flags, LOOK_SECONDS, seen)
    known = ~np.isnan(seen.available)
    first = int(np.argmax(known))
    newest = np.maximum.accumulate(np.where(known, np.arange(len(known)), 0))[first:]
    flags = seen.available[newest] > 0
    hours = len(flags) * seen.gap_seconds / 3600
    found = "all" if flags.all() else share(float(flags.mean()))
    said = f"{hours:.0f} h of looks at {pool.label}: {found} of them found it available"
    return Past(flags, seen.gap_seconds, said)
