"""How much on-demand a service must keep so that it meets its objective when all spot is taken at once. Pure."""

import math

from pydantic import Field

from tools.errors import UsageError
from tools.records import Record, Share

MINUTES_A_DAY = 24 * 60


class ServiceObjective(Record):
    """What the service promises, in shares of the capacity units that it wants."""

    least_share: Share = 0.0
    """that serve at every instant, whatever happens to spot: below it the service is down"""
    served_share: Share | None = None
    """of all demand, over a long time: 0.999 = a thousandth may go unserved; None = no such promise"""


class OnDemandFloor(Record):
    """The smallest on-demand count that keeps the promise, and which part of it asks for so much."""

    units: int = Field(ge=0)
    by: str
    served_share: Share | None
    """of demand over a long time with so many units; None = not known how often all spot is taken"""


def baseline_for_slo(
    desired: int,
    objective: ServiceObjective,
    *,
    losses_per_day: float | None,
    minutes_lost: float | None,
) -> OnDemandFloor:
    """On-demand units N of a fleet of `desired` units that wants all of them.

    While all spot is gone N serve, so N ≥ least_share · desired. That happens losses_per_day times for minutes_lost
    each: (1 − N / desired) of demand goes unserved for that share of the day, and must stay below 1 − served_share.
    Losses of a part of spot are left out: they cost less than this.

    losses_per_day  how often all spot is taken at once; None = not known: then all spot is taken to be gone always
    minutes_lost    until other capacity serves; None = as above
    Raises          UsageError: a number that cannot be
    """
    for name, value in (("desired", desired), ("losses_per_day", losses_per_day), ("minutes_lost", minutes_lost)):
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"{name} {value}: not a number of 0 or more", hint="leave out what is not known")
    gone = _share_gone(losses_per_day, minutes_lost)
    instant = _up(objective.least_share * desired)
    told = f"{objective.least_share:.0%} must serve at every instant"
    if objective.served_share is not None:
        allowed = 1 - objective.served_share
        spent = 1.0 if gone is None else gone
        needed = 0 if spent <= allowed else _up(desired * (1 - allowed / spent))
        if needed > instant:
            share = "an unknown share" if gone is None else f"{gone:.3%}"
            by = f"{objective.served_share:.3%} of demand must be served, and all spot is gone {share} of the time"
            return _floor(needed, by, desired, gone)
    return _floor(instant, told, desired, gone)


def _share_gone(losses_per_day: float | None, minutes_lost: float | None) -> float | None:
    if losses_per_day is None or minutes_lost is None:
        return None
    return min(1.0, losses_per_day * minutes_lost / MINUTES_A_DAY)


def _floor(units: int, by: str, desired: int, gone: float | None) -> OnDemandFloor:
    served = None if gone is None or desired == 0 else 1 - gone * (1 - units / desired)
    return OnDemandFloor(units=units, by=by, served_share=served)


def _up(units: float) -> int:
    """Rounded up, but for the dust of binary fractions."""
    return math.ceil(units - 1e-9)
