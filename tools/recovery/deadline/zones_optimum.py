"""The clairvoyant optimum over several zones: the cheapest plan that meets the deadline when all is known. Exact.

A plan with L launches that holds something in all ticks but I does (ticks − I) · tick − L · changeover seconds of work
(a stretch shorter than a changeover does none, but then dropping it is cheaper). So it meets the deadline exactly when
the slack that it spends, I · tick + L · changeover, is at most ticks · tick − work: ticks after the work is done count
as idle. Forward over the ticks, the least cost for (what is held, slack spent); the prices of a tick may be anything.
Slack spent takes few values: they are multiples of the greatest common divisor of tick and changeover, in whole
milliseconds, or else pairs (launches, idle ticks), whichever are fewer.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.recovery.deadline.problem import TOLERANCE_SECONDS, Flags, JobTerms
from tools.recovery.deadline.zones import (
    IDLING,
    ON_DEMAND_HELD,
    Held,
    Zones,
    ZonesOutcome,
    zones_cost_hours,
    zones_stretches,
)
from tools.traces import Floats


class _Spent(NamedTuple):
    """The values of slack spent, as an array that idling and launching shift down and right.

    shape   of the array
    idle    (rows, columns) that an idle tick shifts it by
    launch  the same of a launch
    within  (rows, columns) bool: no more slack than there is
    """

    shape: tuple[int, int]
    idle: tuple[int, int]
    launch: tuple[int, int]
    within: Flags


class _Step(NamedTuple):
    """How the best plans came over one tick.

    source    (rows, columns) int8: what the cheapest plan held before it; rows of the cost array
    launched  packed (held, rows, columns) bool: it is cheaper to launch than to have held it
    """

    source: NDArray[np.int8]
    launched: NDArray[np.uint8]


def zones_optimum(terms: JobTerms, zones: Zones) -> ZonesOutcome:
    """The plan and what it costs; where no plan meets the deadline, the one that gets the most work done.

    zones  the whole window; beyond its end nothing is offered
    """
    window = zones.between(0, terms.ticks)
    slack = terms.ticks * terms.tick_seconds - terms.work_seconds + TOLERANCE_SECONDS / 2
    if slack < terms.changeover_seconds:
        held = _all_the_time(window)
        return ZonesOutcome(zones_cost_hours(terms, window, held), False, min(1, len(held)), held)
    spent = _spent(terms, slack)
    held = _search(spent, window)
    launches = sum(stretch.mode != 0 for stretch in zones_stretches(held))
    return ZonesOutcome(zones_cost_hours(terms, window, held), True, launches, held)


def _all_the_time(window: Zones) -> Held:
    """One launch, every tick held: on-demand, or a zone that is cheaper and lasts."""
    costs = np.append(np.where(window.offered.all(axis=1), window.price.sum(axis=1), np.inf), window.ticks)
    best = int(np.argmin(costs))
    return np.full(window.ticks, best if best < len(window) else ON_DEMAND_HELD, dtype=np.int64)


def _spent(terms: JobTerms, slack: float) -> _Spent:
    tick, changeover = round(terms.tick_seconds * 1000), round(terms.changeover_seconds * 1000)
    unit = math.gcd(tick, changeover) or 1
    exact = tick == terms.tick_seconds * 1000 and abs(changeover - terms.changeover_seconds * 1000) < 1e-6
    idles = min(int(slack / terms.tick_seconds), terms.ticks)
    launches = min(int(slack / terms.changeover_seconds), terms.ticks) if changeover else 0
    count = int(slack * 1000 / unit) + 1
    if exact and count <= (idles + 1) * (launches + 1):
        shape = (1, count)
        return _Spent(shape, (0, tick // unit), (0, changeover // unit), np.ones(shape, dtype=np.bool_))
    used = np.add.outer(np.arange(launches + 1) * terms.changeover_seconds, np.arange(idles + 1) * terms.tick_seconds)
    return _Spent(used.shape, (0, 1), (1 if launches else 0, 0), used <= slack)


def _search(spent: _Spent, window: Zones) -> Held:
    """Rows of the cost array: idle, every zone, on-demand."""
    count = len(window) + 2
    cost = np.full((count, *spent.shape), np.inf)
    cost[0, 0, 0] = 0.0
    prices = np.vstack((np.zeros(window.ticks), np.where(window.offered, window.price, np.inf), np.ones(window.ticks)))
    steps = [_over(spent, cost, prices[:, tick]) for tick in range(window.ticks)]
    return _walk_back(spent, cost, steps)


def _over(spent: _Spent, cost: Floats, prices: Floats) -> _Step:
    """One tick further, in place."""
    source = np.argmin(cost, axis=0).astype(np.int8)
    best = np.min(cost, axis=0)
    best[~spent.within] = np.inf
    launch = _shifted(best, spent.launch)
    launched = np.zeros(cost.shape, dtype=np.bool_)
    cost[0] = _shifted(best, spent.idle)
    for held in range(1, len(cost)):
        if np.isinf(prices[held]):
            cost[held] = np.inf
            continue
        launched[held] = launch < cost[held]
        np.minimum(cost[held], launch, out=cost[held])
        cost[held] += prices[held]
    cost[:, ~spent.within] = np.inf
    return _Step(source, np.packbits(launched))


def _shifted(array: Floats, by: tuple[int, int]) -> Floats:
    moved = np.full(array.shape, np.inf)
    down, right = by
    if down < array.shape[0] and right < array.shape[1]:
        moved[down:, right:] = array[: array.shape[0] - down, : array.shape[1] - right]
    return moved


def _walk_back(spent: _Spent, cost: Floats, steps: list[_Step]) -> Held:
    """From the cheapest end; ticks idle at the end are left out."""
    held, row, column = (int(i) for i in np.unravel_index(int(np.argmin(cost)), cost.shape))
    names = [IDLING, *range(len(cost) - 2), ON_DEMAND_HELD]
    made: list[int] = []
    for step in reversed(steps):
        made.append(names[held])
        by = (0, 0)
        if held == 0:
            by = spent.idle
        elif _bit(step.launched, np.ravel_multi_index((held, row, column), cost.shape)):
            by = spent.launch
        else:
            continue
        row, column = row - by[0], column - by[1]
        held = int(step.source[row, column])
    plan = np.array(made[::-1], dtype=np.int64)
    return plan[: int(np.flatnonzero(plan != IDLING)[-1]) + 1]


def _bit(packed: NDArray[np.uint8], index: np.intp) -> bool:
    byte, bit = divmod(int(index), 8)
    return bool(packed[byte] >> (7 - bit) & 1)
