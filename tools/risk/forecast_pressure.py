"""The pressure on a pool, which nobody sees: what makes it go and keeps it away.

Pressure is a sum of three levels that come and go (over hours, half a day, days) and of waves of the day that fade over
weeks. About every ten minutes an up pool goes with log-odds `leave`·age terms + pressure, and a dry one comes back with
log-odds `come_back`·age terms − answer × pressure. An extended Kalman filter follows the pressure from what was seen;
each step uses the ticks up to it. Unknown ticks move nothing.
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.risk.forecast_history import Flags, Floats, History, Ints
from tools.traces import scored_every

STEP_HOURS = 1 / 6
"""the ages' weights are for steps of ten minutes"""
AGE_TERMS = 4


@dataclass(frozen=True)
class PressureModel:
    """leave, come_back  (AGE_TERMS,) weights of `age_terms`, log-odds of a change within ten minutes

    answer        how much pressure keeps a dry pool away, against how much it drives an up one off
    level_hours   how long each level lasts
    sd_level      of each, log-odds
    waves         of the day
    wave_hours    how long they last
    sd_wave       of the first; wave k has sd / k^fall
    """

    leave: tuple[float, ...]
    come_back: tuple[float, ...]
    answer: float
    level_hours: tuple[float, ...]
    sd_level: float
    waves: int
    wave_hours: float
    sd_wave: float
    fall: float

    def deviations(self) -> Floats:
        waves = self.sd_wave * np.arange(1, self.waves + 1, dtype=np.float64) ** -self.fall
        return np.concatenate([np.full(len(self.level_hours), self.sd_level), np.repeat(waves, 2)])

    def kept(self, hours: float) -> Floats:
        """Share of each part that is left after so long."""
        lasts = np.concatenate([self.level_hours, np.full(2 * self.waves, self.wave_hours)])
        kept: Floats = np.exp(-hours / lasts)
        return kept

    def turned(self, hours: float) -> Floats:
        """(parts,) float64: what multiplies `phased` levels for the pressure so many hours on, fading left out."""
        turns = [wave(2 * np.pi * k * hours / 24) for k in range(1, self.waves + 1) for wave in (np.cos, np.sin)]
        return np.concatenate([np.ones(len(self.level_hours)), turns])

    def phased(self, levels: Floats, hours: Floats) -> Floats:
        """(rows, parts) float64: levels with their waves turned to each row's own moment, so that
        the pressure h hours on is the sum of phased × turned(h) × kept(h): no wave is computed twice."""
        here = self.seen_at(hours)
        first = len(self.level_hours)
        even, odd = slice(first, None, 2), slice(first + 1, None, 2)
        phased = levels.copy()
        phased[:, even] = here[:, even] * levels[:, even] + here[:, odd] * levels[:, odd]
        phased[:, odd] = here[:, even] * levels[:, odd] - here[:, odd] * levels[:, even]
        return phased

    def seen_at(self, hours: Floats) -> Floats:
        """(len(hours), parts) float64: how each part enters the pressure; hours since the history's start."""
        waves = [wave(2 * np.pi * k * hours / 24) for k in range(1, self.waves + 1) for wave in (np.cos, np.sin)]
        return np.column_stack([np.ones((len(hours), len(self.level_hours))), *waves])


def age_terms(age_hours: Floats) -> Floats:
    """(len(age_hours), AGE_TERMS) float64: log minutes, bent at 20 min and 2.5 h."""
    log = np.log(age_hours * 60)
    return np.column_stack([np.ones(len(log)), log - 4, np.maximum(log - 3, 0) - 1, np.maximum(log - 5, 0)])


@dataclass(frozen=True, eq=False)
class Followed:
    """The parts of the pressure as a filter knew them after each step of one history.

    levels  (steps, parts) float64; steps of about ten minutes from tick 0
    """

    model: PressureModel
    levels: Floats


