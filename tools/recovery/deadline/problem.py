"""The deadline problem: what a job needs, what a planner sees at a tick, and the rules by which both are reckoned.

One job needs so much compute before its deadline. At the start of every tick its planner sees whether spot can be had
for the whole tick and chooses idle, spot or on-demand. A launch (idle → anything, spot ↔ on-demand) costs a changeover
that is billed and does no work, carried over tick borders. Spot that is gone at the start of a tick is a preemption:
the job is idle before the planner is asked, and the next launch pays a changeover again. A tick in which an instance is
held is billed in full, the last one too.

Everything is reckoned in seconds with a tolerance of 1 ms.
Source  Can't Be Late (NSDI '24)
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tools.traces import ticks_within

Flags = NDArray[np.bool_]

IDLE: Final = 0
SPOT: Final = 1
ON_DEMAND: Final = 2
LETTERS: Final = "ISO"
"""a plan's letter of each mode, by its number"""

TOLERANCE_SECONDS: Final = 1e-3
"""work or changeover left below this is none; this near to a line is neither behind nor ahead of it"""
ASSUMED_CHANGEOVER_SECONDS: Final = 600.0
"""where nobody told or measured it: EC2 boots in a few minutes, the rest is for restore and warm-up"""
_GUARD_TOLERANCE_SECONDS: Final = TOLERANCE_SECONDS / 2
"""below the tolerance: what the guard lets through by rounding must still count as no work left at the end"""


@dataclass(frozen=True)
class JobTerms:
    """What the job needs and how it is reckoned.

    work_seconds         of compute, above 0
    deadline_seconds     from the first tick; the line of even progress runs to it, between ticks or not
    changeover_seconds   every launch, 0 or more; may be longer than a tick
    tick_seconds         above 0
    spot_price_ratio     spot price / on-demand price; on-demand costs 1.0 per hour
    window_ticks         a window that ends before the deadline; None = it lasts until the deadline
    """

    work_seconds: float
    deadline_seconds: float
    changeover_seconds: float
    tick_seconds: float
    spot_price_ratio: float
    window_ticks: int | None = None

    @cached_property
    def ticks(self) -> int:
        """Usable ticks: whole ones before the deadline and inside the window."""
        whole = ticks_within(self.deadline_seconds, self.tick_seconds)
        return whole if self.window_ticks is None else min(whole, self.window_ticks)

    @property
    def can_be_met(self) -> bool:
        """On-demand from the first tick on is done in time. Where it is, the guard never misses, whatever spot does."""
        return ticks_needed(self.work_seconds + self.changeover_seconds, self.tick_seconds) <= self.ticks


class Situation(NamedTuple):
    """What a planner sees at the start of a tick.

    tick                     from 0 at the job's first tick
    available_now            spot can be had for the whole of this tick
    mode                     what the job holds: IDLE, SPOT, ON_DEMAND. SPOT only when available_now
    work_left_seconds        above 0
    changeover_left_seconds  still to pay on the instance held; 0 when idle
    preempted                the spot instance held in the last tick is gone: mode is IDLE
    """

    tick: int
    available_now: bool
    mode: int
    work_left_seconds: float
    changeover_left_seconds: float
    preempted: bool


class Run(Protocol):
    """One job under way."""

    def choose(self, now: Situation, /) -> int:
        """IDLE, SPOT or ON_DEMAND for this tick; SPOT only when it is available.

        Asked exactly once a tick, ticks rising from 0, until the work is done or the ticks are used up.
        """
        ...


class Planner(Protocol):
    """A policy: it holds nothing of a run."""

    def begin(self, terms: JobTerms, past: Flags, /) -> Run:
        """A run from its first tick.

        past  (ticks before the first,) bool: was spot to be had; oldest first, unknown = not; may be empty
        """
        ...


def ticks_needed(seconds: float, tick_seconds: float) -> int:
    """ceil(seconds / tick), where a remainder under the tolerance is none."""
    return math.ceil((seconds - TOLERANCE_SECONDS) / tick_seconds)


def after_a_tick(work_left: float, changeover_left: float, tick_seconds: float) -> tuple[float, float]:
    """(work left, changeover left) after a tick on an instance, in seconds: the changeover is paid first."""
    worked = tick_seconds - changeover_left
    if worked < 0:
        return work_left, -worked if worked <= -TOLERANCE_SECONDS else 0.0
    left = work_left - worked
    return (left if left >= TOLERANCE_SECONDS else 0.0), 0.0


# The guard. Invariant: on-demand from the next tick on, with one whole changeover, is done in time. It holds at the
# start when work + changeover fit; a tick of spot or idling is allowed only if it holds after it; a tick of on-demand
# keeps it (what is left shrinks by the tick). So no run misses whatever spot does, and no test is stricter than that.


def spot_is_safe(
    work_left: float, changeover_left: float, changeover: float, tick_seconds: float, ticks_left: int
) -> bool:
    """May this tick be spent on spot? The next may be lost.

    changeover_left  of the spot instance, 0 or more: a whole changeover if it is launched now
    changeover       of an on-demand launch after it
    ticks_left       this one included
    """
    left = work_left - max(tick_seconds - changeover_left, 0.0)
    return left < TOLERANCE_SECONDS or left + changeover < (ticks_left - 1) * tick_seconds + _GUARD_TOLERANCE_SECONDS


def idle_is_safe(work_left: float, changeover: float, tick_seconds: float, ticks_left: int) -> bool:
    """May this tick be idled away? ticks_left includes it."""
    return work_left + changeover < (ticks_left - 1) * tick_seconds + _GUARD_TOLERANCE_SECONDS
