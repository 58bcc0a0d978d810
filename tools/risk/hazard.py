"""How often one capacity pool takes an instance: a wide prior from the Advisor's band, updated by our own records.

The rate λ of a pool, per instance-hour, has a Gamma distribution. Its 90 % interval is told with every number, and
where neither a band nor enough of our own hours speak, no number is told.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from tools.desk import Archive
from tools.errors import DataError, UsageError
from tools.figures import share
from tools.records import AdvisorBand, CapacityPool, Evidence, Exposure, Hazard, Interruption
from tools.risk.pattern import WeekPattern
from tools.risk.prior import LIFE_HOURS, GammaBelief, band_prior
from tools.risk.rates import ENOUGH_HOURS, ENOUGH_INTERRUPTIONS, gamma_quantile
from tools.risk.states import LOOK_BACK, Floats, StateGrid, dry_by_the_last, state_grid

JEFFREYS_SHAPE = 0.5
"""½ an event in 0 hours: what is believed where there is no band"""
LEAST_HOURS = 1.0
"""instance-hours under which events have nothing to be reckoned on"""
STEADY_HOURS = 72.0
"""a pool that no look saw dry for so long is left to its rate"""
MOST_SIGNALS = 3
"""refusals and rebalance recommendations that widen the interval, of each kind: a group that asks every minute is
refused every minute"""
LEAST_MINUTES, DAY_MINUTES = 5.0, 1440.0
"""horizons that the state forecast is trained for"""
DRY = "the pool is dry by the last look"
WIDEST = 0.8
"""of a 90 % interval of a chance: one that spans more leaves everything open, and no chance is told"""
BAND_FACT = "Spot Advisor band"
_QUANTILES = (0.05, 0.95)


def pool_hazard(pool: CapacityPool, *, band: AdvisorBand | None, exposure: Exposure | None, as_of: datetime) -> Hazard:
    """The pool's rate from what is known of it.

    band      of its type and region; None = unknown
    exposure  our own instance-hours and EC2-initiated events; None = we never ran there
    No number without a band and with fewer than 200 instance-hours and 3 interruptions. Refusals and rebalance
    recommendations are no interruptions, and nobody publishes how many become one: they move neither the rate nor the
    lower end; the upper end counts up to 3 of each as interruptions that hit somebody else.
    """
    seen = _counted(exposure)
    prior = band_prior(band.low_share, band.high_share) if band is not None else None
    evidence = (*_band_evidence(band, prior), *_own_evidence(exposure, as_of))
    missing = () if band is not None else ("Spot Advisor band",)
    if not _enough(seen):
        missing = (*missing, "own interruption records of this pool")
    if prior is None and not _enough(seen):
        told = f"{seen.interruptions} interruptions in {seen.instance_hours:,.0f} instance-hours" if seen else "none"
        return Hazard(
            pool=pool,
            per_100_hours=None,
            low=None,
            high=None,
            prior="none: there is no Advisor band",
            exposure=exposure,
            abstains=(
                f"no Advisor band, and own records say too little ({told}; {ENOUGH_HOURS:.0f} hours or"
                f" {ENOUGH_INTERRUPTIONS} interruptions are needed)"
            ),
            evidence=evidence,
            missing=missing,
        )
    belief = _posterior(prior, seen)
    low, mean, high = _interval(belief, _widening(exposure))
    return Hazard(
        pool=pool,
        per_100_hours=mean,
        low=low,
        high=high,
        shape=belief.shape,
        hours=belief.hours,
        prior=_prior_words(band, prior, seen),
        exposure=exposure,
        abstains=None,
        evidence=evidence,
        missing=missing,
    )


def is_own(hazard: Hazard) -> bool:
    """Whether enough of our own records stand behind the rate, and not the Advisor's band alone."""
    return hazard.per_100_hours is not None and _enough(_counted(hazard.exposure))


def _counted(exposure: Exposure | None) -> Exposure | None:
    return exposure if exposure is not None and exposure.instance_hours >= LEAST_HOURS else None


def _enough(seen: Exposure | None) -> bool:
    return seen is not None and (seen.instance_hours >= ENOUGH_HOURS or seen.interruptions >= ENOUGH_INTERRUPTIONS)


