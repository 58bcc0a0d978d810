"""What the rules would change about a fleet, with no model: the daemon's only source of proposals. Pure."""

from tools.records import ChangeFleet, Fleet, Record

_STRATEGY = "price-capacity-optimized"


class Suggestion(Record):
    action: ChangeFleet
    rationale: str


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
