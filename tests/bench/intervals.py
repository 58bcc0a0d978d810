"""What a checkpoint schedule wastes, beside the best one that knows the hazard, Young–Daly and the guides' table.

Waste  seconds of saves, and of work done twice; a save within a notice counts as a save. Not counted: the restart,
which costs every schedule the same, and the save of the finished result, which every job makes once.
Clairvoyant schedule  the one with the least expected waste for the true hazard, by age and by hour of the day: it knows
everything about chance and no moment (simulated: dynamic programming; real traces, whose hazard nobody knows: the
better of the best fixed interval in hindsight and the best schedule for the Weibull hazard fitted to the whole trace).
Clairvoyant of moments  saves once, just before each interruption, and wastes δ an interruption. No schedule without
that knowledge comes near it: by its waste alone even the clairvoyant schedule is √(2M/δ) times as wasteful. Told
beside: how much longer the job takes than under it.
Ours  the shipped Schedule, from a prior 4 × too high or too low, learning as it goes; nothing is fitted on what is scored.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import interval_worlds as worlds
from tests.bench.interval_worlds import HOUR, Floats, Lives, Plan, World, best_plan, fixed, wasted
from tools.recovery.guard.interval import UNKNOWN, Belief, Schedule, believed
from tools.recovery.guard.waste import fits_notice, guide_seconds, usable_seconds
from tools.traces import Trace, find_traces, read_trace

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SPOTWARDEN_DATA") or ROOT.parent / "shared" / "data")
GOAL = "<= 1.10 x"
BETWEEN_HOURS = (1.0, 6.0, 48.0)
CELLS = (
    (10.0, 0.0),
    (60.0, 0.0),
    (600.0, 0.0),
    (10.0, 0.5),
    (60.0, 0.5),
    (10.0, 0.9),
    (60.0, 0.9),
    (10.0, 1.0),
    (60.0, 1.0),
)
"""(δ seconds, share of interruptions whose notice is enough)"""
TRACE_CELLS = ((10.0, 0.0), (60.0, 0.0), (300.0, 0.0), (600.0, 0.0), (60.0, 0.5), (60.0, 0.9))
WRONG = (0.25, 4.0)
"""what the prior's M is, times the true one"""
LIVES, SEEDS, LONG = 200, 4, 800
FEWEST = 20
"""interruptions of a real trace that is scored"""
LONG_JOB_SECONDS = 24 * HOUR
"""what the guides' table is asked for: every job of more than two hours is one to it"""


@dataclass(frozen=True)
class Cell:
    """Waste in seconds of one world, δ and q, all seeds and priors together; ours also after half of the lives."""

    world: str
    between_hours: float
    save: float
    share: float
    ours: float
    late: float
    best: float
    best_late: float
    young_daly: float
    guides: float
    moments: float
    seconds: float

    @property
    def ratio(self) -> float:
        return self.ours / self.best

    @property
    def label(self) -> str:
        notice = f", q {self.share:g}" if self.share else ""
        return f"M {self.between_hours:.2g} h, δ {self.save:g} s{notice}"


def ours(lives: Lives, save: float, prior: Belief) -> Floats:
    """(lives,) seconds that the shipped schedule wastes in each."""
    schedule, now, total = Schedule(prior), 0.0, []
    every = zip(*(a.tolist() for a in (lives.seconds, lives.start, lives.taken, lives.noticed)), strict=True)
    for whole, start, taken, noticed in every:
        schedule.started(now, utc_seconds=start)
        at = spent = 0.0
        while (stop := at + max(schedule.seconds_left(now + at), 1e-3)) + save <= whole:
            spent, at = spent + save, stop + save
            schedule.saved(now + at, save)
        cut = max(whole - stop, 0.0)
        total.append(spent + (cut + save if noticed and taken else whole - at if taken else cut))
        now += whole
        if taken:
            schedule.interrupted(now, saved=noticed)
    return np.array(total)


def first(lives: Lives, count: int) -> Lives:
    return Lives(*(a[:count] for a in (lives.seconds, lives.start, lives.taken, lives.noticed)))


