"""Which notices are new, which were answered, which still are to be: kept in the journal, so that a restart knows.

A notice is written down when it comes («notice») and when nothing more is to be done about it («notice-answered»).
A process that dies between the two leaves it to be done again, less what an intent in the journal shows as begun.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agent.journal.journal import Journal
from tools.cloud import Clock
from tools.records import Action, AuditEntry, Notice

SAME_NOTICE = timedelta(minutes=15)
"""two of one kind for one instance closer than this are one notice, delivered twice or seen by two channels"""
FIRST_RETRY = timedelta(seconds=5)
GIVE_UP_AFTER = timedelta(minutes=5)
"""an instance under notice is gone after two minutes; who saves no checkpoint by then does not by asking more"""
_LOOK_BACK = timedelta(hours=1)
_LOOK_BACK_ENTRIES = 5000
_KINDS = ("notice", "notice-answered", "intent", "outcome")
_Key = tuple[str, str]


@dataclass
class Owed:
    """A notice that still is to be answered."""

    notice: Notice
    since: datetime
    due: datetime


@dataclass(frozen=True)
class Begun:
    """An action that was begun for one instance."""

    at: datetime
    fleet: str
    """label"""


class Notices:
    """Keyed by (kind of notice, instance id); what was begun, by (deed, instance id)."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._noted: dict[_Key, datetime] = {}
        self._answered: dict[_Key, datetime] = {}
        self._begun: dict[_Key, Begun] = {}
        self._owed: dict[_Key, Owed] = {}
        self._changing = threading.Lock()
        """fleets are answered beside each other"""
        self.recall()

    def recall(self) -> None:
        """Read what this journal knows of the last hour; again is allowed, and sees what another process did."""
        since = self._clock.now() - _LOOK_BACK
        found = self._journal.entries(kinds=_KINDS, newest_first=True, limit=_LOOK_BACK_ENTRIES)
        intents: dict[str, tuple[list[_Key], Begun]] = {}
        for entry in reversed(found):
            if entry.at >= since:
                self._remember(entry, json.loads(entry.payload), intents)
        self._begun |= {key: begun for keys, begun in intents.values() for key in keys}
        with self._changing:
            self._owed = {k: o for k, o in self._owed.items() if not self._repeats(o.notice)}

    def _remember(self, entry: AuditEntry, told: Any, intents: dict[str, tuple[list[_Key], Begun]]) -> None:
        if entry.kind == "notice":
            self._noted[told["kind"], told["instance_id"]] = datetime.fromisoformat(told["at"])
        elif entry.kind == "notice-answered":
            for n in told["notices"]:
                self._answered[n["kind"], n["instance_id"]] = datetime.fromisoformat(n["at"])
        elif entry.kind == "intent":
            action = told["intent"]["permit"]["action"]
            keys = [(_deed(action), i) for i in action.get("instance_ids", ())]
            intents[told["intent"]["intent_id"]] = keys, Begun(entry.at, told["fleet"])
        elif told["outcome"]["status"] in ("failed", "refused"):
            intents.pop(told["intent_id"], None)
        elif told["outcome"]["status"] == "partial" and told["intent_id"] in intents:
            refused = {i["item"] for i in told["outcome"].get("items", ()) if not i["ok"]}
            keys, begun = intents[told["intent_id"]]
            intents[told["intent_id"]] = [k for k in keys if k[1] not in refused], begun

    def take_in(self, notices: Sequence[Notice]) -> list[Notice]:
        """Those that are new, or were left unanswered by a process that is gone: owed from now on, in one write."""
        fresh: dict[_Key, Notice] = {}
        for notice in notices:
            key = _key(notice)
            if (
                notice.kind != "state-change"
                and key not in fresh
                and key not in self._owed
                and not self._repeats(notice)
            ):
                fresh[key] = notice
        unwritten = [n for k, n in fresh.items() if not _same(self._noted.get(k), n)]
        for source in dict.fromkeys(n.source for n in unwritten):
            self._journal.append_all("notice", [n for n in unwritten if n.source == source], actor=source)
        self._noted |= {_key(n): n.at for n in unwritten}
        now = self._clock.now()
        self._owed |= {k: Owed(n, since=now, due=now) for k, n in fresh.items()}
        return list(fresh.values())

    def _repeats(self, notice: Notice) -> bool:
        """Answered already; after an interruption a late rebalance recommendation says nothing new."""
        return any(_same(self._answered.get((kind, notice.instance_id)), notice) for kind in _covering(notice))

    def owes(self, notice: Notice) -> bool:
        return _key(notice) in self._owed

    def owed(self) -> tuple[Notice, ...]:
        return tuple(o.notice for o in self._owed.values())

    def due(self) -> tuple[Notice, ...]:
        now = self._clock.now()
        return tuple(o.notice for o in self._owed.values() if o.due <= now)

    def begun(self, deed: str, notice: Notice) -> bool:
        """It was begun for the instance since the notice: it is never sent twice.

        deed  the action's kind, or `draining(…)`
        """
        known = self._begun.get((deed, notice.instance_id))
        return known is not None and known.at >= notice.at

    def began(self, action: Action, instance_ids: Sequence[str], *, at: datetime) -> None:
        """instance_ids  those of the action for which it was not refused"""
        deed = _deed(action.model_dump(mode="json"))
        for instance_id in instance_ids:
            self._begun[deed, instance_id] = Begun(at, action.fleet.label)

    def detached_from(self, notice: Notice) -> str | None:
        """Label of the fleet that it was detached from on this notice; it still runs for a while."""
        known = self._begun.get(("replace-instances", notice.instance_id))
        return known.fleet if known is not None and known.at >= notice.at else None

    def put_off(self, notices: Sequence[Notice]) -> list[Notice]:
        """Try these again later, each time twice as late; returns those whose time is over."""
        now = self._clock.now()
        over = []
        for notice in notices:
            owed = self._owed.get(_key(notice))
            if owed is None:  # another process answered it meanwhile
                continue
            if now - owed.since >= GIVE_UP_AFTER:
                over.append(notice)
            owed.due = now + max(FIRST_RETRY, now - owed.since)
        return over

    def answered(self, notices: Sequence[Notice], *, proposals: Sequence[str] = (), given_up: bool = False) -> None:
        """Nothing more is to be done about these; one entry for all of them."""
        if not notices:
            return
        said = [{"kind": n.kind, "instance_id": n.instance_id, "at": n.at} for n in notices]
        payload = {"notices": said, "proposals": list(proposals), "given_up": given_up}
        self._journal.append("notice-answered", payload, actor="reflex")
        with self._changing:
            for notice in notices:
                self._answered[_key(notice)] = notice.at
                self._owed.pop(_key(notice), None)


def draining(target_group_arn: str) -> str:
    """The deed of a drain: an instance may be in several target groups, and leaves each of them once a notice."""
    return f"deregister-targets {target_group_arn}"


def _deed(action: Mapping[str, Any]) -> str:
    """action  as the journal keeps it; coming back into a target group is no drain"""
    kind = str(action["kind"])
    return draining(action["target_group_arn"]) if kind == "set-targets" and not action["registered"] else kind


def _key(notice: Notice) -> _Key:
    return notice.kind, notice.instance_id


def _covering(notice: Notice) -> tuple[str, ...]:
    return ("rebalance", "interruption") if notice.kind == "rebalance" else (notice.kind,)


def _same(known: datetime | None, notice: Notice) -> bool:
    return known is not None and abs(notice.at - known) <= SAME_NOTICE
