"""Logistic regression with weights that may not take the wrong sign, one intercept per outcome, slopes shared.

A risk that falls with age must not be fitted to rise with it because seven zones happened to. Held to their signs the
weights carry over to other zones and campaigns, which free ones do not.
"""

from dataclasses import dataclass

import numpy as np

from tools.risk.forecast_history import Flags, Floats

MOST_STEPS = 60
CLOSE = 1e-6


@dataclass(frozen=True, eq=False)
class Fitted:
    """slopes (features,) on the rows as given; intercepts (outcomes,)"""

    slopes: Floats
    intercepts: Floats


def fit_logistic(
    rows: Floats, outcomes: Floats, *, signs: Floats, shrink: float, weights: Floats | None = None
) -> Fitted:
    """Ridge logistic regression by Newton's method on the weights that are free to move.

    rows      (n, features) float64, standardised
    outcomes  (n, outcomes) float64: 1, 0 or NaN unknown; each column is one n-th of the evidence
    signs     (features,) 1 the weight is ≥ 0, −1 ≤ 0, 0 free
    shrink    of the squared weights, against the summed log loss
    weights   (n,) of the rows; None = 1 each
    """
    known = np.isfinite(outcomes) / outcomes.shape[1] * (1.0 if weights is None else weights[:, None])
    came = np.nan_to_num(outcomes)
    slopes, intercepts = np.zeros(rows.shape[1]), np.zeros(outcomes.shape[1])
    for _ in range(MOST_STEPS):
        said = 1 / (1 + np.exp(-((rows @ slopes)[:, None] + intercepts)))
        error, curve = known * (came - said), known * said * (1 - said)
        pull = rows.T @ error.sum(axis=1) - shrink * slopes
        free = np.flatnonzero(~_held(slopes, pull, signs))
        step = _newton(rows[:, free], curve, pull[free], error.sum(axis=0), shrink)
        moved = slopes.copy()
        moved[free] += step[: len(free)]
        moved = np.where(signs * moved < 0, 0.0, moved)
        settled = float(np.abs(moved - slopes).max()) < CLOSE
        slopes, intercepts = moved, intercepts + step[len(free) :]
        if settled:
            break
    return Fitted(slopes, intercepts)


def _held(slopes: Floats, pull: Floats, signs: Floats) -> Flags:
    """At 0, and pulled to the side where it may not go."""
    held: Flags = (signs != 0) & (slopes == 0) & (signs * pull < 0)
    return held


def _newton(rows: Floats, curve: Floats, pull: Floats, level_pull: Floats, shrink: float) -> Floats:
    """The step of (free slopes, intercepts)."""
    slopes = (rows * curve.sum(axis=1)[:, None]).T @ rows + shrink * np.eye(rows.shape[1])
    mixed = rows.T @ curve
    levels = np.diag(curve.sum(axis=0) + 1e-9)
    return np.linalg.solve(np.block([[slopes, mixed], [mixed.T, levels]]), np.concatenate([pull, level_pull]))