def measured(
    name: str, between: float, plan: Plan, every: Sequence[Lives], save: float, share: float, priors: Sequence[Belief]
) -> Cell:
    """One cell: all schedules on the same lives."""
    half = len(every[0].seconds) // 2
    spent = [[ours(lives, save, prior) for prior in priors] for lives in every]
    best = sum(wasted(plan, lives, save) for lives in every)
    early = sum(wasted(plan, first(lives, half), save) for lives in every)
    known = share if fits_notice(save) else None
    return Cell(
        world=name,
        between_hours=between / HOUR,
        save=save,
        share=share,
        ours=float(np.mean([[a.sum() for a in run] for run in spent])) * len(every),
        late=float(np.mean([[a[half:].sum() for a in run] for run in spent])) * len(every),
        best=best,
        best_late=best - early,
        young_daly=sum(wasted(fixed(usable_seconds(save, between, known)), lives, save) for lives in every),
        guides=sum(wasted(fixed(guide_seconds(LONG_JOB_SECONDS)), lives, save) for lives in every),
        moments=sum(float(np.minimum(lives.seconds, save)[lives.taken].sum()) for lives in every),
        seconds=sum(float(lives.seconds.sum()) for lives in every),
    )


def families() -> list[list[World]]:
    """Each family at every M; the published bathtub has its own."""
    hours = [h * HOUR for h in BETWEEN_HOURS]
    return [
        [worlds.exponential(m) for m in hours],
        *([worlds.weibull(k, m) for m in hours] for k in worlds.WEIBULL_SHAPES),
        [worlds.bathtub()],
        [worlds.bathtub(m) for m in hours],
        [worlds.daily(m) for m in hours],
        [worlds.sine(m) for m in hours],
        [worlds.falling(m, LIVES) for m in hours],
    ]


def simulated(world: World, save: float, share: float, *, seeds: int = SEEDS, lives: int = LIVES) -> Cell:
    every = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        every.append(world.lives(lives, rng).with_notice(share, rng))
    priors = [believed(world.between * wrong, "a prior that is wrong") for wrong in WRONG]
    return measured(world.name, world.between, best_plan(world, save, share), every, save, share, priors)


# real traces


def lives_of(trace: Trace, dice: np.random.Generator) -> Lives:
    """A job on all instances of a trace that are alive: any that is taken interrupts it.

    A life runs from the first tick at which any is alive to the next fall of the number; the last is not taken. When
    within its last tick it was taken nobody saw: `dice` say, or a best interval in hindsight would live off the ticks.
    """
    values = np.nan_to_num(trace.values)
    falls = np.flatnonzero(np.diff(values) < 0) + 1
    seconds, start, taken = [], [], []
    for part, last in zip(np.split(np.arange(len(values)), falls), [False] * len(falls) + [True], strict=True):
        alive = part[values[part] > 0]
        if len(alive):
            seconds.append(len(alive) * trace.gap_seconds)
            start.append(float(alive[0]) * trace.gap_seconds)
            taken.append(not last)
    ends = np.array(taken)
    lived = np.array(seconds) - np.where(ends, dice.random(len(ends)) * trace.gap_seconds, 0)
    return Lives(lived, np.array(start), ends, np.zeros(len(ends), dtype=bool))


def weibull_of(lives: Lives) -> World:
    """The Weibull hazard of the greatest likelihood for the whole trace; k on a grid, its scale in closed form."""
    t, n = lives.seconds, int(lives.taken.sum())

    def likelihood(k: float) -> float:
        scale_k = (t**k).sum() / n
        return float(n * np.log(k / scale_k) + (k - 1) * np.log(t[lives.taken]).sum() - n)

    k = max(np.arange(0.3, 2.01, 0.02), key=likelihood)
    scale = ((t**k).sum() / n) ** (1 / k)
    return World(f"Weibull k={k:.2f}", float(t.sum() / n), lambda age: (age / scale) ** k)


def replayed(trace: Trace, save: float, share: float, *, seeds: int = 4) -> Cell:
    """Raises ZeroDivisionError: nothing was ever taken."""
    every = []
    for seed in range(seeds):
        dice = np.random.default_rng(seed)
        every.append(lives_of(trace, dice).with_notice(share, dice))
    lives = every[0]
    between = float(lives.seconds.sum() / lives.taken.sum())
    known = share if fits_notice(save) else 0.0
    around = usable_seconds(save, between, known)
    plans = [fixed(around * f) for f in np.geomspace(0.2, 5, 60)] + [best_plan(weibull_of(lives), save, known)]
    best = min(plans, key=lambda plan: sum(wasted(plan, one, save) for one in every))
    priors = [believed(between * wrong, "a prior that is wrong") for wrong in WRONG]
    where = f"{trace.path.parent.name}/{trace.path.name.split('_')[0]}"
    return measured(where, between, best, every, save, share, [*priors, UNKNOWN])


# the table


def run() -> list[dict[str, Any]]:
    fast = "--fast" in sys.argv
    rows = list(_simulated_rows(fast=fast))
    root = DATA / "traces_dev"
    if not root.is_dir():
        return [*rows, {"what": "checkpoint waste, real traces", "ours": "not measured: no SPOTWARDEN_DATA"}]
    return rows + list(_trace_rows(root))


