"""The clairvoyant optimum: the cheapest plan that meets the deadline when the whole window is known. Exact.

A plan is idle, spot and on-demand stretches. L launches and R ticks held do R · tick − L · changeover seconds of work:
a plan with L launches holds exactly `held(L)` = ceil((work + L · changeover) / tick) ticks (one more could be dropped
from the end of a stretch), and costs held(L) − (1 − k) · S with S ticks of spot. By exchange, some optimal plan
  · takes a stretch of available ticks wholly on spot or not at all, unless it holds nothing else but spot
    (a tick of on-demand could become one of spot, the launches the same),
  · has no on-demand stretch that cannot be thought to fill whole stretches of the trace: ticks in excess are dropped
    from its end, which changes neither S nor L.
So it is enough to choose for every stretch of the trace idle, spot or on-demand, with on-demand in neighbouring
stretches one launch, and to know for every (L, S) the most ticks R that can be held: (L, S) is feasible when
R ≥ held(L). Spot stretches no longer than a changeover do no work and count as unavailable. There is no cap on L.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.recovery.deadline.plan import Modes
from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    TOLERANCE_SECONDS,
    Flags,
    JobTerms,
)
from tools.recovery.deadline.replay import Outcome, cost_hours
from tools.traces import Floats, Ints

Held = NDArray[np.int32]
"""(launches, spot ticks) int32: the most ticks held, below 0 = there is no such plan"""

_NONE = np.int32(-(1 << 30))


FEW_LAUNCHES = 64
"""a first limit, for speed: the bound tells whether more could pay"""


class Part(NamedTuple):
    """Ticks in a row of one kind in the window."""

    start: int
    ticks: int
    available: bool


class _Bits(NamedTuple):
    packed: NDArray[np.uint8]
    columns: int


class _Step(NamedTuple):
    """How the best plans came over one part; (launches, spot ticks) bits each.

    after_on_demand  the better plan before it ended on on-demand
    on_spot          it is better to take the part on spot; None where there is none
    launched         on-demand over the part is launched, not kept
    """

    after_on_demand: _Bits
    on_spot: _Bits | None
    launched: _Bits


class _Best(NamedTuple):
    cost_ticks: float
    launches: int
    spot_ticks: int
    on_demand: bool
    """it ends so"""


def optimum(terms: JobTerms, available: Flags) -> Outcome:
    """The plan and what it costs; where no plan meets the deadline, the one that gets the most work done.

    available  (ticks,) bool, the whole window; ticks beyond its end are not available
    """
    parts = _parts(terms, available)
    best, steps = _search(terms, parts)
    if best is None:
        modes = np.full(terms.ticks, SPOT if all(p.available for p in parts) else ON_DEMAND, dtype=np.int8)
        return Outcome(cost_hours(terms, modes), False, min(1, len(modes)), modes)
    modes = _walk_back(terms, parts, steps, best)
    held = int(_held(terms, best.launches + 1)[-1])
    _drop(modes, int(np.count_nonzero(modes)) - held)
    modes = modes[: int(np.flatnonzero(modes)[-1]) + 1]
    return Outcome(cost_hours(terms, modes), True, best.launches, modes)


def _held(terms: JobTerms, count: int) -> Ints:
    """(count,) int64: the ticks that a plan with 0, 1, … launches holds."""
    seconds = terms.work_seconds + np.arange(count) * terms.changeover_seconds
    held: Ints = np.ceil((seconds - TOLERANCE_SECONDS) / terms.tick_seconds).astype(np.int64)
    return held


def _parts(terms: JobTerms, available: Flags) -> list[Part]:
    """The window's stretches; spot that lasts no longer than a changeover is none."""
    usable = np.zeros(terms.ticks, dtype=np.bool_)
    usable[: len(available)] = available[: terms.ticks]
    for part in _runs(usable):
        if part.available and part.ticks * terms.tick_seconds < terms.changeover_seconds + TOLERANCE_SECONDS:
            usable[part.start : part.start + part.ticks] = False
    return _runs(usable)


def _runs(flags: Flags) -> list[Part]:
    if not len(flags):
        return []
    starts = [0, *(np.flatnonzero(flags[1:] != flags[:-1]) + 1).tolist(), len(flags)]
    return [Part(a, b - a, bool(flags[a])) for a, b in pairwise(starts)]


