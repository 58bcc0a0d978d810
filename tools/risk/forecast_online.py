"""A pool's own correction of the trained forecast, learnt as its outcomes come in.

The trained log-odds z are a prior. The pool's own log-odds are z + φ·b with φ = (1, z − centre, waves of the week and
of the day) and b ~ N(0, diag(sd²)); each outcome moves b by one step of the extended Kalman filter when it has matured
and not before. Neighbouring outcomes share most of their horizon, so each counts for a fraction of one.
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.risk.forecast_history import Floats, Ints

WEEK_HOURS, DAY_HOURS = 168.0, 24.0
LEAST_VARIANCE = 1e-3
"""of one outcome: a certain forecast that fails must not move everything"""


@dataclass(frozen=True)
class Learning:
    """How far one pool may move from the trained forecast; standard deviations in log-odds.

    sd_level    of the whole
    sd_slope    of the slope on the trained log-odds
    sd_week     of the first wave of the week; wave k has sd / √k
    sd_day      of the first wave of the day
    waves       of each
    evidence    outcomes that one horizon of outcomes counts for
    from_hours  outcomes of younger moments are not used
    """

    sd_level: float
    sd_slope: float
    sd_week: float
    sd_day: float
    waves: int
    evidence: float
    from_hours: float

    def deviations(self) -> Floats:
        falling = np.repeat(1 / np.sqrt(np.arange(1, self.waves + 1)), 2)
        return np.concatenate(([self.sd_level, self.sd_slope], self.sd_week * falling, self.sd_day * falling))

    def terms(self, trained: Floats, hours: Floats, *, centre: float) -> Floats:
        """(rows, 2 + 4 waves) float64: φ. hours since the history's start; the phase of the clock is unknown."""
        waves = [
            wave(2 * np.pi * k * hours / period)
            for period in (WEEK_HOURS, DAY_HOURS)
            for k in range(1, self.waves + 1)
            for wave in (np.cos, np.sin)
        ]
        return np.column_stack([np.ones(len(trained)), trained - centre, *waves])


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What is known of past moments of this pool, oldest first.

    trained  (rows,) log-odds given by the trained forecast
    terms    (rows, k) φ
    came     (rows,) 1 interrupted, 0 not
    known    (rows,) the tick from which `came` is known, rising
    """

    trained: Floats
    terms: Floats
    came: Floats
    known: Ints


def corrections(
    past: Outcomes, terms: Floats, ticks: Ints, *, learning: Learning, weight: float
) -> tuple[Floats, Floats]:
    """(len(ticks),) float64 twice: φ·b with b as it stood at each tick, and its standard deviation.

    terms   (len(ticks), k) φ of the moments to correct
    ticks   rising
    weight  of one outcome, 0..1
    """
    deviations = learning.deviations()
    b, spread = np.zeros(len(deviations)), np.diag(deviations**2)
    until = np.searchsorted(past.known, ticks, side="right")
    corrected, deviation = np.empty(len(ticks)), np.empty(len(ticks))
    done = 0
    for row, ready in enumerate(until):
        for i in range(done, ready):
            b, spread = _step(b, spread, past.terms[i], float(past.trained[i]), float(past.came[i]), weight)
        done = max(done, int(ready))
        corrected[row] = terms[row] @ b
        deviation[row] = math.sqrt(max(0.0, float(terms[row] @ spread @ terms[row])))
    return corrected, deviation


def _step(b: Floats, spread: Floats, term: Floats, trained: float, came: float, weight: float) -> tuple[Floats, Floats]:
    along = spread @ term
    said = 1 / (1 + math.exp(-max(-50.0, trained + float(term @ b))))
    told = weight * max(said * (1 - said), LEAST_VARIANCE)
    gain = along / (1 + told * (term @ along))
    return b + gain * (weight * (came - said)), spread - np.outer(gain, along) * told
