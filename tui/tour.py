"""The tour: one request through the whole house on the simulated account, without a terminal and without waiting.

Every step is the real thing: the session asks and proposes, a person's approval is recorded, the change is made
over HTTP, watched and verified, an interruption comes through the queue, the audit log is verified. The account's
clock is stepped: a watch of twenty minutes takes a second.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from agent.autonomy import Daemon
from agent.events import Acted, ApprovalNeeded, Event, Finished, Proposed, Said, ToolRan
from agent.journal.watches import WatchedChange
from agent.reflex import ReflexReport
from policies.records import Decision, Proposal
from tools.errors import SpotError
from tools.records import Fleet, Outcome, Record, Recovery
from tools.simulation.client import SimulatedAccount
from tui.opening import House
from tui.render_jobs import timeline_words

VISITOR = "tour"
_LOOK_SECONDS = 300
"""of the account, between two looks at a change that is watched"""
_MOST_LOOKS = 24
_RECLAIM_SECONDS = 180
_RECOVERY_LOOK_SECONDS = 10
_CHANGED, _STAGED = "ml-train", "batch"
QUESTIONS: dict[str, dict[str, str]] = {
    "en": {
        "ask": "Where is the money?",
        "propose": "We keep losing one pool. Diversify ml-train.",
        "lower": "Lower the on-demand base of ml-train by a step.",
        "undo": "Roll back the last change of ml-train.",
        "refuse": "Set web-canary's on-demand base to 0.",
    },
    "ko": {
        "ask": "돈이 어디서 새고 있어?",
        "propose": "한 풀에서 계속 용량을 잃어. ml-train을 다양화해줘.",
        "lower": "ml-train 온디맨드 기본 용량을 한 단계 낮춰줘.",
        "undo": "ml-train 마지막 변경 되돌려줘.",
        "refuse": "web-canary 온디맨드 base를 0으로 바꿔줘.",
    },
}


class Step(Record):
    """One step, as people and programs read it."""

    name: Literal[
        "ask",
        "propose",
        "approve",
        "settle",
        "lower",
        "lowered",
        "undo",
        "undone",
        "refuse",
        "interrupt",
        "recover",
        "audit",
    ]
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
        self.daemon = Daemon(house.actuation, house.queue, holder=VISITOR, archive=house.archive, steady=house.steady)
        self.kept: ApprovalNeeded
        """the change that stands at the end"""
        self.steps: list[Step] = []
        self.actions: list[dict[str, Any]] = []
        self.savings: dict[str, Any] = {}
        self.audit: dict[str, Any] = {}

    def run(self) -> Iterator[Step]:
        """Yield each step as it ends. Raises TourFailed, and whatever the product raises."""
        story = (self._ask, self._diversify, self._lower, self._undo, self._refuse, self._interrupt, self._audit)
        for step in story:
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

    def _diversify(self) -> Iterator[Step]:
        said, tools, asked = self._proposed("propose")
        yield Step(name="propose", title=asked.proposal.title, said=said, tools=tools, facts=_weighed(asked))
        said, outcome = self._approved(asked)
        yield Step(name="approve", title=f"approved by {VISITOR}", said=said, facts={"outcome": outcome.message})
        ended, self.kept = self._watched(asked, outcome), asked
        fleet = self.house.fleet(_CHANGED)
        facts = {
            "verification": verification(ended),
            "instance_types": list(fleet.instance_types),
            "strategy": fleet.mix.spot_allocation_strategy if fleet.mix else None,
        }
        yield Step(name="settle", title=_verified(_CHANGED, ended), said=_checked(ended), facts=facts)

    def _lower(self) -> Iterator[Step]:
        before = self.house.fleet(_CHANGED)
        said, tools, asked = self._proposed("lower")
        done, outcome = self._approved(asked)
        facts = _weighed(asked) | {"outcome": outcome.message}
        yield Step(name="lower", title=asked.proposal.title, said=f"{said}\n\n{done}", tools=tools, facts=facts)
        ended = self._watched(asked, outcome)
        self._saved("approved_usd_per_day", self.kept, asked)
        after, costs = self.house.fleet(_CHANGED), self.house.costs()
        was, now = self.savings["account_before_usd_per_hour"], costs.total.effective_usd_per_hour
        self.savings["account_after_usd_per_hour"] = now
        # the only changes in between were the tour's; market prices may have moved beside them
        self.savings["realised_provisional_usd_per_day"] = None if None in {was, now} else (was - now) * 24
        opened = sorted({p.label for p in after.pools()} - {p.label for p in before.pools()})
        run = f"{len(after.instances)} instances run, new pools {', '.join(opened) or 'none'}"
        facts = {
            "verification": verification(ended),
            "pools_before": _pools(before),
            "pools_after": _pools(after),
        }
        said = f"read back from the account: {run}\n{_checked(ended)}"
        yield Step(name="lowered", title=_verified(_CHANGED, ended), said=said, facts=facts)

    def _undo(self) -> Iterator[Step]:
        said, tools, asked = self._proposed("undo")
        done, outcome = self._approved(asked)
        facts = _weighed(asked) | {"outcome": outcome.message}
        yield Step(name="undo", title=asked.proposal.title, said=f"{said}\n\n{done}", tools=tools, facts=facts)
        ended = self._watched(asked, outcome)
        self._saved("rolled_back_usd_per_day", asked)
        self.savings["account_after_rollback_usd_per_hour"] = self.house.costs().total.effective_usd_per_hour
        facts = {"verification": verification(ended), "recorded": outcome.after}
        yield Step(name="undone", title=_verified(_CHANGED, ended), said=_checked(ended), facts=facts)

    def _proposed(self, question: str) -> tuple[str, tuple[str, ...], ApprovalNeeded]:
        """What was said, the tools that ran, and the change that waits for a person. Raises TourFailed."""
        said, events = self._listen(self.session.ask(self.ask[question]))
        waiting = next((e for e in events if isinstance(e, ApprovalNeeded)), None)
        if waiting is None:
            raise TourFailed("no proposal came to be approved", hint=said[-300:] or "the assistant said nothing")
        return said, _tools(events), waiting

    def _approved(self, asked: ApprovalNeeded) -> tuple[str, Outcome]:
        """A person's yes, and what came of it. Raises TourFailed."""
        proposal = asked.proposal
        said, events = self._listen(self.session.answer(proposal.proposal_id, "approve", by=VISITOR))
        acted = next((e for e in events if isinstance(e, Acted)), None)
        if acted is None or acted.outcome.status != "done":
            raise TourFailed("the approved change was not carried out", hint=said[-300:] or str(acted))
        return said, acted.outcome

    def _saved(self, name: str, *approved: ApprovalNeeded) -> None:
        """One unknown cost makes the sum unknown."""
        added = [e.proposal.preview.added_cost_usd_per_day for e in approved]
        self.savings[name] = None if None in added else -sum(a for a in added if a is not None)

    def _watched(self, asked: ApprovalNeeded, outcome: Outcome) -> WatchedChange:
        """Look until it is known what the change did. Raises TourFailed: nobody wanted it watched, or it never ends."""
        for _ in range(_MOST_LOOKS):
            self.daemon.lead()
            seen = self.daemon.keeper.look_at(asked.proposal.proposal_id)
            if not seen.open:
                self._note(asked.proposal, asked.decision, outcome.status, by=VISITOR, ended=seen)
                return seen
            self.account.advance(_LOOK_SECONDS)
        raise TourFailed(f"{asked.proposal.proposal_id} is still {seen.status} after {_MOST_LOOKS} looks")

    def _refuse(self) -> Iterator[Step]:
        said, events = self._listen(self.session.ask(self.ask["refuse"]))
        proposed = next((e for e in events if isinstance(e, Proposed)), None)
        if proposed is None or proposed.decision.verdict != "deny":
            raise TourFailed("the policy did not refuse what it must", hint=said[-300:])
        self._note(proposed.proposal, proposed.decision, "refused", by="policy", ended=None)
        decision = proposed.decision
        facts = {"verdict": "deny", "clauses": list(decision.clauses), "reasons": list(decision.reasons)}
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
        recovery = self._brought_back(victim.instance_id)
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
        line = recovery.timeline
        told = {"job": recovery.job.job_id, "replaced_by": recovery.replaced_by, "status": recovery.status}
        yield Step(
            name="recover",
            title=f"the job of {_STAGED} works on",
            said=timeline_words(line),
            facts=told | {"timeline": line.model_dump(mode="json"), "lost_work_seconds": recovery.lost_work_seconds},
        )

    def _brought_back(self, victim: str) -> Recovery:
        """The daemon follows the job until it works on; then the instance is gone. Raises TourFailed: it does not."""
        ended: list[Recovery] = []
        for _ in range(_RECLAIM_SECONDS // _RECOVERY_LOOK_SECONDS):
            self.account.advance(_RECOVERY_LOOK_SECONDS)
            if not ended:
                ended = [r for r in self.daemon.bring_back() if r.instance_id == victim and r.status != "open"]
        if not ended or ended[0].status != "recovered":
            raise TourFailed(f"the job of {_STAGED} does not work on: {ended[0].told if ended else 'still open'}")
        return ended[0]

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

    def _note(
        self, proposal: Proposal, decision: Decision, outcome: str, *, by: str, ended: WatchedChange | None
    ) -> None:
        preview = proposal.preview
        self.actions.append(
            {
                "proposal_id": proposal.proposal_id,
                "action": ", ".join(proposal.action.types),
                "fleet": proposal.fleet.fleet_id,
                "changes": [f"{c.field}: {c.before} → {c.after}" for c in preview.changes],
                "diff": [f"{c.sign} {c.field}: {c.before or '–'} → {c.after or '–'}" for c in preview.changes],
                "replaced": list(preview.replaced_instances),
                "added_cost_usd_per_day": preview.added_cost_usd_per_day,
                "verdict": decision.verdict,
                "clauses": list(decision.clauses),
                "outcome": outcome,
                "undoes": proposal.aftercare.undoes if proposal.aftercare else None,
                "verification": None if ended is None else verification(ended),
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


def verification(ended: WatchedChange) -> dict[str, Any]:
    """How a watch ended, as programs read it."""
    verdict = ended.verdict
    return {
        "status": ended.status,
        "watched_seconds": ended.seconds,
        "on_fail": ended.on_fail,
        "health": verdict.health if verdict else None,
        "checks": {c.name: c.health for c in verdict.checks} if verdict else {},
        "told": ended.told,
        "rollback_id": ended.rollback_id,
    }


def _weighed(asked: ApprovalNeeded) -> dict[str, Any]:
    """What a person was shown."""
    preview, decision = asked.proposal.preview, asked.decision
    return {
        "proposal_id": asked.proposal.proposal_id,
        "diff": [f"{c.sign} {c.field}: {c.before or '–'} → {c.after or '–'}" for c in preview.changes],
        "verdict": decision.verdict,
        "reasons": list(decision.reasons),
        "instances_replaced": len(preview.replaced_instances),
        "added_cost_usd_per_day": preview.added_cost_usd_per_day,
        "risk": [preview.risk_before, preview.risk_after],
        "calls": list(preview.calls),
    }


def _verified(fleet: str, ended: WatchedChange) -> str:
    words = {
        "passed": "verified",
        "rolled-back": "set back: it failed",
        "escalated": "NOT verified: a person must look",
    }
    return f"{fleet}, watched for {ended.seconds // 60} min: {words.get(ended.status, ended.status)}"


def _checked(ended: WatchedChange) -> str:
    return ended.told.replace("; ", "\n")


def _pools(fleet: Fleet) -> dict[str, int]:
    return {p.label: n for p, n in sorted(fleet.pools().items(), key=lambda x: x[0].label)}


def _tools(events: list[Event]) -> tuple[str, ...]:
    return tuple(e.tool for e in events if isinstance(e, ToolRan))


def narrate(step: Step, say: Callable[[str], None]) -> None:
    """One step for people, on a plain terminal."""
    say(f"\n── {step.name} · {step.title}")
    if step.tools:
        say(f"   tools: {', '.join(step.tools)}")
    for line in step.said.splitlines():
        say(f"   {line}")
    if "verdict" in step.facts:
        for line in step.facts.get("diff", ()):
            say(f"   {line}")
        say(f"   policy: {step.facts['verdict'].upper()}: {'; '.join(step.facts.get('reasons', ()))}")
