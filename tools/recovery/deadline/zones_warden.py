"""Our planner over several zones: at every tick the choice that is worth most, as far as the guard allows.

Values are reckoned anew twice a day and when a price has moved, from each zone's last day and the price in force; which
zone's state is what is read at every tick. The guard is the exact one of problem.py, so nothing is missed that can be
met.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    JobTerms,
    Planner,
    Run,
    Situation,
    idle_is_safe,
    spot_is_safe,
)
from tools.recovery.deadline.warden import load_planner
from tools.recovery.deadline.zones import (
    IDLING,
    ON_DEMAND_HELD,
    Zones,
    ZonesRun,
    ZonesSituation,
)
from tools.recovery.deadline.zones_chain import STEP_SECONDS, Prior, ages, level_of, load_prior, recent_share, state
from tools.recovery.deadline.zones_value import Values, solve
from tools.traces import Flags, Floats

PLAN_AGAIN_HOURS: Final = 12.0
PRICE_MOVED: Final = 0.02
"""of the price that was planned with"""
STAY_HOURS: Final = 0.01
"""on-demand-hours that another choice must be better by"""
MOST_STEPS: Final = 200
"""of time left; a longer job is planned in longer steps"""
MOST_ZONES: Final = 6
STATES: Final = {1: (8,), 2: (8, 8), 3: (7, 5, 5), 4: (4, 4, 4, 3), 5: (4, 3, 3, 2, 2), 6: (3, 3, 3, 2, 2, 2)}
"""of the chain of each zone, by their number: better zones are followed more closely, some 200 joint states in all"""
TIME_RUNG_HOURS: Final = 12.0
MARGIN_RUNGS_HOURS: Final = (0.5, 1.0, 2.6, 5.0, 13.0, 25.0, 50.0, 100.0)
"""values reach to the next of these, so that many runs share them"""
PRICE_STEP: Final = 0.005
KEPT_BYTES: Final = 1 << 28
"""of values, in a process"""


class _Key(NamedTuple):
    """What values depend on, but for how far they reach."""

    levels: tuple[int, ...]
    states: tuple[int, ...]
    price: tuple[float, ...]
    changeover_hours: float
    steps_in_one: int


@dataclass(frozen=True)
class _Plan:
    """zones: their numbers, better ones first; price: theirs, as planned with."""

    made_at_tick: int
    zones: tuple[int, ...]
    states: tuple[int, ...]
    price: tuple[float, ...]
    values: Values


class ZonesWarden:
    """Holds what is known of zones in general, and the last values reckoned, to be shared by runs.

    one_zone  plans where there is only one; None = as with several
    """

    def __init__(self, prior: Prior, one_zone: Planner | None = None) -> None:
        self._prior = prior
        self._one_zone = one_zone
        self._kept: OrderedDict[_Key, Values] = OrderedDict()

    def begin(self, terms: JobTerms, past: Zones, /) -> ZonesRun:
        if self._one_zone is not None and len(past) == 1:
            return _OneZoneRun(self._one_zone, terms, past)
        return _WardenRun(self, terms, past)

    def values(self, key: _Key, time_hours: float, margin_hours: float) -> Values:
        """Reckoned, or kept from before if they reach as far."""
        kept = self._kept.pop(key, None)
        if kept is None or not _reach(kept, time_hours, margin_hours):
            kept = self._solve(key, _rung(time_hours, margin_hours))
        self._kept[key] = kept
        while len(self._kept) > 1 and sum(v.cost.nbytes for v in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
        return kept

    def _solve(self, key: _Key, reach: tuple[float, float]) -> Values:
        chains = [
            self._prior.chain(level, states).over(key.steps_in_one)
            for level, states in zip(key.levels, key.states, strict=True)
        ]
        return solve(
            chains,
            key.price,
            changeover_hours=key.changeover_hours,
            time_hours=reach[0],
            margin_hours=reach[1],
            step_hours=STEP_SECONDS / 3600 * key.steps_in_one,
        )


class _WardenRun:
    def __init__(self, warden: ZonesWarden, terms: JobTerms, past: Zones) -> None:
        zones = len(past)
        self._warden, self._terms = warden, terms
        self._tick_hours = terms.tick_seconds / 3600
        self._offered = np.zeros((zones, past.ticks + terms.ticks), dtype=np.bool_)
        self._offered[:, : past.ticks] = past.offered
        self._seen = past.ticks
        self._age = [int(ages(row)[-1]) if past.ticks else 0 for row in past.offered]
        self._price = _last_known(past.price, terms.spot_price_ratio)
        self._plan: _Plan | None = None

    def choose(self, now: ZonesSituation, /) -> int:
        self._see(now)
        plan = self._plan
        if plan is None or self._is_stale(plan, now.tick):
            self._plan = plan = self._plan_anew(now)
        return self._best(plan, now)

    def _see(self, now: ZonesSituation) -> None:
        column = self._seen + now.tick
        self._offered[:, column] = now.offered
        before = self._offered[:, column - 1] if column else now.offered
        for z, (there, was) in enumerate(zip(now.offered.tolist(), before.tolist(), strict=True)):
            self._age[z] = self._age[z] + 1 if there == was and column else 0
        known = ~np.isnan(now.price)
        self._price[known] = now.price[known]

    def _is_stale(self, plan: _Plan, tick: int) -> bool:
        if (tick - plan.made_at_tick) * self._tick_hours >= PLAN_AGAIN_HOURS:
            return True
        price = self._price.tolist()
        return any(
            abs(price[z] - planned) > PRICE_MOVED * planned for z, planned in zip(plan.zones, plan.price, strict=True)
        )

    def _plan_anew(self, now: ZonesSituation) -> _Plan:
        terms = self._terms
        history = self._offered[:, : self._seen + now.tick + 1]
        shares = [recent_share(row, self._tick_hours) for row in history]
        zones = _better_first(shares, self._price, now.held)
        states = STATES[len(zones)]
        price = tuple(float(self._price[z]) for z in zones)
        time_hours = (terms.ticks - now.tick) * self._tick_hours
        margin = time_hours - (now.work_left_seconds + terms.changeover_seconds) / 3600
        key = _Key(
            tuple(level_of(shares[z]) for z in zones),
            states,
            tuple(round(p / PRICE_STEP) * PRICE_STEP for p in price),
            terms.changeover_seconds / 3600,
            self._steps_in_one(time_hours),
        )
        return _Plan(now.tick, zones, states, price, self._warden.values(key, time_hours, max(margin, 0.0)))

    def _steps_in_one(self, time_hours: float) -> int:
        """Few enough steps in all, and none much shorter than a changeover: values know no changeover half paid."""
        shortest = max(time_hours * 3600 / MOST_STEPS, self._terms.changeover_seconds)
        return max(math.ceil(shortest / STEP_SECONDS - 1e-9), 1)

    def _best(self, plan: _Plan, now: ZonesSituation) -> int:
        """The cheapest of what the guard allows; on-demand is always allowed."""
        terms, values = self._terms, plan.values
        ticks_left = terms.ticks - now.tick
        time_hours, changeover = ticks_left * self._tick_hours, terms.changeover_seconds / 3600
        margin = time_hours - now.work_left_seconds / 3600 - changeover  # with nothing held
        pending = now.changeover_left_seconds / 3600
        joint = self._joint(plan, now.offered)
        count = len(plan.zones)

        def cost(choice: int, index: int) -> float:
            stays = choice == now.held
            return values.of(index, joint, time_hours, margin - (pending if stays else changeover)) - STAY_HOURS * stays

        best, least = ON_DEMAND_HELD, self._on_demand(cost(ON_DEMAND_HELD, count), now, margin)
        for index, z in enumerate(plan.zones):
            if now.offered[z] and self._may_hold(z, now, ticks_left):
                found = cost(z, index)
                if found < least:
                    best, least = z, found
        if idle_is_safe(now.work_left_seconds, terms.changeover_seconds, terms.tick_seconds, ticks_left):
            # a tick is less than a step: the guard just above says whether there is time, not the values
            found = values.of(count + 1, joint, time_hours, max(margin, values.idle_margin_hours))
            if found < least:
                best = IDLING
        return best

    def _on_demand(self, cost: float, now: ZonesSituation, margin: float) -> float:
        """Launched with less margin than a launch takes, on-demand stays to the end."""
        changeover = self._terms.changeover_seconds / 3600
        if now.held == ON_DEMAND_HELD or margin >= changeover:
            return cost
        return now.work_left_seconds / 3600 + changeover

    def _may_hold(self, zone: int, now: ZonesSituation, ticks_left: int) -> bool:
        terms = self._terms
        pending = now.changeover_left_seconds if zone == now.held else terms.changeover_seconds
        return spot_is_safe(now.work_left_seconds, pending, terms.changeover_seconds, terms.tick_seconds, ticks_left)

    def _joint(self, plan: _Plan, offered: Flags) -> int:
        joint = 0
        for z, states in zip(plan.zones, plan.states, strict=True):
            joint = joint * states + state(bool(offered[z]), self._age[z] * self._tick_hours, states)
        return joint


class _OneZoneRun:
    """The planner of one zone, at the price that is in force when the job starts."""

    def __init__(self, planner: Planner, terms: JobTerms, past: Zones) -> None:
        self._planner, self._terms, self._past = planner, terms, past
        self._run: Run | None = None

    def choose(self, now: ZonesSituation, /) -> int:
        if self._run is None:
            price = float(now.price[0])
            if math.isnan(price):
                price = float(_last_known(self._past.price, self._terms.spot_price_ratio)[0])
            self._run = self._planner.begin(replace(self._terms, spot_price_ratio=price), self._past.offered[0])
        held = {IDLING: IDLE, ON_DEMAND_HELD: ON_DEMAND}.get(now.held, SPOT)
        left, pending = now.work_left_seconds, now.changeover_left_seconds
        mode = self._run.choose(Situation(now.tick, bool(now.offered[0]), held, left, pending, now.preempted))
        return {IDLE: IDLING, ON_DEMAND: ON_DEMAND_HELD, SPOT: 0}[mode]


def _reach(values: Values, time_hours: float, margin_hours: float) -> bool:
    reached = (values.cost.shape[0] - 1) * values.step_hours
    return reached >= time_hours - 1e-9 and float(values.margin_hours[-1]) >= margin_hours - 1e-9


def _rung(time_hours: float, margin_hours: float) -> tuple[float, float]:
    """At least as far, in both."""
    time = math.ceil(time_hours / TIME_RUNG_HOURS) * TIME_RUNG_HOURS
    return time, next((rung for rung in MARGIN_RUNGS_HOURS if rung >= margin_hours), margin_hours)


def _last_known(price: Floats, otherwise: float) -> Floats:
    """(zones,) the last price that each zone had. price  (zones, ticks)."""
    last = np.full(len(price), otherwise)
    for z, own in enumerate(price):
        known = np.flatnonzero(~np.isnan(own))
        if len(known):
            last[z] = own[known[-1]]
    return last


def _better_first(shares: list[float], price: Floats, held: int) -> tuple[int, ...]:
    """Zones by what an hour costs with on-demand while they are gone; the held one is never left out."""
    expected = [share * min(p, 1.0) + 1 - share for share, p in zip(shares, price.tolist(), strict=True)]
    order = sorted(range(len(shares)), key=lambda z: (z != held, expected[z], z))[:MOST_ZONES]
    return tuple(sorted(order, key=lambda z: (expected[z], z)))


def load_zones_planner() -> ZonesWarden:
    """With the shipped artefacts."""
    return ZonesWarden(load_prior(), load_planner())
