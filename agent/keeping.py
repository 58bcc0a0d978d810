"""Keeps the snapshot schedules: takes what is due, lets go what is kept no longer, each through the one way to write.

What was taken is told by the account's tags and by the journal, so a process may die between any two lines and the
next one neither doubles nor loses a set. What waits for a person is proposed once. Only what the journal says that a
schedule took is ever let go: a tag alone, which anybody may write, deletes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from agent.actuation import Actuation
from agent.attempt import Attempt, attempt
from agent.facts import KEEPING
from tools.desk import ChangeMade
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
from tools.volumes.report import asked_in, fleets_for, sets_in
from tools.volumes.schedule import DueSet, LetGo, SchedulePlan, Tried, plan_schedule
from tools.volumes.sets import sets_of

__all__ = ["KEEPING", "Keeping", "Kept"]

LOOK = timedelta(seconds=60)
"""between two looks"""
_LOOK_WHEN_FREEZING = timedelta(seconds=2)
_MOST_BEGUN = 20
"""sets a look: EC2 takes so many calls a second, and a fleet need not be snapshotted at one moment"""
_MOST_LET_GO = 40
"""snapshots a look; more than are begun, or a large fleet would never be done with letting go"""
_MOST_WAITING = 5
"""of one kind that wait for a person: the places of waiting proposals are everybody's"""
_NOTICED = timedelta(minutes=10)
_NOTICES_BACK = 5_000
"""entries of the journal in which a notice of the last minutes must lie"""
_STRANGE = timedelta(hours=1)
"""after which an intent on a tag that the journal does not know is somebody else's"""
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
    _pass: Iterator[None] = field(init=False, default=iter(()))
    """what is left of the last look, a step at a time"""
    _steps: list[Kept] = field(init=False, default_factory=list)
    _targets: dict[str, str] = field(init=False, default_factory=dict)
    """proposal → the instance or snapshot that it is about"""
    _taken: dict[str, tuple[str, ChangeMade]] = field(init=False, default_factory=dict)
    """intent on a tag → who proposed it, and what became of it"""
    _strangers: set[str] = field(init=False, default_factory=set)
    """intents on tags that the journal does not know"""
    _told: set[str] = field(init=False, default_factory=set)

    def news(self) -> list[Kept]:
        """The steps since the last time."""
        steps, self._steps = self._steps, []
        return steps

    def look(self, *, most: int | None = None) -> None:
        """One pass over the schedules, where one is due. What cannot be read is told once and looked at again.

        most    steps now, a notice does not wait for many; the others follow at the next calls. None = all
        Raises  Halted, JournalError, AuditBroken
        """
        now = self.actuation.clock.now()
        if not self.settings.schedules:
            return
        if self._next_look is None or not now < self._next_look <= now + LOOK:  # a clock that was set back waits not
            self._next_look, self._pass = now + LOOK, self._keep(now)
        try:
            for _ in islice(self._pass, most):
                pass
        except (CloudError, DataError) as error:
            self._tell(f"volumes cannot be looked at: {error.message}")

    def _keep(self, now: datetime) -> Iterator[None]:
        """A step each. What it was planned on is a minute old at most."""
        reader = self.actuation.reader
        fleets, snapshots = fleets_for(reader, self.settings), reader.snapshots()
        sets = self._sets(snapshots, now)
        tried, noticed = self._tried(now), self._noticed(fleets, now)
        whole = frozenset(s.volume_id for s in snapshots if s.state == "completed")
        waiting = Counter(t.kind for t in tried if t.status == "pending")
        room = {kind: _MOST_WAITING - waiting[kind] for kind in _KINDS}
        made = self._made(sets)
        begun = gone = 0
        for schedule, fleet in self._fleets(fleets):
            plan = plan_schedule(
                schedule, fleet, sets, tried=tried, made=made, snapshotted=whole, noticed=noticed, now=now
            )
            self._tell_of(plan)
            mine = {i.instance_id for i in fleet.instances}
            waits = any(t.status == "pending" and t.target in mine for t in tried)
            for due in plan.due[: _MOST_BEGUN - begun]:
                if room["create-snapshots"] <= 0 and waits:
                    break
                steps = len(self._steps)
                begun += self._begin(schedule, fleet, due)
                if len(self._steps) > steps:
                    asks = self._steps[-1].tried.verdict == "ask"
                    room["create-snapshots"] -= asks
                    waits = waits or asks
                    yield
            for one in plan.let_go[: _MOST_LET_GO - gone]:
                if room["delete-snapshot"] > 0:
                    gone += 1
                    room["delete-snapshot"] -= self._let_go(fleet, one).verdict == "ask"
                    yield

    def _fleets(self, fleets: Sequence[Fleet]) -> Iterator[tuple[SnapshotSchedule, Fleet]]:
        """One schedule an instance: two would each let go what the other keeps. What cannot be kept is told."""
        kept: dict[str, str] = {}
        for schedule in self.settings.schedules:
            try:
                fleet = fleet_among(fleets, schedule.fleet)
            except NotFound as error:
                self._tell(f"[[snapshots]] {error.message}; {error.hint}")
                continue
            names = {fleet.ref.label, *(i.instance_id for i in fleet.instances)}
            twice = next((kept[n] for n in sorted(names) if n in kept), None)
            if twice is not None:
                self._tell(f"[[snapshots]] {schedule.fleet}: {twice} has instances of it already; take one of them out")
                continue
            kept |= dict.fromkeys(names, schedule.fleet)
            yield schedule, fleet

    # taking

    def _begin(self, schedule: SnapshotSchedule, fleet: Fleet, due: DueSet) -> int:
        """1 = it was tried; 0 = its freeze is waited for."""
        now = self.actuation.clock.now()
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
        asked = self.actuation.journal.jobs.asked(_KINDS[:2], since=since, now=now)
        ours = [one for one in asked if one.by == KEEPING]
        ids = (one.proposal_id for one in ours)
        self._targets = {i: self._targets.get(i) or _target(self._action(i)) for i in ids}
        return tuple(
            Tried(
                proposal_id=one.proposal_id,
                kind=one.kind,
                target=self._targets[one.proposal_id],
                status=one.status,
                at=one.ended_at or one.at,
            )
            for one in ours
        )

    def _action(self, proposal_id: str) -> Action:
        return self.actuation.journal.proposal(proposal_id).proposal.action

    def _noticed(self, fleets: Sequence[Fleet], now: datetime) -> frozenset[str]:
        """By the journal, and by EC2 itself."""
        names = {s.fleet for s in self.settings.schedules}
        mine = [i for f in fleets if names & {f.name, f.ref.fleet_id, f.ref.label} for i in f.spot]
        by_ec2 = self.actuation.reader.noticed([i.instance_id for i in mine]) if mine else frozenset()
        jobs, after = self.actuation.journal.jobs, self.actuation.journal.head().count - _NOTICES_BACK
        told = jobs.notices(after_seq=max(0, after), since=now - _NOTICED)
        notices = (Notice.model_validate_json(text) for _, text in told)
        return by_ec2 | {n.instance_id for n in notices if n.kind == "interruption"}

    def _sets(self, snapshots: Sequence[Snapshot], now: datetime) -> tuple[SnapshotSet, ...]:
        """By the account's tags and by the journal, which is read for those alone that were not settled yet."""
        tagged = {s.intent_id: s for s in sets_of(snapshots, {}, now=now)}
        self._taken = {i: told for i, told in self._taken.items() if i in tagged}
        self._strangers &= tagged.keys()
        for intent_id in tagged.keys() - self._taken.keys() - self._strangers:
            told = self.actuation.journal.made_by(intent_id)
            if told is not None and told[1].status != "unknown":
                self._taken[intent_id] = told
            elif told is None and tagged[intent_id].started_at < now - _STRANGE:
                self._strangers.add(intent_id)
        return sets_in(snapshots, asked_in(change for _, change in self._taken.values()), now=now)

    def _made(self, sets: Sequence[SnapshotSet]) -> frozenset[str]:
        """Snapshots that a schedule took. Where the answer was lost it is told by tags, and the law asks a person."""
        found: set[str] = set()
        for one in sets:
            by, change = self._taken.get(one.intent_id, (None, None))
            if by == KEEPING and change is not None and isinstance(change.action, CreateSnapshots):
                asked = change.action.volume_ids
                found |= change.made or {s.snapshot_id for s in one.snapshots if s.volume_id in asked}
        return frozenset(found)

    def _tell_of(self, plan: SchedulePlan) -> None:
        for text in (*plan.held, *([plan.state.trouble] if plan.state.trouble else [])):
            self._tell(f"{plan.state.fleet.label}: {text}")

    def _tell(self, text: str) -> None:
        """Into the journal, once a daemon for one cause."""
        if text not in self._told:
            self._told.add(text)
            self.actuation.journal.append("keeping", {"told": text}, actor=KEEPING)


def _target(action: Action) -> str:
    return action.instance_id if isinstance(action, CreateSnapshots) else action.fleet.fleet_id
