"""How pressed a capacity pool looks, from what is known of it. No probability is made up.

Prices and placement scores are signs of demand, not interruption rates. A rate per 100 hours comes from the pool's
hazard: own interruption records, or the Advisor's band, which alone is a wide prior and is said to be one. A band
speaks of a month and a whole region, so it raises a level and never makes one: with no sign of the pool itself the
level is `unknown`.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tools.cloud import Clock, CloudReader
from tools.desk import AdvisorReader, Archive
from tools.errors import AccessDenied, Rejected, Throttled
from tools.market.pricebook import PriceBook, read_price_book
from tools.market.subject import named_fleet
from tools.records import (
    AdvisorBand,
    CapacityPool,
    Evidence,
    Fleet,
    FleetRisk,
    Hazard,
    Name,
    PlacementScore,
    PoolSignal,
    RiskLevel,
    RiskScore,
)
from tools.risk.hazard import BAND_FACT, is_own
from tools.risk.knowledge import RISK_IAM, Known, read_knowledge
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
MUCH_INTERRUPTED_BAND = 3
"""15 % of instances and more in a month"""
MOSTLY_BAND = "interruption rate, mostly the Advisor's band"
JUST_NOW = timedelta(minutes=30)
"""an interruption so long ago says that the pool is being emptied now"""
LEVELS: tuple[RiskLevel, ...] = ("low", "medium", "high")

Pool = tuple[str, str]
"""(instance type, zone name)"""


@dataclass(frozen=True)
class Sign:
    """One fact and how hard it presses: 0 calm, 1 some, 2 much.

    of_pool  False: it speaks of more than this pool, and alone makes no level
    """

    pressure: int
    evidence: Evidence
    of_pool: bool = True


def fleet_level(pools: Mapping[Pool, int], book: PriceBook, placement: Sequence[PlacementScore] = ()) -> RiskLevel:
    """Level of a fleet from its spot instances per pool.

    pools  Counter of (instance type, zone name) over spot instances only; empty = nothing can be interrupted: low
    The worst pool that holds a quarter of them, one level higher when one pool holds most of them;
    `unknown` when such a pool is unknown and none is high.
    """
    levels = {pool: score_pool(*pool, book, placement).level for pool, count in pools.items() if count > 0}
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
    worst = max(LEVELS.index(level) for level in weighty if level != "unknown")
    raised = worst + (total > 1 and max(pools.values()) >= LARGE_SHARE * total)
    return LEVELS[min(raised, len(LEVELS) - 1)]


def score_pool(
    instance_type: str,
    zone: str,
    book: PriceBook,
    placement: Sequence[PlacementScore] = (),
    known: Known | None = None,
) -> RiskScore:
    """One pool with its evidence: the level of its hardest sign, raised when two press; `unknown` without any.

    zone   name or id
    known  its Advisor band, hazard and the signals of the last day
    """
    prices = book.pool(instance_type, zone)
    pool = prices.pool if prices else CapacityPool(instance_type=instance_type, zone_name=zone)
    signs, missing = _price_signs(instance_type, zone, book)
    scored = _placement_sign(pool, placement)
    signs += scored or ()
    if scored is None:
        missing.append("a placement score of three or more types")
    more, rate, unknown = _known_signs(known, book) if known else ((), None, _UNKNOWN)
    signs += more
    return RiskScore(
        pool=pool,
        level=_level(signs),
        interruptions_per_100_hours=rate[1] if rate else None,
        low=rate[0] if rate else None,
        high=rate[2] if rate else None,
        evidence=tuple(s.evidence for s in signs),
        missing=(*missing, *unknown),
    )


def _level(signs: Sequence[Sign]) -> RiskLevel:
    if not any(s.of_pool for s in signs):
        return "unknown"
    return LEVELS[min(sum(s.pressure for s in signs), 2)]


_Rate = tuple[float, float, float]
"""low, mean, high: interruptions per 100 instance-hours"""
_UNKNOWN = ("own interruption records of this pool", "Spot Advisor band")


def _known_signs(known: Known, book: PriceBook) -> tuple[tuple[Sign, ...], _Rate | None, tuple[str, ...]]:
    signs = (*_band_signs(known.band), *_signal_signs(known.signals, book.as_of))
    hazard = known.hazard
    if hazard is None:
        return signs, None, ("own interruption records of this pool",)
    if hazard.per_100_hours is None or hazard.low is None or hazard.high is None:
        return signs, None, hazard.missing
    rate = (hazard.low, hazard.per_100_hours, hazard.high)
    return (*signs, *_hazard_signs(hazard, rate, book.as_of)), rate, hazard.missing


def _band_signs(band: AdvisorBand | None) -> tuple[Sign, ...]:
    if band is None:
        return ()
    value = f"{band.label} of {band.region}, as of {band.as_of:%Y-%m-%d} ({band.meaning})"
    evidence = Evidence(fact=BAND_FACT, value=value, source=band.source, as_of=band.as_of)
    return (Sign(int(band.band >= MUCH_INTERRUPTED_BAND), evidence, of_pool=False),)


def _hazard_signs(hazard: Hazard, rate: _Rate, as_of: datetime | None) -> tuple[Sign, ...]:
    """The rate presses where our own records stand behind it: a band alone has pressed already."""
    own = is_own(hazard)
    pressure = _grade(rate[1], SOME_RISK_PER_100_H, MUCH_RISK_PER_100_H) if own else 0
    seen = hazard.exposure
    hours = f"{seen.interruptions} in {seen.instance_hours:,.0f} own instance-hours: " if seen else ""
    value = f"{hours}{rate[1]:.2f} per 100 h (90 %: {rate[0]:.2f}–{rate[2]:.2f}); prior: {hazard.prior}"
    fact = "own interruptions" if own else MOSTLY_BAND
    return (Sign(pressure, Evidence(fact=fact, value=value, source="hazard of the pool", as_of=as_of), of_pool=own),)


def _signal_signs(signals: Sequence[PoolSignal], now: datetime | None) -> tuple[Sign, ...]:
    """What EC2 did in the pool within a day. Launches that were granted are no sign of calm: they were few or many."""
    found = []
    for kind, what in (
        ("interruption", "instances of ours taken"),
        ("rebalance", "rebalance recommendations"),
        ("refusal", "launches refused for want of capacity"),
    ):
        of_kind = [s for s in signals if s.kind == kind]
        if not of_kind:
            continue
        last = max(s.at for s in of_kind)
        burning = kind == "interruption" and now is not None and now - last <= JUST_NOW
        value = f"{len(of_kind)} in the last day, the last at {last:%H:%M}Z"
        evidence = Evidence(fact=what, value=value, source=of_kind[-1].source, as_of=last)
        found.append(Sign(1 + burning, evidence))
    return tuple(found)


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


def placed(pool: CapacityPool, placement: Sequence[PlacementScore]) -> PlacementScore | None:
    """The score that speaks for the pool's zone, else for the region; None where none does, or too few types were."""
    found = [
        s
        for s in placement
        if pool.instance_type in s.instance_types
        and s.zone_id in (None, pool.zone_id)
        and len(s.instance_types) >= TYPES_FOR_A_SCORE
    ]
    return min(found, key=lambda s: (s.zone_id is None, s.score), default=None)


