"""How pressed a capacity pool looks, from what is known of it. No probability is made up.

Prices and placement scores are signs of demand, not interruption rates: a rate per 100 hours stands only where
own interruption records were given. With no sign at all the level is `unknown`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.errors import AccessDenied, Rejected
from tools.market.pricebook import PriceBook, read_price_book
from tools.market.subject import named_fleet
from tools.records import CapacityPool, Evidence, Fleet, FleetRisk, Name, PlacementScore, RiskLevel, RiskScore
from tools.risk.rates import ObservedInterruptions, RateInterval, interruption_rate
from tools.tool import tool

PRICE_NEAR_ON_DEMAND = 0.9
PRICE_CLOSE_TO_ON_DEMAND = 0.7
"""share of the on-demand price; a deep discount says that nobody else wants the capacity"""
MUCH_VOLATILITY, SOME_VOLATILITY = 0.25, 0.10
"""σ of log price; today's market moves a few per cent a day"""
STEEP_RISE, RISE = 1.5, 1.2
"""price now / time-weighted mean of the window"""
SCARCE_PLACEMENT = 3
"""placement score 1..10, at or below which a launch is doubtful"""
TYPES_FOR_A_SCORE = 3
"""EC2 scores requests of fewer types low whatever the capacity: such a score says nothing"""
LARGE_SHARE = 0.6
"""of a fleet's spot instances in one pool: one event takes most of it"""
LARGE_ZONE_SHARE = 0.75
ENOUGH_TYPES = 6
"""AWS advises as many types as the work can run on; policies commonly ask for six"""
MUCH_RISK_PER_100_H, SOME_RISK_PER_100_H = 0.44, 0.084
"""interruptions per 100 instance-hours that make a day's loss 10 % and 2 % likely"""
_LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high")

Pool = tuple[str, str]
"""(instance type, zone name)"""


@dataclass(frozen=True)
class Sign:
    """One fact and how hard it presses: 0 calm, 1 some, 2 much."""

    pressure: int
    evidence: Evidence


def pool_level(
    instance_type: str,
    zone: str,
    book: PriceBook,
    placement: Sequence[PlacementScore] = (),
    observed: ObservedInterruptions | None = None,
) -> RiskLevel:
    """Level of one pool: its hardest sign, raised when two press; `unknown` without any."""
    return score_pool(instance_type, zone, book, placement, observed).level


def fleet_level(pools: Mapping[Pool, int], book: PriceBook, placement: Sequence[PlacementScore] = ()) -> RiskLevel:
    """Level of a fleet from its spot instances per pool.

    pools  Counter of (instance type, zone name) over spot instances only; empty = nothing can be interrupted: low
    The worst pool that holds a quarter of them, one level higher when one pool holds most of them;
    `unknown` when such a pool is unknown and none is high.
    """
    levels = {pool: pool_level(*pool, book, placement) for pool, count in pools.items() if count > 0}
    return combine(pools, levels)


def combine(pools: Mapping[Pool, int], levels: Mapping[Pool, RiskLevel]) -> RiskLevel:
    """`fleet_level` from the levels of its pools."""
    total = sum(pools.values())
    if total == 0:
        return "low"
    weighty = [levels[pool] for pool, count in pools.items() if count * 4 >= total]
    weighty = weighty or list(levels.values())
    if "high" not in weighty and "unknown" in weighty:
        return "unknown"
    worst = max(_LEVELS.index(level) for level in weighty if level != "unknown")
    raised = worst + (total > 1 and max(pools.values()) >= LARGE_SHARE * total)
    return _LEVELS[min(raised, len(_LEVELS) - 1)]


def score_pool(
    instance_type: str,
    zone: str,
    book: PriceBook,
    placement: Sequence[PlacementScore] = (),
    observed: ObservedInterruptions | None = None,
) -> RiskScore:
    """One pool with its evidence.

    zone      name or id
    observed  own EC2-initiated interruptions and instance-hours of this pool
    """
    prices = book.pool(instance_type, zone)
    pool = prices.pool if prices else CapacityPool(instance_type=instance_type, zone_name=zone)
    signs, missing = _price_signs(instance_type, zone, book)
    scored = _placement_sign(pool, placement)
    signs += scored or ()
    if scored is None:
        missing.append("a placement score of three or more types")
    rate = interruption_rate(observed) if observed else None
    if rate is None:
        missing += ["own interruption records of this pool", "Spot Advisor band"]
    else:
        signs += (_rate_sign(rate, book.as_of),)
    return RiskScore(
        pool=pool,
        level=_level(signs),
        interruptions_per_100_hours=rate.per_100_hours if rate else None,
        low=rate.low if rate else None,
        high=rate.high if rate else None,
        evidence=tuple(s.evidence for s in signs),
        missing=tuple(missing),
    )


