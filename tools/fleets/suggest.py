"""What the rules say about one fleet: a change, or why there is none. Pure, with no model."""

from datetime import datetime
from typing import Literal

from tools.records import ChangeFleet, Fleet, Record, UtcTime

_STRATEGY = "price-capacity-optimized"

HeldFor = Literal["steady", "waiting", "cooldown", "dry", "unknown", "not-worth", "at-most", "flip-flop", "undone"]


class Suggestion(Record):
    action: ChangeFleet
    rationale: str
    pressed: bool = False
    """the fleet lacks capacity until it is done"""


class Held(Record):
    """Why nothing is suggested for a fleet now."""

    code: HeldFor
    """steady: there is nothing to do"""
    why: str
    until: UtcTime | None = None
    """None = until what is seen changes"""
    escalate: bool = False
    """a person should look, once: waiting will not mend it"""


NOTHING = Held(code="steady", why="nothing to change")


def hour(moment: datetime, now: datetime) -> str:
    """10:32, with the day where it is another one."""
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"


def suggest_change(fleet: Fleet) -> Suggestion | None:
    """One safe step for a fleet that runs spot, or None: leave an allocation strategy that ignores capacity.

    Source  EC2 user guide: price-capacity-optimized is the recommended strategy; lowest-price is interrupted most
    """
    if fleet.mix is None or not fleet.spot or fleet.ref.kind != "asg":
        return None
    if fleet.mix.spot_allocation_strategy != "lowest-price":
        return None
    return Suggestion(
        action=ChangeFleet(fleet=fleet.ref, spot_allocation_strategy=_STRATEGY),
        rationale=f"{fleet.name} buys spot by lowest price alone, which picks the pools that run out first; "
        f"{_STRATEGY} weighs spare capacity too and replaces no running instance",
    )
