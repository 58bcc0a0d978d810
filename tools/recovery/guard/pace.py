"""How often the job saves: the schedule of interval.py, fed with what guard measures, and kept from run to run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from .files import write_whole
from .interval import Schedule, believed
from .report import uptime_seconds

NAME = "schedule.json"
MAX_BYTES = 1 << 18


class Pace:
    """fixed_seconds    the person's own interval; then nothing is learnt for it
    between_hours    mean time between interruptions, if somebody knows
    """

    def __init__(
        self, *, fixed_seconds: float | None, between_hours: float | None, notice_seconds: float, poll_seconds: float
    ) -> None:
        prior = believed(between_hours * 3600, "told with --mtbf", events=3.0) if between_hours else None
        self._schedule = Schedule(prior, notice_seconds=notice_seconds, poll_seconds=poll_seconds)
        self._fixed = fixed_seconds
        self._told: float | None = None

    @property
    def seconds(self) -> float:
        return self._fixed if self._fixed is not None else self._schedule.interval().seconds

    def begin(self, kept: bytes | None, *, elsewhere: bool) -> str:
        """Go on from what an earlier run learnt. Returns what is wrong with it, or "".

        elsewhere   the state comes from another instance; unless that one told of its end, it was taken unseen
        """
        trouble = ""
        if kept is not None:
            try:
                found = json.loads(kept)
                self._schedule.load(found["schedule"])
                if elsewhere and not found["closed"]:
                    self._schedule.taken_unseen()
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                trouble = f"{NAME} of an earlier run cannot be read, it is learnt anew: {error}"
        self._schedule.started(time.monotonic(), age_seconds=uptime_seconds() or 0.0, utc_seconds=time.time())
        return trouble

    def saved(self, blocking_seconds: float, full_seconds: float) -> None:
        self._schedule.saved(time.monotonic(), blocking_seconds, full_seconds)

    def restarted(self, seconds: float) -> None:
        self._schedule.restarted(seconds)

    def interrupted(self, *, saved: bool) -> None:
        self._schedule.interrupted(time.monotonic(), saved=saved)

    def kept(self, *, closed: bool) -> bytes:
        """closed   this run told of its end"""
        state: dict[str, Any] = {"closed": closed, "schedule": self._schedule.state()}
        return json.dumps(state).encode()

    def tell(self, path: Path) -> float | None:
        """Into the file that the job reads. None: it has not moved by a hundredth."""
        seconds = self.seconds
        if self._told is not None and abs(seconds - self._told) < 0.01 * self._told:
            return None
        write_whole(path, f"{seconds:.3f}\n".encode())
        self._told = seconds
        return seconds
