"""The stochastic dynamic programme: what a job is expected to cost from each state on, under a chain of pool classes.

State: time left, slack, mode, class. Slack is time left less work left less changeover pending: running keeps it, a
step of idling takes one step of it and a launch one changeover, so nothing is interpolated where it matters. A spot
instance just launched has modes of its own while its changeover lasts: lost early, it gives the unspent part back. The
guard is in the programme: an action after which on-demand no longer fits is not there.

Costs are in steps of on-demand, idling at a small toll. One table serves every shorter deadline and smaller job.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
NEVER = np.float32(1e6)
NEAR_SECONDS, KEPT_SECONDS = 3 * 3600.0, 1800.0
"""a table keeps every step near the deadline, further off one in so many seconds; in between it is linear"""
ONE_THREAD = 250_000
"""multiplications that BLAS does without starting threads: on small matrices they cost more than they do"""
IDLE_TOLL = 0.02
"""added for every step of idling, in steps of on-demand: a chain knows no bad days to come"""
SLACK_HOURS = ((0.0, 2.0, 0.05), (2.0, 6.0, 0.1), (6.0, 16.0, 0.5), (16.0, 48.0, 2.0))
"""(from, until, spacing): a launch is won or lost on little slack"""


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain of classes from one step to the next; the first half of them are down, the second half up.

    step_seconds  between transitions
    moves         (classes, classes) float32, rows sum to 1
    """

    step_seconds: float
    moves: Singles

    @property
    def classes(self) -> int:
        return len(self.moves)


@dataclass(frozen=True)
class Scope:
    """What a table is for: deadlines up to and work (with one changeover) up to, in seconds."""

    deadline_seconds: float
    work_seconds: float

    def covers(self, other: "Scope") -> bool:
        return self.deadline_seconds >= other.deadline_seconds and self.work_seconds >= other.work_seconds


@dataclass(frozen=True, eq=False)
class Table:
    """Expected cost on arriving, in steps of on-demand.

    slack   (points,) float64, steps, rising from 0
    near    steps from the deadline that are all kept
    every   steps between two of `kept` beyond
    kept    by time: (points, idle K + on-demand K + spot K/2 + spot just launched K/2) float32
    """

    scope: Scope
    step_seconds: float
    classes: int
    slack: Doubles
    near: int
    every: int
    kept: Singles

    @cached_property
    def points(self) -> list[float]:
        return [float(s) for s in self.slack]

    def cost(self, column: int, time_left: float, slack: float) -> float:
        """column: of `kept`; time and slack in steps, bilinear. Past the table's ends: its last."""
        if time_left - slack <= 0:
            return 0.0
        if slack < 0:
            return time_left - slack
        beyond = time_left - self.near
        row = min(time_left if beyond <= 0 else self.near + beyond / self.every, len(self.kept) - 1.0)
        early = min(int(row), len(self.kept) - 2)
        points = self.points
        low = min(bisect_right(points, slack) - 1, len(points) - 2)
        share = min(1.0, (slack - points[low]) / (points[low + 1] - points[low]))
        now, later = self.kept[early, :, column], self.kept[early + 1, :, column]
        below, above = now.item(low), later.item(low)
        below += share * (now.item(low + 1) - below)
        above += share * (later.item(low + 1) - above)
        return below + (row - early) * (above - below)


def slack_points(most_hours: float, step_seconds: float) -> Doubles:
    """In steps."""
    hours = [np.arange(round((b - a) / h)) * h + a for a, b, h in SLACK_HOURS if a < most_hours]
    beyond = np.arange(SLACK_HOURS[-1][1], max(most_hours, 0) + 8, 8.0)
    points = np.concatenate([*hours, beyond])
    enough = int(np.searchsorted(points, most_hours)) + 2
    steps: Doubles = points[:enough] * 3600 / step_seconds
    return steps


class _Shift:
    """Values at slack + by, linear between points; `inside` where that is not below 0."""

    def __init__(self, slack: Doubles, by: float) -> None:
        at = slack + by
        self.low = np.clip(np.searchsorted(slack, at + 1e-9, side="right") - 1, 0, len(slack) - 2)
        share = (at - slack[self.low]) / (slack[self.low + 1] - slack[self.low])
        self.share = np.clip(share, 0, 1).astype(np.float32)[:, None]

    def __call__(self, values: Singles, first: int, last: int) -> Singles:
        low, share = self.low[first:last], self.share[first:last]
        below = values[low]
        moved: Singles = below + share * (values[low + 1] - below)
        return moved


