"""What `spotwarden market` prints: the records' own figures, rounded. Unknown is a word, never a 0."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from tools.figures import share as known_share
from tools.figures import span
from tui.charts.text import forecast_bars, rate_bars
from tui.grid import COLOURS, Grid, Paint, no_paint
from tui.output import plain

if TYPE_CHECKING:
    from datetime import datetime

    from tools.records import (
        CapacityPool,
        FleetInstanceRisk,
        FleetRisk,
        InstanceRisk,
        Interruption,
        InterruptionForecast,
        Opportunity,
        OpportunityAnalysis,
        PoolForecast,
        PoolPrices,
        PriceAnalysis,
        SetAside,
    )

UNKNOWN = "unknown"
MOST_SHIFTS = 5
_IN_COLUMNS = ("placement score", "Spot Advisor")
"""reasons that stand in the table, with their meaning below it"""

# parts


def pool_text(pool: "CapacityPool") -> str:
    return f"{pool.instance_type}/{pool.zone_name or pool.zone_id or '?'}"


def dollars(value: object) -> str:
    return UNKNOWN if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def share(value: float | None) -> str:
    """0.4 %, 12 %, 99.7 %: a small chance is never shown as none, nor a large one as certain."""
    return UNKNOWN if value is None else known_share(value)


def likely(found: "Interruption", *, short: bool = False) -> str:
    """12 % (3.1 % to 40 %), or unknown (3.1 % to 99 %); short: 12 % (3.1-40 %), or unknown."""
    if short:
        middle = share(found.probability)
        narrow = found.probability is None or found.low is None or found.high is None
        return middle if narrow else f"{middle} ({share(found.low).removesuffix(' %')}-{share(found.high)})"
    if found.probability is None:
        return UNKNOWN if found.high is None else f"{UNKNOWN} ({share(found.low)} to {share(found.high)})"
    if found.low is None or found.high is None:
        return share(found.probability)
    return f"{share(found.probability)} ({share(found.low)} to {share(found.high)})"


def percent(value: float | None) -> str:
    """+62.3 %: a saving; below 0 it costs more."""
    return UNKNOWN if value is None else f"{value * 100:+.1f} %"


def counted(verb: str, aside: "Sequence[SetAside]") -> Iterator[str]:
    for one in aside:
        yield f"{verb}: {one.count:,} × {plain(one.reason)}, such as {plain(one.example)}"


def footer(as_of: "datetime", source: str) -> str:
    return f"as of {as_of:%Y-%m-%d %H:%M:%SZ} · {plain(source)}"


def _pools(found: Sequence[object]) -> str:
    return f"{len(found)} pool{'' if len(found) == 1 else 's'}"


def _zone_column(pools: "Sequence[CapacityPool]") -> bool:
    """Zone names differ between accounts, ids do not: both are shown where both are known."""
    return any(p.zone_name and p.zone_id for p in pools)


# prices


def price_lines(found: "PriceAnalysis", width: int | None = None) -> Iterator[str]:
    """The table, what was set aside, and where it comes from: the record's own numbers, rounded."""
    ids = _zone_column([p.pool for p in found.pools])
    header = ("POOL", *(("ZONE ID",) if ids else ()), "PRODUCT", "NOW", "MEAN", "MEDIAN", "P90", "LOW-HIGH")
    header = (*header, "VOLATILITY", "VS ON-DEMAND", "CHANGES")
    products = {p.pool.product for p in found.pools}
    grid = Grid(
        header,
        lambda _: [_price_row(p, ids=ids) for p in found.pools],
        right=frozenset(header[header.index("NOW") :]),
        # where there are several, the product tells rows apart
        drop=(*(("PRODUCT",) if len(products) < 2 else ()), "CHANGES", "ZONE ID", "LOW-HIGH", "MEDIAN", "P90"),
    )
    yield from grid.lines(no_paint, width)
    window = "everything it holds" if found.window_hours is None else f"last {found.window_hours:g} h"
    told = f"{', '.join(sorted(products))} · " if len(products) == 1 else ""
    yield f"{_pools(found.pools)} · {plain(told)}USD per instance-hour · mean, median, p90 time-weighted · {window}"
    yield from (f"note: {plain(note)}" for note in found.notes)
    yield from _shift_lines(found.pools)
    yield from counted("set aside", found.set_aside)
    yield footer(found.as_of, found.source)


