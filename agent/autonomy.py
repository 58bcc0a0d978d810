"""The daemon: watch, answer notices, propose what the rules suggest, act where the policy allows it alone.

No model takes part. One leader by a lease with a fencing token; the kill switch is looked at before every step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from agent.actuation import Actuation
from agent.journal.records import Lease
from agent.reflex import Reflex, ReflexReport
from tools.cloud import NoticeQueue
from tools.errors import Halted, SpotError
from tools.fleets.suggest import suggest_change
from tools.records import ChangeFleet, Outcome, Record, UtcTime

LEASE = "daemon"
LEASE_SECONDS = 120
_BY = "autonomy"


class RoundStep(Record):
    """One suggestion of the rules for one fleet, its verdict, and what became of it."""

    fleet: str
    action: str
    rationale: str
    verdict: Literal["allow", "ask", "deny", "error"]
    reasons: tuple[str, ...]
    proposal_id: str | None = None
    outcome: Outcome | None = None


class Round(Record):
    """One pass over the account."""

    at: UtcTime
    fleets: int
    settled: tuple[Outcome, ...]
    """intents of a dead process, looked for"""
    notices: ReflexReport | None
    steps: tuple[RoundStep, ...]


@dataclass
class Daemon:
    """One leader at a time; `holder` names it in the lease and the journal."""

    actuation: Actuation
    queue: NoticeQueue | None
    holder: str
    reflex: Reflex = field(init=False)
    lease: Lease | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.reflex = Reflex(self.actuation)

    def lead(self) -> Lease:
        """Take or renew the lease. Raises Halted: the kill switch is on, or another daemon leads."""
        if self.actuation.halted():
            raise Halted("the kill switch is on", hint="spotwarden run --resume takes it off")
        journal, now = self.actuation.journal, self.actuation.clock.now()
        if self.lease is None:
            lease = journal.acquire_lease(LEASE, holder=self.holder, ttl_seconds=LEASE_SECONDS, now=now)
        else:
            lease = journal.renew_lease(self.lease, ttl_seconds=LEASE_SECONDS, now=now)
        if lease is None:
            raise Halted(
                "another daemon leads this journal",
                hint=f"spotwarden run --status names it; its lease ends {LEASE_SECONDS} s after it dies",
            )
        self.lease = lease
        return lease

    def round(self) -> Round:
        """Settle, answer notices, look at every fleet once. Errors of one fleet do not stop the others."""
        self.lead()
        settled = tuple(outcome for _, outcome in self.actuation.reconcile())
        report = self.answer_notices(wait_seconds=0)
        fleets = self.actuation.reader.fleets()
        steps = []
        for fleet in fleets:
            self.lead()
            suggestion = suggest_change(fleet)
            if suggestion is not None:
                steps.append(self._take(suggestion.action, fleet.name, suggestion.rationale))
        result = Round(
            at=self.actuation.clock.now(), fleets=len(fleets), settled=settled, notices=report, steps=tuple(steps)
        )
        summary = {"fleets": len(fleets), "steps": [s.model_dump(mode="json", exclude={"outcome"}) for s in steps]}
        self.actuation.journal.append("round", summary, actor=_BY)
        return result

    def answer_notices(self, *, wait_seconds: int) -> ReflexReport | None:
        """Take what the queue holds, act, acknowledge. A message is acknowledged only after it was acted on."""
        if self.queue is None:
            return None
        messages = self.queue.receive(wait_seconds=wait_seconds)
        if not messages:
            return None
        for message in messages:
            if message.notice is None:
                problem = {"problem": message.problem or "not a notice"}
                self.actuation.journal.append("notice-unreadable", problem, actor="queue")
        report = self.reflex.handle([m.notice for m in messages if m.notice is not None])
        self.queue.acknowledge([m.receipt for m in messages])
        return report

    def watch(self, *, interval_seconds: float, stop: Callable[[], bool]) -> Iterator[Round | ReflexReport]:
        """Rounds every interval, notices in between, until `stop()` or the kill switch. Releases the lease at the end.

        Raises  Halted: the kill switch came on, or the lease was lost
        """
        due = self.actuation.clock.now()
        try:
            while not stop():
                now = self.actuation.clock.now()
                if now >= due:
                    yield self.round()
                    due = now + timedelta(seconds=interval_seconds)
                self.lead()
                report = self.answer_notices(wait_seconds=1)
                if report is not None:
                    yield report
        finally:
            self.release()

    def release(self) -> None:
        if self.lease is not None:
            self.actuation.journal.release_lease(self.lease)
            self.lease = None

    def _take(self, action: ChangeFleet, fleet: str, rationale: str) -> RoundStep:
        proposal_id, outcome = None, None
        verdict: Literal["allow", "ask", "deny", "error"]
        try:
            saved = self.actuation.propose(action, by=_BY, actor="agent", rationale=rationale)
            proposal_id, verdict, reasons = saved.proposal.proposal_id, saved.decision.verdict, saved.decision.reasons
            if verdict == "allow":
                outcome = self.actuation.act(proposal_id, by=_BY)
        except SpotError as error:
            verdict, reasons = "error", (error.message,)
        return RoundStep(
            fleet=fleet,
            action=", ".join(action.types),
            rationale=rationale,
            verdict=verdict,
            reasons=reasons,
            proposal_id=proposal_id,
            outcome=outcome,
        )
