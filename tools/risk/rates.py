"""Quantiles of the Gamma distribution, which a rate's interval is made of; and when enough was seen to judge by."""

import math
from functools import lru_cache

ENOUGH_HOURS = 200.0
ENOUGH_INTERRUPTIONS = 3
_ITERATIONS = 500


@lru_cache(maxsize=4096)
def gamma_quantile(shape: float, probability: float) -> float:
    """x with P(shape, x) = probability, scale 1, by bisection of the regularised incomplete gamma function.

    Remembered: a region has thousands of pools, and those of one Advisor band share their prior.
    """
    low, high = 0.0, shape + 10 * math.sqrt(shape) + 20
    for _ in range(200):
        middle = (low + high) / 2
        if gamma_cdf(shape, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def gamma_cdf(shape: float, x: float) -> float:
    """Regularised lower incomplete gamma P(shape, x): its series below shape + 1, its continued fraction above."""
    if x <= 0:
        return 0.0
    front = math.exp(-x + shape * math.log(x) - math.lgamma(shape))
    if x < shape + 1:
        return front * _series(shape, x)
    return 1.0 - front * _fraction(shape, x)


def _series(shape: float, x: float) -> float:
    term = total = 1.0 / shape
    for n in range(1, _ITERATIONS * (1 + int(math.sqrt(shape)))):
        term *= x / (shape + n)
        total += term
        if term < total * 1e-16:
            break
    return total


def _fraction(shape: float, x: float) -> float:
    """Lentz's method."""
    tiny = 1e-300
    b = x + 1.0 - shape
    c, d = 1.0 / tiny, 1.0 / b
    h = d
    for n in range(1, _ITERATIONS * (1 + int(math.sqrt(shape)))):
        a = -n * (n - shape)
        b += 2.0
        d = 1.0 / (a * d + b or tiny)
        c = b + a / c or tiny
        step = c * d
        h *= step
        if abs(step - 1.0) < 1e-15:
            break
    return h
