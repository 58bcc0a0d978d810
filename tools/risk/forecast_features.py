"""What the interruption forecast looks at, at tick t, from ticks ≤ t alone.

Six families: the present state (age, share available, changes), the same time of past days, this pool's own record of
matured outcomes, two products, the pressure that a filter follows, and how many fewer instances there are than at best.
The past days carry most of what state and age do not: capacity follows the clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tools.risk.forecast_history import HOURS_PER_DAY, Floats, History, Ints, Matured, Running
from tools.risk.forecast_pressure import Followed, pressure_features

WINDOWS_HOURS = (1.0, 3.0, 6.0, 24.0)
RECORD_HOURS = (6.0, 24.0, 96.0, 336.0)
PAST_DAYS = 28
DAYS_PRIOR = 2.0
"""days half down, before there are any"""
USUAL_RATE = 0.25
"""interrupted within the horizon, where a pool has no record yet"""
LEAST_LOG_AGE, MOST_FLIPS = float(np.log(0.05)), 72
"""bounds of age × flips alone: no training trace is outside, where a product of any sign would drown all the rest"""

RISES, FALLS, FREE = 1, -1, 0


@dataclass(frozen=True)
class Feature:
    """sign  how the risk must move with it: a fitted weight of the other sign is chance, and is held at 0"""

    name: str
    sign: int


STATE = (
    Feature("log_age", FALLS),
    *(f for h in WINDOWS_HOURS for f in (Feature(f"available_{h:g}h", FALLS), Feature(f"flips_{h:g}h", RISES))),
)
"""the nine of the plain logistic regression: log hours in the present state; share available and changes of state"""
DAYS = (
    Feature("days_down_in_window", RISES),
    Feature("days_interrupted", RISES),
    Feature("days_up_share", FREE),
    Feature("days_down_around", RISES),
    Feature("days_interrupted_wide", RISES),
    Feature("days_up_share_wide", FREE),
    Feature("days_turn", RISES),
    Feature("days_turn_wide", RISES),
    Feature("days_losses", RISES),
)
PRODUCTS = (Feature("log_age_x_flips_24h", FREE), Feature("available_24h_squared", FREE))
RECORD = tuple(Feature(f"record_{h:g}h", RISES) for h in RECORD_HOURS)
PRESSURE = (Feature("pressure_loss", RISES), Feature("pressure_now", RISES), Feature("pressure_ahead", RISES))
COUNT = (
    Feature("fewer", RISES),
    Feature("missing_share", RISES),
    *(Feature(f"missing_share_{h}h", RISES) for h in (1, 6)),
)
"""fewer instances than were ever seen at once; nothing where only yes and no are known"""
FEATURES = (*STATE, *DAYS, *PRODUCTS, *RECORD, *PRESSURE, *COUNT)


def features(history: History, ticks: Ints, matured: Matured, pressure: Followed) -> Floats:
    """(len(ticks), len(FEATURES)) float64, each row from its own past.

    ticks    where the pool is up
    matured  of the horizon that is forecast
    """
    state = state_features(history, ticks)
    log_age, available_day = np.maximum(state[:, 0], LEAST_LOG_AGE), state[:, 7]
    flips_day = np.minimum(state[:, 8], MOST_FLIPS)
    columns = [
        *_same_window(history, ticks, matured, _Kernel(half_hours=0.5, keep=0.93, alike=2.0, prior=4.0)),
        *_same_window(history, ticks, matured, _Kernel(half_hours=2.0, keep=0.9, alike=0.0, prior=3.0, wide=True)),
        *_turns(history, ticks, matured),
        log_age * flips_day,
        available_day**2,
        *(_record(history, ticks, matured, hours) for hours in RECORD_HOURS),
        *pressure_features(history, ticks, matured.horizon_ticks, pressure).T,
        *_counts(history, ticks),
    ]
    return np.column_stack([state, *columns])


def state_features(history: History, ticks: Ints) -> Floats:
    """(len(ticks), 9) float64: STATE."""
    columns = [np.log(history.age_hours[ticks])]
    for hours in WINDOWS_HOURS:
        since = ticks - max(1, history.ticks(hours))
        columns.append(history.ups.between(since, ticks) / np.maximum(history.known.between(since, ticks), 1))
        columns.append(history.flips.between(since, ticks))
    return np.column_stack(columns)


@dataclass(frozen=True)
class _Kernel:
    """Which past moments count as the same time of day, and how much.

    half_hours  on either side
    keep        weight of one day against the next
    alike       e-folds lost by a day whose last hours were wholly unlike today's
    prior       moments at the usual rate
    wide        look from one horizon before to two after
    """

    half_hours: float
    keep: float
    alike: float
    prior: float
    wide: bool = False


def _same_window(history: History, ticks: Ints, matured: Matured, kernel: _Kernel) -> tuple[Floats, ...]:
    """Over past days: share of the coming window that was down; log-odds of interruption when up; share of time up."""
    half, ahead = history.ticks(kernel.half_hours), matured.horizon_ticks
    early, late = (-ahead, 2 * ahead) if kernel.wide else (0, ahead)
    days = down = up = came = np.zeros(len(ticks))
    for day, lag in _days(history):
        then = ticks - lag
        weight = kernel.keep ** (day - 1) * (then >= half)
        if kernel.alike:
            alike = history.agreement(lag, window=max(1, history.ticks(9.0)), at=ticks)
            weight = weight * np.exp(kernel.alike * (alike - 1))
        known_until = np.minimum(then + half, ticks - ahead)
        days = days + weight
        down = down + weight * _share(history.downs, history.known, then + early, np.minimum(then + late, ticks))
        up = up + weight * matured.exposures.between(then - half - 1, known_until) / (2 * half + 1)
        came = came + weight * matured.interruptions.between(then - half - 1, known_until) / (2 * half + 1)
    rate = (came + USUAL_RATE * kernel.prior) / (up + kernel.prior)
    half_prior = DAYS_PRIOR / 2
    return (down + half_prior) / (days + DAYS_PRIOR), log_odds(rate), (up + half_prior) / (days + DAYS_PRIOR)


def _turns(history: History, ticks: Ints, matured: Matured) -> tuple[Floats, Floats, Floats]:
    """Did past days turn for the worse here: down share of the coming window less that of the hours before; losses."""
    half, ahead = history.ticks(0.5), matured.horizon_ticks
    days = days_wide = days_lost = turn = turn_wide = lost = np.zeros(len(ticks))
    hours = (ahead + 2 * half) * history.hours_per_tick
    for day, lag in _days(history):
        then = ticks - lag
        for_turn = 0.85 ** (day - 1) * (then >= history.ticks(2.0) - 1)
        for_wide = 0.85 ** (day - 1) * (then >= history.ticks(4.0) - 1)
        for_lost = 0.97 ** (day - 1) * (then >= half - 1)
        late = np.minimum(then + ahead + half, ticks)
        coming = _share(history.downs, history.known, then, np.minimum(then + ahead, ticks))
        around = _share(history.downs, history.known, then - half, late)
        days, days_wide, days_lost = days + for_turn, days_wide + for_wide, days_lost + for_lost
        turn = turn + for_turn * (coming - _share(history.downs, history.known, then - history.ticks(2.0), then))
        turn_wide = turn_wide + for_wide * (
            around - _share(history.downs, history.known, then - history.ticks(4.0), then)
        )
        lost = lost + for_lost * history.losses.between(then - half, late) / hours
    return turn / (days + 1), turn_wide / (days_wide + 1), np.log((lost + 0.1) / (days_lost + 1))


def _record(history: History, ticks: Ints, matured: Matured, hours: float) -> Floats:
    """Log-odds of interruption over this pool's own matured past, with one hour at the usual rate before it."""
    upto = ticks - matured.horizon_ticks
    since = upto - max(1, history.ticks(hours))
    up = matured.exposures.between(since, upto) * history.hours_per_tick
    came = matured.interruptions.between(since, upto) * history.hours_per_tick
    return log_odds((came + USUAL_RATE) / (up + 1))


def _counts(history: History, ticks: Ints) -> tuple[Floats, ...]:
    """Fewer than at best: whether, by which share of the best so far, and the mean of that share over past hours."""
    missing = history.missing_share
    so_far = np.concatenate(([0.0], np.cumsum(missing)))
    trailing = []
    for hours in (1.0, 6.0):
        first = np.maximum(ticks + 1 - max(1, history.ticks(hours)), 0)
        trailing.append((so_far[ticks + 1] - so_far[first]) / (ticks + 1 - first))
    return (missing[ticks] > 0).astype(np.float64), missing[ticks], *trailing


def _days(history: History) -> Iterable[tuple[int, int]]:
    """(days back, ticks back) as far as the history reaches."""
    for day in range(1, PAST_DAYS + 1):
        lag = history.ticks(day * HOURS_PER_DAY)
        if not 0 < lag < len(history.values):
            return
        yield day, lag


def _share(part: Running, whole: Running, after: Ints, upto: Ints) -> Floats:
    return part.between(after, upto) / np.maximum(whole.between(after, upto), 1)


def log_odds(probability: Floats) -> Floats:
    kept = np.clip(probability, 1e-6, 1 - 1e-6)
    odds: Floats = np.log(kept / (1 - kept))
    return odds
