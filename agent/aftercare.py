"""Looks after changes once they are made: verifies for a stated time, sets back what did harm, tells a person.

Whoever is there looks: the daemon, or a person's `apply`. Every step is one transaction with one winner, and a
rollback is a proposal of its own that the one way to write carries out at most once; so a process may die between
any two lines, and the next one goes on.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from agent.actuation import Actuation
from agent.attempt import FATAL
from agent.comparing import check_place
from agent.facts import drift
from agent.journal.watches import OPEN, WatchedChange
from agent.verifying import unhealthy_targets
from policies.records import Aftercare
from tools.errors import AccessDenied, CloudError, DataError, NotFound, SpotError, StalePlan, UsageError
from tools.fleets.effects import effect_of
from tools.fleets.prices import fleet_types
from tools.fleets.verdicts import STANDARD, Verdict, VerificationRules
from tools.fleets.verification import BEFORE, gone, judge, sight, unsettled
from tools.market.pricebook import PriceBook, read_price_book
from tools.records import Action, Fleet, Intent, Outcome, PoolSignal

BY = "agent:aftercare"
LOOK = timedelta(seconds=30)
"""between two looks at one change"""
ATTENDED = timedelta(seconds=120)
"""so long is a change left to the person who was there last"""
_PATIENCE = timedelta(minutes=15)
"""so long AWS may fail to answer before a person is told"""
_MADE = ("done", "already")


@dataclass
class Keeper:
    """One who looks after changes.

    approve_as  the person who sits there and said yes to a rollback beforehand; None = the policy is asked alone
    """

    actuation: Actuation
    name: str
    rules: VerificationRules = STANDARD
    approve_as: str | None = None
    _looked_at: dict[str, datetime] = field(init=False, default_factory=dict)

    def look(self, *, most: int | None = None) -> tuple[WatchedChange, ...]:
        """Look at the changes that are due: those that took a step. Trouble with one does not stop the others.

        most    so many of them in one pass, longest waited for first; None = every one
        Raises  Halted, JournalError, AuditBroken
        """
        watches = self.actuation.journal.watches
        due = [w for w in (*watches.of_status(*OPEN), *watches.undone()) if self.due(w) and self._is_here(w)]
        due.sort(key=lambda w: self._looked_at.get(w.proposal_id, w.baseline.at))
        moved = []
        for watch in due[:most]:
            after = self.look_at(watch.proposal_id)
            moved += [after] if after.status != watch.status else []
        return tuple(moved)

    def attend(self, proposal_id: str) -> WatchedChange:
        """Somebody sits there: others leave it to them for a while.

        Raises  UsageError: it is not watched; StalePlan: it is of another account or region
        """
        watch, now = self._one(proposal_id), self.actuation.clock.now()
        check_place(self._made(watch)[0].permit.action.fleet, self.actuation.reader.account(), what=proposal_id)
        mine = watch.attended_until if watch.attended_by == self.name else None
        if mine is None or mine - now < ATTENDED / 2:
            self.actuation.journal.watches.attend(proposal_id, by=self.name, until=now + ATTENDED)
        return self._one(proposal_id)

    def _is_here(self, watch: WatchedChange) -> bool:
        """A fleet of the same name in another account or region would tell of itself."""
        ref, here = self._made(watch)[0].permit.action.fleet, self.actuation.reader.account()
        return (ref.account_id, ref.region) == (here.account_id, here.region)

    def leave(self, proposal_id: str) -> None:
        self.actuation.journal.watches.attend(proposal_id, by=self.name, until=self.actuation.clock.now())

    def look_at(self, proposal_id: str) -> WatchedChange:
        """Look once, and take whatever steps are due.

        Raises  UsageError: it is not watched; Halted, JournalError, AuditBroken
        """
        watch, watches = self._one(proposal_id), self.actuation.journal.watches
        self._looked_at[proposal_id] = self.actuation.clock.now()
        if watch.status == "watching":
            self._verify(watch)
            watch = self._one(proposal_id)
        if watch.status == "failed":
            self._answer(watch)
        elif watch.status == "escalated" and proposal_id in {w.proposal_id for w in watches.undone()}:
            self._move(watch, "rolled-back", told=f"set back by {watch.rollback_id}", only_from=("escalated",))
        return self._one(proposal_id)

    def _one(self, proposal_id: str) -> WatchedChange:
        watch = self.actuation.journal.watches.one(proposal_id)
        if watch is None or watch.status in {"armed", "void"}:
            raise UsageError(
                f"{proposal_id} is not watched",
                hint="a change is watched when its policy says verify_after, or with apply --verify 20m",
            )
        return watch

    def due(self, watch: WatchedChange) -> bool:
        """Its turn has come, and nobody else sits there."""
        now = self.actuation.clock.now()
        if watch.attended_until is not None and watch.attended_by != self.name and now < watch.attended_until:
            return False
        before = self._looked_at.get(watch.proposal_id)
        return before is None or now >= before + LOOK

    # verifying

    def _verify(self, watch: WatchedChange) -> None:
        now = self.actuation.clock.now()
        if watch.until is None:
            return
        try:
            verdict = self._verdict(watch)
        except FATAL:
            raise
        except SpotError as error:
            if now >= watch.until + _PATIENCE:
                self._escalate(watch, f"it could not be looked at: {error.message}", only_from=("watching",))
            return
        over = now >= watch.until
        if verdict.health == "settling" and now >= watch.until + timedelta(seconds=self.rules.overtime_seconds):
            verdict = unsettled(verdict)
        if verdict.health == "failed":
            told = "; ".join(verdict.reasons)
            self._move(watch, "failed", verdict=verdict, told=told, only_from=("watching",))
        elif over and verdict.health == "healthy":
            self._move(watch, "passed", verdict=verdict, told="; ".join(verdict.reasons), only_from=("watching",))
        elif over and verdict.health == "unknown":
            told = f"not verified: {'; '.join(verdict.reasons)}"
            self._escalate(watch, told, verdict=verdict, only_from=("watching",))
        else:
            self.actuation.journal.watches.note(watch.proposal_id, verdict)

    def _verdict(self, watch: WatchedChange) -> Verdict:
        """Raises  CloudErrors: the fleet, its prices or its target groups cannot be read

        Without prices it is judged all the same: missing capacity is harm whatever it costs. No other verdict is.
        """
        reader, clock = self.actuation.reader, self.actuation.clock
        try:
            fleet = self._fleet(self._made(watch)[0])
        except NotFound:
            verdict = gone(watch.baseline, clock.now())
            if verdict is None:
                raise
            return verdict
        unread: SpotError | None = None
        try:
            book = read_price_book(reader, clock, fleet_types(fleet))
        except (CloudError, DataError) as error:
            book, unread = PriceBook(as_of=clock.now(), hours=24), error
        seen = sight(
            fleet,
            book,
            self._signals(watch),
            changed_at=watch.changed_at or watch.baseline.at,
            unhealthy_targets=self._unhealthy(fleet),
            now=clock.now(),
        )
        verdict = judge(watch.baseline, seen, self.rules, watch.verdict)
        if unread is not None and verdict.health not in {"failed", "settling"}:
            raise unread
        return verdict

    def _fleet(self, intent: Intent) -> Fleet:
        """The fleet that was changed, or that was made. Raises NotFound, CloudErrors."""
        action = intent.permit.action
        return effect_of(action).result(self.actuation.reader, intent.intent_id, action)

    def _unhealthy(self, fleet: Fleet) -> dict[str, int] | None:
        try:
            return unhealthy_targets(self.actuation.reader, fleet)
        except (AccessDenied, NotFound):
            return None

    def _signals(self, watch: WatchedChange) -> tuple[PoolSignal, ...] | None:
        """None = not whole: interruptions that are not told of are not none."""
        reader = self.actuation.reader
        try:
            signals = reader.pool_signals(since=(watch.changed_at or watch.baseline.at) - BEFORE)
        except AccessDenied:
            return None
        return None if reader.signals_missing else signals

    def _made(self, watch: WatchedChange) -> tuple[Intent, Outcome]:
        made = self.actuation.journal.watches.intent(watch.proposal_id)
        if made is None:  # a watch begins in the transaction of its outcome
            raise UsageError(f"{watch.proposal_id} was not carried out")
        return made

    # answering a failure

    def _answer(self, watch: WatchedChange) -> None:
        """Set back, or tell; whoever comes next goes on where this one stops."""
        if watch.on_fail == "escalate":
            self._escalate(watch, watch.told)
            return
        try:
            if watch.rollback_id is None:
                self._draw_up(watch)
                watch = self._one(watch.proposal_id)
            if watch.status == "failed" and watch.rollback_id is not None:
                self._carry_out(watch, watch.rollback_id)
        except FATAL:
            raise
        except CloudError as error:  # it may pass: the next look tries again
            if self._too_long(watch):
                self._escalate(watch, f"{watch.told}; it cannot be set back: {error.message}")
        except SpotError as error:
            self._escalate(watch, f"{watch.told}; it cannot be set back: {_said(error)}")

    def _too_long(self, watch: WatchedChange) -> bool:
        failed_at = watch.verdict.at if watch.verdict is not None else watch.baseline.at
        return self.actuation.clock.now() >= failed_at + _PATIENCE

    def _draw_up(self, watch: WatchedChange) -> None:
        """Name the proposal that undoes the change, or tell a person that there is none.

        Raises  SpotErrors: there is no way back, or it cannot be judged
        """
        intent, outcome = self._made(watch)
        action = intent.permit.action
        effect = effect_of(action)
        fleet = self._fleet(intent)
        moved = self._moved_by_others(intent, outcome)
        if moved:
            told = f"{watch.told}; not set back, as {fleet.name} was changed since: {'; '.join(moved)}"
            self._escalate(watch, told)
            return
        undo: Action | None = effect.undo(action, intent.expect, fleet)
        if undo is None:
            self._escalate(watch, f"{watch.told}; {', '.join(action.types)} has no way back")
            return
        saved = self.actuation.propose(
            undo,
            by=BY,
            actor="agent",
            rationale=f"sets {watch.proposal_id} back, which failed its verification: {watch.told}",
            aftercare=Aftercare(verify_seconds=watch.seconds, undoes=watch.proposal_id),
        )
        mine = saved.proposal.proposal_id
        winner = self.actuation.journal.watches.claim_rollback(watch.proposal_id, mine)
        if winner != mine:
            self.actuation.journal.refuse(mine, reason=f"{winner} sets {watch.proposal_id} back", actor=BY)

    def _moved_by_others(self, intent: Intent, outcome: Outcome) -> tuple[str, ...]:
        """The touched fields, where they are no longer as the change left them: somebody else's word stands."""
        action = intent.permit.action
        now = effect_of(action).observe(self.actuation.reader, intent, action)
        left = outcome.after or intent.want
        return () if now in (intent.want, left) else drift(left, now)

    def _carry_out(self, watch: WatchedChange, rollback_id: str) -> None:
        """Raises  SpotErrors: it was not carried out"""
        journal = self.actuation.journal
        saved = journal.proposal(rollback_id)
        if saved.status == "pending":
            if self.approve_as is None:
                why = "; ".join(saved.decision.reasons)
                self._escalate(watch, f"{watch.told}; its rollback {rollback_id} waits for a person: {why}")
                return
            self.actuation.answer(rollback_id, answer="approve", by=self.approve_as, reason=watch.told[:200])
        elif saved.status in {"denied", "refused", "expired"} and not journal.outcomes(rollback_id):
            why = "; ".join(saved.decision.reasons) if saved.status == "denied" else saved.status
            self._escalate(watch, f"{watch.told}; its rollback {rollback_id} is {saved.status}: {why}")
            return
        try:
            outcome = self.actuation.act(rollback_id, by=self.approve_as or BY)
        except FATAL:
            raise
        except SpotError as error:
            if any(o.proposal_id == rollback_id for o in journal.open_intents()):
                return  # somebody else is at it
            told = journal.outcomes(rollback_id)
            if not told and _only_instances(error):
                journal.watches.forget_rollback(watch.proposal_id, rollback_id)
                return  # they came and went meanwhile, as in a fleet in trouble they do: drawn up anew at the next look
            if not told:
                raise
            outcome = told[-1]
        self._conclude(watch, rollback_id, outcome)

    def _conclude(self, watch: WatchedChange, rollback_id: str, outcome: Outcome) -> None:
        if outcome.status in _MADE:
            self._move(watch, "rolled-back", told=f"{watch.told}; set back by {rollback_id}", only_from=("failed",))
        elif _never_left(outcome) and not self._too_long(watch):  # drawn up anew at the next look
            self.actuation.journal.watches.forget_rollback(watch.proposal_id, rollback_id)
        elif outcome.status != "unknown":
            self._escalate(watch, f"{watch.told}; its rollback {rollback_id} is {outcome.status}: {outcome.message}")

    def _escalate(
        self,
        watch: WatchedChange,
        why: str,
        *,
        verdict: Verdict | None = None,
        only_from: tuple[Any, ...] = ("failed",),
    ) -> None:
        """A person is told: what failed, why it is not set back, and what was recorded before."""
        told = f"{why}; {by_hand(self._made(watch)[0])}"
        self._move(watch, "escalated", verdict=verdict, told=told, only_from=only_from)

    def _move(
        self,
        watch: WatchedChange,
        to: Any,
        *,
        verdict: Verdict | None = None,
        told: str,
        only_from: tuple[Any, ...],
    ) -> None:
        self.actuation.journal.watches.move(
            watch.proposal_id,
            to,
            only_from=only_from,
            unclaimed=watch.rollback_id is None,  # else somebody named a rollback since: the word is theirs
            verdict=verdict,
            told=told,
            actor=self.name,
        )


def by_hand(intent: Intent) -> str:
    """What a person would set back: «before it: on_demand_base_capacity 2»."""
    recorded = ", ".join(f"{field} {value}" for field, value in intent.expect.items())
    return f"recorded before it: {recorded or 'nothing'}"


def _never_left(outcome: Outcome) -> bool:
    """Its sender died or was too late, and AWS never heard of it: nothing happened, and nobody said no."""
    return outcome.status == "failed" and not outcome.request_ids and outcome.after == outcome.before != {}


def _only_instances(error: SpotError) -> bool:
    """Nobody's word moved between the drawing up and the act."""
    return isinstance(error, StalePlan) and bool(error.drift) and all(d.startswith("instances.") for d in error.drift)


def _said(error: SpotError) -> str:
    lines = error.drift if isinstance(error, StalePlan) else ()
    return "; ".join((error.message, *lines))
