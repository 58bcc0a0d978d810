"""The one way to write: Proposal → Decision → (Approval) → Permit → durable intent → effect → outcome.

Chat, command line, daemon and reflex all come through here, and nothing else holds a CloudWriter.
A process may die between any two lines: the journal tells the next one what is open, and an effect whose
answer was lost is looked for, never sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from agent.comparing import check_place, check_price, found, item_status, same_wish
from agent.facts import Actor, drift, gather
from agent.intended import amounts_of, intent_of
from agent.journal.journal import Journal
from agent.journal.records import Lease, OpenIntent, SavedProposal
from agent.verifying import aftercare_for, arm
from policies.authorize import authorize
from policies.document import Policy
from policies.engine import decide
from policies.records import Aftercare, Approval, Decision, Proposal
from tools.cloud import Clock, CloudReader, CloudWriter, Receipt
from tools.errors import (
    AuditBroken,
    CloudError,
    DataError,
    Denied,
    Halted,
    NotFound,
    OutcomeUnknown,
    StalePlan,
    UsageError,
)
from tools.fleets.effects import effect_of
from tools.fleets.effects.effect import SEND_WINDOW
from tools.fleets.preview import draw_preview
from tools.records import (
    Action,
    Fleet,
    Intent,
    ItemOutcome,
    Outcome,
    OutcomeStatus,
    Permit,
    digest_of,
)

# how long a live sender may take from its intent to the mark that it sends
UNSENT = timedelta(seconds=30)
MAX_WAITING = 20
_FINAL = frozenset({"done", "already", "partial", "refused", "failed", "superseded"})


@dataclass(frozen=True)
class Actuation:
    """Everything that a change needs, handed in by the front door."""

    reader: CloudReader
    writer: CloudWriter
    journal: Journal
    policy: Callable[[], Policy]
    """the law in force now: an edited file counts from the next look; raises PolicyError while it is not valid"""
    clock: Clock
    halted: Callable[[], bool]
    """the kill switch, looked at anew each time"""
    audit_verified: Callable[[], bool | None]
    """None = could not be told"""
    lease: Callable[[], Lease | None] = lambda: None
    """the daemon's lease; people and chat act without one"""
    ask_first: bool = False
    """True: what the policy would allow alone is asked all the same (`chat --mode approve`)"""

    def propose(
        self, action: Action, *, by: str, actor: Actor, rationale: str, aftercare: Aftercare | None = None
    ) -> SavedProposal:
        """Read the fleet, compute what the action would do, judge it, write both down. Nothing is changed.

        aftercare  how it shall be looked after once it is made; the policy may want more
        Raises  Denied: too many proposals wait already (never for the reflex); PolicyError; CloudErrors
        """
        check_place(action.fleet, self.reader.account(), what=", ".join(action.types))
        fleet = effect_of(action).subject(self.reader, action)
        waiting = [p for p in self.journal.proposals(status="pending") if self.clock.now() < expires_at(p)]
        proposal, decision = self._judge(action, fleet, by=by, actor=actor, rationale=rationale, aftercare=aftercare)
        same = next((p for p in waiting if same_wish(p, proposal, decision)), None)
        if same is not None:  # asked for twice on the same state, it waits once
            return same
        if decision.verdict == "ask" and actor != "reflex" and len(waiting) >= MAX_WAITING:
            raise Denied(
                f"{len(waiting)} proposals wait for an answer already, the most that may",
                hint="answer some: spotwarden approve",
            )
        self.journal.save_proposal(proposal, decision, actor=by)
        return self.journal.proposal(proposal.proposal_id)

    def answer(
        self, proposal_id: str, *, answer: Literal["approve", "deny"], by: str, reason: str = ""
    ) -> SavedProposal:
        """A person's word on a waiting proposal, bound to what was shown.

        Raises  Denied: it does not wait for an answer; StalePlan: its time is over
        """
        saved, now = self.journal.proposal(proposal_id), self.clock.now()
        if answer == "approve" and saved.status == "approved" and now < expires_at(saved):
            return saved  # it has its yes already: whoever says it again may carry it out
        open_to = {"pending"} if answer == "approve" else {"pending", "approved", "allowed"}  # a yes can be taken back
        expires = expires_at(saved)
        if saved.status not in {*open_to, "expired"}:
            raise Denied(
                f"{proposal_id} is {saved.status}: it does not wait for an answer",
                hint="spotwarden approve lists what waits; ask again for a new proposal",
            )
        if now >= expires:
            raise StalePlan(
                f"{proposal_id} expired at {expires:%H:%M:%S} UTC: unanswered is denied",
                hint="ask again: the change will be previewed and judged anew",
            )
        proposal = saved.proposal
        approval = Approval(
            approval_id=f"ok-{digest_of([proposal.digest, by, answer, now])[:10]}",
            proposal_digest=proposal.digest,
            action_digest=proposal.action.digest,
            state_fingerprint=proposal.preview.state_fingerprint,
            policy_digest=saved.decision.policy_digest,
            answer=answer,
            by=by,
            reason=reason,
            at=now,
            expires_at=expires,
        )
        self.journal.save_approval(proposal_id, approval, actor=by)
        return self.journal.proposal(proposal_id)

    def act(self, proposal_id: str, *, by: str) -> Outcome:
        """Carry out an allowed or approved proposal, once. A second call gets the recorded outcome.

        Raises  Denied, ApprovalNeeded, Halted, StalePlan (with the drift): nothing was called
        """
        told = self.journal.outcomes(proposal_id)
        if told and told[-1].status in _FINAL:
            return told[-1]
        if any(o.proposal_id == proposal_id for o in self.journal.open_intents()):
            settled = dict(self.reconcile())
            return settled[proposal_id] if proposal_id in settled else self.journal.outcomes(proposal_id)[-1]
        saved = self.journal.proposal(proposal_id)
        self.check_running()
        check_place(saved.proposal.fleet, self.reader.account(), what=proposal_id)
        if self.policy().digest != saved.decision.policy_digest:
            raise StalePlan(
                f"the policy in force is not the one that judged {proposal_id}",
                hint="use that policy, or ask again: the change will be judged by the policy in force",
                drift=(f"policy: {saved.decision.policy_digest[:12]} → {self.policy().digest[:12]}",),
            )
        try:
            permit, decision, fleet = self._permit(saved)
        except (StalePlan, Denied) as error:
            self._refuse(saved, error, by=by)
            raise
        try:
            intent = self._open_intent(saved, permit, decision, fleet, by=by)
        except Denied:
            told = self.journal.outcomes(proposal_id)
            if told:  # somebody else was quicker by a moment
                return told[-1]
            raise
        if intent.expect == intent.want:
            return self._close(intent, "already", "the fleet is already so", after=intent.want, by=by)
        return self._carry_out(intent, saved.proposal, by=by)

    def reconcile(self) -> tuple[tuple[str, Outcome], ...]:
        """Settle what a dead process left open by looking, never by sending: (proposal id, outcome) each."""
        return tuple((o.proposal_id, self._settle(o)) for o in self.journal.open_intents())

    # judging

    def _judge(
        self,
        action: Action,
        fleet: Fleet,
        *,
        by: str,
        actor: Actor,
        rationale: str,
        aftercare: Aftercare | None = None,
    ) -> tuple[Proposal, Decision]:
        now, policy = self.clock.now(), self.policy()
        seen = effect_of(action).seen(self.reader, action, fleet)
        drawn = draw_preview(self.reader, self.clock, action, fleet)
        preview = drawn.with_(state_fingerprint=digest_of(seen))
        facts = gather(
            action,
            fleet,
            preview,
            journal=self.journal,
            policy=policy,
            by=by,
            actor=actor,
            principal_arn=self.reader.account().arn,
            halted=self.halted(),
            audit_verified=self.audit_verified(),
            now=now,
        )
        decision = decide(action, facts, policy, now=now)
        proposal = Proposal(
            proposal_id=f"p-{digest_of([action, seen, now, by, self.journal.head().count])[:10]}",
            action=action,
            fleet=fleet.ref,
            rationale=rationale,
            proposed_by=by,
            preview=preview,
            state_seen=seen,
            facts=facts,
            aftercare=aftercare_for(policy, decision, action, aftercare),
            created_at=now,
        )
        if self.ask_first and decision.verdict == "allow" and actor != "reflex":
            reasons = (*decision.reasons, "this session asks before every change (--mode approve)")
            decision = decision.with_(verdict="ask", reasons=reasons)
        return proposal, decision

    def _permit(self, saved: SavedProposal) -> tuple[Permit, Decision, Fleet]:
        """Judge again on the world as it is now: limits count at the moment of acting, drift refuses."""
        proposal = saved.proposal
        fleet = self._undrifted(proposal)
        fresh, decision = self._judge(
            proposal.action, fleet, by=proposal.proposed_by, actor=proposal.facts.actor, rationale=proposal.rationale
        )
        if len(fresh.preview.replaced_instances) > len(proposal.preview.replaced_instances):
            raise StalePlan(f"{proposal.proposal_id}: AWS would now replace more instances than were shown")
        check_price(proposal, fresh)
        if saved.decision.verdict == "ask" and decision.verdict == "allow":  # asked once, it keeps its question
            decision = decision.with_(verdict="ask", quorum=max(decision.quorum, saved.decision.quorum))
        permit = authorize(proposal, decision, saved.approvals, self.policy(), now=self.clock.now())
        return permit, decision, fleet

    def _undrifted(self, proposal: Proposal) -> Fleet:
        """The fleet, read now. Raises StalePlan when it is not the one that was shown, or is gone."""
        effect = effect_of(proposal.action)
        try:
            fleet = effect.subject(self.reader, proposal.action)
        except NotFound as error:
            gone = (f"{proposal.fleet.label}: there → gone",)
            raise StalePlan(f"{error.message}: nothing was called", hint=error.hint, drift=gone) from error
        now = effect.seen(self.reader, proposal.action, fleet)
        if digest_of(now) != proposal.preview.state_fingerprint:
            raise StalePlan(
                f"{proposal.fleet.label} changed since {proposal.proposal_id} was shown: nothing was called",
                hint="ask or plan again: the change will be previewed on the fleet as it is",
                drift=drift(proposal.state_seen, now),
            )
        return fleet

    # acting

    def _open_intent(
        self, saved: SavedProposal, permit: Permit, decision: Decision, fleet: Fleet, *, by: str
    ) -> Intent:
        proposal = saved.proposal
        arm(self.journal, self.reader, self.clock, proposal, fleet, proposal.aftercare)
        expect, want = effect_of(permit.action).expect_and_want(self.reader, permit.action, fleet)
        intent = intent_of(proposal, permit, expect, want, now=self.clock.now())
        self.journal.open_intent(
            proposal.proposal_id,
            intent,
            fleet=proposal.fleet.label,
            amounts=amounts_of(proposal),
            limits=decision.reservations,
            approval_ids=permit.approval_id.split(",") if permit.approval_id else [],
            lease=self.lease(),
            actor=by,
        )
        return intent

    def _carry_out(self, intent: Intent, proposal: Proposal, *, by: str) -> Outcome:
        """The last look, the one call, the read-back. From here on every exit writes an outcome."""
        try:
            fleet = self._undrifted(proposal)
        except StalePlan as error:
            self._close(intent, "refused", f"{error.message}: {'; '.join(error.drift)}", by=by)
            raise
        except (CloudError, DataError) as error:
            text = f"the last look failed, nothing was sent: {error.message}"
            return self._close(intent, "failed", text, after=intent.expect, unsent_only=True, by=by)
        try:
            self.check_running()
            sending = self._mark_sending(intent, by=by)
        except (Halted, Denied, AuditBroken) as error:
            self._close(intent, "refused", error.message, after=intent.expect, unsent_only=True, by=by)
            raise
        try:
            receipt = effect_of(proposal.action).carry_out(self.writer, sending, proposal.action, fleet)
        except (OutcomeUnknown, DataError, UsageError) as error:  # the last two: it does not say before which call
            return self._close(intent, "unknown", error.message, by=by)
        except CloudError as error:
            ids = (error.request_id,)  # AWS said no: what was expected still stands
            return self._close(intent, "failed", error.message, after=intent.expect, request_ids=ids, by=by)
        return self._read_back(intent, receipt, by=by)

    def _mark_sending(self, intent: Intent, *, by: str) -> Intent:
        """The last word before the call, and the moment until which the call may leave: whoever finds the intent open
        waits longer than that, so a sender that slept meanwhile cannot send what was closed behind its back.
        """
        now, lease = self.clock.now(), self.lease()
        self.journal.mark_sending(intent.intent_id, lease=lease, at=now, actor=by)
        until = now + SEND_WINDOW
        return intent.with_(send_by=until if lease is None else min(until, lease.expires_at))

    def check_running(self) -> None:
        """Raises Halted."""
        if self.halted():
            raise Halted("the kill switch is on: nothing is changed", hint="spotwarden run --resume takes it off")

    def _read_back(self, intent: Intent, receipt: Receipt, *, by: str) -> Outcome:
        ids, items, action = receipt.request_ids, receipt.items, intent.permit.action
        status, told = item_status(items)
        try:
            after = effect_of(action).observe(self.reader, intent, action)
        except (CloudError, DataError) as error:
            text = f"{told}; reading back failed: {error.message}"
            return self._close(intent, status, text, request_ids=ids, items=items, by=by)
        if not ids and not items:  # by the time of the call there was nothing left to ask for
            status, told = ("already", "it is so already") if after == intent.want else ("failed", "nothing was sent")
        if status == "done":
            told = "read back as wanted" if after == intent.want else f"{told}; not yet visible on reading back"
        return self._close(intent, status, told, after=after, request_ids=ids, items=items, by=by)

    def _settle(self, left: OpenIntent) -> Outcome:
        intent, now = left.intent, self.clock.now()
        if left.sent_at is None:
            return self._settle_unsent(intent, left.last_outcome, over=now >= intent.opened_at + UNSENT)
        action, effect = intent.permit.action, effect_of(intent.permit.action)
        ends = left.sent_at + effect.settles_after
        seen: dict[str, Any] = {}
        items: tuple[ItemOutcome, ...] = ()
        try:
            check_place(action.fleet, self.reader.account(), what=left.proposal_id)
            seen = effect.observe(self.reader, intent, action)
            items = effect.items(intent.want, seen)
            over = now >= ends
            held = not over and self.journal.held_lately(intent, since=left.sent_at - effect.horizon)
            status, text = found(intent, seen, items, over=over, held_lately=held)
        except (CloudError, DataError) as error:
            gone = isinstance(error, NotFound) and now >= ends
            status, text = ("superseded" if gone else "unknown"), f"cannot look: {error.message}"
        except StalePlan as elsewhere:  # a fleet of the same name here would tell of itself
            return self._stay_unknown(intent, left.last_outcome, elsewhere.message)
        if status == "unknown":
            return self._stay_unknown(intent, left.last_outcome, f"{text}; given up at {ends:%H:%M:%S} UTC", after=seen)
        return self._close(intent, status, text, after=seen, items=items, by="reconcile")

    def _settle_unsent(self, intent: Intent, last: Outcome | None, *, over: bool) -> Outcome:
        """Its sender may only be slow; once its time is over, closing it keeps a sleeper from sending it."""
        if not over:
            return self._stay_unknown(intent, last, "not sent yet, as far as the journal knows")
        text = "its sender died before it was sent: nothing happened"
        return self._close(intent, "failed", text, after=intent.expect, unsent_only=True, by="reconcile")

    def _stay_unknown(
        self, intent: Intent, last: Outcome | None, message: str, *, after: dict[str, Any] | None = None
    ) -> Outcome:
        if last is not None:  # written once: looking again adds nothing
            return last
        return self._close(intent, "unknown", message, after=after, by="reconcile")

    def _close(
        self,
        intent: Intent,
        status: OutcomeStatus,
        message: str,
        *,
        after: dict[str, Any] | None = None,
        request_ids: tuple[str, ...] = (),
        items: tuple[ItemOutcome, ...] = (),
        unsent_only: bool = False,
        by: str,
    ) -> Outcome:
        outcome = Outcome(
            status=status,
            message=message,
            before=intent.expect,
            after=after or {},
            request_ids=tuple(r for r in request_ids if r),
            items=items,
            at=self.clock.now(),
        )
        self.journal.close_intent(intent.intent_id, outcome, unsent_only=unsent_only, actor=by)
        return outcome

    def _refuse(self, saved: SavedProposal, error: StalePlan | Denied, *, by: str) -> None:
        """Tell the journal that an approved action was refused at the last look. A need for approval is no refusal."""
        lines = list(error.drift) if isinstance(error, StalePlan) else []
        self.journal.refuse(saved.proposal.proposal_id, reason=error.message, drift=lines, actor=by)


def expires_at(saved: SavedProposal) -> datetime:
    """The moment after which an unanswered proposal is denied; aware UTC."""
    return saved.proposal.created_at + timedelta(seconds=saved.decision.approval_ttl_seconds)