def _search(terms: JobTerms, parts: list[Part]) -> tuple[_Best | None, list[_Step]]:
    """The cheapest plan of all and how to walk back to it; very many launches are tried only if they could pay."""
    limit = FEW_LAUNCHES
    while True:
        best, steps = _search_within(terms, parts, limit)
        cost = np.inf if best is None else best.cost_ticks
        could = np.flatnonzero(_at_least(terms, parts)[limit + 1 :] < cost)
        if not len(could):
            return best, steps
        limit += int(could[-1]) + 1


def _at_least(terms: JobTerms, parts: list[Part]) -> Floats:
    """(launches,) float64: no plan with so many launches costs less, in ticks of on-demand."""
    longest = sorted((p.ticks for p in parts if p.available), reverse=True)
    spot = np.zeros(len(parts) + 2)
    spot[1 : len(longest) + 1] = np.cumsum(longest)
    spot[len(longest) + 1 :] = sum(longest)
    held = _held(terms, len(spot))
    bound: Floats = held - (1 - terms.spot_price_ratio) * np.minimum(spot, held)
    return bound


def _search_within(terms: JobTerms, parts: list[Part], limit: int) -> tuple[_Best | None, list[_Step]]:
    idle: Held = np.zeros((1, 1), dtype=np.int32)
    on_demand: Held = np.full((1, 1), _NONE)
    steps: list[_Step] = []
    for part in parts:
        idle, on_demand, step = _over(part, idle, on_demand, limit)
        steps.append(step)
    most = np.maximum(idle, on_demand)
    held = _held(terms, len(most)).reshape(-1, 1)
    spot = np.minimum(np.arange(most.shape[1]), held)
    cost = np.where(most >= held, held - (1 - terms.spot_price_ratio) * spot, np.inf)
    n, s = divmod(int(np.argmin(cost)), cost.shape[1])  # the first of equals: the fewest launches
    if np.isinf(cost[n, s]):
        return None, steps
    return _Best(float(cost[n, s]), n, s, bool(on_demand[n, s] > idle[n, s])), steps


def _over(part: Part, idle: Held, on_demand: Held, limit: int) -> tuple[Held, Held, _Step]:
    """The best plans after one part that end it idle (or on spot, which comes to the same), and on on-demand."""
    best = np.maximum(idle, on_demand)
    rows, columns = min(len(best) + 1, limit + 1), best.shape[1] + part.ticks * part.available
    stay, launch, keep = (np.full((rows, columns), _NONE) for _ in range(3))
    stay[: len(best), : best.shape[1]] = best
    keep[: len(best), : best.shape[1]] = on_demand + part.ticks
    launch[1:, : best.shape[1]] = idle[: rows - 1] + part.ticks
    on_spot = None
    after = stay
    if part.available:
        spot = np.full((rows, columns), _NONE)
        spot[1:, part.ticks :] = best[: rows - 1] + part.ticks
        on_spot = _pack(spot > stay)
        after = np.maximum(stay, spot)
    return after, np.maximum(keep, launch), _Step(_pack(on_demand > idle), on_spot, _pack(launch > keep))


def _walk_back(terms: JobTerms, parts: list[Part], steps: list[_Step], best: _Best) -> Modes:
    modes = np.full(terms.ticks, IDLE, dtype=np.int8)
    launches, spot, on_demand = best.launches, best.spot_ticks, best.on_demand
    for part, step in zip(reversed(parts), reversed(steps), strict=True):
        here = slice(part.start, part.start + part.ticks)
        if on_demand:
            modes[here] = ON_DEMAND
            on_demand = not _bit(step.launched, launches, spot)
            launches -= not on_demand
            continue
        if step.on_spot is not None and _bit(step.on_spot, launches, spot):
            modes[here] = SPOT
            launches, spot = launches - 1, spot - part.ticks
        on_demand = _bit(step.after_on_demand, launches, spot)
    return modes


def _drop(modes: Modes, excess: int) -> None:
    """Idle so many ticks, on-demand first, from the ends of the last stretches, never a whole stretch."""
    for mode in (ON_DEMAND, SPOT):
        for run in reversed(_runs(modes == mode)):
            if run.available and excess:
                dropped = min(excess, run.ticks - 1)
                modes[run.start + run.ticks - dropped : run.start + run.ticks] = IDLE
                excess -= dropped


def _pack(flags: Flags) -> _Bits:
    return _Bits(np.packbits(flags), flags.shape[1])


def _bit(bits: _Bits, row: int, column: int) -> bool:
    byte, bit = divmod(row * bits.columns + column, 8)
    return bool(bits.packed[byte] >> (7 - bit) & 1)