def _placement_sign(pool: CapacityPool, placement: Sequence[PlacementScore]) -> tuple[Sign, ...] | None:
    score = placed(pool, placement)
    if score is None:
        return None
    value = f"{score.score} of 10 for {score.target_capacity} now (chance of a launch, not interruption risk)"
    evidence = Evidence(fact="placement score", value=value, source=score.source, as_of=score.as_of)
    return (Sign(int(score.score <= SCARCE_PLACEMENT), evidence),)


@tool(
    effect="read",
    iam=RISK_IAM,
    example={"fleet": "ml-train"},
)
def score_risk(reader: CloudReader, clock: Clock, archive: Archive, advisor: AdvisorReader, fleet: Name) -> FleetRisk:
    """How likely a fleet's spot pools look to be taken, how concentrated it is, and what would make it safer.

    Signs: prices, placement scores, the Advisor's band, own records of the archive, EC2's signals of the last day.
    Raises  NotFound: no such fleet; CloudError
    """
    found = named_fleet(reader, fleet)
    book = read_price_book(reader, clock, sorted({*found.instance_types, *(i.instance_type for i in found.spot)}))
    knowledge = read_knowledge(reader, archive, advisor, now=clock.now())
    unread = [*book.missing, *knowledge.missing]
    placement = read_placement(reader, found, unread)
    known = {(i.instance_type, i.zone_name): knowledge.of(i.pool) for i in found.spot}
    return fleet_risk(found, book, placement, now=clock.now(), unread=unread, known=known)


def read_placement(reader: CloudReader, fleet: Fleet, unread: list[str]) -> tuple[PlacementScore, ...]:
    """Not asked for fewer than three types: the answer would say nothing, and new questions are rationed by EC2."""
    if len(fleet.instance_types) < TYPES_FOR_A_SCORE:
        return ()
    try:
        return reader.placement_scores(fleet.instance_types, target_capacity=max(1, fleet.desired_capacity))
    except (AccessDenied, Rejected, Throttled) as refused:
        unread.append(f"placement scores: {refused.message}")
        return ()


def fleet_risk(
    fleet: Fleet,
    book: PriceBook,
    placement: Sequence[PlacementScore] = (),
    *,
    now: datetime,
    unread: Sequence[str] = (),
    known: Mapping[Pool, Known] | None = None,
) -> FleetRisk:
    """The whole answer from what was read; pools with most spot instances first.

    unread  what could not be read, in words: every pool says that it misses it
    known   bands, hazards and signals by (instance type, zone name)
    """
    counts = Counter((i.instance_type, i.zone_name) for i in fleet.spot)
    more = known or {}
    scores = {pool: score_pool(*pool, book, placement, known=more.get(pool)) for pool in counts}
    ordered = sorted(counts, key=lambda pool: (-counts[pool], pool))
    largest = max(counts.values()) / counts.total() if counts else None
    return FleetRisk(
        fleet=fleet.name,
        level=combine(counts, {pool: s.level for pool, s in scores.items()}),
        level_by_prices=fleet_level(counts, book),
        pools=tuple(s.with_(missing=(*s.missing, *unread)) for s in (scores[pool] for pool in ordered)),
        largest_pool_share=largest,
        advice=_advice(fleet, counts),
        as_of=now,
        source=_source(book, placement, more.values()),
    )


def _source(book: PriceBook, placement: Sequence[PlacementScore], known: Collection[Known]) -> str:
    parts = [book.source]
    if placement:
        parts.append("EC2 GetSpotPlacementScores")
    if any(k.band for k in known):
        parts.append("Spot Instance Advisor")
    if any(k.signals or (k.hazard and k.hazard.exposure) for k in known):
        parts.append("own records")
    return ", ".join(parts)


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
    if fleet.ref.kind == "spot-fleet":
        advice.append("Spot Fleet is legacy: create an EC2 Fleet with its types and strategy, then cancel the request")
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
