"""Answer interruption notices with no model in the way: save, replace, tell. The policy allowed it in advance, or not.

An interruption notice is an order: a checkpoint is asked for and the instance is detached, so that its group launches
a replacement while the old one still runs. A rebalance recommendation is evidence: a checkpoint, never a termination.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agent.actuation import Actuation
from tools.errors import SpotError
from tools.records import (
    Action,
    Fleet,
    Notice,
    Outcome,
    Record,
    ReplaceInstances,
    RequestCheckpoint,
    UtcTime,
    digest_of,
)
from tools.recovery.checkpoints import checkpoint_store

_BY = "reflex"
_MAX_IDS = 20  # DetachInstances takes at most 20 a call


class ReflexStep(Record):
    """One action that a notice caused, and what became of it."""

    action: str
    fleet: str
    instance_ids: tuple[str, ...]
    verdict: Literal["allow", "ask", "deny", "error"]
    reasons: tuple[str, ...]
    proposal_id: str | None
    outcome: Outcome | None
    at: UtcTime


class ReflexReport(Record):
    """What a batch of notices led to."""

    notices: tuple[Notice, ...]
    """new ones; repeats are left out"""
    repeated: int
    unknown_instances: tuple[str, ...]
    """in no fleet of this account and region"""
    steps: tuple[ReflexStep, ...]
    slowest_seconds: float | None
    """from the earliest notice to the last step, by the account's clock; None = no step"""


@dataclass
class Reflex:
    """Remembers the notices it has seen, also across a restart: IMDS and EventBridge both deliver, and both repeat."""

    actuation: Actuation
    seen: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for entry in self.actuation.journal.entries(kinds=("notice",), newest_first=True, limit=5000):
            payload = json.loads(entry.payload)
            self.seen.add((payload["kind"], payload["instance_id"]))

    def handle(self, notices: Sequence[Notice], *, on_step: Callable[[ReflexStep], None] | None = None) -> ReflexReport:
        """Act on notices, coalesced per fleet; each (kind, instance) once. Errors of one fleet do not stop another."""
        fresh: list[Notice] = []
        for notice in notices:
            key = (notice.kind, notice.instance_id)
            if notice.kind != "state-change" and key not in self.seen:
                self.seen.add(key)
                fresh.append(notice)
                self.actuation.journal.append("notice", notice, actor=notice.source)
        by_fleet, strangers = self._by_fleet(fresh)
        steps: list[ReflexStep] = []
        for fleet, theirs in by_fleet:
            for action in actions_for(fleet, theirs):
                step = self._take(action, fleet)
                steps.append(step)
                if on_step is not None:
                    on_step(step)
        slowest = (max(s.at for s in steps) - min(n.at for n in fresh)).total_seconds() if steps else None
        return ReflexReport(
            notices=tuple(fresh),
            repeated=len(notices) - len(fresh),
            unknown_instances=tuple(strangers),
            steps=tuple(steps),
            slowest_seconds=slowest,
        )

    def _by_fleet(self, notices: Sequence[Notice]) -> tuple[list[tuple[Fleet, list[Notice]]], list[str]]:
        if not notices:
            return [], []
        fleets = self.actuation.reader.fleets()
        home = {i.instance_id: fleet for fleet in fleets for i in fleet.instances}
        grouped: dict[str, list[Notice]] = defaultdict(list)
        for notice in notices:
            if notice.instance_id in home:
                grouped[home[notice.instance_id].ref.label].append(notice)
        strangers = [n.instance_id for n in notices if n.instance_id not in home]
        return [(f, grouped[f.ref.label]) for f in fleets if f.ref.label in grouped], strangers

    def _take(self, action: Action, fleet: Fleet) -> ReflexStep:
        ids = tuple(getattr(action, "instance_ids", ()))
        proposal_id, outcome = None, None
        verdict: Literal["allow", "ask", "deny", "error"]
        try:
            rationale = f"EC2 takes {', '.join(ids)} back"
            saved = self.actuation.propose(action, by=_BY, actor="reflex", rationale=rationale)
            proposal_id, verdict = saved.proposal.proposal_id, saved.decision.verdict
            reasons = saved.decision.reasons
            if verdict == "allow":
                outcome = self.actuation.act(proposal_id, by=_BY)
        except SpotError as error:
            verdict, reasons = "error", (error.message,)
        return ReflexStep(
            action=action.types[0],
            fleet=fleet.name,
            instance_ids=ids,
            verdict=verdict,
            reasons=reasons,
            proposal_id=proposal_id,
            outcome=outcome,
            at=self.actuation.clock.now(),
        )


def actions_for(fleet: Fleet, notices: Sequence[Notice]) -> list[Action]:
    """Save first, it is one small write; then ask for the replacements. Pure."""
    actions: list[Action] = []
    ids = tuple(n.instance_id for n in notices)
    store = checkpoint_store(fleet)
    if store is not None:
        bucket, job_id = store
        actions.append(
            RequestCheckpoint(
                fleet=fleet.ref,
                job_id=job_id,
                bucket=bucket,
                instance_ids=ids[:100],
                notice_digest=digest_of(list(notices)),
            )
        )
    taken = [n.instance_id for n in notices if n.kind == "interruption"]
    if fleet.ref.kind == "asg":  # an EC2 Fleet of type maintain replaces by itself, and has no detach
        actions += [
            ReplaceInstances(fleet=fleet.ref, instance_ids=tuple(taken[start : start + _MAX_IDS]))
            for start in range(0, len(taken), _MAX_IDS)
        ]
    return actions
