"""The tour: one request through the whole house on the simulated account, without a terminal and without waiting.

Every step is the real thing: the session asks and proposes, a person's approval is recorded, the change is made
over HTTP, an interruption comes through the queue, the audit log is verified. The account's clock is stepped.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from agent.autonomy import Daemon
from agent.events import Acted, ApprovalNeeded, Event, Finished, Proposed, Said, ToolRan
from agent.reflex import ReflexReport
from policies.records import Proposal
from tools.errors import SpotError
from tools.records import Record
from tools.simulation.client import SimulatedAccount
from tui.opening import House

VISITOR = "tour"
_SETTLE_SECONDS = 600
_RECLAIM_SECONDS = 180
_STAGED = "batch"
QUESTIONS: dict[str, dict[str, str]] = {
    "en": {
        "ask": "Where is the money?",
        "propose": "We keep losing one pool. Diversify ml-train and lower its on-demand base to 1.",
        "refuse": "Set web-canary's on-demand base to 0.",
    },
    "ko": {
        "ask": "돈이 어디서 새고 있어?",
        "propose": "한 풀에서 계속 용량을 잃어. ml-train을 다양화하고 온디맨드 base를 1로 낮춰줘.",
        "refuse": "web-canary 온디맨드 base를 0으로 바꿔줘.",
    },
}


class Step(Record):
    """One step, as people and programs read it."""

    name: Literal["ask", "propose", "approve", "settle", "refuse", "interrupt", "audit"]
    title: str
    said: str
    """what the assistant or the product told"""
    tools: tuple[str, ...] = ()
    facts: dict[str, Any] = {}


class TourFailed(SpotError):
    """A step did not show what it must."""


class Tour:
    """Runs the steps in order. `result()` is the contract of `demo --headless --json`."""

    def __init__(self, house: House, account: SimulatedAccount, *, scenario: str, seed: int, lang: str) -> None:
        self.house, self.account = house, account
        self.scenario, self.seed = scenario, seed
        self.ask = QUESTIONS[lang]
        self.session = house.open_session(lang="ko" if lang == "ko" else "en")
        self.daemon = Daemon(house.actuation, house.queue, holder=VISITOR)
        self.steps: list[Step] = []
        self.actions: list[dict[str, Any]] = []
        self.savings: dict[str, Any] = {}
        self.audit: dict[str, Any] = {}

    def run(self) -> Iterator[Step]:
        """Yield each step as it ends. Raises TourFailed, and whatever the product raises."""
        for step in (self._ask, self._propose, self._settle, self._refuse, self._interrupt, self._audit):
            for done in step():
                self.steps.append(done)
                yield done

    def result(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "region": self.account.region,
            "model": self.house.model.name,
            "steps": [s.model_dump(mode="json") for s in self.steps],
            "actions": self.actions,
            "savings": self.savings,
            "audit": self.audit,
        }

    def _ask(self) -> Iterator[Step]:
        costs = self.house.costs()
        self.savings = {
            "currency": "USD",
            "basis": "effective",
            "potential_usd_per_hour": {f.fleet: f.potential_usd_per_hour for f in costs.fleets},
            "account_before_usd_per_hour": costs.total.effective_usd_per_hour,
        }
        said, events = self._listen(self.session.ask(self.ask["ask"]))
        yield Step(name="ask", title=self.ask["ask"], said=said, tools=_tools(events))

    def _propose(self) -> Iterator[Step]:
        said, events = self._listen(self.session.ask(self.ask["propose"]))
        waiting = next((e for e in events if isinstance(e, ApprovalNeeded)), None)
        if waiting is None:
            raise TourFailed("no proposal came to be approved", hint=said[-300:] or "the assistant said nothing")
        proposal = waiting.proposal
        facts = {
            "verdict": waiting.decision.verdict,
            "reasons": list(waiting.decision.reasons),
            "instances_replaced": len(proposal.preview.replaced_instances),
            "added_cost_usd_per_day": proposal.preview.added_cost_usd_per_day,
            "risk": [proposal.preview.risk_before, proposal.preview.risk_after],
        }
        yield Step(name="propose", title=proposal.title, said=said, tools=_tools(events), facts=facts)
        said, events = self._listen(self.session.answer(proposal.proposal_id, "approve", by=VISITOR))
        acted = next((e for e in events if isinstance(e, Acted)), None)
        if acted is None or acted.outcome.status != "done":
            raise TourFailed("the approved change was not carried out", hint=said[-300:] or str(acted))
        self._note(proposal, waiting.decision.verdict, acted.outcome.status, by=VISITOR)
        added = proposal.preview.added_cost_usd_per_day
        self.savings["approved_usd_per_day"] = None if added is None else -added
        yield Step(name="approve", title=f"approved by {VISITOR}", said=said, facts={"outcome": acted.outcome.message})

    def _settle(self) -> Iterator[Step]:
        before = self.house.fleet("ml-train")
        self.account.advance(_SETTLE_SECONDS)
        after = self.house.fleet("ml-train")
        costs = self.house.costs()
        was, now = self.savings["account_before_usd_per_hour"], costs.total.effective_usd_per_hour
        self.savings["account_after_usd_per_hour"] = now
        # the only change in between was the tour's; market prices may have moved beside it
        self.savings["realised_provisional_usd_per_day"] = None if None in {was, now} else (was - now) * 24
        mix = after.mix
        facts = {
            "pools_before": {p.label: n for p, n in sorted(before.pools().items(), key=lambda x: x[0].label)},
            "pools_after": {p.label: n for p, n in sorted(after.pools().items(), key=lambda x: x[0].label)},
            "instance_types": list(after.instance_types),
            "strategy": mix.spot_allocation_strategy if mix else None,
        }
        opened = sorted({p.label for p in after.pools()} - {p.label for p in before.pools()})
        text = (
            f"read back from the account: {len(after.instances)} instances run, new pools {', '.join(opened) or 'none'}"
        )
        yield Step(name="settle", title="ml-train ten minutes later", said=text, facts=facts)

    def _refuse(self) -> Iterator[Step]:
        said, events = self._listen(self.session.ask(self.ask["refuse"]))
        proposed = next((e for e in events if isinstance(e, Proposed)), None)
        if proposed is None or proposed.decision.verdict != "deny":
            raise TourFailed("the policy did not refuse what it must", hint=said[-300:])
        self._note(proposed.proposal, "deny", "refused", by="policy")
        facts = {"verdict": "deny", "clauses": list(proposed.decision.clauses)}
        yield Step(name="refuse", title=proposed.proposal.title, said=said, tools=_tools(events), facts=facts)

    def _interrupt(self) -> Iterator[Step]:
        victim = min(self.house.fleet(_STAGED).spot, key=lambda i: i.instance_id)
        self.account.interrupt(victim.instance_id)
        report = self.daemon.answer_notices(wait_seconds=0)
        if report is None or not report.steps:
            raise TourFailed(f"the notice for {victim.instance_id} did not arrive through the queue")
        for step in report.steps:
            status = step.outcome.status if step.outcome else "not done"
            self.actions.append(
                {
                    "action": step.action,
                    "fleet": step.fleet,
                    "instances": list(step.instance_ids),
                    "verdict": step.verdict,
                    "outcome": status,
                    "by": "reflex",
                }
            )
        self.account.advance(_RECLAIM_SECONDS)
        fleet = self.house.fleet(_STAGED)
        facts = self._interruption_facts(victim.instance_id, report) | {
            "running_after": len(fleet.instances),
            "desired_capacity": fleet.desired_capacity,
        }
        text = (
            f"notice → save and replacement asked for in {report.slowest_seconds:g} s"
            f" → saved after {facts['saved_after_seconds']:g} s"
            f" → {len(fleet.instances)} of {fleet.desired_capacity} run"
        )
        yield Step(name="interrupt", title=f"EC2 takes {victim.instance_id} of {_STAGED}", said=text, facts=facts)

    def _interruption_facts(self, victim: str, report: ReflexReport) -> dict[str, Any]:
        """Raises TourFailed: no checkpoint was saved after the notice."""
        from tools.recovery.checkpoints import list_checkpoints

        noticed = min(n.at for n in report.notices)
        found: Any = list_checkpoints.run(reader=self.house.desk.reader, clock=self.house.clock, fleet=_STAGED)
        saves = sorted(
            (c.manifest.saved_at, c.checkpoint_id)
            for c in found.checkpoints
            if c.whole and c.manifest.saved_by == victim and c.manifest.saved_at >= noticed
        )
        if not saves:
            raise TourFailed(f"{victim} saved no checkpoint after its notice at {noticed:%H:%M:%S}")
        return {
            "instance": victim,
            "notice_to_asked_seconds": report.slowest_seconds,
            "saved_after_seconds": (saves[0][0] - noticed).total_seconds(),
            "checkpoint": saves[0][1],
            "steps": [{"action": s.action, "verdict": s.verdict, "reasons": list(s.reasons)} for s in report.steps],
        }

    def _audit(self) -> Iterator[Step]:
        self.daemon.release()
        self.session.close()
        checked = self.house.verify()
        self.audit = {"entries": checked.entries, "verified": checked.ok, "head": checked.head}
        text = f"{checked.entries} entries, head {checked.head[:16]}…: " + (
            "verified" if checked.ok else checked.reason
        )
        yield Step(name="audit", title="the audit log proves itself", said=text, facts=self.audit)

    def _note(self, proposal: Proposal, verdict: str, outcome: str, *, by: str) -> None:
        changes = [f"{c.field}: {c.before} → {c.after}" for c in proposal.preview.changes]
        self.actions.append(
            {
                "action": ", ".join(proposal.action.types),
                "fleet": proposal.fleet.fleet_id,
                "changes": changes,
                "replaced": list(proposal.preview.replaced_instances),
                "verdict": verdict,
                "outcome": outcome,
                "by": by,
            }
        )

    def _listen(self, events: Iterator[Event]) -> tuple[str, list[Event]]:
        """Everything a stream said, and its events. Raises TourFailed when it ends badly."""
        heard = list(events)
        said = "".join(e.text for e in heard if isinstance(e, Said)).strip()
        end = heard[-1]
        if not isinstance(end, Finished) or end.status not in {"answered", "waiting"}:
            raise TourFailed(f"the conversation ended early: {end}", hint=said[-300:])
        return said, heard


def _tools(events: list[Event]) -> tuple[str, ...]:
    return tuple(e.tool for e in events if isinstance(e, ToolRan))


def narrate(step: Step, say: Callable[[str], None]) -> None:
    """One step for people, on a plain terminal."""
    say(f"\n── {step.name} · {step.title}")
    if step.tools:
        say(f"   tools: {', '.join(step.tools)}")
    for line in step.said.splitlines():
        say(f"   {line}")
