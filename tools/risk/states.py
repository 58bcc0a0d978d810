"""What we saw of one pool, on the even grid that the trained forecast reads: 1 obtainable, 0 not, NaN not looked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from tools.records import PoolState

Floats = NDArray[np.float64]

LOOK_BACK = timedelta(days=8)
"""the trained forecast's longest window is a week"""
ENOUGH = timedelta(hours=24)
FRESH = timedelta(minutes=30)
MOST_GAP_SECONDS, LEAST_GAP_SECONDS = 1800.0, 60.0
KNOWN_SHARE = 0.5
"""of the last day's ticks"""


@dataclass(frozen=True, eq=False)
class StateGrid:
    """available  (ticks,) float64: 1, 0 or NaN; the last tick is the newest look"""

    available: Floats
    gap_seconds: float
    last_at: datetime

    @property
    def hours_up(self) -> float:
        """Since the last look that saw it dry; infinite where none did."""
        dry = np.flatnonzero(self.available == 0)
        return (len(self.available) - 1 - int(dry[-1])) * self.gap_seconds / 3600 if len(dry) else math.inf


def dry_by_the_last(looks: Sequence[tuple[datetime, PoolState]], *, now: datetime) -> bool:
    """Whether the newest look up to `now`, where it is fresh, saw a launch refused or an instance taken."""
    last = max((at for at, _ in looks if at <= now), default=None)
    if last is None or now - last > FRESH:
        return False
    return any(at == last and state != "running" for at, state in looks)


def state_grid(looks: Sequence[tuple[datetime, PoolState]], *, now: datetime) -> StateGrid | str:
    """The grid, or in words why there is none.

    looks  oldest first; those after `now` are not used
    A tick with several looks is 0 when one of them was: a launch refused while others run says that the pool is dry.
    """
    known = [(at, state) for at, state in looks if at <= now]
    if len(known) < 2:
        return "we do not watch this pool" if not known else "one look at this pool is no history"
    first, last = known[0][0], known[-1][0]
    if now - last > FRESH:
        return f"the last look at this pool is {(now - last) / timedelta(minutes=1):.0f} minutes old"
    if last - first < ENOUGH:
        return f"{(last - first) / timedelta(hours=1):.1f} h of looks at this pool, 24 h are needed"
    gap = _gap(known)
    ticks = math.floor((last - first).total_seconds() / gap) + 1
    grid = np.full(ticks, np.nan)
    for at, state in known:
        tick = ticks - 1 - math.floor((last - at).total_seconds() / gap)
        if tick >= 0:
            value = 1.0 if state == "running" else 0.0
            grid[tick] = value if np.isnan(grid[tick]) else min(grid[tick], value)
    day = grid[-max(round(ENOUGH.total_seconds() / gap), 1) :]
    share = float(np.mean(~np.isnan(day)))
    if share < KNOWN_SHARE:
        return f"looks fill {share:.0%} of the last day, {KNOWN_SHARE:.0%} are needed"
    return StateGrid(available=grid, gap_seconds=gap, last_at=last)


def _gap(looks: Sequence[tuple[datetime, PoolState]]) -> float:
    """The usual time between two looks, seconds. Those nearer than the finest grid are one look: several fleets, or two
    processes that watch the same account side by side.
    """
    moments = sorted({at for at, _ in looks})
    between = np.diff([m.timestamp() for m in moments])
    between = between[between >= LEAST_GAP_SECONDS]
    usual = float(np.median(between)) if len(between) else MOST_GAP_SECONDS
    return min(max(round(usual), LEAST_GAP_SECONDS), MOST_GAP_SECONDS)
