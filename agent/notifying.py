"""Tells a webhook of interruptions, what became of them, deadlines and escalations, on a thread of its own.

It follows the audit log, so it tells what anybody wrote there, and nothing on the way of a notice waits for it. What
was delivered is written there too (kind `notified`): a restart goes on where it stopped. A process that dies between
an answer and its mark sends once more, under the same id.
"""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.journal.jobs import KIND_OPENED, KIND_TOLD
from agent.journal.journal import Journal
from agent.recovery_deadline import KIND as KIND_DEADLINE
from agent.webhook import Webhook
from tools.cloud import Clock
from tools.errors import CloudError, Rejected, SpotError, Unreachable
from tools.records import AuditEntry, FleetRef, Recovery, utc_text

KIND = "notified"
GATHER = timedelta(seconds=10)
"""what happens to one fleet within it is one message"""
MOST = 100
"""items of one message"""
OLD = timedelta(hours=1)
"""later than this it is no news: counted, not sent"""
PAUSES = (1.0, 3.0)
"""seconds between the tries of one message"""
_LEAST_PAUSE, _MOST_PAUSE = timedelta(seconds=5), timedelta(seconds=60)
"""after a message that could not be delivered, doubling"""
_EVENTS = {
    KIND_OPENED: "interruption",
    KIND_TOLD: "recovery",
    KIND_DEADLINE: "job-deadline",
    "escalated": "escalation",
}
_GATHERED = ("interruption", "recovery")
_PAGE = 1_000
_LISTED = 5
_LOOK_SECONDS = 1.0
_WHATEVER = (SpotError, ArithmeticError, LookupError, ValueError)
"""it tells and changes nothing: whatever goes wrong in it is told, and the work goes on"""
_LAST_SECONDS = 2.0
"""so long the end of the daemon waits for a message under way"""


@dataclass(frozen=True)
class _News:
    """One entry of the audit log that somebody wants to hear of."""

    entry: AuditEntry
    fleet: FleetRef | None
    item: dict[str, Any]
    """plain JSON"""

    @property
    def event(self) -> str:
        return _EVENTS[self.entry.kind]