def _level(signs: Sequence[Sign]) -> RiskLevel:
    if not signs:
        return "unknown"
    return _LEVELS[min(sum(s.pressure for s in signs), 2)]


def _price_signs(instance_type: str, zone: str, book: PriceBook) -> tuple[tuple[Sign, ...], list[str]]:
    found = book.pool(instance_type, zone)
    if found is None or found.current_usd_per_hour is None:
        return (), [f"spot price of {instance_type} in {zone}"]
    signs: list[Sign] = []
    missing: list[str] = []
    now, mean = found.current_usd_per_hour, found.mean_usd_per_hour
    rate = book.on_demand(instance_type)
    if rate is None:
        missing.append(f"on-demand price of {instance_type}")
    else:
        share = float(now / rate)
        text = f"{share:.0%} of on-demand ({_short(now)} of {_short(rate)} USD/h)"
        pressure = _grade(share, PRICE_CLOSE_TO_ON_DEMAND, PRICE_NEAR_ON_DEMAND)
        signs.append(_sign(pressure, "spot price against on-demand", text, book))
    if mean:
        ratio = float(now / mean)
        text = f"{ratio - 1:+.1%} against the mean of {book.hours:g} h"
        signs.append(_sign(_grade(ratio, RISE, STEEP_RISE), "price now against its mean", text, book))
    if found.volatility is not None:
        text = f"{found.volatility:.3f} (σ of log price, {found.changes} changes in {book.hours:g} h)"
        signs.append(_sign(_grade(found.volatility, SOME_VOLATILITY, MUCH_VOLATILITY), "price volatility", text, book))
    return tuple(signs), missing


def _short(usd: Decimal) -> str:
    return f"{usd.normalize():f}"


def _grade(value: float, some: float, much: float) -> int:
    return int(value >= some) + int(value >= much)


def _sign(pressure: int, fact: str, value: str, book: PriceBook) -> Sign:
    return Sign(pressure, Evidence(fact=fact, value=value, source=book.source, as_of=book.as_of))


def _placement_sign(pool: CapacityPool, placement: Sequence[PlacementScore]) -> tuple[Sign, ...] | None:
    """None when no score speaks for the pool's zone."""
    found = [
        s
        for s in placement
        if pool.instance_type in s.instance_types
        and s.zone_id in (None, pool.zone_id)
        and len(s.instance_types) >= TYPES_FOR_A_SCORE
    ]
    if not found:
        return None
    score = min(found, key=lambda s: (s.zone_id is None, s.score))
    value = f"{score.score} of 10 for {score.target_capacity} now (chance of a launch, not interruption risk)"
    evidence = Evidence(fact="placement score", value=value, source=score.source, as_of=score.as_of)
    return (Sign(int(score.score <= SCARCE_PLACEMENT), evidence),)


def _rate_sign(rate: RateInterval, as_of: datetime | None) -> Sign:
    pressure = _grade(rate.per_100_hours, SOME_RISK_PER_100_H, MUCH_RISK_PER_100_H) if rate.trusted else 0
    value = (
        f"{rate.interruptions} in {rate.instance_hours:,.0f} instance-hours: {rate.per_100_hours:.2f} per 100 h "
        f"(90 %: {rate.low:.2f}–{rate.high:.2f}){'' if rate.trusted else '; too few hours to judge by'}"
    )
    return Sign(pressure, Evidence(fact="own interruptions", value=value, source="interruption records", as_of=as_of))


