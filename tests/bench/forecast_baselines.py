"""What an interruption forecast is compared with. scikit-learn trains them; nothing here is shipped.

base rate   the training rows' share of interruptions, for every row
state age   spline logistic regression on the log age of the current state alone
nine        logistic regression on log age, and the fraction available and the flips in the last 1, 3, 6 and 24 h
guide       the guides' pattern formula with its default of .1 an hour, and with tables learnt from the trace's own past
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tools.risk.guide import pattern_based_prediction
from tools.traces import Flags, Floats, Ints, Trace, observed, outcomes, scored_ticks, ticks_within

WINDOWS_HOURS = (1, 3, 6, 24)
GUIDE_DEFAULT = 0.1


@dataclass(frozen=True, eq=False)
class Rows:
    """Scored rows of one trace at one horizon."""

    trace: Trace
    ticks: Ints
    outcomes: Flags
    features: Floats
    """(rows, 9): log age first"""

    def where(self, chosen: Flags) -> "Rows":
        return Rows(self.trace, self.ticks[chosen], self.outcomes[chosen], self.features[chosen])


def rows_of(trace: Trace, horizon_minutes: int) -> Rows:
    ticks = scored_ticks(trace.values, trace.gap_seconds, horizon_minutes)
    ticks = ticks[observed(trace.values, trace.gap_seconds, ticks, horizon_minutes)]
    came = outcomes(trace.values, trace.gap_seconds, ticks, horizon_minutes)
    return Rows(trace, ticks, came, nine_features(trace.values, trace.gap_seconds, ticks))


def nine_features(values: Floats, gap_seconds: float, ticks: Ints) -> Floats:
    """(rows, 9), each from ticks ≤ t: log hours in the current state; per window the fraction available and the flips."""
    up = (values > 0).astype(np.float64)
    number = np.arange(len(up))
    flips = np.concatenate(([0.0], np.abs(np.diff(up))))
    since = np.maximum.accumulate(np.where(flips > 0, number, 0))
    up_before, flips_before = (np.concatenate(([0.0], np.cumsum(x))) for x in (up, flips))
    columns = [np.log((ticks - since[ticks] + 1) * gap_seconds / 3600)]
    for hours in WINDOWS_HOURS:
        first = np.maximum(0, ticks + 1 - max(1, ticks_within(hours * 3600, gap_seconds)))
        columns.append((up_before[ticks + 1] - up_before[first]) / (ticks + 1 - first))
        columns.append(flips_before[ticks + 1] - flips_before[first])
    return np.stack(columns, axis=1)


def base_rate(training: Sequence[Rows], scored: Sequence[Rows]) -> list[Floats]:
    rate = float(np.concatenate([r.outcomes for r in training]).mean())
    return [np.full(len(r.ticks), rate) for r in scored]


def state_age(training: Sequence[Rows], scored: Sequence[Rows]) -> list[Floats]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler

    model = make_pipeline(
        SplineTransformer(n_knots=6, knots="quantile"), StandardScaler(), LogisticRegression(C=1.0, max_iter=2000)
    )
    return _fitted(model, training, scored, columns=1)


def nine(training: Sequence[Rows], scored: Sequence[Rows]) -> list[Floats]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return _fitted(make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000)), training, scored, 9)


def _fitted(model: Any, training: Sequence[Rows], scored: Sequence[Rows], columns: int) -> list[Floats]:
    known = np.concatenate([r.features[:, :columns] for r in training])
    model.fit(known, np.concatenate([r.outcomes for r in training]))
    return [model.predict_proba(r.features[:, :columns])[:, 1] if len(r.ticks) else np.empty(0) for r in scored]


def guide_default(scored: Sequence[Rows], horizon_minutes: int) -> list[Floats]:
    """Nothing known of any pool: the formula's own .1 an hour."""
    return [np.full(len(r.ticks), _over(horizon_minutes, _guide(0, {}))) for r in scored]


def guide_learnt(scored: Sequence[Rows], horizon_minutes: int) -> list[Floats]:
    """Hourly, weekday and overall shares of past hours that were interrupted, from the trace's own matured rows.

    Hours and weekdays count from the start of the trace: its clock does not matter, only that it repeats. The formula
    reads hour 0 first whatever the hour is (a defect of it); it is given now's.
    """
    return [_guide_of(r.trace, r.ticks, horizon_minutes) for r in scored]


def _guide_of(trace: Trace, ticks: Ints, horizon_minutes: int) -> Floats:
    hour_ticks = ticks_within(3600, trace.gap_seconds)
    up = np.flatnonzero(trace.values > 0)
    up = up[up + hour_ticks < len(trace.values)]
    came = outcomes(trace.values, trace.gap_seconds, up, 60)
    hours = (up * trace.gap_seconds // 3600).astype(np.int64)
    events, seen = np.zeros(24 + 7 + 1), np.zeros(24 + 7 + 1)
    said, at = np.empty(len(ticks)), 0
    for i, tick in enumerate(ticks.tolist()):
        while at < len(up) and up[at] + hour_ticks <= tick:  # its hour is over: what came is known
            for cell in (hours[at] % 24, 24 + hours[at] // 24 % 7, 31):
                seen[cell] += 1
                events[cell] += came[at]
            at += 1
        hour = int(tick * trace.gap_seconds // 3600)
        cells = {"hourly": hour % 24, "daily": 24 + hour // 24 % 7, "seasonal": 31}
        known = {name: events[cell] / seen[cell] for name, cell in cells.items() if seen[cell]}
        said[i] = _over(horizon_minutes, _guide(hour // 24 % 7, known))
    return said


def _guide(weekday: int, known: dict[str, float]) -> float:
    """The formula's probability of the first hour."""
    keys = {"hourly": "0", "daily": str(weekday), "seasonal": "current"}
    patterns = {name: {keys[name]: share} for name, share in known.items()}
    monday = datetime(2024, 1, 1)  # noqa: DTZ001 - the guides' clock has no zone
    predicted = pattern_based_prediction(patterns, 1, now=monday + timedelta(days=weekday))
    return float(predicted["predictions"][0]["interruption_probability"])


def _over(horizon_minutes: int, per_hour: float) -> float:
    return 1 - (1 - per_hour) ** (horizon_minutes / 60)
