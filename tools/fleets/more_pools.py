"""More pools for a fleet whose own are mostly dry: types like those it has, where nothing was refused lately. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from tools.choice.left_out import LeftOut
from tools.choice.wanted import Range, Wanted, sift
from tools.fleets.dry_pools import Place, Refused, dry_places, mostly_dry, places_of
from tools.fleets.seen import Seen, standing
from tools.fleets.steady_rules import SteadyRules
from tools.fleets.suggest import Held, Suggestion
from tools.market.pricebook import PriceBook
from tools.records import ChangeFleet, Fleet, InstanceTypeSpec

MOST_TYPES = 40
"""of a mixed instances policy"""
MOST_PRICED = 60
"""candidates whose prices are asked for"""


def add_pools(
    fleet: Fleet, seen: Seen, memory: Mapping[Place, Refused], rules: SteadyRules, now: datetime
) -> Suggestion | Held | None:
    """Add types to a fleet whose pools are mostly dry; None = they are not, it wants no spot, or takes no such list.

    No running instance is replaced, and the first type, which on-demand launches take, stays the first.
    A type one of whose pools is taken for dry is never added.
    """
    if fleet.mix is None or fleet.mix.instance_requirements is not None or fleet.ref.kind == "spot-fleet":
        return None  # types chosen by attributes are as many as fit already
    if not standing(fleet).want.spot or not mostly_dry(fleet, memory, now):
        return None
    dry = dry_places(fleet, memory, now)
    what = f"{len(dry)} of {len(places_of(fleet))} pools of {fleet.name} are dry"
    if any(o.weighted_capacity not in {None, 1} for o in fleet.mix.overrides):
        return Held(code="unknown", why=f"{what}; it counts by weights, and what a new type weighs is not known")
    if seen.prices is None or not seen.offered:
        return Held(code="unknown", why=f"{what}; what else the region offers, at what price, is not known")
    room = min(rules.most_types_added, MOST_TYPES - len(fleet.instance_types))
    likely = candidates(fleet, seen.offered, memory, now)
    chosen = _cheapest(likely, fleet, seen.prices.book)[: max(0, room)]
    if not chosen:
        return Held(code="dry", why=f"{what}, and no other type like its own would do; {dry[0].words(now)}")
    return Suggestion(
        action=ChangeFleet(fleet=fleet.ref, instance_types=(*fleet.instance_types, *chosen)),
        rationale=f"more pools: {what}, such as {dry[0].words(now)}. {', '.join(chosen)} are of the same architecture "
        "and size, cost less on spot than on demand, and refused nothing lately; no running instance is replaced",
    )


def candidates(
    fleet: Fleet, offered: Sequence[InstanceTypeSpec], memory: Mapping[Place, Refused], now: datetime
) -> tuple[InstanceTypeSpec, ...]:
    """Types like the fleet's own, sold in its zones, none of whose pools is taken for dry; those most like it first."""
    own = [s for s in offered if s.instance_type in fleet.instance_types]
    if not own:
        return ()
    zones = {z: z for z in fleet.zones}
    kept = sift(offered, _alike(own), zones, LeftOut())
    found = [
        spec
        for spec in kept.values()
        if spec.instance_type not in fleet.instance_types
        and not any((r := memory.get((spec.instance_type, z))) and now < r.until for z in spec.zones)
    ]
    size = min(s.vcpus for s in own), min(s.memory_gib for s in own)
    found.sort(key=lambda s: (abs(s.vcpus - size[0]), abs(s.memory_gib - size[1]), s.instance_type))
    return tuple(found[:MOST_PRICED])


def _alike(own: Sequence[InstanceTypeSpec]) -> Wanted:
    """At least what the smallest of its types has, and no more than the largest, but for memory: twice as much will do.

    Launch templates name one image, so every architecture must be one that all of them run.
    """
    shared = set(own[0].architectures).intersection(*(s.architectures for s in own))
    return Wanted(
        vcpus=Range(min(s.vcpus for s in own), max(s.vcpus for s in own)),
        memory_gib=Range(min(s.memory_gib for s in own), 2 * max(s.memory_gib for s in own)),
        accelerators=Range(min(s.accelerators for s in own), max(s.accelerators for s in own)),
        architectures=tuple(sorted(shared)),
        accelerator_names=tuple(sorted({s.accelerator_name for s in own if s.accelerator_name})),
        bare_metal=any(s.bare_metal for s in own),
        burstable=any(s.burstable for s in own),
    )


def _cheapest(likely: Sequence[InstanceTypeSpec], fleet: Fleet, book: PriceBook) -> tuple[str, ...]:
    """By mean spot price over the zones that have one; a type without prices, or dearer than on demand, is left out."""
    priced: list[tuple[Decimal, str]] = []
    for spec in likely:
        rate = book.on_demand(spec.instance_type)
        spot = [p for z in fleet.zones if (p := book.spot_now(spec.instance_type, z)) is not None]
        if rate is None or not spot:
            continue
        mean = sum(spot, Decimal(0)) / len(spot)
        if mean < rate:
            priced.append((mean, spec.instance_type))
    return tuple(t for _, t in sorted(priced))