@dataclass(eq=False)
class _Programme:
    """One backward sweep. d, r and slack in steps."""

    chain: Chain
    changeover: float
    price: float
    slack: Doubles

    def __post_init__(self) -> None:
        slack, d = self.slack, self.changeover
        self.half = self.chain.classes // 2
        self.onward = np.ascontiguousarray(self.chain.moves.T)
        self.onward_up = np.ascontiguousarray(self.chain.moves[self.half :].T)
        self.stages = max(0, math.ceil(d - 1e-9) - 1)
        self.pending = [d - j for j in range(1, self.stages + 1)]
        self.idled, self.launched = _Shift(slack, -1), _Shift(slack, -d)
        self.regained = [_Shift(slack, r) for r in self.pending]
        self.after_first = max(d - 1, 0.0)
        n, k, up = len(slack), self.chain.classes, self.half
        self.idle, self.on_demand = np.zeros((n, k), np.float32), np.zeros((n, k), np.float32)
        self.spot = [np.zeros((n, up), np.float32) for _ in range(self.stages + 1)]
        """[0] without pending changeover, [j] in stage j"""

    def step(self, left: int, first: int, last: int) -> None:
        """From `left` − 1 steps left to `left`; rows outside [first, last) are kept as they are."""
        slack, d, up, rows = self.slack[first:last], self.changeover, self.half, slice(first, last)
        late = (left - slack + d)[:, None].astype(np.float32)
        low = int(np.searchsorted(slack, d - 1e-7))
        launch = 1 + self.launched(self.on_demand, first, last)
        launch[:low] = late[:low]
        idling = np.float32(IDLE_TOLL) + self.idled(self.idle, first, last)
        idling[: int(np.searchsorted(slack, d + 1 - 1e-7))] = NEVER
        common = np.minimum(launch, idling)
        to_spot = self.price + self.launched(self.spot[min(1, self.stages)], first, last)
        barred = (slack < 2 * d - self.after_first - 1e-7) & (left - 1 - slack + d > 1e-7)
        to_spot[barred] = NEVER
        idle = common.copy()
        idle[:, up:] = np.minimum(common[:, up:], to_spot)
        held = np.minimum(1 + self.on_demand[rows], idling)
        held[:, up:] = np.minimum(held[:, up:], to_spot)
        staying = self._staying(left, slack, rows, common[:, up:])
        done = int(np.searchsorted(slack, left - 1e-9))
        for values in (idle, held, *staying):
            values[done:] = 0
        self._average(idle, held, staying, first, last)

    def _staying(self, left: int, slack: Doubles, rows: slice, common: Singles) -> list[Singles]:
        """On spot that is still there, by stage."""
        found = []
        ending = left - 1 - slack <= 1e-7
        for stage in range(self.stages + 1):
            following = stage + 1 if 0 < stage < self.stages else 0
            stay = self.price + self.spot[following][rows]
            left_over = max(self.pending[stage - 1] - 1, 0.0) if stage else 0.0
            stay[(slack + left_over < self.changeover - 1e-7) & ~ending] = NEVER
            found.append(np.minimum(stay, common) if not stage else stay)
        return found

    def _average(self, idle: Singles, held: Singles, staying: list[Singles], first: int, last: int) -> None:
        """Expectation over the class of the next step."""
        up, rows = self.half, slice(first, last)
        whole = self.idle.copy() if self.stages else self.idle
        whole[rows] = idle
        arrived = []
        for stage, stay in enumerate(staying):
            if stage:
                back = self.regained[stage - 1](whole, first, last)
                kept = np.where(stay >= NEVER, back[:, up:], stay)
            else:
                back, kept = idle, stay
            arrived.append(np.concatenate([back[:, :up], kept], axis=1))
        _multiply(idle, self.onward, self.idle[rows])
        _multiply(held, self.onward, self.on_demand[rows])
        for stage, values in enumerate(arrived):
            _multiply(values, self.onward_up, self.spot[stage][rows])

    def extend(self, first: int) -> None:
        """Rows just below the window, as far as a step reaches: more work than any job has, priced as on-demand."""
        begin = int(np.searchsorted(self.slack, self.slack[first] - self.changeover - 2))
        more = (self.slack[first] - self.slack[begin:first])[:, None].astype(np.float32)
        for values in (self.idle, self.on_demand, *self.spot):
            values[begin:first] = values[first] + more


def solve(chain: Chain, *, changeover_seconds: float, spot_price_ratio: float, scope: Scope) -> Table:
    """The table of one changeover and one price.

    changeover_seconds  0 or more
    spot_price_ratio    above 0; at 1 or more spot is never worth a launch
    """
    step = chain.step_seconds
    steps = math.ceil(scope.deadline_seconds / step) + 1
    most_work = scope.work_seconds / step + 2
    slack = slack_points(scope.deadline_seconds / 3600, step)
    programme = _Programme(chain, changeover_seconds / step, spot_price_ratio, slack)
    near, every = math.ceil(NEAR_SECONDS / step), max(1, round(KEPT_SECONDS / step))
    half, classes = chain.classes // 2, chain.classes
    times = [*range(near), *range(near, steps + every, every)]
    kept = np.zeros((len(times), len(slack), 2 * classes + 2 * half), np.float32)
    row = 1
    for left in range(1, times[-1] + 1):
        first = int(np.searchsorted(slack, left - most_work))
        last = min(len(slack), int(np.searchsorted(slack, left)) + 2)
        first = min(first, last - 2)
        programme.step(left, first, last)
        programme.extend(first)
        if left == times[row]:
            columns = (programme.idle, programme.on_demand, programme.spot[0], programme.spot[min(1, programme.stages)])
            np.concatenate(columns, axis=1, out=kept[row])
            row += 1
    return Table(scope, step, classes, slack, near, every, kept)


def _multiply(values: Singles, by: Singles, out: Singles) -> None:
    rows = max(1, ONE_THREAD // by.size)
    for first in range(0, len(values), rows):
        np.matmul(values[first : first + rows], by, out=out[first : first + rows])
