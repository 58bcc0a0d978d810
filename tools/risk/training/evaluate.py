"""How good is what `fit` makes, on rows whose zone or campaign it has not seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tools.risk.calibration import Calibration, Horizons, PairedGain, measure, paired_gain
from tools.risk.forecast import NINETY_PERCENT, Forecaster
from tools.risk.forecast_artefact import Artefact, Measured
from tools.risk.forecast_features import COUNT, DAYS, PRESSURE, PRODUCTS, RECORD, STATE, state_features
from tools.risk.forecast_history import Flags, Floats, History, Ints
from tools.risk.training.fit import fit
from tools.risk.training.logistic import fit_logistic
from tools.traces import Trace, observed, outcomes, scored_every, scored_ticks, ticks_within

ZONES, CAMPAIGNS = "zones held out", "campaigns held out"
LATER, SHORT = "zones held out, later times", "zones held out, last 40 % alone"
OURS, NINE, RATE = "ours", "nine-feature logistic regression", "base rate of the training rows"
LATER_SHARE = 0.6
"""of a trace is for training where later times are scored; SHORT scores traces that begin there, with nothing before"""
STRETCH_HOURS = 48.0
FEWEST_ROWS = 30
Maker = Callable[[Sequence[Trace]], "Sayer"]
Sayer = Callable[["Rows"], Floats]


@dataclass(frozen=True, eq=False)
class Rows:
    """The scored rows of one trace at one horizon."""

    trace: Trace
    ticks: Ints
    came: Flags
    minutes: float


@dataclass(frozen=True)
class Fold:
    training: tuple[Trace, ...]
    scored: tuple[Trace, ...]
    scored_from: float = 0.0
    """share of a trace that is not scored"""


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows of every fold, trace by trace, and what forecasters said of them."""

    rows: tuple[Rows, ...]
    said: dict[str, Floats]

    @property
    def came(self) -> Flags:
        return np.concatenate([r.came for r in self.rows])

    def calibration(self, name: str) -> Calibration:
        wide = [Horizons(r.ticks, ticks_within(r.minutes * 60, r.trace.gap_seconds)) for r in self.rows]
        return measure(self.said[name], self.came, horizons=wide)

    def gain(self, name: str, over: str) -> PairedGain:
        file = np.repeat(np.arange(len(self.rows)), [len(r.ticks) for r in self.rows])
        return paired_gain(self.said[name], self.said[over], self.came, file=file)

    def measured(self, split: str, name: str) -> Measured:
        c = self.calibration(name)
        return Measured(
            split=split,
            forecaster=name,
            horizon_minutes=self.rows[0].minutes,
            rows=c.rows,
            base_rate=c.base_rate,
            brier=c.brier,
            skill=c.brier_skill,
            auc=c.auc,
            calibration_error=c.ece,
            perfect_calibration_error_p95=c.perfect_ece_p95,
        )


def zone_of(trace: Trace) -> str:
    return trace.path.name.split("_")[0]


def campaign_of(trace: Trace) -> str:
    return trace.path.parent.name


def folds(traces: Sequence[Trace], split: str) -> tuple[Fold, ...]:
    """One fold per zone name (whatever the campaign), or per campaign."""
    key = campaign_of if split == CAMPAIGNS else zone_of
    found = _folds(traces, key, later=split == LATER)
    if split == SHORT:
        return tuple(Fold(fold.training, tuple(_last_part(t) for t in fold.scored)) for fold in found)
    return tuple(found)


def _last_part(trace: Trace) -> Trace:
    return Trace(trace.path, trace.gap_seconds, trace.values[int(len(trace.values) * LATER_SHARE) :])


def _folds(traces: Sequence[Trace], key: Callable[[Trace], str], *, later: bool) -> Iterator[Fold]:
    for name in sorted({key(t) for t in traces}):
        held = tuple(t for t in traces if key(t) == name)
        rest = tuple(t for t in traces if key(t) != name)
        if later:
            rest = tuple(Trace(t.path, t.gap_seconds, t.values[: int(len(t.values) * LATER_SHARE)]) for t in rest)
        if rest:
            yield Fold(rest, held, LATER_SHARE if later else 0.0)


def rows_of(trace: Trace, minutes: float, *, scored_from: float = 0.0) -> Rows:
    ticks = scored_ticks(trace.values, trace.gap_seconds, minutes)
    ticks = ticks[observed(trace.values, trace.gap_seconds, ticks, minutes)]
    ticks = ticks[ticks >= scored_from * len(trace.values)]
    return Rows(trace, ticks, outcomes(trace.values, trace.gap_seconds, ticks, minutes), minutes)


def judge(all_folds: Sequence[Fold], minutes: float, makers: dict[str, Maker]) -> Judged:
    """Train every forecaster on each fold, and ask it about the rows that were held out."""
    rows: list[Rows] = []
    said: dict[str, list[Floats]] = {name: [] for name in makers}
    for fold in all_folds:
        held = [r for t in fold.scored if len((r := rows_of(t, minutes, scored_from=fold.scored_from)).ticks)]
        rows += held
        for name, make in makers.items():
            say = make(fold.training)
            said[name] += [say(r) for r in held]
    return Judged(tuple(rows), {name: np.concatenate(parts) for name, parts in said.items()})


