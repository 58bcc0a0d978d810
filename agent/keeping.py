"""Keeps the snapshot schedules: takes what is due, lets go what is kept no longer, each through the one way to write.

What was taken is told by the account's tags and by the journal, so a process may die between any two lines and the
next one neither doubles nor loses a set. What waits for a person is proposed once. Only what the journal says that a
schedule took is ever let go: a tag alone, which anybody may write, deletes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.actuation import Actuation
from agent.attempt import Attempt, attempt
from agent.facts import KEEPING
from tools.errors import CloudError, DataError, NotFound
from tools.market.subject import fleet_among
from tools.records import (
    Action,
    CreateSnapshots,
    DeleteSnapshot,
    Fleet,
    KeepingSettings,
    Notice,
    Record,
    RequestCheckpoint,
    Snapshot,
    SnapshotSchedule,
    SnapshotSet,
    digest_of,
)
from tools.recovery.checkpoints import checkpoint_store
from tools.volumes.consistency import freeze_key, read_freeze
from tools.volumes.report import Asked, asked_in, changes_of, fleets_for
from tools.volumes.schedule import DueSet, LetGo, SchedulePlan, Tried, plan_schedule
from tools.volumes.sets import sets_of

__all__ = ["KEEPING", "Keeping", "Kept"]

LOOK = timedelta(seconds=60)
"""between two looks"""
_LOOK_WHEN_FREEZING = timedelta(seconds=2)
_MOST_BEGUN = 5
"""sets a look: EC2 takes so many calls a second, and a fleet need not be snapshotted at one moment"""
_MOST_LET_GO = 10
_MOST_WAITING = 5
"""deletions that wait for a person: the places of waiting proposals are everybody's"""
_NOTICED = timedelta(minutes=10)
_NOTICES_BACK = 5_000
"""entries of the journal in which a notice of the last minutes must lie"""
_LOOK_BACK = timedelta(days=2)
_FREEZES_WITHIN = timedelta(seconds=120)
"""so long may the guard take to save and to freeze before the snapshot is taken without"""
_LEFT_OF_FREEZE = timedelta(seconds=2)
"""so much must be left of a freeze for a snapshot to begin in it"""
_KINDS = ("create-snapshots", "delete-snapshot", "request-checkpoint")


class Kept(Record):
    """One step: what was proposed, and what became of it."""

    fleet: str
    action: Action
    rationale: str
    tried: Attempt


