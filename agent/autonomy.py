"""The daemon: watch, answer notices, propose what the rules suggest, act where the policy allows it alone.

No model takes part. One leader by a lease with a fencing token; the kill switch is looked at before every step.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from agent.actuation import Actuation
from agent.aftercare import BY as _AFTERCARE
from agent.aftercare import Keeper
from agent.attempt import Attempt, attempt, carry_out
from agent.deliveries import acknowledge, receive
from agent.journal.records import Lease, SavedProposal
from agent.journal.watches import WatchedChange
from agent.keeping import KEEPING, Keeping
from agent.lookout import Lookout
from agent.notifying import Notifying
from agent.recovery import BY as _RECOVERY
from agent.recovery import Recoveries
from agent.reflex import Reflex, ReflexReport
from agent.suggesting import BY as _BY
from agent.suggesting import HeldFleet, Suggesting
from tools.cloud import NoticeQueue
from tools.desk import Archive
from tools.errors import CloudError, Halted, PolicyError, Throttled, Unreachable
from tools.fleets.steady_rules import STANDARD_RULES, SteadyRules
from tools.fleets.suggest import Suggestion
from tools.monitor.monitor import Monitor
from tools.monitor.settings import STANDARD, MonitorSettings
from tools.records import NOTHING_KEPT, Alert, Fleet, KeepingSettings, Outcome, QueuedNotice, Record, Recovery, UtcTime

LEASE = "daemon"
LEASE_SECONDS = 120
RENEW_AFTER = 30
"""seconds: a daemon at work writes its lease twice a minute"""
WITNESS_SECONDS = 60
_OURS = (_BY, _AFTERCARE, _RECOVERY, KEEPING, "reflex")
_NAP_SECONDS = 1
_AFTER_TROUBLE_SECONDS = 5
_PASSING = (CloudError, Throttled, Unreachable)
"""exactly these kinds: missing rights, credentials or queues do not mend themselves, and end the run"""
_QUIET = {
    "denied": timedelta(hours=1),
    "failed": timedelta(hours=1),
    "expired": timedelta(hours=6),
    "refused": timedelta(hours=24),
}
"""how long a suggestion that came to nothing is not made again"""
_QUIET_WHEN_PRESSED = timedelta(minutes=10)
"""for one that capacity waits for, when it was denied or failed: a policy's cooldown may be over by then"""


class RoundStep(Attempt):
    """One suggestion of the rules for one fleet, or an approved one; its verdict, and what became of it."""

    fleet: str
    action: str
    rationale: str


class Round(Record):
    """One pass over the account."""

    at: UtcTime
    fleets: int
    settled: tuple[Outcome, ...]
    """intents of a dead process, looked for"""
    notices: ReflexReport | None
    steps: tuple[RoundStep, ...]
    held: tuple[HeldFleet, ...] = ()
    """fleets for which there would be something to do, and why it is not done now"""
    alerts: tuple[Alert, ...] = ()
    """that the monitor opened or cleared since the round before"""
    watches: tuple[WatchedChange, ...] = ()
    """changes whose verification ended, or whose failure was answered, since the round before"""
    recoveries: tuple[Recovery, ...] = ()
    """of interrupted jobs: those that took a step in this round"""


class Trouble(Record):
    """AWS did not answer as it should; the daemon tries again."""

    at: UtcTime
    kind: str
    message: str
    hint: str


