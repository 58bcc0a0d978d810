"""What guard tells the process, and what the process tells guard: the notice, the interval, progress, «done».

Deadlines are compared by the machine's monotonic clock: the wall clock may jump.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from .saves import Checkpoints, _say
from .trouble import BadRequest

NOTICE_FILE = "SPOTWARDEN_NOTICE_FILE"
CHECKPOINTS = "SPOTWARDEN_CHECKPOINTS"
JOB = "SPOTWARDEN_JOB"
INSTANCE_ID = "SPOTWARDEN_INSTANCE_ID"
GENERATION = "SPOTWARDEN_GENERATION"
RESUME = "SPOTWARDEN_RESUME"
EVENTS = "SPOTWARDEN_EVENTS"
SECONDS = "SPOTWARDEN_CHECKPOINT_SECONDS"
SECONDS_FILE = "SPOTWARDEN_CHECKPOINT_SECONDS_FILE"
DEFAULT_SECONDS = 600.0
"""between checkpoints where nobody told"""
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Notice:
    """interruption: the instance ends; rebalance: it may; request: somebody wants a checkpoint now."""

    number: int
    kind: str
    action: str | None  # terminate, stop, hibernate
    provider: str
    seen_at: str
    deadline: str | None  # UTC
    deadline_monotonic_seconds: float | None
    source: str

    @property
    def must_end(self) -> bool:
        """True: save and end. False: save and go on."""
        return self.kind == "interruption"


def notice() -> Notice | None:
    """The one in force; None: there is none, or no guard."""
    path = os.environ.get(NOTICE_FILE)
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            return Notice(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None  # written whole by guard: what cannot be read is not there yet


def time_left() -> float | None:
    """Seconds until the deadline, at least 0; None: no deadline is known."""
    found = notice()
    if found is None or found.deadline_monotonic_seconds is None:
        return None
    return max(0.0, found.deadline_monotonic_seconds - time.monotonic())


def on_notice(callback: Callable[[Notice], None]) -> None:
    """`callback` gets every new notice, in a thread of its own, within a tenth of a second."""

    def look() -> None:
        seen = 0
        while True:
            found = notice()
            if found is not None and found.number > seen:
                seen = found.number
                callback(found)
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=look, name="spotwarden-notice", daemon=True).start()


class Saves(Checkpoints):
    """A store that tells guard what it restored."""

    def newest_whole(self) -> Any:
        found = super().newest_whole()
        tell("restored", checkpoint_id=found.checkpoint_id if found else None, step=found.step if found else None)
        return found


def checkpoints(folder: str | Path | None = None, *, keep: int = 3, say: Callable[[str], None] = _say) -> Saves:
    """The store in a folder; None = the one that guard was given with --checkpoints.

    Raises  BadRequest: neither names a folder
    """
    place = folder or os.environ.get(CHECKPOINTS)
    if not place:
        raise BadRequest("checkpoints(): no folder", hint="name one, or start with spotwarden-guard --checkpoints DIR")
    told = os.environ.get(CHECKPOINTS)
    ours = told is not None and Path(told).resolve() == Path(place).resolve()
    generation = os.environ.get(GENERATION) if ours else None
    store = Saves(
        place,
        keep=keep,
        job_id=os.environ.get(JOB, ""),
        owner=os.environ.get(INSTANCE_ID, ""),
        generation=int(generation) if generation else None,
        resume=os.environ.get(RESUME, "") if ours else "",
        say=say,
    )
    tell("folder", path=str(store.folder))
    return store


class CheckpointClock:
    """`due()` once a step: is it time to save? Also at once, when a notice came that was not answered yet.

    seconds   between two checkpoints; None = what guard tells, which follows the measured cost of saving
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._fixed = seconds
        self._since = time.monotonic()
        self._looked = 0.0
        self._seconds = self._told()
        self._notice: Notice | None = None
        self._answered = 0
        self._progressed = False

    @property
    def seconds(self) -> float:
        return self._seconds

    def due(self) -> bool:
        """True: save now. The next interval runs from here."""
        if not self._progressed:
            self._progressed = True
            tell("progress")
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._notice = notice()
            self._seconds = self._told()
        asked = self._notice is not None and self._notice.number > self._answered
        if not asked and now - self._since < self._seconds:
            return False
        self._answered = self._notice.number if self._notice else 0
        self._since = now
        return True

    def must_end(self) -> bool:
        """True: an interruption, and `due()` has said so: save, then end."""
        found = self._notice
        return found is not None and found.must_end and self._answered >= found.number

    def _told(self) -> float:
        if self._fixed is not None:
            return self._fixed
        path, seconds = os.environ.get(SECONDS_FILE), os.environ.get(SECONDS, "")
        try:
            return float(Path(path).read_text()) if path else float(seconds)
        except (OSError, ValueError):
            return float(seconds) if seconds.replace(".", "", 1).isdigit() else DEFAULT_SECONDS


def done() -> None:
    """The work is finished: an interruption that comes now changes nothing."""
    tell("done")


def tell(event: str, **more: Any) -> None:
    """One line to guard. Without guard, nothing."""
    path = os.environ.get(EVENTS)
    if not path:
        return
    line = json.dumps({"event": event, "monotonic_seconds": time.monotonic(), "pid": os.getpid(), **more}) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError:
        return  # guard is gone: the work is not
