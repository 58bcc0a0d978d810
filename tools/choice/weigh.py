"""One capacity pool weighed: price, risk, availability and what it replaces, with what is not known.

The score and the recommendation are computed from these figures, never guessed.
"""

from collections.abc import Sequence
from decimal import Decimal

from tools.choice.baseline import Baseline
from tools.choice.evidence import Evidence
from tools.choice.reasons import reasons_of, seen_reasons
from tools.choice.score import (
    THRESHOLDS,
    Parts,
    Thresholds,
    availability_part,
    overall_score,
    recommend,
    saving_part,
    stability_part,
)
from tools.choice.useful_hour import Estimate, overhead_of, useful_hour_usd
from tools.records import Hazard, InstanceTypeSpec, Interruption, Opportunity, PoolPrices
from tools.risk.guide import overall_score_as_meant
from tools.risk.hazard import chance_within
from tools.risk.knowledge import granted_share


def weigh(
    prices: PoolPrices,
    *,
    hazard: Hazard,
    within: Sequence[Interruption],
    baseline: Baseline,
    seen: Evidence,
    spec: InstanceTypeSpec | None = None,
    thresholds: Thresholds = THRESHOLDS,
) -> Opportunity:
    """One pool from what is known of it. Pure.

    within    shortest horizon first; the last one is in the score
    baseline  what an on-demand hour of the type adds to the bill
    """
    pool, mean = prices.pool, prices.mean_usd_per_hour
    band, exposure, placement = seen.band(pool), seen.exposure(pool), seen.placed(pool)
    overhead = overhead_of(hazard, seen.work)
    useful = useful_hour_usd(mean, overhead.value if overhead else None)
    highest = useful_hour_usd(mean, overhead.high if overhead else None)
    horizon = within[-1] if within else None
    saving, share = _saving(mean, baseline)
    parts = Parts(
        stability=stability_part(prices.volatility),
        interruption=_spared(horizon, hazard),
        availability=availability_part(exposure, placement),
        saving=saving_part(share, baseline_is_zero=baseline.usd_per_hour == 0),
    )
    score = overall_score(parts)
    advice, why = recommend(
        score, pays=_pays(useful, mean, baseline), surely_pays=_less(highest, baseline), thresholds=thresholds
    )
    return Opportunity(
        pool=pool,
        prices=prices,
        within=tuple(within),
        hazard=hazard,
        placement=placement,
        advisor=band,
        availability_share=granted_share(exposure),
        baseline_usd_per_hour=baseline.usd_per_hour,
        saving_share=share,
        saving_usd_per_hour=saving,
        overhead_share=overhead.value if overhead else None,
        usd_per_useful_hour=useful,
        usd_per_useful_hour_low=useful_hour_usd(mean, overhead.low if overhead else None),
        usd_per_useful_hour_high=highest,
        score=score.value if score else None,
        score_low=score.low if score else None,
        score_high=score.high if score else None,
        score_parts=parts.values(),
        guide_score=overall_score_as_meant(
            price_volatility=prices.volatility,
            interruption_probability=horizon.probability if horizon else None,
            availability_rate=parts.availability,
            savings_share=prices.saving_share,
        ),
        spec=spec,
        recommendation=advice,
        reasons=(
            *reasons_of(prices, baseline, useful_usd=useful, hazard=hazard, within=horizon, overhead=overhead),
            *seen_reasons(exposure, placement, band),
            why,
        ),
        missing=_missing(prices, baseline, hazard, seen),
    )


def _saving(mean: Decimal | None, baseline: Baseline) -> tuple[Decimal | None, float | None]:
    """USD per hour, and as a share of the baseline; below 0 when spot costs more."""
    rate = baseline.usd_per_hour
    if mean is None or rate is None:
        return None, None
    return rate - mean, float(1 - mean / rate) if rate > 0 else None


def _spared(within: Interruption | None, hazard: Hazard) -> Estimate | None:
    """1 − P(interrupted), with its interval turned round.

    Where no chance is told for a pool alone, the rate still ranks it among others: its width stays in the interval.
    """
    if within is None:
        return None
    if within.probability is not None and within.low is not None and within.high is not None:
        return Estimate(1 - within.probability, 1 - within.high, 1 - within.low)
    chance = chance_within(hazard, within.horizon_minutes / 60)
    return Estimate(1 - chance[0], 1 - chance[2], 1 - chance[1]) if chance else None


def _less(usd: Decimal | None, baseline: Baseline) -> bool | None:
    return None if usd is None or baseline.usd_per_hour is None else usd < baseline.usd_per_hour


def _pays(useful: Decimal | None, mean: Decimal | None, baseline: Baseline) -> bool | None:
    """Whether a useful hour is cheaper than what it replaces; a price above it settles that without a hazard."""
    if _less(mean, baseline) is False:
        return False
    return _less(useful, baseline)


def _missing(prices: PoolPrices, baseline: Baseline, hazard: Hazard, seen: Evidence) -> tuple[str, ...]:
    missing = [*hazard.missing, *seen.missing]
    if prices.mean_usd_per_hour is None:
        missing.append("its spot price")
    if prices.on_demand_usd_per_hour is None:
        missing.append("its on-demand price")
    elif baseline.usd_per_hour is None:
        missing.append("what an on-demand hour adds to the bill")
    if granted_share(seen.exposure(prices.pool)) is None:
        missing.append("own launches in this pool")
    return tuple(dict.fromkeys(missing))
