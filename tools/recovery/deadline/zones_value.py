"""What each choice is worth when zones come and go by their chains: a stochastic dynamic programme over several zones.

State: time left to the deadline; margin; what is held; the state of every zone in its chain (zones are independent).
Margin is what could still be idled away, or spent on launches, before on-demand with one changeover is the only way:
time left − work left − changeover left − changeover. Spot and idling need a margin of 0 or more afterwards; running
keeps it, idling spends time, a launch spends a changeover. So margin needs interpolation only where something is spent.
Cost is in on-demand-hours. Steps are longer than ticks; a choice is held for one step, then chosen again. A zone that
was held and went and came back within a step is to be launched again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tools.recovery.deadline.zones_chain import Chain
from tools.traces import Floats

Singles = NDArray[np.float32]
IDLE_COST_PER_HOUR: Final = 0.03
"""on-demand-hours: waiting is a little worse than the chains say, which know no bad days to come"""
_NEVER: Final = np.float32(1e6)
_MARGIN_STEPS: Final = ((0.0, 1.0, 0.05), (1.0, 2.6, 0.1), (2.6, 5.0, 0.3))
"""hours from, to, apart; beyond them an hour or a twentieth apart"""


@dataclass(frozen=True, eq=False)
class Values:
    """Expected cost from now on, of holding each of zones 0 …, on-demand, nothing (in this order) for the next step.

    cost          (steps + 1, held, margins, joint states) float32, on-demand-hours; time left 0, 1, … steps
    margin_hours  (margins,) float64, rising from 0
    step_hours    of time left
    """

    cost: Singles
    margin_hours: Floats
    step_hours: float

    @property
    def idle_margin_hours(self) -> float:
        """The least margin at which a whole step of idling has a value."""
        return float(self.margin_hours[np.searchsorted(self.margin_hours, self.step_hours - 1e-9)])

    def of(self, held: int, joint: int, time_hours: float, margin_hours: float) -> float:
        """Between the four nearest values. joint: number of the joint state; margin below 0 counts as 0."""
        place = min(max(time_hours, 0.0) / self.step_hours, self.cost.shape[0] - 1)
        step = min(int(place), self.cost.shape[0] - 2)
        later = place - step
        margins = self.margin_hours
        low = min(max(int(np.searchsorted(margins, margin_hours, side="right")) - 1, 0), len(margins) - 2)
        more = (margin_hours - float(margins[low])) / float(margins[low + 1] - margins[low])
        more = min(max(more, 0.0), 1.0)
        (a, b), (c, d) = self.cost[step : step + 2, held, low : low + 2, joint].tolist()
        now, then = a + more * (b - a), c + more * (d - c)
        return float(now + later * (then - now))


def solve(
    chains: Sequence[Chain],
    price: Sequence[float],
    *,
    changeover_hours: float,
    time_hours: float,
    margin_hours: float,
    step_hours: float,
) -> Values:
    """Backward from the deadline.

    chains        one a zone, for one step
    price         (zones,) spot price / on-demand price, taken to stay
    time_hours    the longest time left that will be asked for
    margin_hours  the largest margin
    """
    return _Problem(chains, price, changeover_hours, step_hours, margin_hours).solve(
        max(math.ceil(time_hours / step_hours - 1e-9), 1)
    )


class _Spending:
    """Margins after something is spent: between which, how far, and whether there is as much."""

    def __init__(self, margins: Floats, spent_hours: float) -> None:
        after = margins - spent_hours
        self.low = np.clip(np.searchsorted(margins, after, side="right") - 1, 0, len(margins) - 2)
        share = (after - margins[self.low]) / (margins[self.low + 1] - margins[self.low])
        self.share = np.clip(share, 0, 1).astype(np.float32)[:, None]
        self.enough = (after >= -1e-9)[:, None]

    def __call__(self, values: Singles, otherwise: Singles | np.float32) -> Singles:
        """values  (margins, joint states)"""
        low = values[self.low]
        spent: Singles = np.where(self.enough, low + (values[self.low + 1] - low) * self.share, otherwise)
        return spent


class _Moves:
    """Expectation over where the joint state goes: products over the zones, as two matrices."""

    def __init__(self, matrices: Sequence[Floats], half: int) -> None:
        self.left = _product(matrices[:half])
        self.right = np.ascontiguousarray(_product(matrices[half:]).T)

    def __call__(self, values: Singles) -> Singles:
        """values  (margins, joint states)"""
        apart = values.reshape(len(values), len(self.left), len(self.right))
        expected: Singles = np.matmul(np.matmul(self.left, apart), self.right).reshape(values.shape)
        return expected


def _product(matrices: Sequence[Floats]) -> Singles:
    one: NDArray[np.generic] = np.ones((1, 1))
    return reduce(np.kron, matrices, one).astype(np.float32)


class _Problem:
    def __init__(
        self,
        chains: Sequence[Chain],
        price: Sequence[float],
        changeover_hours: float,
        step_hours: float,
        margin_hours: float,
    ) -> None:
        moved, lived = [c.moved for c in chains], [c.lived for c in chains]
        dims = [len(m) for m in moved]
        half = min(range(len(dims) + 1), key=lambda i: abs(math.prod(dims[:i]) - math.prod(dims[i:])))
        self.step, self.changeover, self.price = step_hours, changeover_hours, price
        self.margins = margins(max(margin_hours, step_hours))
        self.launch = _Spending(self.margins, changeover_hours)
        self.idle = _Spending(self.margins, step_hours)
        self.moves = _Moves(moved, half)
        zones = range(len(chains))
        self.lives = [_Moves([lived[i] if i == z else moved[i] for i in zones], half) for z in zones]
        lost = [m - v for m, v in zip(moved, lived, strict=True)]
        self.breaks = [_Moves([lost[i] if i == z else moved[i] for i in zones], half) for z in zones]
        joint = np.unravel_index(np.arange(math.prod(dims)), dims)
        self.up = [joint[z] < chains[z].ups for z in zones]

    def solve(self, steps: int) -> Values:
        zones, joint = len(self.up), len(self.up[0])
        cost = np.empty((steps + 1, zones + 2, len(self.margins), joint), dtype=np.float32)
        cost[0] = 0.0
        best = np.zeros(cost.shape[1:], dtype=np.float32)
        for step in range(1, steps + 1):
            self._back(step * self.step, best, cost[step])
        return Values(cost, self.margins, self.step)

    def _back(self, time_hours: float, best: Singles, cost: Singles) -> None:
        """One step. best: what is best a step later, by what is held; becomes the same of now. cost: to be filled."""
        zones = len(self.up)
        left = time_hours - self.margins - self.changeover  # work and changeover left of what is held
        done = left <= 1e-9  # the larger margins
        billed = (np.clip(left / self.step, 0, 1) * self.step).astype(np.float32)[:, None]
        for z in range(zones):
            later = self.lives[z](best[z]) + self.breaks[z](best[zones + 1])
            cost[z] = np.where(self.up[z], np.float32(self.price[z]) * billed + later, _NEVER)
        cost[zones] = billed + self.moves(best[zones])
        waited = self.idle(self.moves(best[zones + 1]), _NEVER)
        cost[zones + 1] = waited + np.float32(IDLE_COST_PER_HOUR * self.step)
        cost[:, done] = 0.0
        to_the_end = np.maximum(time_hours - self.margins, 0).astype(np.float32)[:, None]
        anew = np.minimum(cost[zones + 1], self.launch(cost[zones], to_the_end))
        np.minimum(anew, self.launch(cost[:zones].min(axis=0), _NEVER), out=anew)
        anew[done] = 0.0
        np.minimum(cost, anew, out=best)


def margins(most_hours: float) -> Floats:
    """(margins,) from 0 to at least so many hours, at least two; finer near 0, where a launch matters most."""
    found = [x for start, end, apart in _MARGIN_STEPS for x in np.arange(start, end - 1e-9, apart).tolist()]
    found.append(_MARGIN_STEPS[-1][1])
    while found[-1] < most_hours:
        found.append(found[-1] + max(1.0, found[-1] / 20))
    enough = max(int(np.searchsorted(found, most_hours - 1e-9)) + 1, 2)
    return np.array(found[:enough])
