"""How good forecast probabilities are, measured on outcomes that came later.

Forecasts are (rows,) float64 in 0..1, outcomes (rows,) bool, both of the same rows, at least one. Rows are taken every
few ticks and look an hour ahead, so neighbours share most of their future: what depends on how many rows there are
(intervals, a perfect forecaster's own error) takes the shared horizons into account where they are given.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tools.records import Record

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BINS = 10
EDGES: Floats = np.arange(1, BINS) / BINS
DRAWS = 400
LOG_LOSS_FLOOR = float(np.finfo(np.float64).eps)
"""a forecast of exactly 0 or 1 that is wrong would cost an infinity"""
_Z_90 = 1.6448536269514722


class Horizons(NamedTuple):
    """The rows of one trace: where each stands, and how far it looks.

    ticks          (rows,) int64, rising
    horizon_ticks  at least 1; row at t is about t+1 … t+horizon_ticks
    """

    ticks: Ints
    horizon_ticks: int


class ReliabilityBin(Record):
    """Forecasts of one range, and how many of them came true. None where the range is empty."""

    above: float = Field(ge=0, le=1)
    below: float = Field(ge=0, le=1)
    """above ≤ forecast < below; the last range includes 1"""
    rows: int = Field(ge=0)
    mean_forecast: float | None
    observed_share: float | None
    observed_low: float | None
    observed_high: float | None
    """90 % interval (Wilson), overlapping horizons counted as one"""


class Calibration(Record):
    """How good the forecasts of one set of rows are."""

    rows: int = Field(gt=0)
    interrupted: int = Field(ge=0)
    base_rate: float
    """share of rows that came true"""
    brier: float
    """mean squared error of the probability; 0 is perfect"""
    brier_skill: float | None
    """1 − Brier / that of always saying this set's own base rate; None = every outcome is the same"""
    auc: float | None
    """how often an interrupted row was given more than one that was not; None = every outcome is the same"""
    ece: float
    """expected calibration error over ten equal ranges"""
    log_loss: float
    """nats"""
    perfect_ece_median: float
    perfect_ece_p95: float
    """of a forecaster whose probabilities, these, are exactly right: what chance alone does on so many rows"""
    bins: tuple[ReliabilityBin, ...]


class PairedGain(Record):
    """What one forecaster gains on another on the same rows; intervals from files drawn again. None = not defined."""

    brier_skill: float | None
    brier_skill_low: float | None
    brier_skill_high: float | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    """90 %"""
    files: int
    draws: int


def measure(
    forecasts: Floats, outcomes: Flags, *, horizons: Sequence[Horizons] | None = None, seed: int = 0, draws: int = DRAWS
) -> Calibration:
    """Every figure of one set of rows.

    horizons  trace by trace in the order of the rows; None = rows that share nothing
    Raises    ValueError: no rows, or forecasts outside 0..1
    """
    _check(forecasts, outcomes)
    perfect = perfect_ece(forecasts, horizons=horizons, seed=seed, draws=draws)
    return Calibration(
        rows=len(outcomes),
        interrupted=int(outcomes.sum()),
        base_rate=float(outcomes.mean()),
        brier=brier(forecasts, outcomes),
        brier_skill=brier_skill(forecasts, outcomes),
        auc=auc(forecasts, outcomes),
        ece=ece(forecasts, outcomes),
        log_loss=log_loss(forecasts, outcomes),
        perfect_ece_median=float(np.quantile(perfect, 0.5)),
        perfect_ece_p95=float(np.quantile(perfect, 0.95)),
        bins=reliability(forecasts, outcomes, fresh_share=fresh_share(horizons)),
    )


def brier(forecasts: Floats, outcomes: Flags) -> float:
    return float(np.mean((forecasts - outcomes) ** 2))


def brier_skill(forecasts: Floats, outcomes: Flags) -> float | None:
    """1 − Brier / Brier of the rows' own base rate; None when every outcome is the same."""
    rate = float(outcomes.mean())
    return None if rate in {0.0, 1.0} else 1 - brier(forecasts, outcomes) / (rate * (1 - rate))


def auc(forecasts: Floats, outcomes: Flags) -> float | None:
    """Area under the ROC curve, ties counted half; None when every outcome is the same."""
    _, rank = np.unique(forecasts, return_inverse=True)
    return _ranked_auc(rank, outcomes.astype(np.float64), (~outcomes).astype(np.float64))


