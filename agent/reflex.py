"""Answer interruption notices with no model in the way: save, drain, replace. The policy allowed it in advance, or not.

An interruption notice is an order: a checkpoint is asked for, the instance leaves its target groups, and is detached,
so that its group launches a replacement while the old one still runs. In this order: work that is not saved is lost
for ever, and asking for it is one small write; no new request may go to an instance that ends, and those under way
need every second that is left; a replacement takes minutes whenever it is asked for. Before detaching, because a group
that detaches takes its instance out of its target groups too, but only when it comes to it.
A rebalance recommendation is evidence: a checkpoint, never a drain, never a termination. A group's word that it ends
an instance is a checkpoint and a drain: the group replaces by itself, and its hook's own time-out ends the wait.
The order holds inside a fleet; fleets are answered beside each other, as each waits for AWS most of its time.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

from agent.actuation import Actuation
from agent.attempt import Attempt, attempt
from agent.glance import Glance
from agent.notices import Notices, draining
from tools.cloud import CloudReader
from tools.errors import CloudError
from tools.fleets.drain import NOTICE_SECONDS
from tools.fleets.effects.targets import drain_told, takes_requests
from tools.records import Fleet, Notice, Record, ReplaceInstances, RequestCheckpoint, SetTargets, UtcTime, digest_of
from tools.recovery.checkpoints import checkpoint_store

_BY = "reflex"
_MAX_DETACHED = 20  # DetachInstances takes at most 20 a call
_MAX_NAMED = 100  # a RequestCheckpoint and a SetTargets name at most 100
_BESIDE = 8  # fleets at once: AWS throttles by account and region
_DELAY_KEPT = timedelta(minutes=10)
"""it is only told of, and people seldom change it"""
_Answer = RequestCheckpoint | SetTargets | ReplaceInstances


class ReflexStep(Attempt):
    """One action that a notice caused, and what became of it."""

    action: str
    fleet: str
    instance_ids: tuple[str, ...]
    at: UtcTime

    @property
    def to_do(self) -> bool:
        """Something did not happen, and trying again may help: AWS or the journal said «not now»."""
        return bool(self.left)

    @property
    def left(self) -> tuple[str, ...]:
        """The instances that it is to be tried again for."""
        if self.verdict == "error" or (self.outcome is not None and self.outcome.status == "failed"):
            return self.instance_ids
        refused = {i.item for i in self.outcome.items if not i.ok} if self.outcome is not None else set()
        return tuple(i for i in self.instance_ids if i in refused)


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
    _acting: Actuation = field(init=False)
    """with the spot prices that the batch in hand first read"""
    _drawn_on: CloudReader = field(init=False)
    """and with its fleets"""
    _turn: threading.Lock = field(init=False, default_factory=threading.Lock)
    _healths: dict[str, dict[str, str]] = field(init=False, default_factory=dict)
    """target group → health of its targets, as the batch in hand first read it"""
    _reading: dict[str, threading.Lock] = field(init=False, default_factory=dict)
    _delays: dict[str, tuple[datetime, int]] = field(init=False, default_factory=dict)
    """target group → when its deregistration delay was read, in seconds"""

    def __post_init__(self) -> None:
        self.notices = Notices(self.actuation.journal, self.actuation.clock)
        self._look(())

    def _look(self, fleets: Sequence[Fleet]) -> None:
        priced = cast("CloudReader", Glance(self.actuation.reader))
        self._acting = replace(self.actuation, reader=priced)
        self._drawn_on = cast("CloudReader", Glance(priced, fleets))

    def handle(self, notices: Sequence[Notice], *, on_step: Callable[[ReflexStep], None] | None = None) -> ReflexReport:
        """Act on notices, coalesced per fleet, and on those that did not succeed before, when their time has come.

        Errors of one fleet do not stop another.
        Raises  Halted, JournalError: what was not acted on stays owed; CloudError: the fleets cannot be read
        """
        fresh = self.notices.take_in(notices)
        due = self.notices.due()
        if any(self.actuation.journal.open_intents()) and due:
            self.actuation.reconcile()  # an answer that was lost may have come true: then its fleet is free again
        fleets, strangers = self._by_fleet(due)
        self.notices.answered(strangers)
        self._healths.clear()
        self._look([fleet for fleet, _ in fleets])
        taken = self._answer_all(fleets, on_step or (lambda _step: None))
        steps = [step for of_one in taken for step in of_one]
        untouched = [n for (_, theirs), of_one in zip(fleets, taken, strict=True) if not of_one for n in theirs]
        alone = [n.instance_id for n in untouched if self.notices.detached_from(n) is None]
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

    def _answer_all(
        self, fleets: Sequence[tuple[Fleet, list[Notice]]], on_step: Callable[[ReflexStep], None]
    ) -> list[list[ReflexStep]]:
        """Steps of each fleet, in the order of fleets. After the first error no further fleet is begun."""

        def told(step: ReflexStep) -> None:
            with self._turn:
                on_step(step)

        def answer(one: tuple[Fleet, list[Notice]]) -> list[ReflexStep]:
            return self._answer(*one, told)

        if len(fleets) < 2:
            return [answer(one) for one in fleets]
        with ThreadPoolExecutor(min(_BESIDE, len(fleets)), thread_name_prefix="reflex") as pool:
            return list(pool.map(answer, fleets))

    def _answer(
        self, fleet: Fleet, notices: Sequence[Notice], on_step: Callable[[ReflexStep], None]
    ) -> list[ReflexStep]:
        """One fleet's notices, all of them; told to the journal when nothing of it is left to do."""
        steps = []
        for step in self._steps(fleet, notices):
            on_step(step)
            steps.append(step)
        failed = {i for s in steps for i in s.left}
        given_up = self.notices.put_off([n for n in notices if n.instance_id in failed])
        proposals = tuple(s.proposal_id for s in steps if s.proposal_id is not None)
        self.notices.answered([n for n in notices if n.instance_id not in failed], proposals=proposals)
        self.notices.answered(given_up, proposals=proposals, given_up=True)
        return steps

    def _steps(self, fleet: Fleet, notices: Sequence[Notice]) -> Iterator[ReflexStep]:
        gone = _taken(notices)
        leaving = [n for n in notices if n.kind in ("interruption", "lifecycle")]
        for save in saves(fleet, [n for n in notices if not self.notices.begun("request-checkpoint", n)]):
            yield self._take(save, fleet, f"EC2 takes, or may take, {', '.join(save.instance_ids)} back")
        for arn in fleet.target_groups:
            yield from self._drain(arn, fleet, [n for n in leaving if not self.notices.begun(draining(arn), n)])
        for detach in replacements(fleet, [n for n in gone if not self.notices.begun("replace-instances", n)]):
            yield self._take(detach, fleet, f"EC2 takes {', '.join(detach.instance_ids)} back")

    def _drain(self, arn: str, fleet: Fleet, gone: Sequence[Notice]) -> Iterator[ReflexStep]:
        """What is registered leaves one target group. A group that detached an instance drains it by itself."""
        mine = {i.instance_id for i in fleet.instances}
        gone = [n for n in gone if n.instance_id in mine]
        if not gone:
            return
        try:
            health = self._health(arn)
        except CloudError as error:
            ids = tuple(dict.fromkeys(n.instance_id for n in gone))
            now = self.actuation.clock.now()
            yield ReflexStep(
                verdict="error",
                reasons=(error.message,),
                action="deregister-targets",
                fleet=fleet.name,
                instance_ids=ids,
                at=now,
            )
            return
        now = self.actuation.clock.now()
        for drain in drains(fleet, arn, [n for n in gone if takes_requests(health.get(n.instance_id))], now=now):
            told = drain_told(drain, delay_seconds=self._delay_seconds(arn))
            named = ", ".join(drain.instance_ids)
            why = f"the group ends {named}" if drain.seconds_left is None else f"EC2 takes {named} back"
            yield self._take(drain, fleet, f"{why}: {told}")

    def _take(self, action: _Answer, fleet: Fleet, rationale: str) -> ReflexStep:
        with self._turn:
            self.lead()
        tried = attempt(self._acting, action, by=_BY, actor="reflex", rationale=rationale, drawn_on=self._drawn_on)
        step = ReflexStep(
            **dict(tried),
            action=action.types[0],
            fleet=fleet.name,
            instance_ids=action.instance_ids,
            at=self.actuation.clock.now(),
        )
        if step.outcome is not None:
            self.notices.began(action, [i for i in step.instance_ids if i not in step.left], at=step.at)
        return step

    def _health(self, arn: str) -> dict[str, str]:
        """Read once a batch, also where fleets share a target group. Raises CloudError."""
        with self._turn:
            reading = self._reading.setdefault(arn, threading.Lock())
        with reading:
            if arn not in self._healths:
                self._healths[arn] = self.actuation.reader.target_health(arn)
            return self._healths[arn]

    def _delay_seconds(self, arn: str) -> int | None:
        """The target group's deregistration delay; None = it could not be read."""
        now = self.actuation.clock.now()
        known = self._delays.get(arn)
        if known is None or now - known[0] > _DELAY_KEPT:
            try:
                known = now, self.actuation.reader.target_group(arn).deregistration_delay_seconds
            except CloudError:
                return None
            self._delays[arn] = known
        return known[1]