def _price_row(prices: "PoolPrices", *, ids: bool) -> tuple[object, ...]:
    low, high = prices.low_usd_per_hour, prices.high_usd_per_hour
    return (
        pool_text(prices.pool),
        *((prices.pool.zone_id or "?",) if ids else ()),
        prices.pool.product,
        dollars(prices.current_usd_per_hour),
        dollars(prices.mean_usd_per_hour),
        dollars(prices.median_usd_per_hour),
        dollars(prices.p90_usd_per_hour),
        UNKNOWN if low is None or high is None else f"{low:f}-{high:f}",
        UNKNOWN if prices.volatility is None else f"{prices.volatility:.3f}",
        percent(None if prices.saving_share is None else -prices.saving_share),
        prices.changes,
    )


def _shift_lines(pools: "Sequence[PoolPrices]") -> Iterator[str]:
    """The largest changes of a price's level, in the order of time."""
    shifts = [(p.pool, s) for p in pools for s in p.change_points]

    def size(item: "tuple[CapacityPool, object]") -> float:
        shift = item[1]
        before, after = float(shift.before_usd_per_hour), float(shift.after_usd_per_hour)  # type: ignore[attr-defined]
        return max(after / before, before / after) if before and after else float("inf")

    for pool, shift in sorted(sorted(shifts, key=size)[-MOST_SHIFTS:], key=lambda item: item[1].at):
        before, after = shift.before_usd_per_hour, shift.after_usd_per_hour
        yield (
            f"level changed: {plain(pool_text(pool))} {shift.at:%Y-%m-%d %H:%MZ} {dollars(before)} → {dollars(after)}"
            + (f" ({percent(float(after / before) - 1)})" if before else "")
        )


# risk


def risk_lines(found: "FleetRisk") -> Iterator[str]:
    largest = found.largest_pool_share
    part = "no spot instance" if largest is None else f"largest pool {largest:.0%} of spot instances"
    yield f"{plain(found.fleet)}: {found.level} · {part}"
    if found.level_by_prices not in (None, found.level):
        yield f"  `spotwarden fleets` says {found.level_by_prices}: it looks at prices alone, here every sign counts"
    for score in found.pools:
        rate = score.interruptions_per_100_hours
        if rate is None or score.low is None or score.high is None:
            text = "interruptions per 100 h unknown"
        else:
            text = f"{rate:.2f} interruptions per 100 h (90 %: {score.low:.2f}-{score.high:.2f})"
        yield f"  {plain(_named(score.pool))}: {score.level} · {text}"
        for evidence in score.evidence:
            yield f"    {evidence.fact}: {plain(evidence.value)}"
        if score.missing:
            yield f"    not known: {plain('; '.join(score.missing))}"
    yield from rate_bars(found)
    for advice in found.advice:
        yield f"  → {plain(advice)}"
    yield footer(found.as_of, found.source)


def _named(pool: "CapacityPool") -> str:
    """m6i.large/us-east-1a (use1-az1)"""
    both = pool.zone_name and pool.zone_id
    return f"{pool_text(pool)} ({pool.zone_id})" if both else pool_text(pool)


def instance_lines(found: "FleetInstanceRisk", paint: Paint = no_paint, width: int | None = None) -> Iterator[str]:
    """Every spot instance: how likely it is taken, what would be lost, what to do."""
    if not found.instances:
        yield f"{plain(found.name)}: no spot instance runs"
        yield footer(found.as_of, found.source)
        return
    chances = tuple(_within(i.horizon_minutes) for i in found.instances[0].within)
    grid = Grid(
        ("INSTANCE", "POOL", "ZONE ID", *chances, "UNSAVED", "LEVEL"),
        lambda short: [_instance_row(one, short=short) for one in found.instances],
        right=frozenset((*chances, "UNSAVED")),
        drop=("ZONE ID", *chances[1:-1], "UNSAVED", *chances[-1:]),
    )
    yield from grid.lines(paint, width)
    yield from _advice_lines(found)
    yield from _not_known([one.missing for one in found.instances])
    yield footer(found.as_of, found.source)


def _instance_row(one: "InstanceRisk", *, short: bool) -> tuple[object, ...]:
    return (
        one.instance_id,
        pool_text(one.pool),
        one.pool.zone_id or "?",
        *(likely(i, short=short) for i in one.within),
        UNKNOWN if one.unsaved_minutes is None else f"{one.unsaved_minutes:.0f} min",
        one.level,
    )