def log_loss(forecasts: Floats, outcomes: Flags) -> float:
    """Mean −log of what was given to what happened, nats; forecasts kept off 0 and 1."""
    kept = np.clip(forecasts, LOG_LOSS_FLOOR, 1 - LOG_LOSS_FLOOR)
    return float(-np.mean(np.log(np.where(outcomes, kept, 1 - kept))))


def bin_of(forecasts: Floats) -> Ints:
    """(rows,) int64, 0..9: ten equal ranges, an edge belongs to the range above it, 1 to the last."""
    bins: Ints = np.searchsorted(EDGES, forecasts, side="right").astype(np.int64)
    return bins


def ece(forecasts: Floats, outcomes: Flags) -> float:
    """Σ over ten equal ranges of |mean forecast − observed share|, weighted by rows."""
    gap = np.bincount(bin_of(forecasts), weights=forecasts - outcomes, minlength=BINS)
    return float(np.abs(gap).sum() / len(outcomes))


def reliability(forecasts: Floats, outcomes: Flags, *, fresh_share: Floats | None = None) -> tuple[ReliabilityBin, ...]:
    """The ten ranges, lowest first.

    fresh_share  (rows,) float64 in 0..1, how much of a row's horizon no other row has; None = all of it
    """
    bins = bin_of(forecasts)
    fresh = np.ones(len(outcomes)) if fresh_share is None else fresh_share
    return tuple(_bin(b, forecasts[bins == b], outcomes[bins == b], fresh[bins == b]) for b in range(BINS))


def _bin(number: int, forecasts: Floats, outcomes: Flags, fresh: Floats) -> ReliabilityBin:
    rows = len(outcomes)
    share = float(outcomes.mean()) if rows else None
    low, high = (None, None) if share is None else wilson(share, max(1.0, float(fresh.sum())))
    return ReliabilityBin(
        above=number / BINS,
        below=(number + 1) / BINS,
        rows=rows,
        mean_forecast=float(forecasts.mean()) if rows else None,
        observed_share=share,
        observed_low=low,
        observed_high=high,
    )


def wilson(share: float, trials: float) -> tuple[float, float]:
    """90 % interval of a share seen in so many independent trials. Source: Wilson, JASA 1927."""
    z2 = _Z_90**2 / trials
    centre = (share + z2 / 2) / (1 + z2)
    half = (z2 * (share * (1 - share) + z2 / 4)) ** 0.5 / (1 + z2)
    return max(0.0, centre - half), min(1.0, centre + half)


def fresh_share(horizons: Sequence[Horizons] | None) -> Floats | None:
    """(rows,) float64: the part of each row's horizon that lies past the horizon of the row before it."""
    if horizons is None:
        return None
    return np.concatenate(
        [np.minimum(np.diff(h.ticks, prepend=-h.horizon_ticks) / h.horizon_ticks, 1) for h in horizons]
    )


def perfect_ece(forecasts: Floats, *, horizons: Sequence[Horizons] | None, seed: int, draws: int = DRAWS) -> Floats:
    """(draws,) float64: the calibration error when outcomes are drawn from the forecasts themselves.

    What is left is chance. With horizons, overlapping rows come true together as they do in life.
    """
    dice = np.random.default_rng(seed)
    bins = bin_of(forecasts)
    expected = np.bincount(bins, weights=forecasts, minlength=BINS)
    errors = np.empty(draws)
    for i in range(draws):
        drawn = redraw(forecasts, horizons=horizons, dice=dice)
        errors[i] = np.abs(expected - np.bincount(bins, weights=drawn, minlength=BINS)).sum()
    return errors / len(forecasts)


def redraw(forecasts: Floats, *, horizons: Sequence[Horizons] | None, dice: np.random.Generator) -> Flags:
    """(rows,) bool: outcomes that come true with exactly the forecasts' probabilities.

    horizons  each tick of a trace carries one exponential clock; a row comes true when the soonest clock of its horizon
              rings within its own hazard, −log(1 − p). Each row's chance is exactly p, and rows that share ticks share
              clocks: with one constant p this is the Poisson process seen through a sliding window.
    """
    if horizons is None:
        return dice.random(len(forecasts)) < forecasts
    with np.errstate(divide="ignore"):  # p = 1 is an infinite hazard
        hazard = -np.log1p(-forecasts)
    soonest = np.concatenate([_soonest(h, dice) for h in horizons])
    true: Flags = soonest < hazard
    return true


