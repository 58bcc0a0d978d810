"""The field over several zones: on-demand, greedy and Uniform Progress, in the cheapest zone that is offered.

Sticky stays in its zone while that lasts; the other kind goes to the cheapest zone at every tick.
Source  Can't Be Late (NSDI '24), the rules of one zone; which zone is ours to fill in
"""

from dataclasses import dataclass

import numpy as np

from tools.recovery.deadline.baselines import published_guard
from tools.recovery.deadline.problem import (
    IDLE,
    ON_DEMAND,
    SPOT,
    TOLERANCE_SECONDS,
    JobTerms,
    Situation,
)
from tools.recovery.deadline.zones import (
    IDLING,
    ON_DEMAND_HELD,
    Zones,
    ZonesPlanner,
    ZonesRun,
    ZonesSituation,
)


class ZonesOnDemand:
    """Never anything else."""

    def begin(self, terms: JobTerms, past: Zones, /) -> ZonesRun:
        del terms, past
        return self

    def choose(self, now: ZonesSituation, /) -> int:
        del now
        return ON_DEMAND_HELD


@dataclass(frozen=True)
class ZonesRule:
    """Greedy, or Uniform Progress.

    paces   on-demand when behind the line work · time / deadline, and spot again only when well ahead of it
    chases  the cheapest zone at every tick, not only when it launches
    """

    paces: bool
    chases: bool

    def begin(self, terms: JobTerms, past: Zones, /) -> ZonesRun:
        del past
        return _RuleRun(terms, self)


@dataclass(frozen=True, slots=True)
class _RuleRun:
    terms: JobTerms
    rule: ZonesRule

    def choose(self, now: ZonesSituation, /) -> int:
        """The rules of one zone, where spot is the zone that this rule would hold."""
        zone = now.held if now.held >= 0 and not self.rule.chases else cheapest(now)
        forced = published_guard(self.terms, _as_one(now))
        if forced is not None:
            return now.held if forced == SPOT else ON_DEMAND_HELD
        if not self.rule.paces:
            return IDLING if zone is None else zone
        ahead = _ahead_seconds(self.terms, now)
        if now.held == ON_DEMAND_HELD:
            far = 2 * self.terms.changeover_seconds * self.terms.work_seconds / self.terms.deadline_seconds
            return zone if zone is not None and ahead - far > TOLERANCE_SECONDS else ON_DEMAND_HELD
        if zone is not None:
            return zone
        return ON_DEMAND_HELD if ahead < -TOLERANCE_SECONDS else IDLING


def cheapest(now: ZonesSituation) -> int | None:
    """The zone with the lowest price of those offered, the first of equals; None = none is offered."""
    return int(np.argmin(np.where(now.offered, now.price, np.inf))) if now.offered.any() else None


def _ahead_seconds(terms: JobTerms, now: ZonesSituation) -> float:
    """Work done beyond the line work · time / deadline."""
    line = terms.work_seconds / terms.deadline_seconds * now.tick * terms.tick_seconds
    return terms.work_seconds - now.work_left_seconds - line


def _as_one(now: ZonesSituation) -> Situation:
    mode = SPOT if now.held >= 0 else ON_DEMAND if now.held == ON_DEMAND_HELD else IDLE
    left, pending = now.work_left_seconds, now.changeover_left_seconds
    return Situation(now.tick, bool(now.offered.any()), mode, left, pending, now.preempted)


ZONES_BASELINES: dict[str, ZonesPlanner] = {
    "uniform-progress": ZonesRule(paces=True, chases=False),
    "uniform-progress-cheapest": ZonesRule(paces=True, chases=True),
    "greedy": ZonesRule(paces=False, chases=False),
    "on-demand": ZonesOnDemand(),
}