def saves(fleet: Fleet, notices: Sequence[Notice]) -> list[RequestCheckpoint]:
    """One request for all that shall save; none where the fleet names no store. Pure."""
    store = checkpoint_store(fleet)
    if store is None:
        return []
    bucket, job_id = store
    digest = digest_of(list(notices))
    return [
        RequestCheckpoint(fleet=fleet.ref, job_id=job_id, bucket=bucket, instance_ids=some, notice_digest=digest)
        for some in _pieces(notices, _MAX_NAMED)
    ]


def drains(fleet: Fleet, target_group_arn: str, notices: Sequence[Notice], *, now: datetime) -> list[SetTargets]:
    """All that EC2 takes back leave the target group together: the one that goes first says how long it may last."""
    return [
        SetTargets(
            fleet=fleet.ref,
            target_group_arn=target_group_arn,
            instance_ids=some,
            registered=False,
            seconds_left=min(
                (seconds_left(n, now=now) for n in _taken(notices) if n.instance_id in some), default=None
            ),
        )
        for some in _pieces(notices, _MAX_NAMED)
    ]


def replacements(fleet: Fleet, notices: Sequence[Notice]) -> list[ReplaceInstances]:
    """For groups: an EC2 Fleet of type maintain replaces by itself, and has no detach. Pure."""
    if fleet.ref.kind != "asg":
        return []
    return [ReplaceInstances(fleet=fleet.ref, instance_ids=some) for some in _pieces(notices, _MAX_DETACHED)]


def seconds_left(notice: Notice, *, now: datetime) -> int:
    """Until EC2 takes the instance, 0 to 120: two minutes after its notice. Hibernation begins with the notice."""
    if notice.instance_action == "hibernate":
        return 0
    left = (notice.ends_at or notice.at) - now  # what a queue hands over may say any time: no later one can be named
    more = 0 if notice.ends_at else NOTICE_SECONDS
    return int(min(NOTICE_SECONDS, max(0.0, left.total_seconds() + more)))


def _taken(notices: Sequence[Notice]) -> list[Notice]:
    return [n for n in notices if n.kind == "interruption"]


def _pieces(notices: Sequence[Notice], size: int) -> list[tuple[str, ...]]:
    """Instance ids, each once."""
    ids = tuple(dict.fromkeys(n.instance_id for n in notices))
    return [ids[start : start + size] for start in range(0, len(ids), size)]