def _posterior(prior: GammaBelief | None, seen: Exposure | None) -> GammaBelief:
    believed = prior or GammaBelief(JEFFREYS_SHAPE, 0.0)
    if seen is None:
        return believed
    return GammaBelief(believed.shape + seen.interruptions, believed.hours + seen.instance_hours)


def _widening(exposure: Exposure | None) -> int:
    """Signals that may have been interruptions. Events without hours to reckon them on are no more than that."""
    if exposure is None:
        return 0
    uncounted = 0 if _counted(exposure) else exposure.interruptions
    rebalances = max(exposure.rebalances - exposure.interruptions, 0)
    return sum(min(n, MOST_SIGNALS) for n in (exposure.refusals, rebalances, uncounted))


def _interval(belief: GammaBelief, signals: int) -> tuple[float, float, float]:
    """5 % quantile, mean and 95 % quantile, per 100 instance-hours."""
    scale = 100 / belief.hours
    low = gamma_quantile(belief.shape, _QUANTILES[0]) * scale
    high = gamma_quantile(belief.shape + signals, _QUANTILES[1]) * scale
    mean = belief.shape * scale
    return min(low, mean), mean, max(high, mean)


def _prior_words(band: AdvisorBand | None, prior: GammaBelief | None, seen: Exposure | None) -> str:
    if band is None or prior is None:
        return "none: there is no Advisor band; the rate is our own records'"
    words = f"Advisor band {band.label} of {band.as_of:%Y-%m-%d}, worth {prior.hours:,.0f} instance-hours"
    return words if seen is not None else f"{words}; prior only: we have no record of our own of this pool"


def _band_evidence(band: AdvisorBand | None, prior: GammaBelief | None) -> tuple[Evidence, ...]:
    if band is None or prior is None:
        return ()
    shortest, longest = LIFE_HOURS
    value = (
        f"{band.label} of instances in the trailing month, all zones and customers. Read as {100 * prior.mean:.3g} per"
        f" 100 instance-hours, assuming that they ran {shortest:g} to {longest:g} h (AWS does not say) and that pools"
        f" differ by a factor of e; worth {prior.hours:,.0f} instance-hours"
    )
    return (Evidence(fact=BAND_FACT, value=value, source=band.source, as_of=band.as_of),)


def _own_evidence(exposure: Exposure | None, as_of: datetime) -> tuple[Evidence, ...]:
    if exposure is None:
        return ()
    at = exposure.until or as_of
    hours = f"{exposure.instance_hours:,.0f} instance-hours"
    enough = "" if _enough(_counted(exposure)) else "; too few to judge by alone"
    found = [_own("own interruptions", f"{exposure.interruptions} in {hours}{enough}", at)]
    if exposure.rebalances:
        found.append(_own("rebalance recommendations", f"{exposure.rebalances} in {hours}: {_WIDENS}", at))
    if exposure.refusals:
        asked = exposure.refusals + exposure.launches
        text = f"{exposure.refusals} of {asked} launches refused for want of capacity: {_WIDENS}"
        found.append(_own("launch refusals", text, at))
    return tuple(found)


_WIDENS = "raises the upper end only"


def _own(fact: str, value: str, at: datetime) -> Evidence:
    return Evidence(fact=fact, value=value, source="archive of our own fleets", as_of=at)


def interruption_within(
    hazard: Hazard, *, horizon_minutes: float, as_of: datetime, pattern: WeekPattern | None = None
) -> Interruption:
    """P(one instance of the pool is interrupted within the horizon) = 1 − exp(−∫λ dt).

    Abstains where the rate does, and where its interval leaves more than 0.8 of 0..1 open; then the interval is told.
    pattern  factors on the rate by hour and weekday; None or flat = a constant rate
    Raises   UsageError: a horizon that is not above 0
    """
    check_horizon(horizon_minutes)
    shaped = pattern is not None and not pattern.flat
    hours = pattern.weighted_hours(as_of, horizon_minutes) if pattern is not None else horizon_minutes / 60
    chance = chance_within(hazard, hours)
    if chance is None:
        return abstained(horizon_minutes, hazard.abstains or "the pool's rate is not known", as_of=as_of)
    p, low, high = chance
    if high - low > WIDEST:
        return abstained(horizon_minutes, _open(hazard, p, low, high), as_of=as_of, between=(low, high))
    factors = " with hour and weekday factors" if shaped else ""
    return Interruption(
        horizon_minutes=horizon_minutes,
        probability=p,
        low=low,
        high=high,
        method="constant hazard",
        as_of=as_of,
        source=f"1 − exp(−rate × hours){factors}, over the rate's own range; rate from {_rate_of(hazard)}",
    )


