"""Brings interrupted jobs back: opens a recovery for each notice, looks how far it is, asks for what is missing.

The reflex saves and replaces at once; this machine sees by the journal what the reflex asked for, and by the account
what came of it. It asks itself only for what nobody asked for, or what came to nothing, through the one way to write.
Of every step one transaction has a winner, so a process may die between any two lines, and two may look at once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.actuation import Actuation
from agent.attempt import FATAL, carry_out
from agent.facts import Actor
from agent.recovery_deadline import Deadlines
from agent.recovery_fallback import Overdue, lost_pool, outlook_of, overdue, wants_on_demand
from agent.suggesting import BY as SUGGESTED
from tools.errors import CloudError, NotFound, SpotError
from tools.jobs.fallbacks import Fallback
from tools.jobs.report import pointer_to
from tools.jobs.sight import STANDARD, Asked, RecoveryRules, Sight
from tools.jobs.steps import in_service, put_off, take_steps, wants_pointer, wants_replacement
from tools.records import (
    Action,
    Checkpoint,
    Fleet,
    Instance,
    Job,
    Notice,
    Recovery,
    RecoveryStepName,
    ReplaceInstances,
    digest_of,
)
from tools.recovery.jobs import Resumed, StoreSight, implicit_job, newest_verified, read_report, read_store
from tools.recovery.rules import JobOutlook

BY = "agent:recovery"
LOOK = timedelta(seconds=5)
"""between two looks"""
_LOOK_WHEN_BUSY = timedelta(seconds=30)
"""while notices come: the reflex asks for everything that cannot wait"""
_LOOK_BACK = timedelta(hours=1)
"""a notice that nobody read for so long is over"""
_LOOK_BACK_ENTRIES = 50_000
_MAX_DETACHED = 20
"""DetachInstances takes at most 20 a call"""
_NAMING = ("request-checkpoint", "replace-instances", "set-targets")
"""actions that name the instances which a notice is about"""
_KINDS = (*_NAMING, "restore-checkpoint", "change-fleet")
_Store = tuple[str, str]


@dataclass
class Recoveries:
    """One who looks after interrupted jobs.

    on_told   called with every recovery that ended, once, by whoever ended it
    """

    actuation: Actuation
    name: str
    rules: RecoveryRules = STANDARD
    on_told: Callable[[Recovery], None] = lambda _recovery: None
    _read_until: int = field(init=False, default=0)
    """seq of the last notice read"""
    _looked_at: datetime | None = field(init=False, default=None)
    _stores: dict[_Store, StoreSight] = field(init=False, default_factory=dict)
    _overdue: Overdue = field(init=False)
    _deadlines: Deadlines = field(init=False)
    _verified: dict[_Store, dict[str, Checkpoint]] = field(init=False, default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        self._overdue = Overdue(self.actuation.reader)
        self._deadlines = Deadlines(self.actuation, BY)

    def due(self, *, busy: bool = False) -> bool:
        """busy   notices come: then not as often"""
        apart = _LOOK_WHEN_BUSY if busy else LOOK
        return self._looked_at is None or self.actuation.clock.now() >= self._looked_at + apart

    def look(self) -> tuple[Recovery, ...]:
        """Open what is new, look once at what is open, ask for what is missing; returns those that took a step.

        Trouble with one fleet does not stop the others: the next look tries again.
        Raises  Halted, JournalError, AuditBroken; CloudError: the fleets cannot be read
        """
        self._looked_at = self.actuation.clock.now()
        self.open_new()
        moved = self.advance()
        self._deadlines.look()
        return moved

    # opening

    def open_new(self) -> tuple[Recovery, ...]:
        """A recovery for each job whose instance is to go, all in one transaction. Again is allowed."""
        journal, now = self.actuation.journal, self.actuation.clock.now()
        until = journal.head().count
        told = journal.jobs.notices(after_seq=max(self._read_until, until - _LOOK_BACK_ENTRIES), since=now - _LOOK_BACK)
        notices = [n for n in (Notice.model_validate_json(text) for _, text in told) if n.kind == "interruption"]
        opened = journal.jobs.begin(self._drawn_up(notices, now), actor=self.name) if notices else ()
        self._read_until = max(until, *(seq for seq, _ in told), 0)
        return opened

    def _drawn_up(self, notices: Sequence[Notice], now: datetime) -> list[Recovery]:
        homes = self._homes(notices)
        registered = self.actuation.journal.jobs.all()
        jobs = {f.ref.label: _jobs_of(f, registered, now=now) for f in homes.values()}
        return [
            opening(job, notice, now=now)
            for notice in notices
            if notice.instance_id in homes
            for job in jobs[homes[notice.instance_id].ref.label]
        ]

    def _homes(self, notices: Sequence[Notice]) -> dict[str, Fleet]:
        """Instance → its fleet; also of those that the reflex detached meanwhile. Raises CloudError."""
        fleets = {f.ref.label: f for f in self.actuation.reader.fleets()}
        found = {i.instance_id: fleet for fleet in fleets.values() for i in fleet.instances}
        asked = self.actuation.journal.jobs.asked(
            _KINDS, since=min(n.at for n in notices), now=self.actuation.clock.now()
        )
        named = {i: fleets[a.fleet] for a in asked if a.fleet in fleets for i in a.instance_ids}
        return {**named, **found}

    # advancing

    def advance(self) -> tuple[Recovery, ...]:
        """One look at every open recovery of this account and region."""
        here = self.actuation.reader.account()
        place = (here.account_id, here.region)
        still_open = self.actuation.journal.jobs.open()
        mine = [r for r in still_open if (r.job.fleet.account_id, r.job.fleet.region) == place]
        if not mine:
            return ()
        since = min(r.notice_at for r in mine)
        asked = self.actuation.journal.jobs.asked(_KINDS, since=since, now=self.actuation.clock.now())
        moved: list[Recovery] = []
        for same in dict.fromkeys(_where(r) for r in mine):
            theirs = [r for r in mine if _where(r) == same]
            try:
                moved += self._advance_job(theirs, [a for a in asked if a.fleet == theirs[0].job.fleet.label])
            except FATAL:
                raise
            except CloudError:
                continue
        return tuple(moved)

    def _advance_job(self, theirs: Sequence[Recovery], asked: Sequence[Asked]) -> list[Recovery]:
        jobs, now = self.actuation.journal.jobs, self.actuation.clock.now()
        try:
            fleet = self.actuation.reader.fleet(theirs[0].job.fleet)
        except NotFound as error:
            ended = [(r, _ended(r, now, f"gave up: {error.message}")) for r in theirs]
            return self._told(jobs.move(ended, actor=self.name))
        self._overdue.note(fleet, now)
        sights = self._sights(theirs, fleet, asked, now)
        after = [(r, take_steps(r, sights[r.recovery_id])) for r in theirs]
        won = jobs.move([(was, is_) for was, is_ in after if was.digest != is_.digest], actor=self.name)
        self._told(won)
        stand = {r.recovery_id: r for r in won} | {
            was.recovery_id: was for was, is_ in after if was.digest == is_.digest
        }
        self._ask_for(list(stand.values()), sights)
        return list(won)

    def _told(self, moved: Iterable[Recovery]) -> list[Recovery]:
        moved = list(moved)
        for recovery in moved:
            if recovery.status != "open":
                self.on_told(recovery)
        return moved

    # seeing

    def _sights(
        self, theirs: Sequence[Recovery], fleet: Fleet, asked: Sequence[Asked], now: datetime
    ) -> dict[str, Sight]:
        """By recovery id: one reading of the fleet and of the store for all of them."""
        job = theirs[0].job
        store, unread = self._store(job)
        looked = store is not None and not unread and any(self._awaits_restore(r, store, now) for r in theirs)
        chosen, damaged = self._chosen(job.store, store) if looked and store is not None else (None, ())
        newcomers = self._newcomers(theirs, fleet)
        sights = {}
        for r in theirs:
            named = [a for a in asked if r.instance_id in a.instance_ids and a.at >= r.notice_at]
            sights[r.recovery_id] = Sight(
                now=now,
                fleet=fleet,
                store=store,
                chosen=chosen,
                damaged=damaged,
                looked=looked,
                unread=unread,
                pinned=_pinned(chosen, asked),
                save=_last(a for a in named if a.kind == "request-checkpoint"),
                replace=_last(a for a in named if a.kind == "replace-instances"),
                mine={a.proposal_id: a for a in asked},
                stage=self._stage(r, fleet, store, asked, now),
                newcomer=newcomers.get(r.recovery_id),
                report=self._report(r.replaced_by or _id_of(newcomers.get(r.recovery_id)), job.store, store),
                rules=self.rules,
            )
        return sights

    def _stage(
        self, r: Recovery, fleet: Fleet, store: StoreSight | None, asked: Sequence[Asked], now: datetime
    ) -> Fallback | None:
        if not overdue(r, now):
            return None
        return self._overdue.stage(r, fleet, self._outlook(r, store, now), lost_pool(r, fleet, asked), now)

    def _outlook(self, r: Recovery, store: StoreSight | None, now: datetime) -> JobOutlook:
        return outlook_of(r, store, self.actuation.journal.jobs.recoveries_of(r.job.job_id), now)

    def _awaits_restore(self, r: Recovery, store: StoreSight, now: datetime) -> bool:
        """Its save is settled, or will be by this look: before that nothing need be verified."""
        newest = store.newest_whole.manifest if store.newest_whole is not None else None
        saved = r.step("save").over or (newest is not None and newest.saved_at >= r.notice_at)
        late = now >= r.notice_at + timedelta(seconds=self.rules.save_seconds)
        return not r.step("restore").over and (saved or late)

    def _store(self, job: Job) -> tuple[StoreSight | None, str]:
        """As it is now, or as it was last seen and why it cannot be read."""
        if job.store is None:
            return None, ""
        before = self._stores.get(job.store)
        try:
            self._stores[job.store] = read_store(self.actuation.reader, job.store, before)
        except CloudError as error:
            return before or StoreSight(), f"s3://{job.bucket}/{job.store_id} cannot be read: {error.message}"
        return self._stores[job.store], ""

    def _chosen(self, place: _Store | None, store: StoreSight) -> tuple[Checkpoint | None, tuple[str, ...]]:
        if place is None:
            return None, ()
        return newest_verified(self.actuation.reader, place, store.checkpoints, self._verified[place])

    def _report(self, instance_id: str | None, place: _Store | None, store: StoreSight | None) -> Resumed | None:
        if place is None or store is None or instance_id is None or instance_id not in store.reports:
            return None
        return read_report(self.actuation.reader, place, instance_id)

    def _newcomers(self, theirs: Sequence[Recovery], fleet: Fleet) -> dict[str, Instance]:
        """Recovery id → an instance that came into service since its notice, each for one, the oldest first."""
        waiting = sorted((r for r in theirs if not r.step("replace").over), key=lambda r: (r.notice_at, r.instance_id))
        if not waiting:
            return {}
        taken = self.actuation.journal.jobs.taken(theirs[0].job.job_id, since=waiting[0].notice_at - _LOOK_BACK)
        free = [i for i in fleet.instances if in_service(i) and not i.in_standby and i.instance_id not in taken]
        free.sort(key=lambda i: (i.launched_at, i.instance_id))
        found = {}
        for r in waiting:
            new = next((i for i in free if i.launched_at >= r.notice_at), None)
            if new is not None:
                free.remove(new)
                found[r.recovery_id] = new
        return found

    # asking

    def _ask_for(self, theirs: Sequence[Recovery], sights: dict[str, Sight]) -> None:
        """What is missing, each once for all that miss it; and what was drawn up before and not carried out."""
        still = [r for r in theirs if r.status == "open"]
        for pid in dict.fromkeys(_left(r, sights[r.recovery_id]) for r in still):
            if pid is not None:
                carry_out(self.actuation, pid, by=BY, reasons=())
        gone = [r for r in still if wants_replacement(r, sights[r.recovery_id])]
        for start in range(0, len(gone), _MAX_DETACHED):
            some = gone[start : start + _MAX_DETACHED]
            action = ReplaceInstances(fleet=some[0].job.fleet, instance_ids=tuple(r.instance_id for r in some))
            self.ask(some, "replace", action, f"EC2 takes {', '.join(action.instance_ids)} back")
        self._ask_on_demand(still, sights)
        astray = [r for r in still if wants_pointer(r, sights[r.recovery_id])]
        chosen = sights[astray[0].recovery_id].chosen if astray else None
        if chosen is not None and chosen.manifest_sha256 is not None:
            self.ask(astray, "restore", pointer_to(astray[0].job, chosen), "what it would resume from is not whole")

    def _ask_on_demand(self, theirs: Sequence[Recovery], sights: dict[str, Sight]) -> None:
        """Once for all replacements of the fleet that no spot came for."""
        last = [r for r in theirs if (stage := sights[r.recovery_id].stage) is not None and stage.kind == "on-demand"]
        now, most = self.actuation.clock.now(), self.rules.most_tries
        want = [r for r in last if wants_on_demand(r, sights[r.recovery_id].mine, now=now, most_tries=most)]
        if not want:
            return
        seen = sights[want[0].recovery_id]
        outlook = self._outlook(want[0], seen.store, now)
        found = self._overdue.on_demand(seen.fleet, outlook, now)
        if found is not None:
            by = BY if outlook.spot_is_safe is False else SUGGESTED
            self.ask(want, "replace", found.action, found.rationale, by=by, actor="agent")

    def ask(
        self,
        theirs: Sequence[Recovery],
        step: RecoveryStepName,
        action: Action,
        why: str,
        *,
        by: str = BY,
        actor: Actor = "reflex",
    ) -> None:
        """Draw it up, name it in every recovery that wants it, and carry it out where the policy allows it.

        Whoever names a proposal first has the word; another one that was drawn up meanwhile is refused.
        Raises  Halted, JournalError, AuditBroken
        """
        journal, now = self.actuation.journal, self.actuation.clock.now()
        try:
            saved = self.actuation.propose(
                action, by=by, actor=actor, rationale=f"recovery of {theirs[0].job.job_id}: {why}"
            )
        except FATAL:
            raise
        except SpotError as error:
            late = [(r, put_off(r, step, now, self.rules, error.message)) for r in theirs]
            journal.jobs.move(late, actor=self.name)
            return
        pid = saved.proposal.proposal_id
        waits = f"waits for a person: spotwarden approve {pid}" if saved.decision.verdict == "ask" else why
        named = [(r, r.with_step(step, state="asked", proposal_id=pid, at=now, words=waits[:500])) for r in theirs]
        won = journal.jobs.move(named, actor=self.name)
        if won and saved.decision.verdict == "allow":
            carry_out(self.actuation, pid, by=by, reasons=saved.decision.reasons)
        elif not won and not self._named_by_others(theirs, step, pid):
            journal.refuse(pid, reason="somebody else asked for it meanwhile", actor=BY)

    def _named_by_others(self, theirs: Sequence[Recovery], step: RecoveryStepName, pid: str) -> bool:
        now = (self.actuation.journal.jobs.recovery(r.recovery_id) for r in theirs)
        return any(r is not None and r.step(step).proposal_id == pid for r in now)


def opening(job: Job, notice: Notice, *, now: datetime) -> Recovery:
    return Recovery(
        recovery_id=f"r-{digest_of([job.job_id, notice.instance_id, notice.at])[:12]}",
        job=job,
        instance_id=notice.instance_id,
        notice_at=notice.at,
        opened_at=now,
    )


def _jobs_of(fleet: Fleet, registered: Sequence[Job], *, now: datetime) -> list[Job]:
    """Those registered for it; else what its tag tells."""
    mine = [j for j in registered if j.fleet == fleet.ref]
    implicit = None if mine else implicit_job(fleet, now=now, by=BY)
    return [*mine, *([implicit] if implicit else [])]


def _where(r: Recovery) -> tuple[str, str, _Store | None]:
    """Recoveries that one look at a fleet and a store serves."""
    return r.job.job_id, r.job.fleet.label, r.job.store


def _ended(r: Recovery, now: datetime, told: str) -> Recovery:
    return r.with_step("tell", state="done", at=now).with_(status="gave-up", ended_at=now, told=told[:2_000])


def _pinned(chosen: Checkpoint | None, asked: Sequence[Asked]) -> bool:
    """Somebody set the pointer after the newest checkpoint was saved."""
    if chosen is None or chosen.manifest is None:
        return False
    made = [a for a in asked if a.kind == "restore-checkpoint" and a.made and a.by != BY]
    return any(a.ended_at is not None and a.ended_at >= chosen.manifest.saved_at for a in made)


def _left(r: Recovery, s: Sight) -> str | None:
    """A proposal of ours that was allowed or approved, and that nobody carried out yet."""
    for step in (r.step("replace"), r.step("restore")):
        mine = s.mine.get(step.proposal_id or "")
        if mine is not None and mine.by == BY and mine.status in ("allowed", "approved"):
            return mine.proposal_id
    return None


def _id_of(instance: Instance | None) -> str | None:
    return None if instance is None else instance.instance_id


def _last(asked: Iterable[Asked]) -> Asked | None:
    return max(asked, key=lambda a: a.at, default=None)
