"""At which ages and hours instances are taken more often, from the lives of a job on them. Standard library only."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

FEWEST_LIVES = 8
"""interruptions under which no ages and hours are told apart"""
STEP_GAIN = 3.0
"""ln likelihood that a step of the rate must gain, for the best of a hundred places is found by chance too"""
HOUR_GAIN = 6.0
"""the same of a step by hours, which has to be surer: instances that live for a day die at the same hour for weeks"""
STEP_EVENTS = 1.0
"""an age or an hour that stands out is believed to be like any other as if so many interruptions had said so"""


@dataclass(frozen=True)
class Life:
    """The job on one instance, from one age of it to another in seconds. taken: it ended in an interruption."""

    born: float
    ended: float
    taken: bool


@dataclass(frozen=True)
class AgeSteps:
    """How much likelier than usual an instance is taken at an age: steps at `edges`, seconds, one `likes` more."""

    edges: tuple[float, ...]
    likes: tuple[float, ...]
    interruptions: int

    @classmethod
    def none(cls) -> AgeSteps:
        return cls((), (1.0,), 0)

    def place(self, age: float) -> int:
        return bisect_right(self.edges, age)

    def like(self, age: float) -> float:
        return self.likes[bisect_right(self.edges, age)]

    def next(self, age: float) -> float:
        place = bisect_right(self.edges, age)
        return self.edges[place] if place < len(self.edges) else math.inf


def age_steps(lives: Iterable[Life], *, seen: int) -> AgeSteps:
    """Steps of the rate by age that the lives themselves show, split where the likelihood gains most.

    Each side of a split must be long enough that one interruption was to be expected in it: a cluster in a second is
    no step.
    """
    kept = [life for life in lives if life.ended > life.born]
    ends = sorted(life.ended for life in kept if life.taken)
    if len(ends) < FEWEST_LIVES:
        return AgeSteps((), (1.0,), seen)
    hours = sum(life.ended - life.born for life in kept)
    points = _points(kept, ends, len(ends) / hours)
    edges, likes = _steps(points, STEP_GAIN)
    return AgeSteps(tuple(points[i][0] for i in edges), tuple(likes), seen)


def hour_likes(hours: list[float], seen: list[float]) -> list[float]:
    """How much likelier than usual each hour of the day is, from hours lived and interruptions seen in each."""
    if sum(seen) < FEWEST_LIVES or not sum(hours):
        return [1.0] * len(hours)
    rate, points = sum(seen) / sum(hours), [(0.0, 0.0, 0)]
    for hour, lived in enumerate(hours):
        _, expected, count = points[-1]
        points.append((hour + 1.0, expected + rate * lived, count + int(seen[hour])))
    edges, likes = _steps(points, HOUR_GAIN)
    return [likes[bisect_right(edges, hour)] for hour in range(len(hours))]


def _steps(points: list[tuple[float, float, int]], gain: float) -> tuple[list[int], list[float]]:
    """Which points are steps, and what is likelier between them."""
    edges = _splits(points, 0, len(points) - 1, gain)
    bounds, likes = [0, *edges, len(points) - 1], []
    for i in range(len(bounds) - 1):
        (_, e0, n0), (_, e1, n1) = points[bounds[i]], points[bounds[i + 1]]
        likes.append((STEP_EVENTS + n1 - n0) / (STEP_EVENTS + e1 - e0))
    return edges, likes


def _points(lives: list[Life], ends: list[float], rate: float) -> list[tuple[float, float, int]]:
    """(age, interruptions expected below it, seen below it): places between interruptions where a step may be."""
    born, ended = sorted(life.born for life in lives), sorted(life.ended for life in lives)
    lived = _summed_below(ended), _summed_below(born)
    points, before = [(0.0, 0.0, 0)], 0.0
    for end in sorted({*ends, ended[-1]}):
        gap = end - before
        for age in (before + gap / 4, end - gap / 4):
            expected = rate * (lived[0](age) - lived[1](age))
            points.append((age, expected, bisect_right(ends, age)))
        before = end
    points.append((math.inf, rate * (sum(ended) - sum(born)), len(ends)))
    return points


def _summed_below(values: list[float]) -> Callable[[float], float]:
    """x → Σ min(value, x), for values in order."""
    sums = [0.0, *accumulate(values)]

    def total(x: float) -> float:
        below = bisect_right(values, x)
        return sums[below] + x * (len(values) - below)

    return total


def _splits(points: list[tuple[float, float, int]], low: int, high: int, least: float) -> list[int]:
    (_, e0, n0), (_, e1, n1) = points[low], points[high]
    alone, best, where = _log_likelihood(n1 - n0, e1 - e0), least, -1
    for i in range(low + 1, high):
        _, e, n = points[i]
        if e - e0 < 1 or e1 - e < 1:
            continue
        gain = _log_likelihood(n - n0, e - e0) + _log_likelihood(n1 - n, e1 - e) - alone
        if gain > best:
            best, where = gain, i
    return [] if where < 0 else [*_splits(points, low, where, least), where, *_splits(points, where, high, least)]


def _log_likelihood(seen: int, expected: float) -> float:
    return seen * math.log(seen / expected) if seen and expected > 0 else 0.0
