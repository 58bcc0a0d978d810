"""The engine of `backtest jobs`: one zone a window; ours, the field and the clairvoyant optimum."""

from collections.abc import Sequence
from functools import cache

from tools.recovery.deadline.backtest import Answer, Answers
from tools.recovery.deadline.baselines import BASELINES
from tools.recovery.deadline.grid import Window, availability
from tools.recovery.deadline.optimum import optimum
from tools.recovery.deadline.plan import stretches, write_plan
from tools.recovery.deadline.problem import Planner
from tools.recovery.deadline.replay import Outcome, replay

OURS = "warden"
OPTIMUM = "optimum"
POLICIES = (OURS, *BASELINES, OPTIMUM)


def answer(windows: Sequence[Window], policies: Sequence[str]) -> list[Answers]:
    return [tuple(_answer(window, policy) for policy in policies) for window in windows]


def _answer(window: Window, policy: str) -> Answer:
    outcome = outcome_of(window, None if policy == OPTIMUM else planner(policy))
    return Answer(outcome.cost_hours, outcome.met, outcome.launches, write_plan(stretches(outcome.modes)))


def outcome_of(window: Window, by: Planner | None) -> Outcome:
    """What a planner does with a window; None = the clairvoyant optimum."""
    flags = availability(window.traces[0]).flags
    start, end = window.start_tick, window.start_tick + window.terms.ticks
    if by is None:
        return optimum(window.terms, flags[start:end])
    return replay(by, window.terms, flags[start:end], flags[:start].copy())  # a copy: no way back to what comes later


@cache
def planner(policy: str) -> Planner:
    """Loaded once a process."""
    if policy != OURS:
        return BASELINES[policy]
    from tools.recovery.deadline.warden import load_planner

    return load_planner()
