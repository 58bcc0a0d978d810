"""What the Advisor's band says of one pool's interruption rate: little, and how little is said in numbers."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from tools.errors import UsageError

LIFE_HOURS = (1.0, 730.0)
"""The Advisor tells which share of instances was interrupted in a month, not for how long they ran. An instance is
taken to have run from an hour to the whole month, every order of magnitude as likely"""
POOL_SPREAD = 1.0
"""σ of ln(pool's rate now / its region's over the month): a band holds for all zones and a month; pools differ by a
factor of e either way"""
_STEPS = 20_000


@dataclass(frozen=True)
class GammaBelief:
    """λ ~ Gamma(shape, hours), per instance-hour: as good as `shape` interruptions seen in `hours`."""

    shape: float
    hours: float

    @property
    def mean(self) -> float:
        return self.shape / self.hours

    def chance_within(self, hours: float) -> float:
        """E[1 − exp(−λ × hours)], over everything that λ may be."""
        return -math.expm1(-self.shape * math.log1p(hours / self.hours))


@cache
def band_prior(low_share: float, high_share: float) -> GammaBelief:
    """The Gamma nearest to what a band leaves possible.

    A share s interrupted during lives of T hours at a constant rate: λ = −ln(1 − s) / T, times what the pool differs by
    s  even over the band;  T  log-uniform over LIFE_HOURS;  pool  log-normal with mean 1 and σ POOL_SPREAD
    Nearest in Kullback–Leibler's sense: the mean of λ and of ln λ are kept; its 95 % quantile then is right within 8 %,
    its 5 % quantile too low. Worth 80 instance-hours for <5 %, 2 for >20 %, a third of an interruption: a few of our
    own outweigh it. Held V100 instances of 2023 (band >20 %) were taken 6 to 57 times per 100 h, inside its interval.
    Raises  UsageError: shares that are no band
    """
    if not 0 <= low_share < high_share <= 1:
        raise UsageError(f"a band from {low_share} to {high_share}: shares rise within 0..1")
    share = low_share + (np.arange(_STEPS) + 0.5) / _STEPS * (high_share - low_share)
    lost = -np.log1p(-share)
    shortest, longest = LIFE_HOURS
    mean = float(lost.mean()) * (1 / shortest - 1 / longest) / math.log(longest / shortest)
    mean_log = float(np.log(lost).mean()) - math.log(shortest * longest) / 2 - POOL_SPREAD**2 / 2
    shape = _shape_with(math.log(mean) - mean_log)
    return GammaBelief(shape=shape, hours=shape / mean)


def _shape_with(gap: float) -> float:
    """k with ln k − ψ(k) = gap > 0, which falls with k."""
    low, high = 1e-3, 1e6
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if math.log(middle) - digamma(middle) > gap else (low, middle)
    return math.sqrt(low * high)


def digamma(x: float) -> float:
    """ψ(x) for x > 0: shifted up, then its asymptotic series; 12 digits."""
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    y = 1 / (x * x)
    return shift + math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