def pressure_features(history: History, ticks: Ints, horizon_ticks: int, followed: Followed) -> Floats:
    """(len(ticks), 3) float64: log-odds of a loss within the horizon by this model, pressure now, mean pressure ahead.

    ticks  where the pool is up
    """
    step = scored_every(history.gap_seconds)
    step_hours = step * history.hours_per_tick
    model = followed.model
    levels = model.phased(followed.levels[ticks // step], ticks * np.float64(history.hours_per_tick))
    age = _age(history, ticks)
    stays, ahead = np.zeros(len(ticks)), np.zeros(len(ticks))
    steps = max(1, horizon_ticks // step)
    for k in range(1, steps + 1):
        pressure = (levels * (model.turned(k * step_hours) * model.kept(k * step_hours))).sum(axis=1)
        odds = _leave(age + (k - 1) * step_hours, model, step_hours) + pressure
        stays -= np.logaddexp(0.0, odds)
        ahead += pressure / steps
    lost = np.clip(-np.expm1(stays), 0.005, 0.995)
    return np.column_stack([np.log(lost / (1 - lost)), (levels * model.turned(0.0)).sum(axis=1), ahead])


def _leave(age_hours: Floats, model: PressureModel, step_hours: float) -> Floats:
    odds: Floats = (age_terms(age_hours) * np.array(model.leave)).sum(axis=1) + math.log(step_hours / STEP_HOURS)
    return odds


def _age(history: History, ticks: Ints) -> Floats:
    """At least one step: what happens between two looks is not seen."""
    step_hours = scored_every(history.gap_seconds) * history.hours_per_tick
    return np.maximum(history.age_hours[ticks], step_hours)


def steps_seen(history: History) -> tuple[Ints, Flags, Flags, Flags]:
    """(ticks, up, known, changed) about every ten minutes; `changed` against the step before, where both are known."""
    ticks = np.arange(0, len(history.values), scored_every(history.gap_seconds), dtype=np.int64)
    up, known = history.up[ticks], (history.up | history.down)[ticks]
    changed = np.zeros(len(ticks), dtype=np.bool_)
    changed[1:] = known[1:] & known[:-1] & (up[1:] != up[:-1])
    return ticks, up, known, changed


def follow(history: History, model: PressureModel) -> Followed:
    """The filter, run over one history."""
    ticks, up, known, changed = steps_seen(history)
    step_hours = scored_every(history.gap_seconds) * history.hours_per_tick
    shift = math.log(step_hours / STEP_HOURS)
    ages = age_terms(_age(history, ticks))
    base = (
        np.where(up, (ages * np.array(model.leave)).sum(axis=1), (ages * np.array(model.come_back)).sum(axis=1)) + shift
    )
    seen = model.seen_at(ticks * np.float64(history.hours_per_tick))
    return Followed(model, _run(_Steps(base, seen, up, known, changed), model, model.kept(step_hours)))


@dataclass(frozen=True, eq=False)
class _Steps:
    """base  (steps,) log-odds of a change at the next step without pressure; seen (steps, parts)"""

    base: Floats
    seen: Floats
    up: Flags
    known: Flags
    changed: Flags


def _run(steps: _Steps, model: PressureModel, kept: Floats) -> Floats:
    variance = model.deviations() ** 2
    mean, spread = np.zeros(len(variance)), np.diag(variance)
    both, fresh = np.outer(kept, kept), np.diag(variance * (1 - kept**2))
    found = np.empty((len(steps.base), len(variance)))
    base, changed = steps.base.tolist(), steps.changed.tolist()
    looked = (steps.known[1:] & steps.known[:-1]).tolist()
    sides = np.where(steps.up, 1.0, -model.answer).tolist()
    found[0] = mean
    for i in range(1, len(base)):
        mean, spread = kept * mean, both * spread + fresh
        if looked[i - 1]:
            row, side = steps.seen[i], sides[i - 1]
            along = spread @ row
            said = 1 / (1 + math.exp(-max(-50.0, base[i - 1] + side * float(row @ mean))))
            told = said * (1 - said) * side * side
            gain = 1 / (1 + told * float(row @ along))
            mean = mean + along * (side * gain * (changed[i] - said))
            spread = spread - np.outer(along, along * (told * gain))
        found[i] = mean
    return found
