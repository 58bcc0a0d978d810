"""Answer interruption notices with no model in the way: save, replace, tell. The policy allowed it in advance, or not.

An interruption notice is an order: a checkpoint is asked for and the instance is detached, so that its group launches
a replacement while the old one still runs. A rebalance recommendation is evidence: a checkpoint, never a termination.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.actuation import Actuation
from agent.attempt import Attempt, attempt
from agent.notices import Notices
from tools.records import Fleet, Notice, Record, ReplaceInstances, RequestCheckpoint, UtcTime, digest_of
from tools.recovery.checkpoints import checkpoint_store

_BY = "reflex"
_MAX_IDS = 20  # DetachInstances takes at most 20 a call
_MAX_MARKERS = 100  # a RequestCheckpoint names at most 100


class ReflexStep(Attempt):
    """One action that a notice caused, and what became of it."""

    action: str
    fleet: str
    instance_ids: tuple[str, ...]
    at: UtcTime

    @property
    def to_do(self) -> bool:
        """Nothing happened, and trying again may help: AWS or the journal said «not now»."""
        return self.verdict == "error" or (self.outcome is not None and self.outcome.status == "failed")


class ReflexReport(Record):
    """What a batch of notices led to."""

    notices: tuple[Notice, ...]
    """new ones; repeats are left out"""
    repeated: int
    unknown_instances: tuple[str, ...]
    """in no fleet of this account and region"""
    left_alone: tuple[str, ...] = ()
    """in a fleet that keeps no checkpoints and replaces by itself: nothing to do"""
    to_do: tuple[str, ...] = ()
    """instances for which something did not succeed and will be tried again"""
    steps: tuple[ReflexStep, ...]
    slowest_seconds: float | None
    """from the earliest notice to the last step, by the account's clock; None = no step"""


@dataclass
class Reflex:
    """Acts on each notice once, also across a restart: IMDS and EventBridge both deliver, and both repeat."""

    actuation: Actuation
    lead: Callable[[], object] = lambda: None
    """called before every step; raises Halted where this process may not act any more"""
    notices: Notices = field(init=False)

    def __post_init__(self) -> None:
        self.notices = Notices(self.actuation.journal, self.actuation.clock)

    def handle(self, notices: Sequence[Notice], *, on_step: Callable[[ReflexStep], None] | None = None) -> ReflexReport:
        """Act on notices, coalesced per fleet, and on those that did not succeed before, when their time has come.

        Errors of one fleet do not stop another.
        Raises  Halted, JournalError: what was not acted on stays owed; CloudError: the fleets cannot be read
        """
        fresh = [n for n in notices if self.notices.take_in(n)]
        due = self.notices.due()
        if any(self.actuation.journal.open_intents()) and due:
            self.actuation.reconcile()  # an answer that was lost may have come true: then its fleet is free again
        fleets, strangers = self._by_fleet(due)
        self.notices.answered(strangers)
        steps: list[ReflexStep] = []
        alone: list[str] = []
        for fleet, theirs in fleets:
            taken = self._answer(fleet, theirs, on_step or (lambda _step: None))
            steps += taken
            alone += [n.instance_id for n in theirs if not taken and self.notices.detached_from(n) is None]
        return ReflexReport(
            notices=tuple(fresh),
            repeated=sum(n.kind != "state-change" for n in notices) - len(fresh),
            unknown_instances=tuple(dict.fromkeys(n.instance_id for n in strangers)),
            left_alone=tuple(dict.fromkeys(alone)),
            to_do=tuple(dict.fromkeys(n.instance_id for n in self.notices.owed())),
            steps=tuple(steps),
            slowest_seconds=(max(s.at for s in steps) - min(n.at for n in due)).total_seconds() if steps else None,
        )

    def _by_fleet(self, notices: Sequence[Notice]) -> tuple[list[tuple[Fleet, list[Notice]]], list[Notice]]:
        if not notices:
            return [], []
        fleets = self.actuation.reader.fleets()
        home = {i.instance_id: fleet.ref.label for fleet in fleets for i in fleet.instances}
        grouped: dict[str | None, list[Notice]] = defaultdict(list)
        for notice in notices:
            grouped[home.get(notice.instance_id) or self.notices.detached_from(notice)].append(notice)
        known = {f.ref.label for f in fleets}
        strangers = [n for label, theirs in grouped.items() if label not in known for n in theirs]
        return [(f, grouped[f.ref.label]) for f in fleets if f.ref.label in grouped], strangers

    def _answer(
        self, fleet: Fleet, notices: Sequence[Notice], on_step: Callable[[ReflexStep], None]
    ) -> list[ReflexStep]:
        """One fleet's notices, all of them; told to the journal when nothing of it is left to do."""
        save = [n for n in notices if not self.notices.begun("request-checkpoint", n)]
        gone = [n for n in notices if n.kind == "interruption"]
        taken = [n for n in gone if not self.notices.begun("replace-instances", n)]
        steps = []
        for action in actions_for(fleet, save=save, taken=taken):
            step = self._take(action, fleet)
            on_step(step)
            steps.append(step)
        failed = {i for s in steps if s.to_do for i in s.instance_ids}
        given_up = self.notices.put_off([n for n in notices if n.instance_id in failed])
        proposals = tuple(s.proposal_id for s in steps if s.proposal_id is not None)
        self.notices.answered([n for n in notices if n.instance_id not in failed], proposals=proposals)
        self.notices.answered(given_up, proposals=proposals, given_up=True)
        return steps

    def _take(self, action: ReplaceInstances | RequestCheckpoint, fleet: Fleet) -> ReflexStep:
        self.lead()
        ids = action.instance_ids
        verb = "takes" if isinstance(action, ReplaceInstances) else "takes, or may take,"
        tried = attempt(self.actuation, action, by=_BY, actor="reflex", rationale=f"EC2 {verb} {', '.join(ids)} back")
        step = ReflexStep(
            **dict(tried), action=action.types[0], fleet=fleet.name, instance_ids=ids, at=self.actuation.clock.now()
        )
        if step.outcome is not None and not step.to_do:
            self.notices.began(action.kind, ids, fleet=fleet.ref.label, at=step.at)
        return step


def actions_for(
    fleet: Fleet, *, save: Sequence[Notice], taken: Sequence[Notice]
) -> list[ReplaceInstances | RequestCheckpoint]:
    """Save first, it is one small write; then ask for the replacements. Pure.

    save   notices whose instances shall save
    taken  notices whose instances EC2 takes back
    """
    actions: list[ReplaceInstances | RequestCheckpoint] = []
    store = checkpoint_store(fleet)
    ids = tuple(dict.fromkeys(n.instance_id for n in save))
    if store is not None:
        bucket, job_id = store
        actions += [
            RequestCheckpoint(
                fleet=fleet.ref, job_id=job_id, bucket=bucket, instance_ids=some, notice_digest=digest_of(list(save))
            )
            for some in _pieces(ids, _MAX_MARKERS)
        ]
    if fleet.ref.kind == "asg":  # an EC2 Fleet of type maintain replaces by itself, and has no detach
        gone = tuple(dict.fromkeys(n.instance_id for n in taken))
        actions += [ReplaceInstances(fleet=fleet.ref, instance_ids=some) for some in _pieces(gone, _MAX_IDS)]
    return actions


def _pieces(ids: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    return [ids[start : start + size] for start in range(0, len(ids), size)]