def chance_within(hazard: Hazard, hours: float) -> tuple[float, float, float] | None:
    """P(interrupted within some hours) and its 90 % interval, however wide; None = the rate is not known.

    Averaged over what the rate may be: at its mean alone a wide rate would sound certain. The interval is at its ends.
    """
    if hazard.per_100_hours is None or hazard.low is None or hazard.high is None:
        return None
    p, low, high = (-math.expm1(-r / 100 * hours) for r in (hazard.per_100_hours, hazard.low, hazard.high))
    if hazard.shape is not None and hazard.hours is not None:
        p = GammaBelief(hazard.shape, hazard.hours).chance_within(hours)
    return p, min(low, p), max(high, p)


def _open(hazard: Hazard, p: float, low: float, high: float) -> str:
    """Why no chance is told: everything is left open."""
    leaves = f"{_rate_of(hazard)} leaves everything between {share(low)} and {share(high)} open"
    return f"{leaves}; pools like it average {share(p)}; own records would tell"


def _rate_of(hazard: Hazard) -> str:
    band = any(e.fact == BAND_FACT for e in hazard.evidence)
    if _counted(hazard.exposure):
        return "own records and the Advisor's band" if band else "own records"
    return "the Advisor's band alone"


def abstained(
    horizon_minutes: float, why: str, *, as_of: datetime, between: tuple[float, float] | None = None
) -> Interruption:
    """between  the interval that leaves too much open; None = nothing is known of it either"""
    return Interruption(
        horizon_minutes=horizon_minutes,
        probability=None,
        low=between[0] if between else None,
        high=between[1] if between else None,
        method="none",
        abstains=why,
        as_of=as_of,
        source="not enough is known",
    )


def check_horizon(minutes: float) -> None:
    """Raises UsageError: 0, negative, not a number."""
    if not 0 < minutes < math.inf:
        raise UsageError(f"a horizon of {minutes} minutes", hint="give one above 0, such as 60 or 1440")


def confidence(found: Interruption) -> float | None:
    """0..1 from the width of the interval, which comes from how much was seen: 1 = exact, 0 = anything is possible.

    None where we abstain.
    """
    if found.low is None or found.high is None:
        return None
    return 1.0 - (found.high - found.low)


# pools that we watch


class StateForecaster(Protocol):
    """tools.risk.forecast.Forecaster, as far as it is used here."""

    def forecast(
        self, available: Floats, *, gap_seconds: float, horizons_minutes: Sequence[float]
    ) -> Sequence[tuple[float, float, float] | str]:
        """Per horizon (probability, low, high) at the last tick, or why there is none."""
        ...


def pool_forecast(
    archive: Archive,
    forecaster: StateForecaster | None,
    pool: CapacityPool,
    hazard: Hazard,
    *,
    region: str,
    horizons_minutes: Sequence[float],
    now: datetime,
    pattern: WeekPattern | None = None,
) -> tuple[Interruption, ...]:
    """P(interrupted within each horizon), shortest first: from the pool's own recent states where the archive holds a
    day of them up to now, else from its rate. Beyond a day the rate takes over. Never falls with the horizon.
    While the pool is dry neither speaks: no chance is told.

    forecaster  None = the trained artefact is not there
    """
    horizons = sorted(set(horizons_minutes))
    for minutes in horizons:
        check_horizon(minutes)
    constant = {m: interruption_within(hazard, horizon_minutes=m, as_of=now, pattern=pattern) for m in horizons}
    looked = _grid(archive, pool, region=region, now=now)
    if looked == DRY:
        return tuple(_while_dry(constant[m]) for m in horizons)
    if forecaster is None:
        return tuple(constant[m] for m in horizons)
    if isinstance(looked, str):
        return tuple(_without_states(constant[m], looked) for m in horizons)
    near = [m for m in horizons if LEAST_MINUTES <= m <= DAY_MINUTES]
    asked = sorted({*near, DAY_MINUTES})
    told = forecaster.forecast(looked.available, gap_seconds=looked.gap_seconds, horizons_minutes=asked)
    states = dict(zip(asked, told, strict=True))
    found = []
    for m in horizons:
        answer = states[min(m, DAY_MINUTES)] if m >= LEAST_MINUTES else "too short a horizon for it"
        if isinstance(answer, str):
            found.append(_without_states(constant[m], answer))
            continue
        seen = _of_states(min(m, DAY_MINUTES), answer, looked.last_at)
        found.append(seen if m <= DAY_MINUTES else _beyond_a_day(m, seen, hazard, pattern, now=now))
    return _rising(found)


