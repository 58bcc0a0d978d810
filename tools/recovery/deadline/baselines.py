"""The field: on-demand, greedy, Uniform Progress as published.

Source  Can't Be Late (NSDI '24), and its simulator for the order of the rules
"""

from dataclasses import dataclass

from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    TOLERANCE_SECONDS,
    Flags,
    JobTerms,
    Planner,
    Run,
    Situation,
    ticks_needed,
)


class OnDemand:
    """Never anything else."""

    def begin(self, terms: JobTerms, past: Flags, /) -> Run:
        del terms, past
        return self

    def choose(self, now: Situation, /) -> int:
        del now
        return ON_DEMAND


@dataclass(frozen=True)
class Greedy:
    """Spot whenever it can be had, idle otherwise, until the published guard says on-demand."""

    def begin(self, terms: JobTerms, past: Flags, /) -> Run:
        del past
        return _GreedyRun(terms)


@dataclass(frozen=True)
class UniformProgress:
    """Spot whenever it can be had; on-demand when it cannot and progress is behind the line work · time / deadline.

    Once on on-demand, there until it is more than twice a changeover's share of the line ahead and spot is back.
    """

    def begin(self, terms: JobTerms, past: Flags, /) -> Run:
        del past
        return _UniformRun(terms)


@dataclass(frozen=True, slots=True)
class _GreedyRun:
    terms: JobTerms

    def choose(self, now: Situation, /) -> int:
        forced = published_guard(self.terms, now)
        return forced if forced is not None else SPOT if now.available_now else IDLE


@dataclass(frozen=True, slots=True)
class _UniformRun:
    terms: JobTerms

    def choose(self, now: Situation, /) -> int:
        terms = self.terms
        forced = published_guard(terms, now)
        if forced is not None:
            return forced
        pace = terms.work_seconds / terms.deadline_seconds
        ahead = terms.work_seconds - now.work_left_seconds - pace * now.tick * terms.tick_seconds
        if now.mode == ON_DEMAND:
            far = ahead - 2 * terms.changeover_seconds * pace > TOLERANCE_SECONDS
            return SPOT if far and now.available_now else ON_DEMAND
        if now.available_now:
            return SPOT
        return ON_DEMAND if ahead < -TOLERANCE_SECONDS else IDLE


def published_guard(terms: JobTerms, now: Situation) -> int | None:
    """The mode that the deadline forces, None where it leaves the choice.

    It keeps two changeovers in hand before spot is launched, one always; a job that runs on spot may stay.
    """
    ticks_left = terms.ticks - now.tick
    left, changeover, tick = now.work_left_seconds, terms.changeover_seconds, terms.tick_seconds
    if ticks_needed(left + changeover, tick) >= ticks_left:
        return SPOT if now.mode == SPOT and now.changeover_left_seconds <= 0 else ON_DEMAND
    if now.mode != SPOT and ticks_needed(left + 2 * changeover, tick) >= ticks_left:
        return ON_DEMAND
    return None


BASELINES: dict[str, Planner] = {
    "uniform-progress": UniformProgress(),
    "greedy": Greedy(),
    "on-demand": OnDemand(),
}
