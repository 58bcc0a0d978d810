"""What the daemon's rules see, from the account, the archive and the journal; and what they say of each fleet."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from agent.actuation import Actuation
from agent.aftercare import BY as AFTERCARE
from agent.journal.records import SavedProposal
from agent.journal.watches import WatchedChange
from policies.records import Proposal
from tools.desk import Archive
from tools.errors import CloudError, DataError
from tools.fleets.dry_pools import FORGOTTEN
from tools.fleets.more_pools import candidates
from tools.fleets.past_changes import PastChange, raised_by_us
from tools.fleets.prices import read_account_prices
from tools.fleets.seen import LOOKS_APART, Seen
from tools.fleets.steady import Step, memory_of, next_step
from tools.fleets.steady_rules import STANDARD_RULES, SteadyRules
from tools.fleets.suggest import Held
from tools.records import (
    ChangeFleet,
    Fleet,
    FleetRef,
    FleetSample,
    InstanceTypeSpec,
    PlacementScore,
    PoolSignal,
    Record,
    utc_text,
)

K = TypeVar("K")
V = TypeVar("V")
BY = "autonomy"
_SAMPLED = timedelta(hours=2)
_EXPOSED = timedelta(days=7)
_MOST_CHANGES = 500
"""of the journal, newest first, in which a fallback that is not given back yet must lie"""
_ESCALATION = "escalation"
_UNREADABLE = (CloudError, DataError)


class HeldFleet(Record):
    """Why nothing is suggested for a fleet that there would be something to do for."""

    fleet: str
    held: Held


@dataclass
class Suggesting:
    """One a daemon. `begin` a round, then ask for each fleet.

    archive  what the monitor keeps; None = nothing is known of the market, and no rule that needs it speaks
    """

    actuation: Actuation
    archive: Archive | None
    rules: SteadyRules = STANDARD_RULES
    _fleets: tuple[Fleet, ...] = field(init=False, default=())
    _watched: dict[str, WatchedChange] = field(init=False, default_factory=dict)
    """by fleet label: changes that are looked after now"""
    _signals: tuple[PoolSignal, ...] = field(init=False, default=())
    _signals_by_type: dict[str, list[PoolSignal]] = field(init=False, default_factory=dict)
    _samples: dict[FleetRef, list[FleetSample]] = field(init=False, default_factory=dict)
    _unread: str | None = field(init=False, default=None)
    _past: dict[FleetRef, list[PastChange]] = field(init=False, default_factory=dict)
    _changes: dict[str, PastChange | None] = field(init=False, default_factory=dict)
    """proposal → what it changed; None = nothing. What is done stays as it was done"""
    _escalated: set[tuple[str, str, str]] | None = field(init=False, default=None)

    def begin(self, fleets: Sequence[Fleet]) -> None:
        """Read what every fleet's step looks at. Raises JournalError."""
        self._fleets = tuple(fleets)
        self._watched = {w.fleet: w for w in self.actuation.journal.watches.of_status("watching", "failed")}
        done = self.actuation.journal.proposals(status="done", limit=_MOST_CHANGES)
        self._past = _by(lambda c: c.action.fleet, (c for c in map(self._change, done) if c is not None))
        self._signals, self._signals_by_type, self._samples = (), {}, {}
        self._unread = "nothing is kept: there is no archive"
        if self.archive is None or self.archive.unavailable is not None:
            return
        now, region = self.actuation.clock.now(), self._region
        since = now - FORGOTTEN - timedelta(hours=self.rules.dry_most_hours)
        try:
            self._signals = self.archive.signals(region=region, since=since)
            self._signals_by_type = _by(lambda s: s.pool.instance_type, self._signals)
            self._samples = _by(lambda s: s.fleet, self.archive.samples(region=region, since=now - _SAMPLED))
            self._unread = None
        except DataError as error:
            self._unread = error.message

    def step(self, fleet: Fleet) -> Step:
        """What the rules say. Prices and what the region offers are read only where a rule asks for them."""
        now = self.actuation.clock.now()
        past = self._past.get(fleet.ref, [])
        seen = self._seen(fleet)
        step = next_step(fleet, seen=seen, past=past, rules=self.rules, now=now)
        if isinstance(step, Held) and step.code == "unknown" and seen.unread is None:
            try:
                seen = self._more(fleet, seen, past)
            except _UNREADABLE as error:
                return step.with_(why=f"{step.why}; {error.message}"[:500])
            step = next_step(fleet, seen=seen, past=past, rules=self.rules, now=now)
        return self._one_at_a_time(fleet, step)

    def _one_at_a_time(self, fleet: Fleet, step: Step) -> Step:
        """While a change is watched only what gives capacity back is suggested beside it."""
        watched = self._watched.get(fleet.ref.label)
        if watched is None or isinstance(step, Held) or step.pressed:
            return step
        return Held(code="waiting", why=f"{watched.proposal_id} is still watched", until=watched.until)

    def escalate(self, fleet: Fleet, held: Held) -> None:
        """Into the journal, once for one cause. Raises JournalError."""
        if not held.escalate:
            return
        journal = self.actuation.journal
        if self._escalated is None:
            entries = journal.entries(kinds=(_ESCALATION,), newest_first=True, limit=_MOST_CHANGES)
            self._escalated = {_cause_of(e.payload) for e in entries}
        told = {"fleet": fleet.ref.label, "code": held.code, "until": utc_text(held.until) if held.until else None}
        cause = _cause(told)
        if cause not in self._escalated:
            self._escalated.add(cause)
            journal.append(_ESCALATION, {**told, "why": held.why}, actor=BY)

    @property
    def _region(self) -> str:
        return self.actuation.reader.account().region

    def _seen(self, fleet: Fleet) -> Seen:
        samples = tuple(self._samples.get(fleet.ref, ()))
        newest = max((s.at for s in samples), default=None)
        unread = self._unread
        if unread is None and (newest is None or self.actuation.clock.now() - newest > LOOKS_APART):
            unread = "the monitor has not seen it lately"
        kinds = dict.fromkeys((*fleet.instance_types, *(i.instance_type for i in fleet.instances)))
        signals = tuple(s for kind in kinds for s in self._signals_by_type.get(kind, ()))
        return Seen(signals=signals, samples=samples, unread=unread)

    def _more(self, fleet: Fleet, seen: Seen, past: Sequence[PastChange]) -> Seen:
        """Raises CloudError, DataError."""
        now, reader, archive = self.actuation.clock.now(), self.actuation.reader, self.archive
        scores = self._scores(fleet) if raised_by_us(fleet, past) is not None else ()
        seen = replace(seen, signals=self._signals, scores=scores, offered=reader.instance_types())
        memory = memory_of(fleet, seen, past, self.rules)
        likely: tuple[InstanceTypeSpec, ...] = candidates(fleet, seen.offered, memory, now)
        prices = read_account_prices(
            reader, self.actuation.clock, self._fleets, more_types=[s.instance_type for s in likely]
        )
        exposures = archive.exposures(region=self._region, since=now - _EXPOSED, until=now) if archive else ()
        return replace(seen, prices=prices, exposures=exposures)

    def _scores(self, fleet: Fleet) -> tuple[PlacementScore, ...]:
        """Evidence that helps and that no rule waits for: EC2 answers few new questions a day."""
        try:
            return self.actuation.reader.placement_scores(
                fleet.instance_types, target_capacity=max(1, fleet.desired_capacity)
            )
        except CloudError:
            return ()

    def _change(self, saved: SavedProposal) -> PastChange | None:
        """What a proposal that is done changed; one whose wish was fulfilled already changed nothing."""
        proposal = saved.proposal
        if not isinstance(proposal.action, ChangeFleet):
            return None
        if proposal.proposal_id not in self._changes:
            told = self.actuation.journal.outcomes(proposal.proposal_id)
            last = told[-1] if told else None
            self._changes[proposal.proposal_id] = (
                PastChange(
                    action=proposal.action,
                    before=last.before,
                    ours=proposal.proposed_by == BY,
                    undoes_ours=self._undoes_ours(proposal),
                    at=last.at,
                )
                if last is not None and last.status == "done"
                else None
            )
        return self._changes[proposal.proposal_id]

    def _undoes_ours(self, proposal: Proposal) -> bool:
        undone = proposal.aftercare.undoes if proposal.aftercare is not None else None
        if undone is None or proposal.proposed_by != AFTERCARE:
            return False
        return self.actuation.journal.proposal(undone).proposal.proposed_by == BY


def _by(key: Callable[[V], K], values: Iterable[V]) -> dict[K, list[V]]:
    found: dict[K, list[V]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return found


def _cause(told: dict[str, str | None]) -> tuple[str, str, str]:
    return str(told["fleet"]), str(told["code"]), str(told["until"])


def _cause_of(payload: str) -> tuple[str, str, str]:
    found = json.loads(payload)
    return _cause({key: found.get(key) for key in ("fleet", "code", "until")})
