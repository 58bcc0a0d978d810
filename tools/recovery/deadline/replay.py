"""What a planner's choices come to on a window of a trace, and what a plan comes to when somebody else reckons it."""

from dataclasses import dataclass

import numpy as np

from tools.errors import DataError
from tools.recovery.deadline.plan import Modes, stretches
from tools.recovery.deadline.problem import (
    IDLE,
    LETTERS,
    ON_DEMAND,
    SPOT,
    TOLERANCE_SECONDS,
    Flags,
    JobTerms,
    Planner,
    Situation,
    after_a_tick,
)

NO_PAST: Flags = np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one job.

    cost_hours  in on-demand-hours: every tick held, the last one whole
    met         done within the usable ticks
    launches    changeovers begun
    modes       (ticks,) up to the tick in which the work was done
    """

    cost_hours: float
    met: bool
    launches: int
    modes: Modes


def replay(planner: Planner, terms: JobTerms, available: Flags, past: Flags = NO_PAST) -> Outcome:
    """Ask the planner tick by tick, showing it no tick before its time.

    available  (ticks,) bool, from the job's first tick; ticks beyond its end are not available
    past       (ticks before,) bool
    Raises     ValueError: the planner chose spot where there is none
    """
    run = planner.begin(terms, past)
    tick_seconds, changeover = terms.tick_seconds, terms.changeover_seconds
    had = available[: terms.ticks].tolist()
    had += [False] * (terms.ticks - len(had))
    modes: list[int] = []
    mode, left, pending, launches = IDLE, terms.work_seconds, 0.0, 0
    for tick, there in enumerate(had):
        preempted = mode == SPOT and not there
        if preempted:
            mode, pending = IDLE, 0.0
        chosen = run.choose(Situation(tick, there, mode, left, pending, preempted))
        if chosen == SPOT and not there:
            raise ValueError(f"tick {tick}: spot was chosen, and there is none")
        modes.append(chosen)
        if chosen == IDLE:
            mode, pending = IDLE, 0.0
            continue
        if chosen != mode:
            mode, pending, launches = chosen, changeover, launches + 1
        left, pending = after_a_tick(left, pending, tick_seconds)
        if not left:
            break
    made = np.array(modes, dtype=np.int8)
    return Outcome(cost_hours(terms, made), not left, launches, made)


def cost_hours(terms: JobTerms, modes: Modes) -> float:
    """On-demand-hours of every tick held."""
    on_demand, spot = np.count_nonzero(modes == ON_DEMAND), np.count_nonzero(modes == SPOT)
    return float(on_demand + spot * terms.spot_price_ratio) * terms.tick_seconds / 3600


def price_plan(terms: JobTerms, available: Flags, modes: Modes) -> Outcome:
    """A plan reckoned stretch by stretch: every stretch does its length less one changeover, never less than nothing.

    It shares no step with `replay`. Every tick of the plan is billed, also those after the work is done.
    available  (ticks,) bool; ticks beyond its end are not available
    Raises     DataError: spot where the trace has none; a tick beyond the window
    """
    tick, launches, worked = 0, 0, 0.0
    for stretch in stretches(modes):
        end = tick + stretch.ticks
        if end > terms.ticks:
            raise DataError(f"plan: it lasts until tick {end}, the window {terms.ticks} ticks", hint="end it in time")
        if stretch.mode == SPOT and np.count_nonzero(available[tick:end]) < stretch.ticks:
            seen = tick + int(np.argmin(np.append(available[tick:end], False)))
            raise DataError(f"plan, tick {seen}: S where the trace has no spot", hint="idle there, or take on-demand")
        if stretch.mode != IDLE:
            launches += 1
            worked += max(stretch.ticks * terms.tick_seconds - terms.changeover_seconds, 0.0)
        tick = end
    met = worked > terms.work_seconds - TOLERANCE_SECONDS
    return Outcome(cost_hours(terms, modes), met, launches, modes)


def plan_letters(modes: Modes) -> str:
    """One letter a tick."""
    return "".join(LETTERS[m] for m in modes.tolist())
