"""One figure for a pool, 0..1, from four typed parts, and what is recommended from it.

The weights are the guides': .2 price stability, .3 interruption, .3 availability, .2 saving. Every part is clamped to
0..1, unknown is never 0: a part that is not known takes no weight in the score, and all of it in the interval, where
it may be 0 or 1. Without prices, a baseline or a hazard there is no score.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tools.choice.useful_hour import Estimate
from tools.records import Exposure, PlacementScore, Recommendation
from tools.risk.knowledge import granted_share

WEIGHTS: Mapping[str, float] = {"stability": 0.2, "interruption": 0.3, "availability": 0.3, "saving": 0.2}
FULL_SAVING_SHARE = 0.9
"""off on-demand, for which a pool gets the whole weight of saving: the most that AWS advertises"""
PLACEMENT_LAUNCHES = 5.0
"""our own launches that weigh as much as EC2's placement score: it speaks of now, they of what happened"""


@dataclass(frozen=True)
class Thresholds:
    """Where a recommendation begins; the one place.

    use       score from which a pool is recommended: the guides keep what scores above 0.7
    use_low   and what the low end of its interval must reach
    care      score from which a pool is usable with care; below it is avoided
    """

    use: float = 0.70
    use_low: float = 0.50
    care: float = 0.50


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Parts:
    """Components of a score, each 0..1 or None = unknown.

    stability     1 − σ of the log price over the window
    interruption  1 − P(interrupted within the horizon), with its interval
    availability  chance of a launch: our own grants, and EC2's placement score
    saving        1 − mean / marginal baseline, as a share of FULL_SAVING_SHARE
    """

    stability: float | None
    interruption: Estimate | None
    availability: float | None
    saving: float | None

    def values(self) -> dict[str, float | None]:
        """By the names of WEIGHTS."""
        spared = self.interruption.value if self.interruption else None
        return {
            "stability": self.stability,
            "interruption": spared,
            "availability": self.availability,
            "saving": self.saving,
        }


def clamp(value: float) -> float:
    return min(max(value, 0.0), 1.0)


def stability_part(volatility: float | None) -> float | None:
    return None if volatility is None else clamp(1 - volatility)


def saving_part(saving_share: float | None, *, baseline_is_zero: bool = False) -> float | None:
    """0 where spot costs as much as what it replaces, or more; None = the baseline is unknown."""
    if baseline_is_zero:
        return 0.0
    return None if saving_share is None else clamp(saving_share / FULL_SAVING_SHARE)


def availability_part(exposure: Exposure | None, placement: PlacementScore | None) -> float | None:
    """Chance of a launch: own grants, drawn towards placement score / 10 while there are few; None = no sign."""
    granted, refused = (exposure.launches, exposure.refusals) if exposure else (0, 0)
    if placement is None:
        return granted_share(exposure)
    prior = PLACEMENT_LAUNCHES * placement.score / 10
    return clamp((granted + prior) / (granted + refused + PLACEMENT_LAUNCHES))


def overall_score(parts: Parts) -> Estimate | None:
    """The weighted mean of the known parts, and the interval that the hazard and the unknown parts leave."""
    if parts.stability is None or parts.interruption is None or parts.saving is None:
        return None
    sure = WEIGHTS["stability"] * parts.stability + WEIGHTS["saving"] * parts.saving
    risk, offer = WEIGHTS["interruption"], WEIGHTS["availability"]
    if parts.availability is None:
        middle = (sure + risk * parts.interruption.value) / (1 - offer)
        low, high = sure + risk * parts.interruption.low, sure + risk * parts.interruption.high + offer
    else:
        sure += offer * parts.availability
        middle = sure + risk * parts.interruption.value
        low, high = sure + risk * parts.interruption.low, sure + risk * parts.interruption.high
    return Estimate(clamp(middle), clamp(min(low, middle)), clamp(max(high, middle)))


def recommend(
    score: Estimate | None, *, pays: bool | None, surely_pays: bool | None, thresholds: Thresholds = THRESHOLDS
) -> tuple[Recommendation, str]:
    """What to do with a pool, and by which rule.

    pays         a useful hour costs less than the marginal baseline; None = unknown
    surely_pays  it does so at the high end of the hazard's interval too
    """
    if pays is False:
        return "avoid", "avoid: it costs more than what it replaces"
    if score is None or pays is None:
        return "unknown", "no recommendation without its price, what it replaces and how often it is interrupted"
    told = f"score {score.value:.3f}"
    if score.value < thresholds.care:
        return "avoid", f"avoid: {told} is below {thresholds.care:.2f}"
    doubt = _doubt(score, surely_pays=surely_pays, thresholds=thresholds)
    if doubt:
        return "use with care", f"with care: {told}{doubt}"
    return "use", f"use: {told}, and {score.low:.3f} if what is not known turns out badly"


def _doubt(score: Estimate, *, surely_pays: bool | None, thresholds: Thresholds) -> str:
    """What keeps a pool from being recommended; empty = nothing."""
    if score.value < thresholds.use:
        return f" is below {thresholds.use:.2f}"
    if score.low < thresholds.use_low:
        return f", and {score.low:.3f} if what is not known turns out badly ({thresholds.use_low:.2f} is needed)"
    return "" if surely_pays else ", but were it taken as often as it may be, it would not pay"
