"""The daemon's monitor: it looks beside the work, and its alerts stand in the journal once each.

A look is a dozen calls and may take seconds, and a notice must not wait for it. So a daemon that watches lets it run
on a thread of its own: the reader, the archive and the journal are safe to use from several.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.journal.journal import Journal
from tools.cloud import Clock
from tools.errors import SpotError
from tools.monitor.monitor import Monitor, Sighting
from tools.records import Alert, Fleet, Notice

LOOK_SECONDS = 300
"""at most so long between two looks: across a longer gap no instance-hour is counted"""
ACTOR = "monitor"
_WHATEVER = (SpotError, ArithmeticError, LookupError, ValueError)
"""it watches and changes nothing: whatever goes wrong in it is told, and the work goes on"""


@dataclass
class Lookout:
    """One a daemon. Journal kinds: `alert` when one opens and when it is cleared, `trouble` when it is new."""

    monitor: Monitor
    journal: Journal
    clock: Clock
    _begun_at: datetime | None = field(init=False, default=None)
    _under_way: "Future[Sighting] | None" = field(init=False, default=None)
    _thread: ThreadPoolExecutor | None = field(init=False, default=None)
    _news: list[Alert] = field(init=False, default_factory=list)
    _trouble: tuple[str, ...] = field(init=False, default=())

    def look(self, fleets: Sequence[Fleet] | None = None) -> None:
        """Here and now. Raises JournalError."""
        self.wait()
        self._begun_at = self.clock.now()
        self._take(lambda: self.monitor.look(fleets))

    def begin(self, fleets: Sequence[Fleet] | None = None) -> None:
        """On the thread, unless one is under way still; `collect` takes what it found."""
        if self._under_way is not None:
            return
        self._begun_at = self.clock.now()
        self._thread = self._thread or ThreadPoolExecutor(max_workers=1, thread_name_prefix="monitor")
        self._under_way = self._thread.submit(self.monitor.look, fleets)

    def collect(self) -> None:
        """Journal what a look found that is done by now. Raises JournalError."""
        if self._under_way is not None and self._under_way.done():
            self.wait()

    def wait(self) -> None:
        """Until no look is under way. Raises JournalError."""
        if self._under_way is not None:
            done, self._under_way = self._under_way, None
            self._take(done.result)

    def close(self) -> None:
        """Nothing of it runs any more; what the last look found is journalled. Raises JournalError."""
        try:
            self.wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown()
                self._thread = None

    def due(self) -> bool:
        now = self.clock.now()
        return self._begun_at is None or now >= self._begun_at + timedelta(seconds=LOOK_SECONDS)

    def note(self, notices: Sequence[Notice]) -> None:
        """Notices that came are evidence of their pools. Raises JournalError."""
        trouble = self.monitor.note(notices)
        if trouble:
            self._tell(trouble)

    def news(self) -> tuple[Alert, ...]:
        """Alerts that opened or were cleared since this was asked the last time."""
        news, self._news = tuple(self._news), []
        return news

    def _take(self, sighting: Callable[[], Sighting]) -> None:
        try:
            seen = sighting()
        except _WHATEVER as error:
            self._tell((f"the monitor: {type(error).__name__}: {error}",))
            return
        for alert in seen.news:
            self.journal.append("alert", alert, actor=ACTOR)
            self._news.append(alert)
        self._tell((*seen.trouble, *self.monitor.keep(seen.changed)))

    def _tell(self, trouble: tuple[str, ...]) -> None:
        """In the journal when it is another than before."""
        if trouble and trouble != self._trouble:
            told = {
                "at": self.clock.now(),
                "kind": "Monitor",
                "message": "; ".join(trouble),
                "hint": "the daemon goes on; what was not seen or kept is missing in the archive",
            }
            self.journal.append("trouble", told, actor=ACTOR)
        self._trouble = trouble
