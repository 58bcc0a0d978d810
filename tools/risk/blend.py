"""Two forecasts made one. The weight is learned from what happened on held-out data; with little, it is the guides'."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError, UsageError

Floats = NDArray[np.float64]

GUIDE_WEIGHT = 0.7
PRIOR_EVENTS = 20.0
"""how many independent outcomes the guides' weight is worth"""
_FLOOR = 1e-6
_STEPS = 200


@dataclass(frozen=True)
class Blend:
    """weight  of the model, the rest is the pattern's
    log_loss   nats per outcome on the held-out set, with the learned weight and with the guides'
    """

    weight: float
    outcomes: int
    log_loss: float
    guide_log_loss: float

    def probability(self, model: float, pattern: float) -> float:
        return self.weight * model + (1 - self.weight) * pattern


def learned_blend(
    model: Sequence[float], pattern: Sequence[float], outcomes: Sequence[int], *, prior_events: float = PRIOR_EVENTS
) -> Blend:
    """The weight w of w·model + (1 − w)·pattern that makes held-out outcomes likeliest, pulled toward .7.

    model, pattern  probabilities 0..1, one per outcome, of forecasts that have not seen the outcomes
    outcomes        0 or 1
    The prior is Beta(1 + .7 k, 1 + .3 k), k = prior_events, so no outcome gives .7. Convex in w: one optimum.
    Raises  UsageError: different lengths; DataError: a value that is no probability or no outcome
    """
    a, b, y = (np.asarray(v, dtype=np.float64) for v in (model, pattern, outcomes))
    if not len(a) == len(b) == len(y):
        raise UsageError(f"{len(a)} and {len(b)} forecasts of {len(y)} outcomes: the same number is needed")
    for name, values in (("the model's forecast", a), ("the pattern's forecast", b)):
        bad = np.flatnonzero(~((values >= 0) & (values <= 1)))
        if len(bad):
            raise DataError(f"{name} {bad[0]}: {values[bad[0]]} is no probability")
    if len(y) and not np.isin(y, (0, 1)).all():
        raise DataError("an outcome is neither 0 nor 1")
    low, high = 1e-9, 1 - 1e-9
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _slope(middle, a, b, y, prior_events) > 0 else (middle, high)
    weight = (low + high) / 2
    return Blend(weight, len(y), _loss(weight, a, b, y), _loss(GUIDE_WEIGHT, a, b, y))


def _mixed(weight: float, a: Floats, b: Floats) -> Floats:
    return np.asarray(np.clip(weight * a + (1 - weight) * b, _FLOOR, 1 - _FLOOR))


def _loss(weight: float, a: Floats, b: Floats, y: Floats) -> float:
    if not len(y):
        return math.nan
    p = _mixed(weight, a, b)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def _slope(weight: float, a: Floats, b: Floats, y: Floats, k: float) -> float:
    """d/dw of the summed log-loss and of the prior's."""
    p = _mixed(weight, a, b)
    data = -np.sum((a - b) * np.where(y == 1, 1 / p, -1 / (1 - p)))
    return float(data) - GUIDE_WEIGHT * k / weight + (1 - GUIDE_WEIGHT) * k / (1 - weight)