@dataclass
class Keeping:
    """One a daemon. `look` often; it does nothing until something may be due."""

    actuation: Actuation
    settings: KeepingSettings
    _next_look: datetime | None = field(init=False, default=None)
    _steps: list[Kept] = field(init=False, default_factory=list)
    _actions: dict[str, Action] = field(init=False, default_factory=dict)
    """proposal → its action"""
    _asked: dict[str, tuple[str, CreateSnapshots]] = field(init=False, default_factory=dict)
    """intent → (proposal, what it asked for)"""
    _strangers: set[str] = field(init=False, default_factory=set)
    """intents on tags that the journal does not know"""
    _by: dict[str, str] = field(init=False, default_factory=dict)
    """proposal → who proposed it"""
    _told: set[str] = field(init=False, default_factory=set)

    def news(self) -> list[Kept]:
        """The steps since the last time."""
        steps, self._steps = self._steps, []
        return steps

    def look(self) -> None:
        """One pass over the schedules, where one is due. What cannot be read is told once and looked at again.

        Raises  Halted, JournalError, AuditBroken
        """
        now = self.actuation.clock.now()
        if not self.settings.schedules or (self._next_look is not None and now < self._next_look):
            return
        self._next_look = now + LOOK
        try:
            self._keep(now)
        except (CloudError, DataError) as error:
            self._tell(f"volumes cannot be looked at: {error.message}")

    def _keep(self, now: datetime) -> None:
        reader = self.actuation.reader
        fleets, snapshots = fleets_for(reader, self.settings), reader.snapshots()
        labels = {f.ref.label for f in fleets}
        sets = sets_of(snapshots, {i: a for i, (_, a) in self._asked_of(snapshots, labels, now).items()}, now=now)
        tried, noticed = self._tried(now), self._noticed(fleets, now)
        whole = frozenset(s.volume_id for s in snapshots if s.state == "completed")
        begun, room = 0, _MOST_WAITING - sum(t.kind == "delete-snapshot" and t.status == "pending" for t in tried)
        gone = 0
        for schedule in self.settings.schedules:
            try:
                fleet = fleet_among(fleets, schedule.fleet)
            except NotFound as error:
                self._tell(f"[[snapshots]] {error.message}; {error.hint}")
                continue
            plan = plan_schedule(
                schedule,
                fleet,
                sets,
                tried=tried,
                made=self._made(sets),
                snapshotted=whole,
                noticed=noticed,
                now=now,
            )
            self._tell_of(plan)
            for due in plan.due[: _MOST_BEGUN - begun]:
                begun += self._begin(schedule, fleet, due, now)
            for one in plan.let_go[: _MOST_LET_GO - gone]:
                if room > 0:
                    gone, room = gone + 1, room - (self._let_go(fleet, one).verdict == "ask")

    # taking

    def _begin(self, schedule: SnapshotSchedule, fleet: Fleet, due: DueSet, now: datetime) -> int:
        """1 = it was tried; 0 = its freeze is waited for."""
        frozen, why = self._frozen(schedule, fleet, due, now)
        if not frozen:
            self._next_look = now + _LOOK_WHEN_FREEZING
            return 0
        action = CreateSnapshots(
            fleet=fleet.ref,
            instance_id=due.instance_id,
            volume_ids=due.volume_ids,
            exclude_boot_volume=due.exclude_boot_volume,
        )
        self._take(fleet, action, f"{due.why}; {why}")
        return 1

    def _frozen(self, schedule: SnapshotSchedule, fleet: Fleet, due: DueSet, now: datetime) -> tuple[bool, str]:
        """Whether to take it now, and how consistent it will be."""
        place = checkpoint_store(fleet)
        if schedule.freeze_seconds is None:
            return True, "crash-consistent: no freeze is asked for"
        if place is None:
            return True, "crash-consistent: the fleet has no tag spotwarden:checkpoints, so its guard cannot be asked"
        asked = self._freeze_asked(schedule, due.instance_id, now)
        if asked is None:
            tried = self._ask_to_freeze(schedule, fleet, place, due, now)
            made = tried.outcome is not None and tried.outcome.status in ("done", "already", "unknown")
            return not made, f"crash-consistent: the freeze was not made: {'; '.join(tried.reasons)[:300]}"
        action, at = asked
        key = freeze_key(action.job_id, action.notice_digest[:16], due.instance_id)
        found = read_freeze(self.actuation.reader, action.bucket, key)
        if found is not None and found.state == "frozen" and found.until and now < found.until - _LEFT_OF_FREEZE:
            return True, f"frozen until {found.until:%H:%M:%S} UTC: application-consistent once it has thawed well"
        if found is not None and found.state in ("thawed", "refused"):
            return True, f"crash-consistent: the freeze came to nothing: {found.problem or 'it was too short'}"
        late = now >= at + _FREEZES_WITHIN
        return late, f"crash-consistent: the guard did not freeze within {_FREEZES_WITHIN.seconds} s"

    def _freeze_asked(
        self, schedule: SnapshotSchedule, instance_id: str, now: datetime
    ) -> tuple[RequestCheckpoint, datetime] | None:
        """The newest request that this set may still use."""
        since = now - _FREEZES_WITHIN - timedelta(seconds=schedule.freeze_seconds or 0) - LOOK
        asked = self.actuation.journal.jobs.asked(("request-checkpoint",), since=since, now=now)
        for one in reversed([a for a in asked if a.by == KEEPING and instance_id in a.instance_ids]):
            action = self._action(one.proposal_id)
            if isinstance(action, RequestCheckpoint) and one.status in ("done", "unknown", "acting", "partial"):
                return action, one.at
        return None

    def _ask_to_freeze(
        self, schedule: SnapshotSchedule, fleet: Fleet, place: tuple[str, str], due: DueSet, now: datetime
    ) -> Attempt:
        bucket, job_id = place
        action = RequestCheckpoint(
            fleet=fleet.ref,
            job_id=job_id,
            bucket=bucket,
            instance_ids=(due.instance_id,),
            notice_digest=digest_of(["freeze", fleet.ref.label, due.instance_id, now]),
            freeze_seconds=schedule.freeze_seconds,
        )
        return self._take(fleet, action, f"hold writes still for a snapshot: {due.why}")

    def _let_go(self, fleet: Fleet, one: LetGo) -> Attempt:
        ref = fleet.ref.with_(kind="snapshot", fleet_id=one.snapshot_id)
        return self._take(fleet, DeleteSnapshot(fleet=ref, snapshot_id=one.snapshot_id), one.why)

    def _take(self, fleet: Fleet, action: Action, why: str) -> Attempt:
        tried = attempt(self.actuation, action, by=KEEPING, actor="agent", rationale=why)
        self._steps.append(Kept(fleet=fleet.name, action=action, rationale=why, tried=tried))
        return tried

    # what the journal tells

    def _tried(self, now: datetime) -> tuple[Tried, ...]:
        longest = max(s.every_hours for s in self.settings.schedules)
        since = now - max(_LOOK_BACK, timedelta(hours=longest + 1))
        found = []
        for one in self.actuation.journal.jobs.asked(_KINDS[:2], since=since, now=now):
            if one.by == KEEPING:
                action = self._action(one.proposal_id)
                target = action.instance_id if isinstance(action, CreateSnapshots) else action.fleet.fleet_id
                tried = Tried(
                    proposal_id=one.proposal_id,
                    kind=one.kind,
                    target=target,
                    status=one.status,
                    at=one.ended_at or one.at,
                )
                found.append(tried)
        return tuple(found)

    def _action(self, proposal_id: str) -> Action:
        if proposal_id not in self._actions:
            self._actions[proposal_id] = self.actuation.journal.proposal(proposal_id).proposal.action
        return self._actions[proposal_id]

    def _noticed(self, fleets: Sequence[Fleet], now: datetime) -> frozenset[str]:
        """By the journal, and by EC2 itself."""
        names = {s.fleet for s in self.settings.schedules}
        mine = [i for f in fleets if names & {f.name, f.ref.fleet_id, f.ref.label} for i in f.spot]
        by_ec2 = self.actuation.reader.noticed([i.instance_id for i in mine]) if mine else frozenset()
        jobs, after = self.actuation.journal.jobs, self.actuation.journal.head().count - _NOTICES_BACK
        told = jobs.notices(after_seq=max(0, after), since=now - _NOTICED)
        notices = (Notice.model_validate_json(text) for _, text in told)
        return by_ec2 | {n.instance_id for n in notices if n.kind == "interruption"}

    def _asked_of(self, snapshots: Sequence[Snapshot], labels: Iterable[str], now: datetime) -> Asked:
        """The journal is read again only when a tag names an intent that it did not know a moment ago."""
        tags = {s.intent_id: s for s in sets_of(snapshots, {}, now=now)}
        new = tags.keys() - self._asked.keys() - self._strangers
        if new:
            told = {*labels, *(s.fleet for s in tags.values() if s.fleet)}
            self._asked |= asked_in(changes_of(self.actuation.journal, told))
            old = now - timedelta(hours=1)
            self._strangers |= {i for i in new - self._asked.keys() if tags[i].started_at < old}
        return self._asked

    def _made(self, sets: Sequence[SnapshotSet]) -> frozenset[str]:
        """Intents of these sets that a schedule proposed."""
        found = set()
        for one in sets:
            proposal_id = self._asked.get(one.intent_id, ("", None))[0]
            if proposal_id and proposal_id not in self._by:
                self._by[proposal_id] = self.actuation.journal.proposal(proposal_id).proposal.proposed_by
            if self._by.get(proposal_id) == KEEPING:
                found.add(one.intent_id)
        return frozenset(found)

    def _tell_of(self, plan: SchedulePlan) -> None:
        for text in (*plan.held, *([plan.state.trouble] if plan.state.trouble else [])):
            self._tell(f"{plan.state.fleet.label}: {text}")

    def _tell(self, text: str) -> None:
        """Into the journal, once a daemon for one cause."""
        if text not in self._told:
            self._told.add(text)
            self.actuation.journal.append("keeping", {"told": text}, actor=KEEPING)