def _soonest(rows: Horizons, dice: np.random.Generator) -> Floats:
    """(rows,) float64, each exponential with mean 1: horizon_ticks × the least clock of the row's horizon."""
    if not len(rows.ticks):
        return np.empty(0)
    first, wide = int(rows.ticks[0]), rows.horizon_ticks
    least = dice.standard_exponential(int(rows.ticks[-1]) - first + wide)
    reach = 1  # least[i] covers clocks i … i+reach−1, doubled until it covers the horizon
    while reach < wide:
        step = min(reach, wide - reach)
        least = np.minimum(least[:-step], least[step:])
        reach += step
    soonest: Floats = wide * least[rows.ticks - first]
    return soonest


def paired_gain(
    ours: Floats, theirs: Floats, outcomes: Flags, *, file: Ints, seed: int = 0, draws: int = 1000
) -> PairedGain:
    """Ours less theirs on the same rows, with 90 % intervals from a bootstrap over files.

    file  (rows,) int64 from 0, the trace of each row: rows of one trace are drawn together; of one trace alone nothing
          can be drawn, and the intervals are None
    """
    files = int(file.max()) + 1
    dice = np.random.default_rng(seed)
    both = [_Pooled(forecasts, outcomes, file) for forecasts in (ours, theirs)]
    again = (np.bincount(dice.integers(files, size=files), minlength=files) for _ in range(draws if files > 1 else 0))
    drawn = [_gain(both, times) for times in again]
    defined = np.array([gain for gain in drawn if gain is not None])
    low, high = np.quantile(defined, (0.05, 0.95), axis=0).tolist() if len(defined) else ((None, None), (None, None))
    now = _gain(both, np.ones(files, dtype=np.int64)) or (None, None)
    return PairedGain(
        brier_skill=now[0],
        brier_skill_low=low[0],
        brier_skill_high=high[0],
        auc=now[1],
        auc_low=low[1],
        auc_high=high[1],
        files=files,
        draws=len(defined),
    )


class _Pooled:
    """One forecaster's rows, ready to be weighed by file many times."""

    def __init__(self, forecasts: Floats, outcomes: Flags, file: Ints) -> None:
        _, self.rank = np.unique(forecasts, return_inverse=True)
        self.file, self.outcomes = file, outcomes.astype(np.float64)
        self.error = np.bincount(file, weights=(forecasts - outcomes) ** 2)
        self.events = np.bincount(file, weights=self.outcomes)
        self.rows = np.bincount(file)

    def scores(self, times: Ints) -> tuple[float, float] | None:
        """(skill, AUC) with file f taken times[f] times; None when every outcome is the same."""
        rows, events = float(times @ self.rows), float(times @ self.events)
        if events in {0.0, rows}:
            return None
        rate = events / rows
        weight = times[self.file]
        area = _ranked_auc(self.rank, weight * self.outcomes, weight * (1 - self.outcomes))
        return 1 - float(times @ self.error) / rows / (rate * (1 - rate)), area or 0.0


def _gain(both: Sequence[_Pooled], times: Ints) -> tuple[float, float] | None:
    ours, theirs = (pooled.scores(times) for pooled in both)
    return None if ours is None or theirs is None else (ours[0] - theirs[0], ours[1] - theirs[1])


def _ranked_auc(rank: Ints, positive: Floats, negative: Floats) -> float | None:
    """rank (rows,) from 0, equal forecasts equal; positive, negative (rows,) weights."""
    true, false = np.bincount(rank, weights=positive), np.bincount(rank, weights=negative)
    pairs = float(true.sum() * false.sum())
    below = np.cumsum(false) - false
    return float(true @ (below + false / 2)) / pairs if pairs else None


def _check(forecasts: Floats, outcomes: Flags) -> None:
    if not len(outcomes) or len(forecasts) != len(outcomes):
        raise ValueError(f"{len(forecasts)} forecasts for {len(outcomes)} outcomes")
    if not bool(np.all((forecasts >= 0) & (forecasts <= 1))):
        raise ValueError("a forecast is not within 0..1")
