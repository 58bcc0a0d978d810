"""When the level of a price moved, not just the price: change-points of a step function.

Method  binary segmentation (Scott and Knott 1974) of the log price, time-weighted least squares: the best cut of any
        stretch is the one whose two means leave the least scatter; the stretch that gains most is cut next.
Stops   when a cut lowers the scatter less than the Bayesian information criterion asks (n log(before / after) against
        3 log n: a moment and two levels), at eight cuts, or where a side would last under a hundredth of the window.
        Levels nearer to each other than 5 % are then joined.
Cost    at most 17 passes over the pool's changes, however many they are.
"""

import math
from dataclasses import dataclass

import numpy as np

from tools.market.columns import Floats, Ints

MOST_SHIFTS = 8
LEAST_STEP = math.log(1.05)
LEAST_TIME_SHARE = 0.01
_LEAST_SCATTER = 1e-12  # of log price squared: rounding, not a market


@dataclass(frozen=True, slots=True)
class Shift:
    """From `row` on, the level is `after`; levels are time-weighted geometric means of USD/h between shifts."""

    row: int
    before: float
    after: float


def level_shifts(at_us: Ints, usd: Floats, *, end_us: int, most: int = MOST_SHIFTS) -> tuple[Shift, ...]:
    """Shifts of one pool over [at_us[0], end_us], oldest first.

    at_us  (rows,) int64, rising
    usd    (rows,) float64, above 0
    """
    if len(usd) < 2 or end_us <= at_us[0] or most < 1:
        return ()
    path = _Path(at_us, usd, end_us)
    return tuple(Shift(cut, math.exp(before), math.exp(after)) for cut, before, after in path.levels(path.cuts(most)))


class _Path:
    """Running sums of one pool's log price, so that any stretch's mean and scatter is a subtraction."""

    def __init__(self, at_us: Ints, usd: Floats, end_us: int) -> None:
        held = np.diff(at_us, append=end_us) / float(end_us - at_us[0])
        log = np.log(usd)
        self.centre = float(held @ log)
        off = log - self.centre
        self.rows = len(usd)
        self.scatter = float(held @ (off * off))
        self.time = np.concatenate(([0.0], np.cumsum(held)))
        self.area = np.concatenate(([0.0], np.cumsum(held * off)))

    def cuts(self, most: int) -> list[int]:
        """Rows at which a level begins, in order."""
        left = self.scatter
        found: list[int] = []
        open_ = [self._best(0, self.rows)]
        while len(found) < most:
            gain, cut, begin, end = max(open_)
            if gain <= 0 or not self._worth(left, left - gain):
                break
            open_.remove((gain, cut, begin, end))
            open_ += [self._best(begin, cut), self._best(cut, end)]
            found.append(cut)
            left -= gain
        return sorted(found)

    def _best(self, begin: int, end: int) -> tuple[float, int, int, int]:
        """The scatter that the best cut of rows begin:end takes away (0 = there is none), the cut, begin and end."""
        first = max(begin + 1, int(np.searchsorted(self.time, self.time[begin] + LEAST_TIME_SHARE)))
        last = min(end, int(np.searchsorted(self.time, self.time[end] - LEAST_TIME_SHARE, side="right")))
        if first >= last:
            return 0.0, begin, begin, end
        before = self.time[first:last] - self.time[begin]
        after = self.time[end] - self.time[first:last]
        step = (self.area[first:last] - self.area[begin]) / before - (self.area[end] - self.area[first:last]) / after
        gains = before * after / (before + after) * step * step
        best = int(np.argmax(gains))
        return float(gains[best]), first + best, begin, end

    def _worth(self, scatter: float, left: float) -> bool:
        if scatter <= _LEAST_SCATTER:
            return False
        return self.rows * math.log(scatter / max(left, _LEAST_SCATTER)) > 3 * math.log(self.rows)

    def levels(self, cuts: list[int]) -> list[tuple[int, float, float]]:
        """Each cut with the log price level before and after it; the smallest steps are joined until all count."""
        while cuts:
            edges = np.array([0, *cuts, self.rows])
            means = self.centre + np.diff(self.area[edges]) / np.diff(self.time[edges])
            steps = np.abs(np.diff(means))
            smallest = int(np.argmin(steps))
            if steps[smallest] >= LEAST_STEP:
                return list(zip(cuts, means[:-1].tolist(), means[1:].tolist(), strict=True))
            del cuts[smallest]
        return []
