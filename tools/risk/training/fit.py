"""From traces to a forecaster. Numpy only; the same traces give the same numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tools.errors import DataError
from tools.risk.forecast import Forecaster
from tools.risk.forecast_artefact import Artefact, FeatureWeight, Head, LearningRates, ModelCard, PressureRates
from tools.risk.forecast_features import FEATURES, features
from tools.risk.forecast_history import Flags, Floats, History, Ints, mature
from tools.risk.forecast_pressure import AGE_TERMS, Followed, PressureModel, age_terms, follow, steps_seen
from tools.risk.training.logistic import fit_logistic
from tools.traces import Trace, candidate_ticks, observed, outcomes, scored_every, ticks_within

HEADS_MINUTES = (20.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0, 1440.0)
"""20 min is two ticks of the coarsest traces; below it the hazard is taken as constant"""
SHRINK = 30.0
LEARNING = LearningRates(sd_level=0.3, sd_slope=0.15, sd_week=0.15, sd_day=0.1, waves=3, evidence=1.2, from_hours=3.0)
FEWEST_INTERRUPTED = 100
SIGNS = np.array([f.sign for f in FEATURES], dtype=np.float64)
VERSION = "1"


PRESSURE = {
    "answer": 0.4,
    "level_hours": (1.5, 12.0, 100.0),
    "sd_level": 0.6,
    "waves": 6,
    "wave_hours": 480.0,
    "sd_wave": 0.5,
    "fall": 0.7,
}
YOUNG_STARTS = (0.15, 0.3, 0.45, 0.6, 0.75)
YOUNG_HOURS = 192.0
YOUNG_WEIGHT = 0.3
"""every trace is also trained on as if it had begun later, for eight days: the first week must be good too"""


@dataclass(frozen=True, eq=False)
class _View:
    """A trace, or eight days of it as if it had begun there."""

    history: History
    weight: float
    pressure: Followed


@dataclass(frozen=True, eq=False)
class _Rows:
    """Training rows of one head from one view."""

    values: Floats
    weight: float
    outcomes: Floats
    """(rows, horizons) 1, 0 or NaN: within half the horizon, the horizon, twice the horizon"""


def fit(
    traces: Sequence[Trace],
    *,
    seed: int = 0,
    horizons_minutes: Sequence[float] = HEADS_MINUTES,
    trained_at: date | None = None,
    names: Sequence[str] | None = None,
    without: frozenset[str] = frozenset(),
) -> Forecaster:
    """A forecaster of these traces alone.

    seed     written down; nothing here is drawn at random
    names    of the traces, for the card; None = folder and file
    without  features whose weight is held at 0
    Raises  DataError: too few interruptions to learn from
    """
    whole = [History(t.values, t.gap_seconds) for t in traces]
    pressure = fit_pressure(whole)
    model = PressureModel(**dict(pressure))
    weighed = [(h, 1.0) for h in whole] + [(young, YOUNG_WEIGHT) for h in whole for young in _young(h)]
    views = [_View(history, weight, follow(history, model)) for history, weight in weighed]
    heads, rows = [], 0
    for minutes in horizons_minutes:
        parts = [p for p in (_rows_of(view, minutes) for view in views) if p is not None]
        heads.append(_head(parts, minutes, without))
        rows = max(rows, sum(len(p.values) for p in parts if p.weight == 1.0))
    card = ModelCard(
        trained_on=tuple(names if names is not None else (f"{t.path.parent.name}/{t.path.name}" for t in traces)),
        trace_days=round(sum(t.hours for t in traces) / 24, 1),
        training_rows=rows,
        trained_at=trained_at,
        seed=seed,
    )
    return Forecaster(Artefact(version=VERSION, card=card, learning=LEARNING, pressure=pressure, heads=tuple(heads)))


def _young(history: History) -> Iterator[History]:
    for start in YOUNG_STARTS:
        first = int(start * len(history.values))
        yield History(history.values[first : first + history.ticks(YOUNG_HOURS)], history.gap_seconds)


def fit_pressure(histories: Sequence[History]) -> PressureRates:
    """How the chance of going and of coming back depends on age, counted on these histories."""
    found = [_changes(h) for h in histories]
    leave, come_back = (
        _age_weights(
            np.concatenate([ages[up == side] for ages, up, _ in found]),
            np.concatenate([c[up == side] for _, up, c in found]),
        )
        for side in (True, False)
    )
    return PressureRates(leave=leave, come_back=come_back, **PRESSURE)


def _changes(history: History) -> tuple[Floats, Flags, Flags]:
    """(age terms, up, changed at the next step) of every step after the first day whose next is known."""
    ticks, up, known, changed = steps_seen(history)
    hours = np.maximum(history.age_hours[ticks], scored_every(history.gap_seconds) * history.hours_per_tick)
    kept = known[:-1] & known[1:] & (ticks[:-1] * history.hours_per_tick >= 24)
    return age_terms(hours[:-1][kept]), up[:-1][kept], changed[1:][kept]


def _age_weights(terms: Floats, changed: Flags) -> tuple[float, ...]:
    came = changed.astype(np.float64)[:, None]
    fitted = fit_logistic(terms[:, 1:], came, signs=np.zeros(AGE_TERMS - 1), shrink=0.1)
    return (_short(float(fitted.intercepts[0])), *(_short(float(w)) for w in fitted.slopes))


def _rows_of(view: _View, minutes: float) -> _Rows | None:
    """None = no tick of this history can be trained on."""
    history = view.history
    if not ticks_within(minutes * 60, history.gap_seconds):
        return None
    ticks = candidate_ticks(len(history.values), history.gap_seconds, minutes)
    ticks = ticks[history.up[ticks]]
    if not len(ticks):
        return None
    near = (minutes / 2, minutes, min(minutes * 2, 1440.0))
    values = features(history, ticks, mature(history, minutes), view.pressure)
    return _Rows(values, view.weight, np.column_stack([_outcome(history, ticks, m) for m in near]))


def _outcome(history: History, ticks: Ints, minutes: float) -> Floats:
    """(len(ticks),) 1, 0 or NaN where it is not known."""
    wide = ticks_within(minutes * 60, history.gap_seconds)
    inside = ticks + wide < len(history.values)
    came = np.full(len(ticks), np.nan)
    seen = ticks[inside]
    known = observed(history.values, history.gap_seconds, seen, minutes)
    came[inside] = np.where(known, outcomes(history.values, history.gap_seconds, seen, minutes), np.nan)
    return came


def _head(parts: Sequence[_Rows], minutes: float, without: frozenset[str]) -> Head:
    interrupted = int(sum(np.nansum(p.outcomes[:, 1]) for p in parts if p.weight == 1.0))
    if interrupted < FEWEST_INTERRUPTED:
        raise DataError(
            f"{interrupted} of the training rows were interrupted within {minutes:g} min,"
            f" {FEWEST_INTERRUPTED} are needed",
            hint="train on more traces",
        )
    values = np.concatenate([p.values for p in parts])
    mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
    rows = (values - mean) / scale * np.array([f.name not in without for f in FEATURES])
    weights_of_rows = np.repeat([p.weight for p in parts], [len(p.values) for p in parts])
    came = np.concatenate([p.outcomes for p in parts])
    fitted = fit_logistic(rows, came, signs=SIGNS, shrink=SHRINK, weights=weights_of_rows)
    level = float(fitted.intercepts[1])
    weights = tuple(
        FeatureWeight(name=f.name, mean=_short(m), scale=_short(s), weight=_short(w))
        for f, m, s, w in zip(FEATURES, mean, scale, fitted.slopes, strict=True)
    )
    return Head(
        horizon_minutes=minutes,
        intercept=_short(level),
        centre=_short(level + float((rows @ fitted.slopes).mean())),
        weights=weights,
    )


def _short(value: float) -> float:
    """Six figures: what a reviewer reads is what is used."""
    return float(f"{value:.6g}")
