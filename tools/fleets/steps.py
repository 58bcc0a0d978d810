"""One step of a change: no more than a share of the fleet at a time, so that each step can be verified. Pure."""

from typing import NamedTuple

from tools.errors import UsageError
from tools.records import ChangeFleet, Fleet


class Step(NamedTuple):
    """The first step towards a change, and how many there are in all."""

    action: ChangeFleet
    steps: int
    """1 = the step is the whole change"""


def first_step(action: ChangeFleet, fleet: Fleet, percent: int) -> Step:
    """Move counts by at most `percent` of desired capacity, at least by 1, and the percentage by as many points.

    What replaces no instance (types, strategies, limits) is done whole in the first step.
    percent  1…100
    Raises   UsageError: another percent
    """
    if not 1 <= percent <= 100:
        raise UsageError(f"--step {percent}%: must be 1% to 100%", hint="such as --step 10%")
    units = max(1, fleet.desired_capacity * percent // 100)
    mix = fleet.mix
    moves: dict[str, tuple[int, int | None]] = {
        "on_demand_base_capacity": (units, mix.on_demand_base_capacity if mix else None),
        "on_demand_percentage_above_base": (percent, mix.on_demand_percentage_above_base if mix else None),
        "desired_capacity": (units, fleet.desired_capacity),
    }
    changes: dict[str, int] = {}
    steps = 1
    for field, (most, now) in moves.items():
        wanted = getattr(action, field)
        if wanted is None or now is None:
            continue
        steps = max(steps, -(-abs(wanted - now) // most))
        changes[field] = min(wanted, now + most) if wanted > now else max(wanted, now - most)
    return Step(action.with_(**changes) if changes else action, steps)
