"""What a deadline advice is given: the job, what it holds, its pools and their past, what on-demand costs."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from tools.records import CapacityPool
from tools.recovery.deadline.problem import IDLE, Flags
from tools.recovery.deadline.warden import Warden
from tools.recovery.deadline.zones import ZonesPlanner

LOOK_SECONDS = 300.0
"""between two decisions: a round of the daemon"""


@dataclass(frozen=True)
class Need:
    """What has to be done. None = not known; then `unknown` says why.

    work_left_seconds  of compute, after the newest whole checkpoint
    """

    job_id: str
    deadline: datetime
    work_left_seconds: float | None
    changeover_seconds: float | None = None
    changeover_source: str = "unknown"
    unknown: str | None = None
    source: str = "told"


@dataclass(frozen=True)
class Holding:
    """What the job runs on now.

    pool                     of the spot held
    changeover_left_seconds  until what is held works on
    unsaved_seconds          worked on it since the newest whole checkpoint
    """

    mode: int = IDLE
    pool: CapacityPool | None = None
    changeover_left_seconds: float = 0.0
    unsaved_seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Past:
    """A pool's past states. flags: (ticks,) bool, oldest first, until now; () = nothing is known."""

    flags: Flags
    gap_seconds: float
    said: str

    def at(self, tick_seconds: float) -> Flags:
        """Every tick by the state at its end."""
        ticks = int(len(self.flags) * self.gap_seconds / tick_seconds)
        back = np.floor(np.arange(ticks)[::-1] * tick_seconds / self.gap_seconds).astype(np.int64)
        found: Flags = self.flags[len(self.flags) - 1 - back]
        return found


NOTHING_SEEN = Past(np.zeros(0, dtype=np.bool_), LOOK_SECONDS, "we have no looks at this pool")


@dataclass(frozen=True, eq=False)
class PoolSight:
    """One pool that the job may run in.

    available  None = nobody looked lately: it is taken for available, as asking costs one look
    """

    pool: CapacityPool
    spot_usd_per_hour: Decimal | None
    available: bool | None = None
    past: Past = NOTHING_SEEN


@dataclass(frozen=True)
class OnDemand:
    """What an hour on demand costs. None = not known."""

    instance_type: str
    usd_per_hour: Decimal | None
    count: int = 1
    """instances that the job has"""
    source: str = "AWS Price List"

    def usd(self, hours: float | None) -> Decimal | None:
        """Of all instances for so many hours."""
        if hours is None or self.usd_per_hour is None:
            return None
        return (self.usd_per_hour * self.count * Decimal(repr(hours))).quantize(Decimal("0.0001"))


class Planners(NamedTuple):
    one: Warden
    several: ZonesPlanner