def _advice_lines(found: "FleetInstanceRisk") -> Iterator[str]:
    """Each piece of advice once, with the instances that it is for."""
    whom: dict[tuple[str, str], list[str]] = {}
    for one in found.instances:
        for advice in one.recommended:
            whom.setdefault((advice.what, advice.why), []).append(one.instance_id)
    for (what, why), ids in whom.items():
        who = "every instance" if len(ids) == len(found.instances) else ", ".join(ids)
        yield f"  → {plain(what)}: {plain(why)} ({plain(who)})"


def _within(minutes: float) -> str:
    return f"P {span(minutes)}"


def _not_known(missing: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Each thing once, and for how many pools."""
    found: dict[str, int] = {}
    for one in missing:
        for text in one:
            found[text] = found.get(text, 0) + 1
    for text, count in found.items():
        yield f"not known: {plain(text)}" + (f" ({count} of {len(missing)})" if count < len(missing) else "")


def forecast_lines(found: "InterruptionForecast", paint: Paint = no_paint, width: int | None = None) -> Iterator[str]:
    """P(interrupted) by horizon with intervals, and the signs that stand beside it."""
    chances = tuple(_within(i.horizon_minutes) for i in found.pools[0].within) if found.pools else ()
    grid = Grid(
        ("POOL", "ZONE ID", *chances, "PER 100 H", "ADVISOR", "PLACED", "LEVEL"),
        lambda short: [_forecast_row(one, short=short) for one in found.pools],
        right=frozenset((*chances, "PER 100 H", "ADVISOR", "PLACED")),
        drop=("ZONE ID", "PLACED", "PER 100 H", "ADVISOR", *chances[1:2], *chances[3:], *chances[:1]),
    )
    yield from grid.lines(paint, width)
    yield from forecast_bars(found)
    yield f"{plain(found.subject)}: {_pools(found.pools)} · P: chance that an instance is interrupted, 90 % interval"
    methods = dict.fromkeys(f"{i.method}: {i.source}" for one in found.pools for i in one.within if not i.abstains)
    yield from (f"  by {plain(method)}" for method in methods)
    yield from _abstentions(found)
    yield from _signs([(one.advisor, one.placement) for one in found.pools])
    guide = next((p.guide_average_probability for p in found.pools if p.guide_average_probability is not None), None)
    if guide is not None:
        yield f"the guides' formula says {share(guide)} an hour for each of them, whatever is known: not used"
    yield from _not_known([one.missing for one in found.pools])
    yield footer(found.as_of, found.source)


def _forecast_row(one: "PoolForecast", *, short: bool) -> tuple[object, ...]:
    return (
        pool_text(one.pool),
        one.pool.zone_id or "?",
        *(likely(i, short=short) for i in one.within),
        UNKNOWN if one.hazard.per_100_hours is None else f"{one.hazard.per_100_hours:.3g}",
        one.advisor.label if one.advisor else UNKNOWN,
        UNKNOWN if one.placement is None else f"{one.placement.score}/10",
        one.level,
    )


def _abstentions(found: "InterruptionForecast") -> Iterator[str]:
    why: dict[str, dict[str, list[str]]] = {}
    for one in found.pools:
        for i in one.within:
            if i.abstains:
                why.setdefault(pool_text(one.pool), {}).setdefault(i.abstains, []).append(span(i.horizon_minutes))
    for reasons, pools in _alike(why):
        told = "; ".join(f"{', '.join(horizons)}: {plain(reason)}" for reason, horizons in reasons.items())
        yield f"no probability for {plain(', '.join(pools))} within {told}"


def _alike(why: dict[str, dict[str, list[str]]]) -> "Iterator[tuple[dict[str, list[str]], list[str]]]":
    """Pools with the same reasons, said once."""
    left = list(why.items())
    while left:
        _, reasons = left[0]
        yield reasons, [pool for pool, theirs in left if theirs == reasons]
        left = [(pool, theirs) for pool, theirs in left if theirs != reasons]


def _signs(found: Sequence[tuple[object, object]]) -> Iterator[str]:
    """What ADVISOR and PLACED mean, and of when they are."""
    from tools.records import AdvisorBand, PlacementScore

    band = next((b for b, _ in found if isinstance(b, AdvisorBand)), None)
    placed = next((p for _, p in found if isinstance(p, PlacementScore)), None)
    if band is not None:
        yield f"ADVISOR: {band.meaning}; {band.as_of:%Y-%m-%d}"
    if placed is not None:
        types = len(placed.instance_types)
        yield f"PLACED: {placed.meaning}; for {types} types together; {placed.as_of:%Y-%m-%d %H:%MZ}"


# choice


def opportunity_lines(
    found: "OpportunityAnalysis", paint: Paint = no_paint, width: int | None = None, *, explained: int | None = None
) -> Iterator[str]:
    """Pools side by side, why they are recommended or not, and what was left out.

    explained  how many pools get their reasons; None = the best of each type
    """
    if found.opportunities:
        yield from _opportunity_grid(found).lines(paint, width)
    yield (
        f"{_pools(found.opportunities)} of {plain(found.region)} · {plain(found.product)} · "
        f"by {plain(found.ordered_by)}, what to avoid last · prices of the last {found.window_hours:g} h"
    )
    if found.opportunities:
        yield from _meanings(found)
    for one in _explained(found.opportunities, explained):
        yield f"{plain(_named(one.pool))}: {paint(one.recommendation, COLOURS.get(one.recommendation, '0'))}"
        yield from (f"    {plain(reason)}" for reason in one.reasons if not reason.startswith(_IN_COLUMNS))
        yield f"    {_parts(one)}"
    yield f"commitments: {plain(found.commitments)}"
    yield from (f"assumed: {plain(text)}" for text in found.assumptions)
    yield from _not_known([one.missing for one in found.opportunities])
    yield from counted("left out", found.left_out)
    yield from counted("set aside", found.set_aside)
    yield footer(found.as_of, found.source)


def _opportunity_grid(found: "OpportunityAnalysis") -> Grid:
    horizon = _within(found.horizon_hours * 60)
    ranked = found.asked.get("by", "")
    extra = (ranked.upper(),) if ranked.startswith("per-") else ()
    header = ("POOL", "ZONE ID", "VCPU/GIB", "MEAN", "USEFUL H", *extra)
    header = (*header, "VS MARGINAL", horizon, "ADVISOR", "PLACED", "SCORE", "ADVICE")
    return Grid(
        header,
        lambda short: [_opportunity_row(one, ranked=bool(extra), short=short) for one in found.opportunities],
        right=frozenset(header[2:-1]),
        drop=("ZONE ID", "PLACED", "MEAN", "VCPU/GIB", "ADVISOR", horizon, "SCORE"),
    )


def _opportunity_row(one: "Opportunity", *, ranked: bool, short: bool) -> tuple[object, ...]:
    spec = one.spec
    return (
        pool_text(one.pool),
        one.pool.zone_id or "?",
        UNKNOWN if spec is None else f"{spec.vcpus}/{spec.memory_gib:g}",
        dollars(one.prices.mean_usd_per_hour),
        dollars(one.usd_per_useful_hour),
        *((dollars(one.rank_value),) if ranked else ()),
        "paid for"
        if one.baseline_usd_per_hour == Decimal(0)
        else percent(None if one.saving_share is None else -one.saving_share),
        likely(one.within[-1], short=short) if one.within else UNKNOWN,
        one.advisor.label if one.advisor else UNKNOWN,
        UNKNOWN if one.placement is None else f"{one.placement.score}/10",
        _score(one, short=short),
        one.recommendation,
    )


def _score(one: "Opportunity", *, short: bool) -> str:
    if one.score is None or one.score_low is None or one.score_high is None:
        return UNKNOWN
    return f"{one.score:.2f}" + ("" if short else f" ({one.score_low:.2f}-{one.score_high:.2f})")


def _parts(one: "Opportunity") -> str:
    from tools.choice.score import WEIGHTS

    parts = ", ".join(
        f"{name} {UNKNOWN if value is None else f'{value:.2f}'} × {WEIGHTS[name]:g}"
        for name, value in one.score_parts.items()
    )
    guide = UNKNOWN if one.guide_score is None else f"{one.guide_score:.2f}"
    return f"parts of the score: {parts}; by the guides' formula against list prices {guide}"


def _meanings(found: "OpportunityAnalysis") -> Iterator[str]:
    yield "USEFUL H: mean price × (1 + hours that interruptions cost), USD · VS MARGINAL: mean price against what an"
    yield "on-demand hour adds to the bill; «paid for»: nothing, a commitment pays for it · P, SCORE: 90 % interval"
    yield from _signs([(one.advisor, one.placement) for one in found.opportunities])


def _explained(found: "Sequence[Opportunity]", count: int | None) -> "Sequence[Opportunity]":
    if count is not None:
        return found[:count]
    best: dict[str, Opportunity] = {}
    for one in found:
        best.setdefault(one.pool.instance_type, one)
    return tuple(best.values())
