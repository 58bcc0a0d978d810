"""The monitor: one look a round, kept in the archive, and the alerts that follow from it.

It changes nothing in the account. Without an archive it goes on from memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from tools.cloud import Clock, CloudReader
from tools.desk import Archive
from tools.errors import SpotError
from tools.monitor.alerts import raise_alerts
from tools.monitor.conditions import IN_THE_LAST, Condition, conditions, not_seen
from tools.monitor.look import Look, look_at_fleets, pools_of_instances
from tools.monitor.prices import keep_prices
from tools.monitor.settings import STANDARD, MonitorSettings
from tools.records import Alert, CapacityPool, Fleet, FleetSample, Notice, PoolSignal

FIRST_SIGNALS = timedelta(days=7)
"""how far back the first look asks what EC2 did; Auto Scaling keeps six weeks, page by page"""
_OVERLAP = timedelta(hours=1)
"""asked again each time: AWS tells some events late"""
T = TypeVar("T")


@dataclass(frozen=True)
class Sighting:
    """What one round of the monitor came to.

    changed  alerts that were opened, seen again or cleared: for `Monitor.keep`, after `news` was told
    news     those of them that were opened or cleared just now
    trouble  what could not be read or kept, in words
    """

    samples: tuple[FleetSample, ...]
    changed: tuple[Alert, ...]
    news: tuple[Alert, ...]
    trouble: tuple[str, ...]


@dataclass
class Monitor:
    """One a daemon."""

    reader: CloudReader
    clock: Clock
    archive: Archive
    settings: MonitorSettings = STANDARD
    _pools: dict[str, tuple[CapacityPool, str]] = field(init=False, default_factory=dict)
    """where our spot instances run or ran: a notice names only the instance"""
    _recent: tuple[FleetSample, ...] = field(init=False, default=())
    _asked: datetime | None = field(init=False, default=None)
    """when EC2 was last asked what it did"""
    _answered: datetime | None = field(init=False, default=None)
    """when every place where it tells of it was last read"""
    _unsaved: dict[str, Alert] = field(init=False, default_factory=dict)

    def look(self, fleets: Sequence[Fleet] | None = None) -> Sighting:
        """Look, keep what was seen, and say which alerts opened, go on or end.

        fleets  as read just now; None = read here
        What AWS or the archive refuses is told as trouble, and the rest is done.
        """
        trouble: list[str] = []
        now = self.clock.now()
        region = self._tried("account", lambda: self.reader.account().region, trouble)
        if region is None:
            return Sighting((), (), (), tuple(trouble))
        before = self._open(region, trouble)
        history = self._history(region, now, trouble)
        seen = self._tried("fleets", lambda: self._seen(fleets), trouble)
        if seen is None:
            newest = max((s.at for s in history if s.at <= now), default=None)
            found: tuple[Condition, ...] = (not_seen(region, newest, now=now, settings=self.settings),)
        else:
            trouble += seen.trouble
            self._keep_samples(seen, region, trouble)
            signals, whole = self._signals(region, seen.at, trouble)
            ours = (*conditions(seen, history, signals, self.settings, whole=whole),)
            found = (*ours, not_seen(region, seen.at, now=seen.at, settings=self.settings))
        changed = raise_alerts(found, before, self.settings, now=now, whole=seen is not None)
        old = {a.alert_id for a in before}
        news = tuple(a for a in changed if a.alert_id not in old or a.cleared_at is not None)
        return Sighting(seen.samples if seen else (), changed, news, tuple(dict.fromkeys(trouble)))

    def keep(self, alerts: Sequence[Alert]) -> tuple[str, ...]:
        """Save alerts of a sighting. Returns trouble: what could not be saved is remembered, and tried again."""
        trouble: list[str] = []
        self._unsaved |= {a.alert_id: a for a in alerts}
        if self.archive.unavailable is None:
            self._tried("alerts", self._save, trouble)
        return tuple(trouble)

    def note(self, notices: Sequence[Notice]) -> tuple[str, ...]:
        """Interruption and rebalance notices become evidence of their pools. Returns trouble.

        One of an instance that no look has seen is left to what EC2 tells of it later.
        """
        trouble: list[str] = []
        signals = [s for s in map(self._signal, notices) if s is not None]
        if signals:
            self._tried("notices", lambda: self._add(signals), trouble)
        return tuple(trouble)

    # what was seen

    def _seen(self, fleets: Sequence[Fleet] | None) -> Look:
        found = tuple(fleets) if fleets is not None else self.reader.fleets()
        self._pools |= pools_of_instances(found)
        return look_at_fleets(self.reader, self.clock, found)

    def _keep_samples(self, seen: Look, region: str, trouble: list[str]) -> None:
        kept = seen.at - IN_THE_LAST
        self._recent = (*(s for s in self._recent if s.at >= kept), *seen.samples)
        self._tried("samples", lambda: self.archive.add_samples(seen.samples, region=region), trouble)
        types = sorted({label.partition("/")[0] for s in seen.samples for label in s.pools})
        self._tried("prices", lambda: keep_prices(self.reader, self.archive, types, now=seen.at), trouble)

    def _signals(self, region: str, now: datetime, trouble: list[str]) -> tuple[tuple[PoolSignal, ...], bool]:
        """What EC2 did in the last hour, by its own word and by the notices that came; and whether that is all of it.

        What could not be read is asked for again, from where it was last read, as soon as it can be.
        """
        told, whole = self._told(now, self._asked, trouble)
        if whole and self._answered != self._asked:
            told, whole = self._told(now, self._answered, trouble)
        if told is not None:
            self._asked = now
            self._answered = now if whole else self._answered
            self._tried("signals", lambda: self.archive.add_signals(told, region=region), trouble)
        kept = self._tried("signals", lambda: self.archive.signals(region=region, since=now - IN_THE_LAST), trouble)
        return kept or told or (), whole

    def _told(
        self, now: datetime, asked: datetime | None, trouble: list[str]
    ) -> tuple[tuple[PoolSignal, ...] | None, bool]:
        """What EC2 tells since it was asked, None = nothing can be read; and whether that is all."""
        since = now - FIRST_SIGNALS if asked is None else max(min(asked, now) - _OVERLAP, now - FIRST_SIGNALS)
        told = self._tried("signals", lambda: self.reader.pool_signals(since=since), trouble)
        if told is None:
            return None, False
        missing = self.reader.signals_missing
        trouble += [f"signals: {m}" for m in missing]
        return told, not missing

    def _add(self, signals: Sequence[PoolSignal]) -> int:
        return self.archive.add_signals(signals, region=self.reader.account().region)

    def _signal(self, notice: Notice) -> PoolSignal | None:
        known = self._pools.get(notice.instance_id)
        if known is None or notice.kind not in ("interruption", "rebalance"):
            return None
        pool, fleet = known
        return PoolSignal(
            kind=notice.kind,
            pool=pool,
            instance_id=notice.instance_id,
            fleet=fleet,
            at=notice.at,
            source=notice.source,
        )

    # what was known before

    def _history(self, region: str, now: datetime, trouble: list[str]) -> tuple[FleetSample, ...]:
        """Samples of the last hour, oldest first, by whichever daemon took them."""
        kept = self._tried("samples", lambda: self.archive.samples(region=region, since=now - IN_THE_LAST), trouble)
        known = {(s.fleet, s.at): s for s in (*self._recent, *(kept or ()))}
        return tuple(sorted(known.values(), key=lambda s: s.at))

    def _open(self, region: str, trouble: list[str]) -> tuple[Alert, ...]:
        kept = self._tried("alerts", lambda: self.archive.alerts(region=region, open_only=True), trouble)
        known = {a.alert_id: a for a in kept or ()} | self._unsaved
        return tuple(a for a in known.values() if a.cleared_at is None)

    def _save(self) -> None:
        region = self.reader.account().region
        for alert in tuple(self._unsaved.values()):
            self.archive.save_alert(alert, region=region)
            del self._unsaved[alert.alert_id]

    def _tried(self, what: str, step: Callable[[], T], trouble: list[str]) -> T | None:
        try:
            return step()
        except SpotError as error:
            trouble.append(f"{what}: {error.message}")
            return None
