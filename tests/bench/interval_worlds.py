"""Worlds in which a job is interrupted, and the best schedule of each for somebody who knows its hazard.

A life is the time from a restart to the interruption. Restarts cost the same whatever the schedule and are left out:
what is left is the waste that a schedule answers for, and its ratio to the best is at its harshest.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.recovery.guard.waste import daly_seconds

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
HOUR, DAY = 3600.0, 86_400.0
WEIBULL_SHAPES = (0.5, 0.7, 1.5)
BATHTUB = (0.45, 1.0, 0.8, 24.0)
"""A, τ1, τ2, b in hours of F(t) = A(1 − e^(−t/τ1) + e^((t−b)/τ2)): GCP's preemptible VMs, Kadupitiya et al. 2020"""
DAY_FACTORS = (0.3,) * 14 + (2.4,) * 8 + (0.3,) * 2
"""of the rate, by hours of a UTC day: New York at work; their mean is 1"""
STEPS = 24
"""grid points to an interval"""
TAIL = 1e-4


@dataclass(frozen=True)
class Lives:
    """(n,) each: length and start in seconds, whether it ended in an interruption, and in a save within its notice."""

    seconds: Floats
    start: Floats
    taken: Flags
    noticed: Flags

    def with_notice(self, share: float, rng: np.random.Generator) -> "Lives":
        return Lives(self.seconds, self.start, self.taken, rng.random(len(self.seconds)) < share)


@dataclass(frozen=True)
class World:
    """cumulative  ∫ hazard from 0, rising with its time: age of the instance, or the clock where `clocked`

    between     mean time between interruptions, seconds
    known_plan  (save, saved share) → the best schedule, where it has a closed form
    """

    name: str
    between: float
    cumulative: Callable[[Floats], Floats]
    clocked: bool = False
    known_plan: "Callable[[float, float], Plan] | None" = None

    def lives(self, count: int, rng: np.random.Generator) -> Lives:
        spent = rng.exponential(size=count)
        if self.clocked:
            ends = self._when(np.cumsum(spent))
            start = np.concatenate(([0.0], ends[:-1]))
            seconds = ends - start
        else:
            seconds = self._when(spent)
            start = np.concatenate(([0.0], np.cumsum(seconds)[:-1]))
        none = np.zeros(count, dtype=bool)
        return Lives(seconds, start, ~none, none)

    def _when(self, spent: Floats) -> Floats:
        """The inverse of the cumulative hazard, by bisection."""
        low, high = np.zeros_like(spent), np.full_like(spent, self.between)
        while (short := self.cumulative(high) < spent).any():
            high[short] *= 2
        for _ in range(60):
            middle = (low + high) / 2
            under = self.cumulative(middle) < spent
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return high


def exponential(between: float) -> World:
    return World("exponential", between, lambda t: t / between)


def weibull(shape: float, between: float) -> World:
    scale = between / math.gamma(1 + 1 / shape)
    return World(f"Weibull k={shape:g}", between, lambda t: (t / scale) ** shape)


def bathtub(between: float | None = None) -> World:
    """As published (its mean is about 12 h), or with every time stretched to another mean."""
    share, early, late, end = BATHTUB
    grid = np.linspace(0, end, 200_001)
    lost = np.minimum(share * (1 - np.exp(-grid / early) + np.exp((grid - end) / late)), 1 - 1e-9)
    lost -= lost[0]
    whole = -np.log1p(-lost)
    mean = float(np.trapezoid(1 - lost, grid)) * HOUR
    times = 1.0 if between is None else between / mean

    def cumulative(t: Floats) -> Floats:
        hours = t / HOUR / times
        within: Floats = np.interp(hours, grid, whole)
        return within + np.maximum(hours - end, 0) * 1e3  # nothing lives longer

    return World("bathtub, 24 h" if between is None else "bathtub, stretched", mean * times, cumulative)


def daily(between: float) -> World:
    edges = np.arange(25) * HOUR
    at = np.concatenate(([0.0], np.cumsum(DAY_FACTORS))) * HOUR

    def cumulative(t: Floats) -> Floats:
        days, within = np.divmod(t, DAY)
        found: Floats = (days * DAY + np.interp(within, edges, at)) / between
        return found

    return World("by hours of the day", between, cumulative, clocked=True)


def sine(between: float) -> World:
    omega = 2 * math.pi / DAY
    return World("daily sine", between, lambda t: (t + 0.8 / omega * (1 - np.cos(omega * t))) / between, clocked=True)


def falling(between: float, lives: int) -> World:
    """M falls to a quarter after half of the lives."""
    turn = lives / 2 * between

    def cumulative(t: Floats) -> Floats:
        return np.where(t < turn, t, turn + 4 * (t - turn)) / between

    def plan(save: float, share: float) -> Plan:
        before, after = (daly_seconds(save, m / (1 - share)) if share < 1 else 1e9 for m in (between, between / 4))
        return lambda age, clock: np.where(clock < turn, before, after)

    return World("M falls to a quarter", between, cumulative, clocked=True, known_plan=plan)


