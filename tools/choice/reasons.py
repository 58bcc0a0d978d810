"""Why a pool is recommended or not: each figure in words, with what it means."""

from collections.abc import Iterator
from decimal import Decimal

from tools.choice.baseline import Baseline
from tools.choice.useful_hour import Estimate
from tools.figures import share, span
from tools.records import AdvisorBand, Exposure, Hazard, Interruption, PlacementScore, PoolPrices

ADVISOR_MEANS = str(AdvisorBand.model_fields["meaning"].default).removeprefix("share ")
PLACEMENT_MEANS = str(PlacementScore.model_fields["meaning"].default)
"""for a legend where there is no band or score at hand; each record carries its own"""


def reasons_of(
    prices: PoolPrices,
    baseline: Baseline,
    *,
    useful_usd: Decimal | None,
    hazard: Hazard,
    within: Interruption | None,
    overhead: Estimate | None,
) -> tuple[str, ...]:
    """Price against what it replaces, then how sure the hour is."""
    return (*_price_reasons(prices, baseline, useful_usd), *_risk_reasons(hazard, within, overhead))


def _price_reasons(prices: PoolPrices, baseline: Baseline, useful_usd: Decimal | None) -> Iterator[str]:
    mean = prices.mean_usd_per_hour
    if mean is None:
        return
    yield baseline.why
    if baseline.usd_per_hour is None:
        return
    cost = mean if useful_usd is None else useful_usd
    hour = "an hour" if useful_usd is None else "a useful hour"
    gap = baseline.usd_per_hour - cost
    verb = "saves" if gap > 0 else "loses"
    yield f"{hour} on spot costs {money(cost)}, so it {verb} {money(abs(gap))} against {money(baseline.usd_per_hour)}"


def _risk_reasons(hazard: Hazard, within: Interruption | None, overhead: Estimate | None) -> Iterator[str]:
    if hazard.per_100_hours is None:
        yield f"how often it is interrupted is unknown: {hazard.abstains or 'nothing supports a number'}"
        return
    text = f"{rate(hazard.per_100_hours)} interruptions per 100 instance-hours"
    if hazard.low is not None and hazard.high is not None:
        text += f" (90 %: {rate(hazard.low)} to {rate(hazard.high)})"
    yield text
    if within is not None and within.probability is not None:
        text = f"{share(within.probability)} likely to be interrupted within {span(within.horizon_minutes)}"
        if within.low is not None and within.high is not None:
            text += f" (90 %: {share(within.low)} to {share(within.high)})"
        yield text
    if overhead is not None:
        yield f"interruptions add {share(overhead.value)} to the hours that the work needs"


def seen_reasons(
    exposure: Exposure | None, placement: PlacementScore | None, band: AdvisorBand | None
) -> Iterator[str]:
    """Signs of availability side by side, each with its meaning and date."""
    if exposure is not None and exposure.launches + exposure.refusals:
        yield f"EC2 granted {exposure.launches} of our {exposure.launches + exposure.refusals} launches"
    if placement is not None:
        types = len(placement.instance_types)
        yield (
            f"placement score {placement.score} of 10 for {types} types together "
            f"({placement.meaning}; {placement.as_of:%Y-%m-%d %H:%MZ})"
        )
    if band is not None:
        yield f"Spot Advisor {band.label} ({band.meaning}; {band.as_of:%Y-%m-%d})"


def money(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.000001')).normalize():f} USD/h"


def rate(per_100_hours: float) -> str:
    return "<0.001" if 0 < per_100_hours < 0.001 else f"{per_100_hours:.3g}"
