"""How likely is a pool that can be had now to be unobtainable at some moment of the next minutes or hours.

P(interrupted within H) = 1 − exp(−Λ(H)). Λ is trained at several horizons, never falls with H, and is interpolated
between them; below the shortest the hazard is constant. Scoring needs numpy and the shipped artefact, and reads ticks
≤ t only. The trained part is a logistic regression; the pool's own outcomes correct it as they mature.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tools.errors import UsageError
from tools.risk.forecast_artefact import Artefact, Head, ModelCard, read_artefact
from tools.risk.forecast_features import features
from tools.risk.forecast_history import Floats, History, Ints, mature
from tools.risk.forecast_online import Learning, Outcomes, corrections
from tools.risk.forecast_pressure import Followed, PressureModel, follow
from tools.traces import scored_every, ticks_within

LEAST_MINUTES, MOST_MINUTES = 5.0, 1440.0
LIVE_HOURS = 24.0
LIVE_GAP_SECONDS = 1800.0
LIVE_KNOWN_SHARE = 0.5
NINETY_PERCENT = 1.645
MOST_LOG_ODDS = 12.0


class Within(NamedTuple):
    """P(interrupted within a horizon) and its 90 % interval: what is not yet known of this pool's level and rhythm.

    How often pools held out of training kept to it is in the model card.
    """

    probability: float
    low: float
    high: float


def load_forecaster(path: Path | None = None) -> "Forecaster":
    """The shipped forecast, or that of a file.

    Raises  DataError: the artefact is not there or damaged; names the file and the field
    """
    return Forecaster(read_artefact(path))


@dataclass(frozen=True)
class Forecaster:
    artefact: Artefact

    @property
    def version(self) -> str:
        return self.artefact.version

    @property
    def card(self) -> ModelCard:
        return self.artefact.card

    def probabilities(self, available: Floats, *, gap_seconds: float, ticks: Ints, horizon_minutes: float) -> Floats:
        """(len(ticks),) float64, P(unobtainable at some tick of the horizon); each from available[:t+1] alone.

        available        (ticks,) float64, instances obtainable at each tick: 0 none, 1 or more, NaN unknown
        horizon_minutes  5 … 1440
        NaN where nothing was obtainable at the tick, or it is not known whether: there is nothing to lose.
        Raises           UsageError: a horizon, a gap or a tick that cannot be
        """
        wanted = np.asarray(ticks, dtype=np.int64)
        hazard, _ = self.hazards(_history(available, gap_seconds, wanted), wanted, horizon_minutes)
        return -np.expm1(-hazard)

    def forecast(
        self, available: Floats, *, gap_seconds: float, horizons_minutes: Sequence[float]
    ) -> tuple[Within | str, ...]:
        """For the last tick: per horizon the probability and its 90 % interval, or in words why there is none.

        Raises  UsageError: a horizon or a gap that cannot be
        """
        last = np.array([len(available) - 1], dtype=np.int64)
        history = _history(available, gap_seconds, last[last >= 0])
        for minutes in horizons_minutes:
            _check_horizon(minutes)
        reason = _too_thin(history)
        if reason is not None:
            return tuple(reason for _ in horizons_minutes)
        at_each = self.hazards_within(history, last, horizons_minutes)
        return tuple(_within(float(hazard[0]), float(deviation[0])) for hazard, deviation in at_each)

    def hazards(self, history: History, ticks: Ints, horizon_minutes: float) -> tuple[Floats, Floats]:
        """(len(ticks),) float64 twice: Λ(horizon) at each tick, and the standard deviation of its log-odds."""
        return self.hazards_within(history, ticks, (horizon_minutes,))[0]

    def hazards_within(
        self, history: History, ticks: Ints, horizons_minutes: Sequence[float]
    ) -> list[tuple[Floats, Floats]]:
        """`hazards` of each horizon: what horizons share is computed once."""
        for minutes in horizons_minutes:
            _check_horizon(minutes)
        needed = [self._heads_up_to(minutes, history.gap_seconds) for minutes in horizons_minutes]
        up = history.up[ticks]
        if not up.any() or not needed:
            return [(np.full(len(ticks), np.nan), np.full(len(ticks), np.nan)) for _ in needed]
        at, back = np.unique(ticks[up], return_inverse=True)
        pressure = follow(history, PressureModel(**dict(self.artefact.pressure)))
        found = [self._head_hazard(head, history, at, pressure) for head in max(needed, key=len)]
        levels = np.maximum.accumulate([hazard for hazard, _ in found], axis=0)
        told = []
        for minutes, heads in zip(horizons_minutes, needed, strict=True):
            hazards, deviations = np.full(len(ticks), np.nan), np.full(len(ticks), np.nan)
            hazards[up] = _interpolated([h.horizon_minutes for h in heads], levels[: len(heads)], minutes)[back]
            deviations[up] = found[len(heads) - 1][1][back]
            told.append((hazards, deviations))
        return told

    def _heads_up_to(self, horizon_minutes: float, gap_seconds: float) -> list[Head]:
        """Those that hold a tick, up to the first at or beyond the horizon."""
        heads = [h for h in self.artefact.heads if ticks_within(h.horizon_minutes * 60, gap_seconds) > 0]
        if not heads:
            raise UsageError(
                f"ticks {gap_seconds:g} s apart are longer than the longest horizon, "
                f"{self.artefact.heads[-1].horizon_minutes:g} min",
                hint="observe the pool more often: every ten minutes is enough",
            )
        enough = [i for i, h in enumerate(heads) if h.horizon_minutes >= horizon_minutes]
        return heads[: enough[0] + 1] if enough else heads

    def _head_hazard(self, head: Head, history: History, ticks: Ints, pressure: Followed) -> tuple[Floats, Floats]:
        """(len(ticks),) float64 twice: Λ of one head, and the deviation of its log-odds. ticks rising, each up."""
        grid = np.arange(0, int(ticks[-1]) + 1, scored_every(history.gap_seconds), dtype=np.int64)
        matured = mature(history, head.horizon_minutes)
        looked = np.union1d(grid[history.up[grid]], ticks)
        trained = trained_log_odds(head, features(history, looked, matured, pressure))
        learning = Learning(**dict(self.artefact.learning))
        hours: Floats = looked * np.float64(history.hours_per_tick)
        terms = learning.terms(trained, hours, centre=head.centre)
        seen = matured.exposed[looked] & (hours >= learning.from_hours) & (looked % grid_step(history) == 0)
        past = Outcomes(
            trained[seen],
            terms[seen],
            matured.came[looked[seen]].astype(np.float64),
            looked[seen] + matured.horizon_ticks,
        )
        weight = min(1.0, learning.evidence * grid_step(history) / matured.horizon_ticks)
        at = np.searchsorted(looked, ticks)
        own, deviation = corrections(past, terms[at], ticks, learning=learning, weight=weight)
        odds = np.clip(moderated(trained[at] + own, deviation), -MOST_LOG_ODDS, MOST_LOG_ODDS)
        return hazard_of(odds), deviation


def _within(hazard: float, deviation: float) -> Within:
    odds, stray = math.log(math.expm1(hazard)), NINETY_PERCENT * deviation
    probability = float(-np.expm1(-hazard))
    return Within(probability, 1 / (1 + math.exp(stray - odds)), 1 / (1 + math.exp(-stray - odds)))


def grid_step(history: History) -> int:
    return scored_every(history.gap_seconds)


def trained_log_odds(head: Head, values: Floats) -> Floats:
    """(rows,) float64. Row by row, so that a row does not depend on which others are asked for."""
    means, scales, weights = (
        np.array([getattr(w, part) for w in head.weights]) for part in ("mean", "scale", "weight")
    )
    odds: Floats = head.intercept + (((values - means) / scales) * weights).sum(axis=1)
    return np.clip(odds, -MOST_LOG_ODDS, MOST_LOG_ODDS)  # far from anything trained on, more is not known


def moderated(log_odds: Floats, deviation: Floats) -> Floats:
    """Log-odds of the mean probability when the log-odds are uncertain (the probit approximation)."""
    return log_odds / np.sqrt(1 + np.pi / 8 * deviation**2)


def hazard_of(log_odds: Floats) -> Floats:
    """Λ = −log(1 − p) = log(1 + e^odds)."""
    hazard: Floats = np.logaddexp(0.0, log_odds)
    return hazard


def _interpolated(horizons: Sequence[float], levels: Floats, wanted: float) -> Floats:
    """Λ at one horizon: log-log between heads, constant hazard below the first and beyond the last."""
    if wanted <= horizons[0]:
        shorter: Floats = levels[0] * (wanted / horizons[0])
        return shorter
    if wanted >= horizons[-1]:
        longer: Floats = levels[-1] * (wanted / horizons[-1])
        return longer
    above = next(i for i, h in enumerate(horizons) if h >= wanted)
    low, high = horizons[above - 1], horizons[above]
    share = math.log(wanted / low) / math.log(high / low)
    between: Floats = np.exp((1 - share) * np.log(levels[above - 1]) + share * np.log(levels[above]))
    return between


def _history(available: Floats, gap_seconds: float, ticks: Ints) -> History:
    if not 0 < gap_seconds < math.inf:
        raise UsageError(f"a gap of {gap_seconds} s between ticks cannot be")
    values = np.asarray(available, dtype=np.float64)
    if values.ndim != 1 or bool(np.any(values < 0)) or bool(np.any(np.isinf(values))):
        raise UsageError("availability is one number of instances per tick, 0 or more, NaN where it is not known")
    if ticks.ndim != 1 or bool(np.any((ticks < 0) | (ticks >= len(values)))):
        raise UsageError(f"a tick outside the history of {len(values)} ticks was asked for")
    return History(values, gap_seconds)


def _check_horizon(minutes: float) -> None:
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise UsageError(
            f"a horizon of {minutes:g} min is not between {LEAST_MINUTES:g} min and {MOST_MINUTES / 60:g} h",
            hint="beyond a day ask for the rate: a state says nothing about the day after tomorrow",
        )


def _too_thin(history: History) -> str | None:
    """Why no live forecast is given; None = enough is known."""
    hours = len(history.values) * history.hours_per_tick
    if hours < LIVE_HOURS:
        return f"{hours:.1f} h of history, {LIVE_HOURS:g} h are needed"
    if history.gap_seconds > LIVE_GAP_SECONDS:
        return f"ticks are {history.gap_seconds:g} s apart, at most {LIVE_GAP_SECONDS:g} s tell short losses"
    if not history.up[-1]:
        return "nothing was obtainable at the last tick" if history.down[-1] else "the last tick is not known"
    last = np.array([len(history.values) - 1])
    wide = history.ticks(LIVE_HOURS)
    share = float(history.known.between(last - wide, last)[0]) / wide
    if share < LIVE_KNOWN_SHARE:
        return f"{share:.0%} of the last {LIVE_HOURS:g} h are known, {LIVE_KNOWN_SHARE:.0%} are needed"
    return None
