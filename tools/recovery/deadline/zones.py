"""The deadline problem over several zones: where to hold the one instance that does the work, tick by tick.

As in problem.py, with a spot pool in each of several zones. A choice is a zone's number, IDLING or ON_DEMAND_HELD; any
change of what is held, zone → zone as well, is a launch and pays a changeover. Spot held in a zone that is gone at the
start of a tick is a preemption: nothing is held when the planner is asked, and it may launch in any zone that can be
had, since a plan shows only what was held at every tick.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.recovery.deadline.plan import Stretch, stretches
from tools.recovery.deadline.problem import IDLE, ON_DEMAND, SPOT, TOLERANCE_SECONDS, Flags, JobTerms, after_a_tick
from tools.traces import Floats, Trace

IDLING: Final = -1
"""nothing is held"""
ON_DEMAND_HELD: Final = -2

Held = NDArray[np.int64]
"""(ticks,) a zone's number, IDLING or ON_DEMAND_HELD"""


@dataclass(frozen=True, eq=False)
class Zones:
    """Aligned traces of several zones.

    offered  (zones, ticks) bool: spot can be had for the whole tick, and has a price
    price    (zones, ticks) float64: spot price / on-demand price; NaN where there is none
    """

    offered: Flags
    price: Floats

    def __len__(self) -> int:
        return len(self.offered)

    @property
    def ticks(self) -> int:
        return int(self.offered.shape[1])

    def between(self, start: int, end: int) -> Self:
        """A copy of some ticks: nothing leads from it to the others. Beyond the end nothing is offered."""
        offered = np.zeros((len(self), max(end - start, 0)), dtype=np.bool_)
        price = np.full(offered.shape, np.nan)
        here = self.offered[:, start:end]
        offered[:, : here.shape[1]] = here
        price[:, : here.shape[1]] = self.price[:, start:end]
        return type(self)(offered, price)


class ZonesSituation(NamedTuple):
    """What a planner sees at the start of a tick.

    tick                     from 0 at the job's first tick
    offered                  (zones,) bool, for the whole of this tick
    price                    (zones,) float64, spot price / on-demand price; NaN = none
    held                     a zone's number (it is offered), IDLING or ON_DEMAND_HELD
    work_left_seconds        above 0
    changeover_left_seconds  still to pay on the instance held; 0 when idle
    preempted                the spot instance held in the last tick is gone: held is IDLING
    """

    tick: int
    offered: Flags
    price: Floats
    held: int
    work_left_seconds: float
    changeover_left_seconds: float
    preempted: bool


class ZonesRun(Protocol):
    """One job under way."""

    def choose(self, now: ZonesSituation, /) -> int:
        """The number of a zone that is offered, IDLING or ON_DEMAND_HELD, for this tick.

        Asked exactly once a tick, ticks rising from 0, until the work is done or the ticks are used up.
        """
        ...


class ZonesPlanner(Protocol):
    """A policy: it holds nothing of a run."""

    def begin(self, terms: JobTerms, past: Zones, /) -> ZonesRun:
        """A run from its first tick. past: the ticks before it, oldest first; may be empty."""
        ...


@dataclass(frozen=True, eq=False)
class ZonesOutcome:
    """What came of one job.

    cost_hours  in on-demand-hours: every tick held, the last one whole, at the price of what was held
    met         done within the usable ticks
    launches    changeovers begun
    held        (ticks,) up to the tick in which the work was done
    """

    cost_hours: float
    met: bool
    launches: int
    held: Held


def align(traces: list[Trace], *, on_demand_usd: float, spot_price_ratio: float) -> Zones:
    """Traces by their ticks from 0; where one is shorter than the longest it offers nothing.

    on_demand_usd     per hour, above 0: what prices in the traces are divided by
    spot_price_ratio  of a trace without prices
    Raises            DataError: two traces differ in gap_seconds, or one stands there twice
    """
    first = traces[0]
    for i, trace in enumerate(traces):
        if trace.gap_seconds != first.gap_seconds:
            seen = f"{trace.path} has a tick every {trace.gap_seconds:g} s, {first.path} every {first.gap_seconds:g} s"
            raise DataError(f"zones of one window are not aligned: {seen}", hint="join traces with the same ticks")
        if any(trace.path == other.path for other in traces[:i]):
            raise DataError(f"{trace.path}: the same zone twice in one window", hint="name every zone once")
    ticks = max(len(trace.values) for trace in traces)
    price = np.full((len(traces), ticks), np.nan)
    offered = np.zeros(price.shape, dtype=np.bool_)
    for z, trace in enumerate(traces):
        own = _prices(trace, on_demand_usd, spot_price_ratio)
        price[z, : len(own)] = own
        offered[z, : len(own)] = (trace.values > 0) & ~np.isnan(own)  # NaN is not above 0
    for array in (price, offered):
        array.setflags(write=False)
    return Zones(offered, price)