def ours(
    minutes: float, training: Sequence[Trace], *, without: frozenset[str] = frozenset(), learn: bool = True
) -> Sayer:
    """without  features that are left out; learn  False = no correction from the pool's own outcomes"""
    forecaster = fit(training, horizons_minutes=(minutes,), without=without)
    if not learn:
        artefact = forecaster.artefact
        still = artefact.learning.with_(sd_level=0.0, sd_slope=0.0, sd_week=0.0, sd_day=0.0)
        forecaster = Forecaster(Artefact.model_validate({**dict(artefact), "learning": still}))
    return partial(_say, forecaster)


def _say(forecaster: Forecaster, rows: Rows) -> Floats:
    return forecaster.probabilities(
        rows.trace.values, gap_seconds=rows.trace.gap_seconds, ticks=rows.ticks, horizon_minutes=rows.minutes
    )


def nine(minutes: float, training: Sequence[Trace]) -> Sayer:
    """Logistic regression on STATE, standardised, ridge 1: what scikit-learn's default gives."""
    parts = [rows_of(t, minutes) for t in training]
    values = np.concatenate([_state(r) for r in parts])
    mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-12)
    came = np.concatenate([r.came for r in parts]).astype(np.float64)[:, None]
    fitted = fit_logistic((values - mean) / scale, came, signs=np.zeros(len(STATE)), shrink=1.0)

    def say(rows: Rows) -> Floats:
        odds = ((_state(rows) - mean) / scale) @ fitted.slopes + fitted.intercepts[0]
        said: Floats = 1 / (1 + np.exp(-odds))
        return said

    return say


def _state(rows: Rows) -> Floats:
    return state_features(History(rows.trace.values, rows.trace.gap_seconds), rows.ticks)


def base_rate(minutes: float, training: Sequence[Trace]) -> Sayer:
    rate = float(np.concatenate([rows_of(t, minutes).came for t in training]).mean())
    return lambda rows: np.full(len(rows.ticks), rate)


def makers(minutes: float) -> dict[str, Maker]:
    return {OURS: partial(ours, minutes), NINE: partial(nine, minutes), RATE: partial(base_rate, minutes)}


def ablations(minutes: float) -> dict[str, Maker]:
    """Ours with one part left out at a time."""
    families = {
        "the past days": DAYS,
        "the pool's record": RECORD,
        "products": PRODUCTS,
        "pressure": PRESSURE,
        "counts": COUNT,
    }
    left_out: dict[str, Maker] = {
        f"without {name}": partial(ours, minutes, without=frozenset(f.name for f in family))
        for name, family in families.items()
    }
    plain = frozenset(f.name for family in families.values() for f in family)
    return {
        **left_out,
        "without the pool's own correction": partial(ours, minutes, learn=False),
        "the nine features with signs, no correction": partial(ours, minutes, without=plain, learn=False),
    }


def interval_coverage(all_folds: Sequence[Fold], minutes: float) -> tuple[float, int]:
    """(share, stretches): two-day stretches of traces held out whose own level lay within the forecast's 90 % interval.

    The level of a stretch is itself known only so well: its sampling error is allowed for.
    """
    inside = []
    for fold in all_folds:
        forecaster = fit(fold.training, horizons_minutes=(minutes,))
        for trace in fold.scored:
            rows = rows_of(trace, minutes, scored_from=fold.scored_from)
            if len(rows.ticks):
                inside += _stretches_inside(forecaster, rows)
    return float(np.mean(inside)), len(inside)


def _stretches_inside(forecaster: Forecaster, rows: Rows) -> list[bool]:
    history = History(rows.trace.values, rows.trace.gap_seconds)
    hazard, deviation = forecaster.hazards(history, rows.ticks, rows.minutes)
    stretch = (rows.ticks * history.hours_per_tick // STRETCH_HOURS).astype(np.int64)
    shared = ticks_within(rows.minutes * 60, history.gap_seconds) / scored_every(history.gap_seconds)
    inside = []
    for number in np.unique(stretch):
        here = stretch == number
        if here.sum() >= FEWEST_ROWS:
            level, variance = _level(-np.expm1(-hazard[here]), rows.came[here])
            allowed = np.sqrt(variance * max(1.0, shared) + float(np.mean(deviation[here] ** 2)))
            inside.append(bool(abs(level) <= NINETY_PERCENT * allowed))
    return inside


def _level(said: Floats, came: Flags) -> tuple[float, float]:
    """(shift in log-odds that makes the mean right, its variance for independent rows); one outcome as prior."""
    odds = np.log(said / (1 - said))
    level = 0.0
    for _ in range(30):
        moved = 1 / (1 + np.exp(-(odds + level)))
        told = float((moved * (1 - moved)).sum()) + 1.0
        level += (float((came - moved).sum()) - level) / told
    return level, 1 / told
