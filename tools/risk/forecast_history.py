"""One pool's availability, tick by tick, as running sums: any window of the past is two look-ups.

Every figure at tick t comes from ticks ≤ t: sums run forward, and what happened after a past tick counts only once its
whole horizon lies in the past. An unknown tick (NaN) is neither up nor down.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tools.traces import ticks_within

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
HOURS_PER_DAY = 24.0
SEEN_SHARE = 0.5
"""of a horizon, for its outcome to count. Were every tick of it needed but for a loss, whoever looks with gaps would
learn from losses alone"""


@dataclass(frozen=True, eq=False)
class History:
    """values  (ticks,) float64, instances obtainable; 0 = none, NaN = unknown

    gap_seconds  between ticks, above 0
    """

    values: Floats
    gap_seconds: float

    @property
    def hours_per_tick(self) -> float:
        return self.gap_seconds / 3600

    @cached_property
    def up(self) -> Flags:
        up: Flags = self.values > 0
        return up

    @cached_property
    def down(self) -> Flags:
        down: Flags = self.values == 0
        return down

    @cached_property
    def ups(self) -> "Running":
        return Running(self.up)

    @cached_property
    def downs(self) -> "Running":
        return Running(self.down)

    @cached_property
    def known(self) -> "Running":
        return Running(self.up | self.down)

    @cached_property
    def _changes(self) -> tuple[Flags, Flags]:
        """(changed, went down) at each tick, against the last known tick before it."""
        known = np.flatnonzero(self.up | self.down)
        changed, lost = np.zeros(len(self.values), dtype=np.bool_), np.zeros(len(self.values), dtype=np.bool_)
        state = self.up[known]
        changed[known[1:]] = state[1:] != state[:-1]
        lost[known[1:]] = state[:-1] & ~state[1:]
        return changed, lost

    @cached_property
    def flips(self) -> "Running":
        return Running(self._changes[0])

    @cached_property
    def losses(self) -> "Running":
        """From obtainable to not."""
        return Running(self._changes[1])

    @cached_property
    def age_hours(self) -> Floats:
        """(ticks,) float64: since the last change of state, the present tick counted; since the start before any."""
        ticks = np.arange(len(self.values))
        since = np.maximum.accumulate(np.where(self._changes[0], ticks, 0))
        age: Floats = (ticks - since + 1) * np.float64(self.hours_per_tick)
        return age

    @cached_property
    def missing_share(self) -> Floats:
        """(ticks,) float64: 1 − instances obtainable / most so far, where some were; 0 elsewhere."""
        seen = np.nan_to_num(self.values)
        best = np.maximum.accumulate(np.maximum(seen, 1.0))
        return np.where(seen > 0, 1 - seen / best, 0.0)

    def ticks(self, hours: float) -> int:
        """The nearest whole number of ticks; negative for the past."""
        return round(hours / self.hours_per_tick)

    def agreement(self, lag: int, *, window: int, at: Ints) -> Floats:
        """(len(at),) share of the last `window` ticks in the state of `lag` ticks before; 1 where none is known."""
        same = np.zeros(len(self.values), dtype=np.bool_)
        both = np.zeros(len(self.values), dtype=np.bool_)
        same[lag:] = (self.up[lag:] & self.up[:-lag]) | (self.down[lag:] & self.down[:-lag])
        both[lag:] = (self.up | self.down)[lag:] & (self.up | self.down)[:-lag]
        seen = Running(both).between(at - window, at)
        return np.where(seen > 0, Running(same).between(at - window, at) / np.maximum(seen, 1), 1.0)


class Running:
    """Sums of flags up to each tick."""

    def __init__(self, flags: Flags) -> None:
        self._so_far = np.concatenate(([0], np.cumsum(flags, dtype=np.int64)))
        self._last = len(flags) - 1

    def between(self, after: Ints, upto: Ints) -> Floats:
        """Set flags at ticks after+1 … upto, the part that lies inside the history; 0 for an empty window."""
        first = np.clip(after, -1, self._last)
        last = np.maximum(np.clip(upto, -1, self._last), first)
        counted: Floats = (self._so_far[last + 1] - self._so_far[first + 1]).astype(np.float64)
        return counted


@dataclass(frozen=True, eq=False)
class Matured:
    """What followed each tick that was up: was the pool down at some tick of the next `horizon_ticks`?

    exposed  (ticks,) bool: up, and enough of what followed was seen
    came     (ticks,) bool: exposed and interrupted
    Nothing here may be read for a tick later than t − horizon_ticks.
    """

    horizon_ticks: int
    exposed: Flags
    came: Flags

    @cached_property
    def exposures(self) -> Running:
        return Running(self.exposed)

    @cached_property
    def interruptions(self) -> Running:
        return Running(self.came)


def mature(history: History, horizon_minutes: float) -> Matured:
    """horizon_minutes  at least one tick"""
    length = len(history.values)
    wide = ticks_within(horizon_minutes * 60, history.gap_seconds)
    at = np.arange(max(length - wide, 0), dtype=np.int64)
    lost = history.downs.between(at, at + wide) > 0
    known = history.known.between(at, at + wide) >= SEEN_SHARE * wide
    exposed, came = np.zeros(length, dtype=np.bool_), np.zeros(length, dtype=np.bool_)
    exposed[at] = history.up[at] & known
    came[at] = exposed[at] & lost
    return Matured(wide, exposed, came)