@dataclass
class Notifying:
    """One a daemon.

    shown   text of somebody else → text without anything unseen
    pauses  seconds between the tries of one message
    """

    journal: Journal
    clock: Clock
    webhook: Webhook
    shown: Callable[[str], str]
    pauses: Sequence[float] = PAUSES
    _floor: int = field(init=False, default=0)
    """every entry until here is done"""
    _done: set[int] = field(init=False, default_factory=set)
    """beyond the floor"""
    _read_until: int = field(init=False, default=0)
    _waiting: dict[int, _News] = field(init=False, default_factory=dict)
    _begun: bool = field(init=False, default=False)
    _recall: bool = field(init=False, default=False)
    _put_off_until: datetime | None = field(init=False, default=None)
    _pause: timedelta = field(init=False, default=_LEAST_PAUSE)
    _told: str = field(init=False, default="")
    _troubles: deque[CloudError] = field(init=False, default_factory=deque)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    def begin(self) -> None:
        """From here on: what was delivered by whoever led before is known; the first one ever begins now."""
        if not self._mark():
            first: dict[str, Any] = {
                "id": None,
                "event": "begun",
                "count": 0,
                "floor": self.journal.head().count,
                "ahead": [],
            }
            self.journal.append(KIND, first, actor="notify")
        self._recall = self._begun = True

    def start(self) -> None:
        """Look every second on a thread, until `close`; nothing is sent before `begin`."""
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """What is not delivered by now waits in the journal for the next daemon. Again is allowed."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(_LAST_SECONDS)
            self._thread = None

    def troubles(self) -> list[CloudError]:
        """New ones since this was asked the last time: each outage is told once."""
        return [self._troubles.popleft() for _ in range(len(self._troubles))]

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self.look()
            except _WHATEVER as error:
                self._note(Unreachable(f"notifications wait: {type(error).__name__}: {error}"))

    def look(self, *, gather: bool = True) -> int:
        """Send what is due; returns messages delivered. What cannot be delivered waits, and its trouble is told.

        gather   False: what came is sent at once, whether or not more of it may come
        Raises   JournalError; CloudError: the clock of a simulated account is gone
        """
        now = self.clock.now()
        if not self._begun or (self._put_off_until is not None and now < self._put_off_until):
            return 0
        self._read()
        delivered, trouble = 0, None
        for group in self._due(now, gather=gather):
            failed = self._try(group, now)
            if failed is None:
                delivered += 1
                continue
            trouble = trouble or failed
            if isinstance(failed, Unreachable) or self._ended.is_set():
                break
        self._conclude(trouble, now)
        return delivered

    # reading

    def _mark(self) -> dict[str, Any]:
        newest = self.journal.entries(kinds=(KIND,), newest_first=True, limit=1)
        return dict(json.loads(newest[0].payload)) if newest else {}

    def _read(self) -> None:
        if self._recall:
            mark = self._mark()
            self._floor, self._done = mark["floor"], set(mark["ahead"])
            self._read_until, self._waiting = self._floor, {}
            self._recall = False
        head = self.journal.head().count
        found = self.journal.entries(after_seq=self._read_until, kinds=tuple(_EVENTS), limit=_PAGE)
        for entry in found:
            if entry.seq in self._done:
                continue
            try:
                self._waiting[entry.seq] = self._news(entry)
            except (LookupError, ValueError) as error:  # written by another spotwarden: the rest is told
                self._note(Rejected(f"audit entry {entry.seq} is not told: {type(error).__name__}"))
        last = found[-1].seq if found else 0
        self._read_until = last if len(found) == _PAGE else max(head, last)

    def _news(self, entry: AuditEntry) -> _News:
        told = json.loads(entry.payload)
        if entry.kind == KIND_OPENED:
            begun = Recovery.model_validate(told["recovery"])
            return _News(entry, begun.job.fleet, _about(begun, "open", attempt=begun.attempt))
        if entry.kind == KIND_TOLD:
            ended = self.journal.jobs.recovery(told["recovery_id"])
            kept = ("recovery_id", "instance_id", "status", "told", "timeline", "lost_work_seconds")
            item = {"job": told["job_id"]} | {name: told[name] for name in kept}
            item |= {"replaced_by": ended.replaced_by} if ended is not None else {}
            return _News(entry, ended.job.fleet if ended is not None else None, item)
        if entry.kind == KIND_DEADLINE:
            job = self.journal.jobs.one(told["job_id"])
            item = {"job": told["job_id"], "status": "on-demand-due"}
            item |= {name: told[name] for name in ("deadline", "slack_seconds", "why")}
            return _News(entry, job.fleet if job is not None else None, item)
        made = self.journal.watches.intent(told["proposal_id"])
        item = {name: told[name] for name in ("proposal_id", "status", "rollback_id", "told")}
        return _News(entry, made[0].permit.action.fleet if made is not None else None, item)

    # grouping

    def _due(self, now: datetime, *, gather: bool) -> list[list[_News]]:
        """Groups that are whole by now, by their first entry. The log alone says who is with whom, so that a group
        that was sent and not marked has the same id in the next process."""
        waiting = [self._waiting[seq] for seq in sorted(self._waiting)]
        old, fresh = [n for n in waiting if _is_old(n, now)], [n for n in waiting if not _is_old(n, now)]
        groups: list[list[_News]] = [old] if old else []
        last: dict[tuple[str, FleetRef | None], list[_News]] = {}
        for news in fresh:
            key = (news.event, news.fleet)
            group = last.get(key)
            if group is None or not _belongs(news, group):
                group = last[key] = []
                groups.append(group)
            group.append(news)
        return [g for g in groups if g is old or not gather or _is_whole(g, now)]

    # sending

    def _try(self, group: Sequence[_News], now: datetime) -> CloudError | None:
        """Delivered and marked, or why not."""
        message = self._message(group, now)
        for pause in (*self.pauses, None):
            try:
                self.webhook.post(message)
            except Unreachable as error:
                if pause is None or self._ended.wait(pause):
                    return error
            except CloudError as error:
                return error
            else:
                self._write_down(group, message)
                return None
        return None

    def _write_down(self, group: Sequence[_News], message: dict[str, Any]) -> None:
        for news in group:
            del self._waiting[news.entry.seq]
            self._done.add(news.entry.seq)
        self._floor = min(self._waiting, default=self._read_until + 1) - 1
        self._done = {seq for seq in self._done if seq > self._floor}
        mark = {name: message[name] for name in ("id", "event", "fleet", "count")}
        self.journal.append(KIND, mark | {"floor": self._floor, "ahead": sorted(self._done)}, actor="notify")

    def _conclude(self, trouble: CloudError | None, now: datetime) -> None:
        if trouble is None:
            self._told, self._put_off_until, self._pause = "", None, _LEAST_PAUSE
            return
        self._put_off_until = now + self._pause
        self._pause = min(2 * self._pause, _MOST_PAUSE)
        hint = f"{len(self._waiting)} wait for an hour at most; everything else goes on"
        self._note(type(trouble)(trouble.message, hint=hint))

    def _note(self, trouble: CloudError) -> None:
        if trouble.message != self._told:
            self._told = trouble.message
            self._troubles.append(trouble)

    # words

    def _message(self, group: Sequence[_News], now: datetime) -> dict[str, Any]:
        """Slack shows `text` and leaves the rest alone; every other receiver reads what it likes."""
        first, stale = group[0], _is_old(group[0], now)
        fleet = None if stale else first.fleet
        hashes = "".join(n.entry.hash for n in group)
        return {
            "text": self._not_sent(group) if stale else self._text(first.event, fleet, [n.item for n in group]),
            "mrkdwn": False,
            "parse": "none",
            "id": "n-" + hashlib.sha256(hashes.encode()).hexdigest()[:24],
            "event": "not-sent" if stale else first.event,
            "at": utc_text(first.entry.at),
            "fleet": fleet.label if fleet is not None else None,
            "account_id": fleet.account_id if fleet is not None else None,
            "region": fleet.region if fleet is not None else None,
            "count": len(group),
            "items": [] if stale else [n.item for n in group],
        }

    def _not_sent(self, group: Sequence[_News]) -> str:
        first, last = group[0].entry.at, group[-1].entry.at
        span = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        return f"{len(group)} notifications of {span} could not be sent in time: spotwarden audit has them"

    def _text(self, event: str, fleet: FleetRef | None, items: Sequence[dict[str, Any]]) -> str:
        where = (
            self._say(f"{fleet.label} ({fleet.account_id} {fleet.region})") if fleet is not None else "fleet unknown"
        )
        if event == "interruption":
            ids = list(dict.fromkeys(i["instance_id"] for i in items))
            what = f"{len(ids)} instance{'s' if len(ids) > 1 else ''} to be interrupted, recovery begun"
            return f"{where}: {what}: {', '.join(ids[:_LISTED])}{_more(ids)}"
        if event == "job-deadline":
            return f"{where}: {self._say(items[0]['why'])}"
        if event == "escalation":
            return f"{where}: {items[0]['proposal_id']} needs a person: {self._say(items[0]['told'])}"
        lines = [
            f"{self._say(i['job'])} on {i['instance_id']}: {i['status'].replace('-', ' ')}: {self._say(i['told'])}"
            for i in items[:_LISTED]
        ]
        if len(items) == 1:
            return f"{where}: {lines[0]}"
        counts = ", ".join(f"{n} {s.replace('-', ' ')}" for s, n in _counted(i["status"] for i in items))
        return "\n".join([f"{where}: {counts}", *lines]) + _more(items)

    def _say(self, foreign: str) -> str:
        """Nothing unseen, no Slack markup, and nobody called by name: @here is a call where receivers are not Slack."""
        text = self.shown(foreign)
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "\uff20")


def _about(r: Recovery, status: str, **more: Any) -> dict[str, Any]:
    return {
        "recovery_id": r.recovery_id,
        "job": r.job.job_id,
        "instance_id": r.instance_id,
        "status": status,
        "notice_at": utc_text(r.notice_at),
        **more,
    }


def _is_old(news: _News, now: datetime) -> bool:
    return now - news.entry.at > OLD


def _belongs(news: _News, group: Sequence[_News]) -> bool:
    near = news.entry.at < group[0].entry.at + GATHER
    return news.event in _GATHERED and near and len(group) < MOST


def _is_whole(group: Sequence[_News], now: datetime) -> bool:
    """A clock that was put back must not keep it for ever."""
    first = group[0].entry.at
    return group[0].event not in _GATHERED or len(group) == MOST or not first <= now < first + GATHER


def _more(found: Sequence[Any]) -> str:
    return f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""


def _counted(found: Iterable[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for one in found:
        counts[one] = counts.get(one, 0) + 1
    return list(counts.items())
