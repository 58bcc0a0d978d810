"""Nouns of the deadline planner's advice.

Every number stands with what it rests on. None = unknown, and the basis says why.
"""

from typing import Literal

from tools.records import CapacityPool, Money, Name, Record, UtcTime

Take = Literal["idle", "spot", "on-demand"]
Because = Literal[
    "done",  # nothing is left
    "unknown",  # the work left is not known
    "no-price",  # spot cannot be weighed, and there is still time
    "no-spot",  # the fleet buys none
    "spot",  # expected to be the cheapest way in time
    "wait",  # spot is gone; waiting is expected to be cheaper than on-demand
    "not-lasting",  # spot can be had and is not expected to last
    "on-demand",  # waiting is expected to cost more
    "guard",  # no time is left to lose
    "stay",  # late on demand, and the spot that is held may be in time
    "too-late",  # the work does not fit before the deadline
    "past",  # the deadline is over
]


class Span(Record):
    """A length of time."""

    seconds: float | None
    basis: str
    """what it rests on; of None: why it is not known"""
    as_of: UtcTime
    source: Name


class Cost(Record):
    """Money, from now on until the work is done."""

    usd: Money | None
    basis: str
    as_of: UtcTime
    source: Name


class DeadlineAdvice(Record):
    """What one job should run on now."""

    job_id: Name
    take: Take | None
    """until the next look; None = not judged"""
    pool: CapacityPool | None
    """of spot: where it is asked for, or waited for"""
    pool_by: str | None
    """how the pool was chosen"""
    because: Because
    reason: str
    holds: Take
    """what it runs on"""
    deadline: UtcTime
    on_demand_by: UtcTime | None
    """the latest moment at which on-demand can begin and end in time; None = unknown, or it is held already"""
    kept: bool | None
    """the deadline is kept whatever spot does, if this is followed; False = it cannot be; None = nobody knows"""
    done_at: UtcTime | None
    """on-demand from now on"""
    work_left: Span
    changeover: Span
    slack: Span
    """that may still be lost before on-demand must begin; below 0 = so late"""
    late: Span
    """after the deadline, at the earliest that is sure"""
    on_demand: Cost
    """on-demand all the way from here"""
    expected: Cost
    """by the planner, from here"""
    past: Span
    """how much of the pool's past was seen"""
    as_of: UtcTime
    source: Name