def _grid(archive: Archive, pool: CapacityPool, *, region: str, now: datetime) -> StateGrid | str:
    """States that a forecast can start from, or in words why there are none.

    A running instance is no probe of what can be had: where no look saw the pool dry for days, the forecast would read
    nothing but our own instances (it tells 8 to 33 % a day then), and the rate over their hours says more.
    """
    try:
        looks = archive.pool_states(pool, region=region, since=now - LOOK_BACK)
    except DataError:
        return "our own records of it cannot be read"  # which ones and why is told once, with the other records
    if dry_by_the_last(looks, now=now):
        return DRY
    looked = state_grid(looks, now=now)
    if isinstance(looked, str):
        return looked
    if looked.available[-1] != 1:
        return DRY
    up = looked.hours_up
    if up > STEADY_HOURS:
        return f"no look saw the pool dry for {min(up, LOOK_BACK / timedelta(hours=1)):.0f} h"
    return looked


def _while_dry(constant: Interruption) -> Interruption:
    """A rate over months says least just then: it would tell a fraction of a per cent while the pool is emptied."""
    why = f"{DRY}: its average rate says nothing of such a time"
    between = None if constant.low is None else (constant.low, 1.0)
    return abstained(constant.horizon_minutes, why, as_of=constant.as_of, between=between)


def _without_states(constant: Interruption, why: str) -> Interruption:
    return constant.with_(source=f"{constant.source}; no state forecast: {why}")


def _of_states(minutes: float, told: tuple[float, float, float], at: datetime) -> Interruption:
    probability, low, high = told
    return Interruption(
        horizon_minutes=minutes,
        probability=probability,
        low=min(low, probability),
        high=max(high, probability),
        method="state forecast",
        as_of=at,
        source="trained on public availability traces, read from our own looks at this pool: the chance that it grants"
        " no launch at some moment; an instance that runs may outlive that",
    )


def _beyond_a_day(
    minutes: float, day: Interruption, hazard: Hazard, pattern: WeekPattern | None, *, now: datetime
) -> Interruption:
    """Survives the first day by the states, the rest by the rate; abstains where the rate does."""
    later = now + timedelta(minutes=DAY_MINUTES)
    rest = interruption_within(hazard, horizon_minutes=minutes - DAY_MINUTES, as_of=later, pattern=pattern)
    if rest.probability is None:
        return rest.with_(horizon_minutes=minutes, as_of=now)
    both = {f: 1 - (1 - getattr(day, f)) * (1 - getattr(rest, f)) for f in ("probability", "low", "high")}
    source = f"state forecast for 24 h, then {rest.source}"
    return rest.with_(horizon_minutes=minutes, as_of=now, source=source, **both)


def _rising(found: Sequence[Interruption]) -> tuple[Interruption, ...]:
    """More time never means less risk: what a shorter horizon has, a longer one has at least."""
    rising: list[Interruption] = []
    for item in found:
        before = next((r for r in reversed(rising) if r.probability is not None), None)
        if before is None or item.probability is None:
            rising.append(item)
            continue
        more = {f: max(getattr(before, f), getattr(item, f)) for f in ("probability", "low", "high")}
        rising.append(item.with_(**more))
    return tuple(rising)