# schedules that are told beforehand

Plan = Callable[[Floats, Floats], Floats]
"""(age, clock) in seconds → work until the next save, for many lives at once"""


def fixed(seconds: float) -> Plan:
    return lambda age, clock: np.full_like(age, seconds)


def wasted(plan: Plan, lives: Lives, save: float) -> float:
    """Seconds of saves and of work done twice, over all lives. A life's unfinished end that nobody took is kept."""
    at, left = np.zeros_like(lives.seconds), np.arange(len(lives.seconds))
    total = 0.0
    while len(left):
        whole = lives.seconds[left]
        stop = at[left] + np.maximum(plan(at[left], lives.start[left] + at[left]), 1e-3)
        held = stop + save <= whole
        ended = left[~held]
        total += save * int(held.sum()) + ending(at[ended], stop[~held], lives, ended, save)
        at[left[held]] = stop[held] + save
        left = left[held]
    return total


def ending(at: Floats, stop: Floats, lives: Lives, ended: NDArray[np.int64], save: float) -> float:
    """What the ends of some lives cost: all work since the last save, or one save more where the notice was enough."""
    whole, taken = lives.seconds[ended], lives.taken[ended]
    noticed = lives.noticed[ended] & taken
    cut = np.maximum(whole - stop, 0)  # of a save that was under way
    return float(np.where(noticed, cut + save, np.where(taken, whole - at, cut)).sum())


def best_plan(world: World, save: float, saved_share: float) -> Plan:
    """The schedule with the least waste for this hazard, by dynamic programming over times of saves.

    G(t) = max over s: (1 − q)·S(s)·(s − t − δ) + q·∫ S from t to s − δ + G(s), S the share that lives at s, and G the
    lasting work from t on per life that began. By the clock, an interruption goes on at once: its worth is added.
    """
    if world.known_plan is not None:
        return world.known_plan(save, saved_share)
    times = _grid(world, save, saved_share)
    hazard = world.cumulative(times)
    alive = np.exp(-hazard)
    area = np.concatenate(([0.0], np.cumsum((alive[1:] + alive[:-1]) / 2 * np.diff(times))))
    before = np.interp(times - save, times, area)  # ∫ S up to the start of a save that ends here
    works = _backwards(times, alive, area, before, hazard if world.clocked else None, save, saved_share)
    if not world.clocked:
        return lambda age, clock: np.interp(age, times, works)
    return lambda age, clock: np.interp(clock % DAY, times, works)


def _grid(world: World, save: float, saved_share: float) -> Floats:
    """Times closer together where more saves are worth while, to where hardly anything lives, or for three days."""
    if world.clocked:
        every = daly_seconds(save, world.between / 3)
        return np.arange(0, 3 * DAY + 1, min(every / 8, 600))
    end = world.between
    while world.cumulative(np.array([end]))[0] < -math.log(TAIL):
        end *= 1.2
    fine = np.concatenate(([0.0], np.geomspace(1, end, 40_000)))
    steps = np.diff(world.cumulative(fine))
    density = np.sqrt((1 - saved_share) * steps / np.diff(fine) / (2 * save))
    passed = np.concatenate(([0.0], np.cumsum(np.maximum(density, 1 / world.between) * np.diff(fine))))
    grid: Floats = np.interp(np.arange(0, passed[-1], 1 / STEPS), passed, fine)
    step = save / 4  # where δ is long beside the interval, a save still takes several steps
    return np.unique(np.concatenate((grid, np.arange(0, min(40 * save, end), step))))


def _backwards(
    times: Floats, alive: Floats, area: Floats, before: Floats, hazard: Floats | None, save: float, share: float
) -> Floats:
    count = len(times)
    value, worth = np.zeros(count), np.zeros(count)  # G, and what interruptions from here on are worth
    works = np.full(count, times[-1])
    first = np.searchsorted(times, times + save, side="right")
    for i in range(count - 2, -1, -1):
        stay = share * (area[-1] - area[i]) if hazard is not None else 0.0
        if hazard is not None:
            worth[i] = worth[i + 1] + (hazard[i + 1] - hazard[i]) * value[i + 1]
            stay += worth[i] - worth[-1]
        low, high = int(first[i]), min(int(first[i]) + 30 * STEPS, count)
        if low >= count:
            value[i] = max(stay, share * (area[-1] - area[i]))
            continue
        work = times[low:high] - times[i] - save
        found = (1 - share) * alive[low:high] * work + share * (before[low:high] - area[i]) + value[low:high]
        if hazard is not None:
            found += worth[i] - worth[low:high]
        k = int(np.argmax(found))
        value[i], works[i] = found[k], work[k]
        if hazard is None and share * (area[-1] - area[i]) > found[k]:  # never to save again
            value[i], works[i] = share * (area[-1] - area[i]), times[-1]
    return works