@dataclass
class Daemon:
    """One leader at a time; `holder` names it in the lease and the journal.

    Everything it does carries its lease: a daemon that slept and was replaced is refused by the journal.

    archive    where the monitor keeps what it sees; None = no monitor
    steady     limits of its own suggestions, beside the policy's
    notifying  tells people elsewhere; None = nobody
    """

    actuation: Actuation
    queue: NoticeQueue | None
    holder: str
    archive: Archive | None = None
    monitoring: MonitorSettings = STANDARD
    steady: SteadyRules = STANDARD_RULES
    notifying: Notifying | None = None
    keeping: KeepingSettings = NOTHING_KEPT
    volumes: Keeping = field(init=False)
    suggesting: Suggesting = field(init=False)
    lookout: Lookout | None = field(init=False, default=None)
    reflex: Reflex = field(init=False)
    keeper: Keeper = field(init=False)
    recoveries: Recoveries = field(init=False)
    lease: Lease | None = field(init=False, default=None)
    _held: list[QueuedNotice] = field(init=False, default_factory=list)
    """received and not acknowledged: not acted on yet"""
    _trouble: str = field(init=False, default="")
    _watches: list[WatchedChange] = field(init=False, default_factory=list)
    """that took a step since the round before"""

    def __post_init__(self) -> None:
        if self.archive is not None:
            clock = self.actuation.clock
            monitor = Monitor(self.actuation.reader, clock, self.archive, self.monitoring)
            self.lookout = Lookout(monitor, self.actuation.journal, clock)
        self.actuation = replace(self.actuation, lease=self._own_lease)
        self.reflex = Reflex(self.actuation, lead=self.lead)
        self.keeper = Keeper(self.actuation, self.holder)
        self.recoveries = Recoveries(self.actuation, self.holder)
        self.suggesting = Suggesting(self.actuation, self.archive, self.steady)
        self.volumes = Keeping(self.actuation, self.keeping)

    def lead(self) -> Lease:
        """Take the lease, or keep it. Raises Halted: the kill switch is on, or another daemon leads."""
        if self.actuation.halted():
            raise Halted("the kill switch is on", hint="spotwarden run --resume takes it off")
        journal, now = self.actuation.journal, self.actuation.clock.now()
        if self.lease is not None and now >= self.lease.expires_at - timedelta(seconds=LEASE_SECONDS - RENEW_AFTER):
            self.lease = journal.renew_lease(self.lease, ttl_seconds=LEASE_SECONDS, now=now)
        if self.lease is None:  # never had, or slept over its end: then it leads anew, if nobody else does by now
            self.lease = self._acquire(now)
            if self.notifying is not None:
                self.notifying.begin()
            self.reflex.notices.recall()  # whoever led before may have answered some
        return self.lease

    def _acquire(self, now: datetime) -> Lease:
        lease = self.actuation.journal.acquire_lease(LEASE, holder=self.holder, ttl_seconds=LEASE_SECONDS, now=now)
        if lease is None:
            known = self.actuation.journal.lease(LEASE)
            raise Halted(
                f"another daemon leads this journal: {known.holder if known else 'unknown'}",
                hint=f"spotwarden run --status tells of it; its lease ends {LEASE_SECONDS} s after it dies",
            )
        return lease

    def _own_lease(self) -> Lease:
        if self.lease is None:
            raise Halted(f"{self.holder} does not lead: nothing is changed")
        return self.lease

    def release(self) -> None:
        if self.lease is not None:
            self.actuation.journal.release_lease(self.lease)
            self.lease = None

    # one pass

    def round(self, *, aside: bool = False) -> Round:
        """Settle, answer notices, act on what was approved, look at every fleet once; then let the monitor see it.

        Errors of one fleet do not stop the others.
        aside   the monitor looks on its own thread, and its alerts stand in a later round
        Raises  Halted, JournalError; CloudError: the account as a whole cannot be read
        """
        self.lead()
        settled = tuple(outcome for _, outcome in self.actuation.reconcile())
        report = self.answer_notices(wait_seconds=0)
        steps = self._carry_out_approved()
        self._look_after(steps=1 if aside else None)
        recoveries = self.bring_back()
        fleets = self.actuation.reader.fleets()
        suggested, held = self._suggest_for(fleets)
        steps += [*suggested, *(_step(kept.tried, kept.fleet, kept) for kept in self.volumes.news())]
        if self.lookout is not None:
            self.lookout.begin(fleets) if aside else self.lookout.look(fleets)
        result = Round(
            at=self.actuation.clock.now(),
            fleets=len(fleets),
            settled=settled,
            notices=report,
            steps=tuple(steps),
            held=held,
            alerts=self.lookout.news() if self.lookout is not None else (),
            watches=tuple(self._watches),
            recoveries=recoveries,
        )
        self._watches.clear()
        told = [s.model_dump(mode="json", exclude={"outcome"}) for s in steps]
        summary = {"fleets": len(fleets), "steps": told, "held": [h.model_dump(mode="json") for h in held]}
        self.actuation.journal.append("round", summary, actor=_BY)
        return result

    def _carry_out_approved(self) -> list[RoundStep]:
        """What a person said yes to elsewhere, oldest first. Drift and limits are looked at as ever."""
        approved = self.actuation.journal.proposals(status="approved", limit=200)
        steps = []
        for saved in reversed([s for s in approved if s.proposal.proposed_by in _OURS]):
            self.lead()
            by = ", ".join(a.by for a in saved.approvals if a.answer == "approve")
            done = carry_out(self.actuation, saved.proposal.proposal_id, by=_BY, reasons=(f"approved by {by}",))
            steps.append(_step(done, saved.proposal.fleet.fleet_id, saved.proposal))
        return steps

    def _suggest_for(self, fleets: Sequence[Fleet]) -> tuple[list[RoundStep], tuple[HeldFleet, ...]]:
        """One step a fleet at most, or why there is none. What the rules no longer say waits for nobody's answer."""
        self.suggesting.begin(fleets)
        past = [p for p in self.actuation.journal.proposals(limit=200) if p.proposal.proposed_by == _BY]
        steps, held = [], []
        for fleet in fleets:
            step = self.suggesting.step(fleet)
            mine = [p for p in past if p.proposal.fleet == fleet.ref]
            if isinstance(step, Suggestion):
                self.lead()
                steps.append(self._suggest(step, fleet, mine))
                continue
            self._withdraw(mine, reason=f"no longer suggested: {step.why}", but=None)
            self.suggesting.escalate(fleet, step)
            if step.code != "steady":
                held.append(HeldFleet(fleet=fleet.name, held=step))
        return steps, tuple(held)

    def _withdraw(self, past: Sequence[SavedProposal], *, reason: str, but: str | None) -> None:
        waited_for = {s.proposal_id for r in self.actuation.journal.jobs.open() for s in r.steps}
        for older in past:
            if older.status == "pending" and older.proposal.proposal_id not in {but, *waited_for}:
                self.actuation.journal.refuse(older.proposal.proposal_id, reason=reason, actor=_BY)

    def _suggest(self, suggestion: Suggestion, fleet: Fleet, past: Sequence[SavedProposal]) -> RoundStep:
        """Propose once what the rules suggest; act where the policy allows it alone."""
        same = [p for p in past if p.proposal.action == suggestion.action]
        quiet = self._came_to_nothing(same, pressed=suggestion.pressed)
        if quiet is not None:
            return _step(quiet, fleet.name, suggestion)
        tried = attempt(self.actuation, suggestion.action, by=_BY, actor="agent", rationale=suggestion.rationale)
        if tried.proposal_id is not None:
            reason = f"{fleet.name} has changed since: drawn up anew as {tried.proposal_id}"
            self._withdraw(past, reason=reason, but=tried.proposal_id)
        return _step(tried, fleet.name, suggestion)

    def _came_to_nothing(self, same: Sequence[SavedProposal], *, pressed: bool) -> Attempt | None:
        """The newest suggestion of this kind under this policy, when it was turned down a short while ago."""
        try:
            now, policy = self.actuation.clock.now(), self.actuation.policy().digest
        except PolicyError:
            return None  # the attempt will say what is wrong with it
        newest = next((p for p in same if p.decision.policy_digest == policy), None)
        if newest is None or newest.status not in _QUIET:
            return None
        if newest.status == "refused" and all(a.answer != "deny" for a in newest.approvals):
            return None  # it went stale, nobody said no
        soon = pressed and newest.status in ("denied", "failed")
        until = newest.proposal.created_at + (_QUIET_WHEN_PRESSED if soon else _QUIET[newest.status])
        if now >= until:
            return None
        told = f"{newest.status} before: not proposed again until {until:%Y-%m-%d %H:%M} UTC"
        reasons = (told, *newest.decision.reasons)
        return Attempt(verdict="deny", reasons=reasons, proposal_id=newest.proposal.proposal_id)

    # notices

    def answer_notices(self, *, wait_seconds: int) -> ReflexReport | None:
        """Take what the queue holds, act, acknowledge; and try again what did not succeed. None = nothing to do.

        A message is acknowledged only after it was acted on: until then the queue delivers it again.
        Raises  Halted, JournalError; CloudError: the queue or the fleets cannot be read
        """
        if self.queue is None:
            return None
        self.lead()
        messages = receive(self.queue, wait_seconds=wait_seconds, tell=self._tell)
        unreadable = [m for m in messages if m.notice is None]
        for message in unreadable:
            problem = {"problem": message.problem or "not a notice"}
            self.actuation.journal.append("notice-unreadable", problem, actor="queue")
        acknowledge(self.queue, unreadable, tell=self._tell)
        self._held += [m for m in messages if m.notice is not None]
        fresh = [m.notice for m in messages if m.notice is not None]
        if not fresh and not self.reflex.notices.due():
            return None
        report = self.reflex.handle(fresh)
        if self.lookout is not None:
            self.lookout.note(fresh)
        settled = [m for m in self._held if m.notice is not None and not self.reflex.notices.owes(m.notice)]
        self._held = [m for m in self._held if m.notice is not None and self.reflex.notices.owes(m.notice)]
        acknowledge(self.queue, settled, tell=self._tell)
        return report

    # watching

    def watch(
        self, *, interval_seconds: float, stop: Callable[[], bool], pause: Callable[[float], Any]
    ) -> Generator[Round | ReflexReport | Trouble | Recovery]:
        """Rounds every interval, notices and recoveries in between, until `stop()`. Releases the lease at the end.

        pause   waits so many seconds, less when stopped
        Raises  Halted: the kill switch came on, or another daemon leads by now; JournalError;
                CloudError: one that does not pass by itself
        """
        due = witnessed = self.actuation.clock.now()
        self._start_telling()
        try:
            while not stop():
                now = self.actuation.clock.now()
                if now >= witnessed + timedelta(seconds=WITNESS_SECONDS):
                    self.actuation.journal.witness()
                    witnessed = now
                try:
                    if now >= due:
                        report: Round | ReflexReport | None = self.round(aside=True)
                        due = now + timedelta(seconds=interval_seconds)
                    else:
                        self.lead()
                        report = self.answer_notices(wait_seconds=_NAP_SECONDS)
                    self._look_between_rounds()
                    ended = [r for r in self.bring_back(busy=report is not None) if r.status != "open"]
                    self._trouble = ""
                except CloudError as error:
                    if type(error) not in _PASSING:
                        raise
                    self._look_between_rounds()
                    yield self._tell(error)
                    pause(_AFTER_TROUBLE_SECONDS)
                    continue
                if report is not None:
                    yield report
                yield from ended
                yield from self._not_told()
                if self.queue is None:
                    pause(_NAP_SECONDS)
        finally:
            self._close()

    def _start_telling(self) -> None:
        if self.notifying is not None:
            self.notifying.start()

    def _not_told(self) -> list[Trouble]:
        """Where people elsewhere could not be told; once an outage."""
        return [self._tell(error) for error in self.notifying.troubles()] if self.notifying is not None else []

    def _close(self) -> None:
        try:
            if self.notifying is not None:
                self.notifying.close()
            if self.lookout is not None:
                self.lookout.close()
        finally:
            self.release()

    def _look_after(self, *, most: int | None = None, steps: int | None = None) -> None:
        """Verify what was changed; steps of the snapshot schedules. Raises Halted, JournalError, AuditBroken."""
        self.lead()
        self._watches += self.keeper.look(most=most)
        self.volumes.look(most=steps)

    def bring_back(self, *, busy: bool = False) -> tuple[Recovery, ...]:
        """Interrupted jobs a step further, where a look is due; busy: notices come, which go first.

        Raises  Halted, JournalError, AuditBroken; CloudError: the fleets cannot be read
        """
        if not self.recoveries.due(busy=busy):
            return ()
        self.lead()
        return self.recoveries.look()

    def _look_between_rounds(self) -> None:
        """Rounds may be hours apart; what was changed is looked after, and the monitor looks, all the same."""
        self._look_after(most=1, steps=1)  # a notice does not wait for many
        if self.lookout is not None:
            self.lookout.collect()
            if self.lookout.due():
                self.lookout.begin()

    def _tell(self, error: CloudError) -> Trouble:
        """In the journal once, however often the same comes in a row."""
        now, kind = self.actuation.clock.now(), type(error).__name__
        trouble = Trouble(at=now, kind=kind, message=error.message, hint=error.hint)
        if error.message != self._trouble:
            self._trouble = error.message
            self.actuation.journal.append("trouble", trouble, actor=self.holder)
        return trouble


def _step(tried: Attempt, fleet: str, what: Any) -> RoundStep:
    """what  a Suggestion, a Proposal or a Kept: each has an action and a rationale"""
    return RoundStep(**dict(tried), fleet=fleet, action=", ".join(what.action.types), rationale=what.rationale)
