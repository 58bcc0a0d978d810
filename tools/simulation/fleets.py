"""How groups and fleets find their size: which instances to launch, which to end. Pure.

Sources  Amazon EC2 Auto Scaling user guide: mixed instances groups (the percentage above base is rounded up in favour
of on-demand), allocation strategies, Availability Zone balance, replacement on a change of purchase options
(launch new before terminating old, at most 10 % above the desired size).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tools.simulation.market import Pool


@dataclass(frozen=True)
class Option:
    """One override in one zone."""

    pool: Pool
    weight: int
    rank: int
    """place in the overrides list; 0 is preferred"""


@dataclass(frozen=True)
class Wish:
    """What a group wants to be."""

    desired: int
    """capacity units"""
    on_demand: int
    """units of them bought on demand"""
    options: tuple[Option, ...]
    spot_strategy: str
    on_demand_strategy: str
    spot_pools: int
    """how many of the cheapest pools a zone lowest-price spreads over"""
    balance_zones: bool
    """Auto Scaling groups do, EC2 Fleets do not"""


@dataclass(frozen=True)
class Member:
    """One instance of a group as it stands."""

    instance_id: str
    pool: Pool
    spot: bool
    weight: int
    in_service: bool
    protected: bool
    marked: bool
    """to be replaced: a rebalance recommendation in a group that acts on them"""
    age_seconds: float


@dataclass(frozen=True)
class Launch:
    pool: Pool
    spot: bool
    weight: int


@dataclass(frozen=True)
class Plan:
    """What to do on this tick."""

    launches: tuple[Launch, ...]
    ends: tuple[str, ...]
    starved: tuple[str, ...]
    """purchase options for which no pool had capacity"""


@dataclass(frozen=True)
class Prices:
    """What a launch decision looks at: USD per hour, and how deep a pool is (1..10)."""

    spot: Callable[[Pool], float | None]
    on_demand: Callable[[Pool], float | None]
    depth: Callable[[Pool], int]
    is_dry: Callable[[Pool], bool]


def on_demand_units(desired: int, base: int, percentage_above_base: int) -> int:
    """Units bought on demand: the base, then the percentage of what is above it, rounded up."""
    above = max(desired - base, 0)
    return min(desired, base) + math.ceil(above * percentage_above_base / 100)


def plan(wish: Wish, members: Sequence[Member], prices: Prices) -> Plan:
    """The next step towards the wish: launches first; an end only when the size is safe without it."""
    staying = [m for m in members if not m.marked]
    launches, starved = _launches(wish, members, staying, prices)
    ends = () if launches else _ends(wish, members)
    return Plan(tuple(launches), tuple(ends), tuple(starved))


def _launches(
    wish: Wish, members: Sequence[Member], staying: Sequence[Member], prices: Prices
) -> tuple[list[Launch], list[str]]:
    have = {spot: sum(m.weight for m in staying if m.spot == spot) for spot in (False, True)}
    want = {False: wish.on_demand, True: wish.desired - wish.on_demand}
    total = sum(m.weight for m in members)
    ceiling = wish.desired + max(1, math.ceil(wish.desired / 10))  # room to launch before ending
    placed = list(members)
    launches: list[Launch] = []
    starved: list[str] = []
    for spot in (False, True):
        while have[spot] < want[spot] and (total < wish.desired or total < ceiling):
            option = _choose(wish, placed, prices, spot=spot)
            if option is None:
                starved.append("spot" if spot else "on-demand")
                break
            launches.append(Launch(option.pool, spot, option.weight))
            placed.append(Member("", option.pool, spot, option.weight, False, False, False, 0.0))
            have[spot] += option.weight
            total += option.weight
    return launches, starved


def _choose(wish: Wish, placed: Sequence[Member], prices: Prices, *, spot: bool) -> Option | None:
    open_options = [
        o for o in wish.options if not spot or (not prices.is_dry(o.pool) and prices.spot(o.pool) is not None)
    ]
    if not open_options:
        return None
    if wish.balance_zones:
        in_zone = Counter(m.pool.zone for m in placed)
        fewest = min(in_zone[o.pool.zone] for o in open_options)
        zone = min(o.pool.zone for o in open_options if in_zone[o.pool.zone] == fewest)
        open_options = [o for o in open_options if o.pool.zone == zone]
    if not spot:
        return _on_demand_option(wish, open_options, prices)
    return _spot_option(wish, open_options, placed, prices)


def _on_demand_option(wish: Wish, options: Sequence[Option], prices: Prices) -> Option:
    if wish.on_demand_strategy == "lowest-price":
        return min(options, key=lambda o: ((prices.on_demand(o.pool) or math.inf) / o.weight, o.rank, o.pool))
    return min(options, key=lambda o: (o.rank, o.pool))


def _spot_option(wish: Wish, options: Sequence[Option], placed: Sequence[Member], prices: Prices) -> Option:
    used = Counter(m.pool for m in placed if m.spot)

    def unit_price(option: Option) -> float:
        return (prices.spot(option.pool) or math.inf) / option.weight

    match wish.spot_strategy:
        case "lowest-price" | "lowestPrice":
            cheapest = sorted(options, key=lambda o: (unit_price(o), o.pool))[: max(wish.spot_pools, 1)]
            return min(cheapest, key=lambda o: (used[o.pool], unit_price(o), o.pool))
        case "diversified":
            return min(options, key=lambda o: (used[o.pool], unit_price(o), o.pool))
        case "capacity-optimized":
            return min(options, key=lambda o: (-prices.depth(o.pool), unit_price(o), o.pool))
        case "capacity-optimized-prioritized":
            return min(options, key=lambda o: (-prices.depth(o.pool), o.rank, o.pool))
        case _:  # price-capacity-optimized: the deep pools, and the cheapest of them
            deepest = max(prices.depth(o.pool) for o in options)
            deep = [o for o in options if prices.depth(o.pool) >= deepest - 1]
            return min(deep, key=lambda o: (unit_price(o), o.pool))


def _ends(wish: Wish, members: Sequence[Member]) -> list[str]:
    """Ends that leave the group at its size with instances in service: marked first, then the surplus option."""
    serving = sum(m.weight for m in members if m.in_service)
    left = list(members)
    ends: list[str] = []
    while True:
        candidate = _next_end(wish, left)
        if candidate is None or serving - (candidate.weight if candidate.in_service else 0) < wish.desired:
            return ends
        serving -= candidate.weight if candidate.in_service else 0
        left.remove(candidate)
        ends.append(candidate.instance_id)


def _next_end(wish: Wish, members: Sequence[Member]) -> Member | None:
    surplus = sum(m.weight for m in members) - wish.desired
    open_to_end = [m for m in members if not m.protected and m.weight <= surplus]
    if not open_to_end:
        return None
    have_on_demand = sum(m.weight for m in members if not m.spot)
    too_much_spot = sum(m.weight for m in members if m.spot) > wish.desired - wish.on_demand
    too_much_on_demand = have_on_demand > wish.on_demand
    zones = Counter(m.pool.zone for m in members)

    def order(member: Member) -> tuple[bool, bool, int, float, str]:
        in_surplus = too_much_spot if member.spot else too_much_on_demand
        # EC2 Auto Scaling's default: the fullest zone, then the oldest
        return (not member.marked, not in_surplus, -zones[member.pool.zone], -member.age_seconds, member.instance_id)

    return min(open_to_end, key=order)
