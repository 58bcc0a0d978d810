"""What AWS lets nobody do to a fleet, told before anything is asked, with the way out. Pure."""

from tools.errors import UsageError
from tools.fleets.launches import desired_after, mix_after
from tools.records import ChangeFleet, Fleet, PurchaseMix

_MIX = (
    "on_demand_base_capacity",
    "on_demand_percentage_above_base",
    "on_demand_allocation_strategy",
    "spot_allocation_strategy",
    "instance_types",
    "instance_requirements",
)
_GROUPS_ONLY = ("min_size", "max_size", "capacity_rebalance", "new_instances_protected", "launch_template_version")


def check_change(action: ChangeFleet, fleet: Fleet) -> None:
    """Raises UsageError."""
    if fleet.ref.kind == "instance":
        raise UsageError(
            f"{fleet.name} is a single instance: it has no purchase mix and no size",
            hint="stop, hibernate, start or terminate it; or run its replacement in a fleet",
        )
    if fleet.ref.kind in {"volume", "snapshot"}:
        raise UsageError(f"{fleet.name} is a {fleet.ref.kind}: it has no settings of a fleet", hint="name a fleet")
    _check_sizes(action, fleet)
    foreign = [f for f in _GROUPS_ONLY if getattr(action, f) is not None] if fleet.ref.kind != "asg" else []
    if foreign:
        raise UsageError(
            f"{fleet.name} is no Auto Scaling group, and only groups have {', '.join(foreign)}",
            hint="an EC2 Fleet has a target capacity, types and an on-demand part to change",
        )
    named = [f for f in _MIX if getattr(action, f) is not None]
    if fleet.mix is None and named:
        raise UsageError(
            f"{fleet.name} has no mixed instances policy, so {', '.join(named)} cannot be set",
            hint="give the group a mixed instances policy from its launch template first; desired capacity can be set",
        )
    mix = mix_after(action, fleet)
    if mix is None or fleet.mix is None:
        return
    _check_weights(action, fleet, fleet.mix, mix)
    if fleet.ref.kind == "asg":
        _check_group(fleet, mix)
    else:
        _check_fleet(fleet, fleet.mix, mix, desired_after(action, fleet))


def _check_sizes(action: ChangeFleet, fleet: Fleet) -> None:
    low = fleet.min_size if action.min_size is None else action.min_size
    high = fleet.max_size if action.max_size is None else action.max_size
    wanted = desired_after(action, fleet)
    if low > high:
        raise UsageError(
            f"{fleet.name}: min size {low} is above max size {high}", hint="ask for both, min not above max"
        )
    if not low <= wanted <= high:
        raise UsageError(
            f"{fleet.name}: desired capacity {wanted} is outside its size limits {low}…{high}",
            hint="ask for a number inside them, or change min and max in the same change",
        )


def _check_weights(action: ChangeFleet, fleet: Fleet, now: PurchaseMix, mix: PurchaseMix) -> None:
    new = [o.instance_type for o in mix.overrides if o not in now.overrides]
    if action.weights is None and new and any(o.weighted_capacity is not None for o in now.overrides):
        raise UsageError(
            f"{fleet.name} counts instances by weights, and {', '.join(new)} would have none",
            hint="give weights, one for each type in order, or choose among the types it has",
        )
    if action.instance_types is not None and now.instance_requirements is not None:
        raise UsageError(
            f"{fleet.name} selects instance types by attributes, so a list of types cannot be set beside them",
            hint="change its instance requirements",
        )


def _check_group(fleet: Fleet, mix: PurchaseMix) -> None:
    if mix.spot_allocation_strategy == "diversified":
        raise UsageError(
            f"{fleet.name}: Auto Scaling groups have no strategy «diversified», only EC2 Fleets do",
            hint="price-capacity-optimized spreads by price and spare capacity",
        )
    if mix.instance_requirements is not None and mix.on_demand_allocation_strategy == "prioritized":
        raise UsageError(
            f"{fleet.name}: types chosen by attributes have no order, so on-demand cannot be prioritized",
            hint="set the on-demand allocation strategy to lowest-price in the same change",
        )


def _check_fleet(fleet: Fleet, now: PurchaseMix, mix: PurchaseMix, desired: int) -> None:
    kind = "Spot Fleet" if fleet.ref.kind == "spot-fleet" else "EC2 Fleet"
    if fleet.fleet_type in {"request", "instant"}:
        raise UsageError(
            f"{fleet.name} is of type {fleet.fleet_type}: it launched once, and EC2 changes only type maintain",
            hint="create a new EC2 Fleet with what you want",
        )
    if (mix.spot_allocation_strategy, mix.on_demand_allocation_strategy) != (
        now.spot_allocation_strategy,
        now.on_demand_allocation_strategy,
    ):
        raise UsageError(
            f"{fleet.name}: EC2 cannot change the allocation strategy of a fleet that runs",
            hint="create a new EC2 Fleet with the strategy, and drain this one",
        )
    if kind == "Spot Fleet" and mix.overrides != now.overrides:
        raise UsageError(
            f"{fleet.name}: spotwarden changes only the capacities of a Spot Fleet request, which is legacy",
            hint="create an EC2 Fleet or an Auto Scaling group with the types you want, and cancel this request",
        )
    if mix.instance_requirements != now.instance_requirements:
        raise UsageError(
            f"{fleet.name}: instance types chosen by attributes are not changed in a {kind}",
            hint="create a new EC2 Fleet with a list of types, and drain this one",
        )
    if mix.on_demand_percentage_above_base not in (0, 100):
        raise UsageError(
            f"{fleet.name}: {kind}s buy by counts, their percentage above base is 0 or 100",
            hint="say the share as a base capacity",
        )
    if mix.on_demand_base_capacity > desired:
        raise UsageError(
            f"{fleet.name}: a base of {mix.on_demand_base_capacity} units does not fit into a target of {desired}",
            hint="raise desired capacity too, or lower the base",
        )