def _prices(trace: Trace, on_demand_usd: float, spot_price_ratio: float) -> Floats:
    """(ticks,) the price in force over the on-demand price; before the first change there is none."""
    ticks = len(trace.values)
    if trace.price_ticks is None or trace.price_usd_per_hour is None:
        return np.full(ticks, spot_price_ratio)
    change = np.searchsorted(trace.price_ticks, np.arange(ticks), side="right")
    in_force: Floats = np.concatenate(([np.nan], trace.price_usd_per_hour))[change] / on_demand_usd
    return in_force


def replay_zones(planner: ZonesPlanner, terms: JobTerms, zones: Zones, past: Zones) -> ZonesOutcome:
    """Ask the planner tick by tick, showing it no tick before its time.

    zones   from the job's first tick; nothing is offered beyond its end
    past    the ticks before
    Raises  ValueError: the planner chose a zone that is not offered
    """
    run = planner.begin(terms, past)
    window = zones.between(0, terms.ticks)
    made: list[int] = []
    held, left, pending, launches = IDLING, terms.work_seconds, 0.0, 0
    for tick in range(terms.ticks):
        offered, price = window.offered[:, tick].copy(), window.price[:, tick].copy()
        preempted = held >= 0 and not offered[held]
        if preempted:
            held, pending = IDLING, 0.0
        chosen = run.choose(ZonesSituation(tick, offered, price, held, left, pending, preempted))
        if chosen >= 0 and not window.offered[chosen, tick]:
            raise ValueError(f"tick {tick}: zone {chosen} was chosen, and it is not offered")
        made.append(chosen)
        if chosen == IDLING:
            held, pending = IDLING, 0.0
            continue
        if chosen != held:
            held, pending, launches = chosen, terms.changeover_seconds, launches + 1
        left, pending = after_a_tick(left, pending, terms.tick_seconds)
        if not left:
            break
    plan = np.array(made, dtype=np.int64)
    return ZonesOutcome(zones_cost_hours(terms, window, plan), not left, launches, plan)


def zones_cost_hours(terms: JobTerms, zones: Zones, held: Held) -> float:
    """On-demand-hours of every tick held, at the price of that tick."""
    ticks = np.flatnonzero(held >= 0)
    spot = float(np.sum(zones.price[held[ticks], ticks]))
    return (spot + int(np.count_nonzero(held == ON_DEMAND_HELD))) * terms.tick_seconds / 3600


def price_zones_plan(terms: JobTerms, zones: Zones, held: Held) -> ZonesOutcome:
    """A plan reckoned stretch by stretch: every stretch does its length less one changeover, never less than nothing.

    It shares no step with `replay_zones`. Every tick of the plan is billed, also those after the work is done.
    Raises  DataError: a zone that is not offered; a tick beyond the window
    """
    tick, launches, worked = 0, 0, 0.0
    for stretch in zones_stretches(held):
        end = tick + stretch.ticks
        if end > terms.ticks:
            raise DataError(f"plan: it lasts until tick {end}, the window {terms.ticks} ticks", hint="end it in time")
        if stretch.zone is not None:
            there = zones.between(tick, end).offered[stretch.zone]
            if not there.all():
                seen = f"plan, tick {tick + int(np.argmin(there))}: zone {stretch.zone} is not offered"
                raise DataError(seen, hint="idle there, take another zone, or on-demand")
        if stretch.mode != IDLE:
            launches += 1
            worked += max(stretch.ticks * terms.tick_seconds - terms.changeover_seconds, 0.0)
        tick = end
    met = worked > terms.work_seconds - TOLERANCE_SECONDS
    return ZonesOutcome(zones_cost_hours(terms, zones, held), met, launches, held)


def zones_stretches(held: Held) -> list[Stretch]:
    """A plan tick by tick as stretches: I3 S0:40 O5."""
    modes = np.where(held >= 0, SPOT, np.where(held == ON_DEMAND_HELD, ON_DEMAND, IDLE))
    return stretches(modes, held)