def _simulated_rows(*, fast: bool) -> Iterator[dict[str, Any]]:
    every: list[Cell] = []
    for family in families():
        chosen = family[:2][-1:] if fast else family
        cells = [simulated(world, *cell) for world in chosen for cell in (CELLS[1:8:4] if fast else CELLS)]
        every += cells
        yield from _rows(f"checkpoint waste, {family[0].name}, {LIVES} interruptions", cells)
    if fast:
        return
    long = [simulated(worlds.bathtub(), *cell, seeds=1, lives=LONG) for cell in CELLS]
    yield from _rows(f"checkpoint waste, {long[0].world}, {LONG} interruptions", long)
    yield _certain([c for c in every if c.share == 1])
    yield _moments([c for c in every if c.share < 1])


def _trace_rows(root: Path) -> Iterator[dict[str, Any]]:
    for path in find_traces(root, kind="preemption"):
        trace = read_trace(path)
        taken = int(lives_of(trace, np.random.default_rng(0)).taken.sum())
        where = f"checkpoint waste, {path.parent.name}/{path.name.split('_')[0]}, {taken} interruptions"
        if taken < FEWEST:
            yield {"what": where, "ours": f"fewer than {FEWEST}: a best interval in hindsight would be their moments"}
            continue
        yield from _rows(where, [replayed(trace, *cell) for cell in TRACE_CELLS])


def _rows(title: str, cells: Sequence[Cell]) -> Iterator[dict[str, Any]]:
    scored = [c for c in cells if c.share < 1]
    worst = max(scored, key=lambda c: c.ratio)
    late = sum(c.late / c.best_late for c in scored) / len(scored) if all(c.best_late > 0 for c in scored) else None
    yield {
        "what": title,
        "ours": _mean([c.ratio for c in scored]),
        "unit": f"x clairvoyant schedule, mean of {len(scored)} cells; worst {worst.ratio:.3f} ({worst.label})"
        + (f"; second half of the job {late:.3f}" if late else ""),
        "baseline": f"Young–Daly told M and q {_mean([c.young_daly / c.best for c in scored]):.3f}, "
        f"guides' table {_mean([c.guides / c.best for c in scored]):.2f}",
        "ratio": worst.ratio,
        "goal": GOAL,
        "cells": [_figures(c) for c in cells],
    }


def _certain(cells: Sequence[Cell]) -> dict[str, Any]:
    """q = 1 is a schedule's bound: who knows that no notice ever fails never saves. Nobody can know it."""
    more = [(c.ours - c.best) / c.seconds for c in cells]
    return {
        "what": "checkpoint waste where every notice is enough (q 1)",
        "ours": _mean([c.ratio for c in cells]),
        "unit": f"x never saving; {100 * _mean(more):.2f} % of the time more, at most {100 * max(more):.2f} %: the price of "
        "not trusting a best-effort notice blindly",
        "baseline": f"guides' table {_mean([c.guides / c.best for c in cells]):.1f}",
        "goal": "none: no schedule that learns q can hold a bound here",
    }


def _moments(cells: Sequence[Cell]) -> dict[str, Any]:
    """How much longer a job takes than if it had known every moment; the best schedule's own is the bound."""
    found = [_figures(c) for c in cells]
    within = sum(f["time_to_moments"] <= 1.10 for f in found)
    could = sum(f["best_time_to_moments"] <= 1.10 for f in found)
    return {
        "what": "job's length, all simulated cells",
        "ours": _mean([f["time_to_moments"] for f in found]),
        "unit": f"x clairvoyant of moments; <= 1.10 in {within} of {len(found)} cells",
        "baseline": f"clairvoyant schedule {_mean([f['best_time_to_moments'] for f in found]):.3f}, <= 1.10 in {could}",
        "goal": "told, not set: waste itself is "
        f"{_mean([f['best_waste_to_moments'] for f in found]):.0f} x δ an interruption at best",
    }


def _figures(c: Cell) -> dict[str, Any]:
    return {
        "cell": f"{c.world}: {c.label}",
        "waste_share": c.ours / c.seconds,
        "ratio": c.ratio,
        "ratio_second_half": c.late / c.best_late if c.best_late else None,
        "young_daly": c.young_daly / c.best,
        "guides": c.guides / c.best,
        "waste_to_moments": c.ours / c.moments if c.moments else None,
        "best_waste_to_moments": c.best / c.moments if c.moments else None,
        "time_to_moments": (c.seconds - c.moments) / (c.seconds - c.ours),
        "best_time_to_moments": (c.seconds - c.moments) / (c.seconds - c.best),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