@tool(
    effect="read",
    iam=(
        "autoscaling:DescribeAutoScalingGroups",
        "ec2:DescribeFleets",
        "ec2:DescribeSpotPriceHistory",
        "ec2:GetSpotPlacementScores",
        "pricing:GetProducts",
    ),
    example={"fleet": "ml-train"},
)
def score_risk(reader: CloudReader, clock: Clock, fleet: Name) -> FleetRisk:
    """How likely a fleet's spot pools look to be taken, how concentrated it is, and what would make it safer.

    Raises  NotFound: no such fleet; CloudError
    """
    found = named_fleet(reader, fleet)
    book = read_price_book(reader, clock, sorted({*found.instance_types, *(i.instance_type for i in found.spot)}))
    unread = list(book.missing)
    placement = _placement(reader, found, unread)
    return fleet_risk(found, book, placement, now=clock.now(), unread=unread)


def _placement(reader: CloudReader, fleet: Fleet, unread: list[str]) -> tuple[PlacementScore, ...]:
    """Not asked for fewer than three types: the answer would say nothing, and new questions are rationed by EC2."""
    if len(fleet.instance_types) < TYPES_FOR_A_SCORE:
        return ()
    try:
        return reader.placement_scores(fleet.instance_types, target_capacity=max(1, fleet.desired_capacity))
    except (AccessDenied, Rejected) as refused:
        unread.append(f"placement scores: {refused.message}")
        return ()


def fleet_risk(
    fleet: Fleet,
    book: PriceBook,
    placement: Sequence[PlacementScore] = (),
    *,
    now: datetime,
    observed: Mapping[Pool, ObservedInterruptions] | None = None,
    unread: Sequence[str] = (),
) -> FleetRisk:
    """The whole answer from what was read; pools with most spot instances first.

    observed  own records by (instance type, zone name)
    unread    what could not be read, in words: every pool says that it misses it
    """
    counts = Counter((i.instance_type, i.zone_name) for i in fleet.spot)
    records = observed or {}
    scores = {pool: score_pool(*pool, book, placement, records.get(pool)) for pool in counts}
    ordered = sorted(counts, key=lambda pool: (-counts[pool], pool))
    largest = max(counts.values()) / counts.total() if counts else None
    return FleetRisk(
        fleet=fleet.name,
        level=combine(counts, {pool: s.level for pool, s in scores.items()}),
        pools=tuple(s.with_(missing=(*s.missing, *unread)) for s in (scores[pool] for pool in ordered)),
        largest_pool_share=largest,
        advice=_advice(fleet, counts),
        as_of=now,
        source=f"{book.source}, EC2 GetSpotPlacementScores" if placement else book.source,
    )


def _advice(fleet: Fleet, counts: Counter[Pool]) -> tuple[str, ...]:
    if not counts:
        return ("no spot instance runs: nothing here can be interrupted by EC2",)
    advice = [*_spread_advice(fleet, counts)]
    if len(fleet.instance_types) < ENOUGH_TYPES:
        advice.append(
            f"add instance types of like size: {len(fleet.instance_types)} now, {ENOUGH_TYPES} or more are safer"
        )
    strategy = fleet.mix.spot_allocation_strategy if fleet.mix else None
    if strategy in ("lowest-price", "diversified"):
        advice.append(f"{strategy} does not look at capacity: price-capacity-optimized does, and at price")
    if fleet.ref.kind == "asg" and not fleet.capacity_rebalance:
        advice.append("turn on Capacity Rebalancing: a replacement starts on the rebalance signal, before the notice")
    return tuple(advice)


def _spread_advice(fleet: Fleet, counts: Counter[Pool]) -> Iterator[str]:
    total = counts.total()
    if total < 2:
        return
    (instance_type, zone), most = max(counts.items(), key=lambda item: (item[1], item[0]))
    if most >= LARGE_SHARE * total:
        yield f"{most} of {total} spot instances are in {instance_type}/{zone}: one event can take them all"
    zones = Counter[str]()
    for (_, name), count in counts.items():
        zones[name] += count
    zone, most = max(zones.items(), key=lambda item: (item[1], item[0]))
    if most >= LARGE_ZONE_SHARE * total:
        others = sorted(set(fleet.zones) - {zone})
        way = f"it may also launch in {', '.join(others)}" if others else "open it to more zones"
        yield f"{most} of {total} spot instances are in {zone}: {way}"
