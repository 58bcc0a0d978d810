"""What AWS does to a fleet's instances when its targets move: which end, and what is launched. Pure.

Sources  EC2 Auto Scaling user guide and API reference. A change of the purchase options replaces instances, new before
old. A change of the overrides or of the allocation strategy leaves running instances alone. The percentage above base
is rounded up in favour of on-demand. Which instance ends: one that is not protected, of the purchase option in
surplus, in the fullest zone, the oldest.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.errors import UsageError
from tools.market.pricebook import PriceBook
from tools.records import (
    Action,
    ChangeFleet,
    CreateFleet,
    DeleteFleet,
    Fleet,
    Instance,
    InstanceRequirements,
    InstanceTypeOverride,
    OperateInstances,
    PurchaseMix,
    ReplaceInstances,
    RunInstances,
)

Bought = tuple[str, str, str]
"""(instance type, zone name, "spot" or "on-demand"): one instance"""
_MAX_LAUNCHES = 10_000


@dataclass(frozen=True)
class Movement:
    """Instances that end, and those launched, once AWS has settled."""

    ends: tuple[Instance, ...] = ()
    launches: tuple[Bought, ...] = ()


@dataclass(frozen=True)
class Target:
    """Capacity units by purchase option."""

    on_demand: int
    spot: int

    @property
    def total(self) -> int:
        return self.on_demand + self.spot


def mix_after(action: Action, fleet: Fleet) -> PurchaseMix | None:
    """The whole purchase mix once the action is done; None = the fleet has none.

    Kept types keep their weights and their order is the action's.
    """
    mix = fleet.mix
    if mix is None or not isinstance(action, ChangeFleet):
        return mix
    overrides, requirements = _overrides_after(action, mix)
    return PurchaseMix(
        on_demand_base_capacity=_or(action.on_demand_base_capacity, mix.on_demand_base_capacity),
        on_demand_percentage_above_base=_or(
            action.on_demand_percentage_above_base, mix.on_demand_percentage_above_base
        ),
        spot_allocation_strategy=action.spot_allocation_strategy or mix.spot_allocation_strategy,
        overrides=overrides,
        instance_requirements=requirements,
        on_demand_allocation_strategy=action.on_demand_allocation_strategy or mix.on_demand_allocation_strategy,
    )


def _overrides_after(
    action: ChangeFleet, mix: PurchaseMix
) -> tuple[tuple[InstanceTypeOverride, ...], InstanceRequirements | None]:
    if action.instance_requirements is not None:
        return (), action.instance_requirements
    if action.instance_types is None:
        return mix.overrides, mix.instance_requirements
    known = {o.instance_type: o for o in mix.overrides}
    if action.weights is None:
        kept = tuple(known.get(t, InstanceTypeOverride(instance_type=t)) for t in action.instance_types)
    else:
        weighed = zip(action.instance_types, action.weights, strict=True)
        kept = tuple(InstanceTypeOverride(instance_type=t, weighted_capacity=w) for t, w in weighed)
    return kept, None


def desired_after(action: Action, fleet: Fleet) -> int:
    """Units wanted once the action is done: a fleet that is deleted wants none, and one that is created all of its own.

    Operations on a group's instances that move its desired capacity move it by those that need the operation.
    """
    now = fleet.desired_capacity
    match action:
        case ChangeFleet():
            now = _or(action.desired_capacity, now)
        case CreateFleet():
            now = action.total_target_capacity
        case RunInstances():
            now = action.count
        case DeleteFleet():
            now = 0
        case OperateInstances(operation="stop" | "hibernate" | "terminate") if fleet.ref.kind == "instance":
            now = 0
        case OperateInstances(operation="exit-standby"):
            now += sum(i.in_standby for i in _named(fleet, action))
        case OperateInstances() if action.lower_desired_capacity:
            now = max(0, now - sum(not i.in_standby for i in _named(fleet, action)))
    return now


def _named(fleet: Fleet, action: OperateInstances) -> tuple[Instance, ...]:
    return tuple(i for i in fleet.instances if i.instance_id in action.instance_ids)


def _or(wanted: int | None, now: int) -> int:
    return now if wanted is None else wanted


def target(fleet: Fleet, mix: PurchaseMix | None, desired: int) -> Target:
    """How many units of each purchase option AWS will bring the fleet to."""
    if mix is None:  # one launch template, one way of buying: whatever it buys now
        only_spot = bool(fleet.spot) and not fleet.on_demand
        return Target(0, desired) if only_spot else Target(desired, 0)
    base = min(desired, mix.on_demand_base_capacity)
    above = -(-(desired - base) * mix.on_demand_percentage_above_base // 100)
    return Target(base + above, desired - base - above)


def movement(action: Action, fleet: Fleet, book: PriceBook) -> Movement:
    """What the action sets in motion; nothing where the targets stay as they are.

    Raises  UsageError: more launches than a preview computes
    """
    match action:
        case ReplaceInstances():
            gone = tuple(i for i in fleet.instances if i.instance_id in action.instance_ids)
            return Movement(gone, replacements(fleet, gone, book))
        case DeleteFleet():
            return Movement(ends=fleet.instances if action.terminate_instances else ())
        case RunInstances():
            zone = fleet.zones[0] if fleet.zones else ""
            return Movement(launches=((action.instance_type, zone, action.purchase_option),) * action.count)
        case ChangeFleet() | CreateFleet():
            mix = mix_after(action, fleet)
            now, then = (
                target(fleet, fleet.mix, fleet.desired_capacity),
                target(fleet, mix, desired_after(action, fleet)),
            )
            return Movement() if now == then else _settle(fleet, mix, then, book)
        case _:
            return Movement()


def replacements(fleet: Fleet, gone: Sequence[Instance], book: PriceBook) -> tuple[Bought, ...]:
    """What the fleet launches in place of instances that it loses: as many of each purchase option."""
    lost = Counter(i.purchase_option for i in gone)
    staying = [i for i in fleet.instances if i not in gone]
    wanted = [("on-demand", lost["on-demand"]), ("spot", lost["spot"])]
    return _launch(fleet, fleet.mix, staying, wanted, book)


def weights(mix: PurchaseMix | None) -> dict[str, int]:
    """Units that an instance of a type counts; types without a weight count 1."""
    return {o.instance_type: o.weighted_capacity or 1 for o in mix.overrides} if mix else {}


def _settle(fleet: Fleet, mix: PurchaseMix | None, wanted: Target, book: PriceBook) -> Movement:
    weight = weights(mix)
    have = Counter[str]()
    for instance in fleet.instances:
        have[instance.purchase_option] += weight.get(instance.instance_type, 1)
    smallest = min((weight.get(t, 1) for t in _types(fleet, mix)), default=1)
    short = [
        (option, -(-max(0, want - have[option]) // smallest))
        for option, want in (("on-demand", wanted.on_demand), ("spot", wanted.spot))
    ]
    launches = _launch(fleet, mix, fleet.instances, short, book)
    return Movement(_ends(fleet, wanted, launches, weight), launches)


def _ends(fleet: Fleet, wanted: Target, launches: Sequence[Bought], weight: dict[str, int]) -> tuple[Instance, ...]:
    left = list(fleet.instances)
    zones = Counter(i.zone_name for i in left) + Counter(zone for _, zone, _ in launches)
    units = Counter[str]()
    for kind, option in [(i.instance_type, i.purchase_option) for i in left] + [(t, o) for t, _, o in launches]:
        units[option] += weight.get(kind, 1)
    limit = {"on-demand": wanted.on_demand, "spot": wanted.spot}
    ends: list[Instance] = []
    while True:
        surplus = units.total() - wanted.total
        open_to_end = [i for i in left if not i.protected_from_scale_in and weight.get(i.instance_type, 1) <= surplus]
        if not open_to_end:
            return tuple(ends)
        over = {o for o in limit if units[o] > limit[o]}
        chosen = min(
            open_to_end,
            key=lambda i: (i.purchase_option not in over, -zones[i.zone_name], i.launched_at, i.instance_id),
        )
        left.remove(chosen)
        ends.append(chosen)
        zones[chosen.zone_name] -= 1
        units[chosen.purchase_option] -= weight.get(chosen.instance_type, 1)


def spot_pools(instances: Iterable[Bought]) -> Counter[tuple[str, str]]:
    """Spot instances per (instance type, zone name)."""
    return Counter((kind, zone) for kind, zone, option in instances if option == "spot")


def _types(fleet: Fleet, mix: PurchaseMix | None) -> tuple[str, ...]:
    if mix is not None and mix.overrides:
        return mix.instance_types
    return fleet.instance_types or tuple(sorted({i.instance_type for i in fleet.instances}))


def _launch(
    fleet: Fleet,
    mix: PurchaseMix | None,
    staying: Sequence[Instance],
    wanted: Sequence[tuple[str, int]],
    book: PriceBook,
) -> tuple[Bought, ...]:
    """Where launches would go: the emptiest zone of a group; its first type on demand; spot spread over the types, or
    the cheapest for lowest-price. EC2 knows the depth of pools and we do not: this is for costing, not a promise.
    """
    types, zones = _types(fleet, mix), fleet.zones or tuple(sorted({i.zone_name for i in fleet.instances}))
    if sum(count for _, count in wanted) > _MAX_LAUNCHES:
        raise UsageError(f"{fleet.name}: more than {_MAX_LAUNCHES:,} launches", hint="ask for less at a time")
    if not types or not zones:
        return ()
    cheapest = mix is not None and mix.spot_allocation_strategy == "lowest-price"
    in_zone = Counter(i.zone_name for i in staying)
    in_pool = Counter((i.instance_type, i.zone_name) for i in staying if i.purchase_option == "spot")
    launches: list[Bought] = []
    for option, count in wanted:
        for _ in range(count):
            zone = min(zones, key=lambda z: (in_zone[z], z))
            kind = types[0] if option == "on-demand" else _spot_type(types, zone, in_pool, book, cheapest=cheapest)
            in_zone[zone] += 1
            in_pool[kind, zone] += option == "spot"
            launches.append((kind, zone, option))
    return tuple(launches)


def _spot_type(
    types: Sequence[str], zone: str, in_pool: Counter[tuple[str, str]], book: PriceBook, *, cheapest: bool
) -> str:
    priced = [(price, t) for t in types if (price := book.spot_now(t, zone)) is not None]
    if cheapest and priced:
        return min(priced)[1]
    offered = [t for _, t in priced] or list(types)
    return min(offered, key=lambda t: (in_pool[t, zone], offered.index(t)))
