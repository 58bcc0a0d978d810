"""A document made ready for judging: clauses built once, sorted into lanes by who does what to which kind of fleet.

A lane holds what can matter for one kind of action; a bench what was asked for one set of matching policies.
Both are worked out when first needed and kept, so that judging is a walk along a tuple.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.articles import Document, windows_of
from policies.clauses import (
    BUDGETS,
    Accounts,
    Approve,
    AuditChain,
    Autonomous,
    Clause,
    Cooldown,
    DataLoss,
    DesiredCapacity,
    Earned,
    Freeze,
    Halt,
    InWindow,
    KillSwitch,
    MaxActions,
    MaxAddedCost,
    MaxConcurrentFleets,
    MaxInstancesReplaced,
    MaxPoolShare,
    MaxPrice,
    MaxPriceAge,
    MaxReplaced,
    MaxRisk,
    MinInstanceTypes,
    MinNetSaving,
    MinPlacementScore,
    MinZones,
    Never,
    Observe,
    OnDemandBase,
    OnDemandInstances,
    OnDemandPercent,
    OnlyAdds,
    ProtectedInstances,
    ProtectedTags,
    ScaleInProtection,
    SharedContext,
    SpotFloor,
    Step,
    StrategyValue,
    TagsOfTheLaw,
    Target,
    TypeNames,
    Unexpired,
    VerifiedLater,
    When,
    Word,
)  # fmt: skip
from policies.expressions import names_fleet, tags_in
from policies.filters import Match, facts_named, matcher, tags_named
from policies.records import RESOURCES, ClauseSaid, Facts, Mode, Reservation, Verdict
from policies.rules import (
    AddInstanceTypes,
    Diversification,
    Limits,
    PolicySpec,
    SetAllocationStrategy,
    SetInstanceTypes,
    SetPurchaseMix,
)
from policies.units import duration_seconds
from tools.records import ACTION_TYPES, Action

Ask = Callable[[Action, Facts, datetime], Word | None]
Take = Callable[[Action, Facts], Reservation | None]
MODE_ORDER: dict[Mode, int] = {"observe": 0, "approve": 1, "autonomous": 2}
_KEPT = 512  # lanes and benches that are remembered; more are worked out again


@dataclass(frozen=True)
class Placed:
    """A clause and where it stands, such as batch/capacity.on_demand_base."""

    path: str
    clause: Clause
    types: frozenset[str] | None = None
    """the action words that it is about; None = all"""


@dataclass(frozen=True)
class Rule:
    """One policy, built."""

    name: str
    mode: Mode
    on_notice: bool
    resource: str
    words: frozenset[str]
    match: Match | None
    looks_at: tuple[str, ...]
    clauses: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is asked for one set of policies, in order; and what is said when nothing speaks against."""

    asks: tuple[tuple[int, Ask], ...]
    said: tuple[ClauseSaid, ...]
    takes: tuple[Take, ...]
    policy: str | None
    mode: Mode
    allowed_by: tuple[str, ...]
    allowed_because: tuple[str, ...]
    fixed: tuple[tuple[int, Word], ...]
    """words that do not depend on facts: no policy names it, a filter could not tell"""


class Lane:
    """The policies and clauses for one kind of action, actor and fleet."""

    def __init__(self, plan: "Plan", action: Action, actor: str) -> None:
        self.plan, self.kind, self.actor, self.types = plan, action.kind, actor, action.types
        resource = RESOURCES[action.fleet.kind]
        self.rules = tuple(
            r
            for r in plan.rules
            if r.resource in (resource, "any")
            and r.on_notice == (actor == "reflex")
            and r.words.intersection(self.types)
        )
        of_rules = [r.match or _always for r in self.rules]
        self.matches: tuple[Match, ...] = tuple(dict.fromkeys(of_rules))
        self.which = tuple(self.matches.index(m) for m in of_rules)
        self.benches: dict[tuple[bool | None, ...], Bench] = {}

    def bench(self, matched: tuple[bool | None, ...]) -> Bench:
        found = self.benches.get(matched)
        if found is None:
            if len(self.benches) >= _KEPT:
                self.benches.clear()
            found = self.benches[matched] = self._build(tuple(matched[n] for n in self.which))
        return found

    def _build(self, matched: tuple[bool | None, ...]) -> Bench:
        sure = [r for r, m in zip(self.rules, matched, strict=True) if m is True]
        unsure = [r for r, m in zip(self.rules, matched, strict=True) if m is None]
        halts = self.plan.halts if any(r.mode == "autonomous" for r in sure) else ()
        placed = [p for p in (*self.plan.ground, *halts, *(c for r in sure for c in r.clauses)) if self._wants(p)]
        said = [ClauseSaid(clause=p.path, verdict="allow", reason=p.clause.holds()) for p in placed]
        fixed: list[tuple[int, Word]] = []
        for path, word in self._fixed(sure, unsure):
            fixed.append((len(said), word))
            said.append(ClauseSaid(clause=path, verdict=word[0], reason=word[1]))
        modes = [s for s, p in zip(said, placed, strict=False) if p.clause.key == "mode"]
        return Bench(
            asks=tuple((n, p.clause.ask) for n, p in enumerate(placed)),
            said=tuple(said),
            takes=tuple(p.clause.takes for p in placed if hasattr(p.clause, "takes")),
            policy=", ".join(r.name for r in sure) or None,
            mode=min((r.mode for r in sure), key=MODE_ORDER.__getitem__, default=self.plan.default_mode),
            allowed_by=tuple(s.clause for s in modes),
            allowed_because=tuple(s.reason for s in modes),
            fixed=tuple(fixed),
        )

    def _wants(self, placed: Placed) -> bool:
        clause = placed.clause
        about = placed.types is None or bool(placed.types.intersection(self.types))
        kinds = clause.actions if self.actor == "reflex" else clause.actions | clause.chosen
        return about and self.kind in kinds and self.actor in clause.actors

    def _fixed(self, sure: list[Rule], unsure: list[Rule]) -> Iterator[tuple[str, Word]]:
        maybe = frozenset(w for r in (*sure, *unsure) for w in r.words)
        for word in self.types:
            if word not in maybe:
                yield f"policies/{word}", ("deny", self._nobody(word))
        for r in unsure:
            reason = f"fact missing: {', '.join(r.looks_at)}, so it is not known whether {r.name} applies"
            yield f"{r.name}/filters", ("ask", reason)

    def _nobody(self, word: str) -> str:
        if self.actor == "reflex":
            return f"no policy names {word} for this fleet on an interruption notice"
        return f"no policy names {word} for this fleet"


def _always(_facts: Facts) -> bool:
    return True


class Plan:
    """A compiled document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.default_mode: Mode = document.defaults.mode
        self.ttl_seconds = duration_seconds(document.escalation.approval_ttl)
        self.quorum = document.escalation.quorum
        self.expressions = SharedContext()
        self.has_when = any(p.when for p in document.policies)
        self.ground = tuple(_ground(document))
        self.halts = tuple(
            Placed(f"blast_radius.halt_if[{n}]", Halt(rule)) for n, rule in enumerate(document.blast_radius.halt_if)
        )
        self.matchers = {p.filters: matcher(p.filters) for p in document.policies}  # equal filters are asked once
        self.rules = tuple(self._rule(p) for p in sorted(document.policies, key=lambda p: p.name))
        self.lanes: dict[tuple[Any, ...], Lane] = {}

    def lane(self, action: Action, facts: Facts) -> Lane:
        key = (facts.actor, action.fleet.kind, action.kind, *action.types)
        found = self.lanes.get(key)
        if found is None:
            found = self.lanes[key] = Lane(self, action, facts.actor)
        return found

    def people(self, facts: Facts) -> int:
        """How many must approve; a share that is not known counts as the largest."""
        steps = self.quorum.replace_over_percent
        if not steps:
            return self.quorum.default
        whole = facts.whole
        if facts.instances_replaced is None or not whole:
            return self.quorum.most if facts.instances_replaced != 0 else self.quorum.default
        share = facts.instances_replaced * 100 / whole
        return max([self.quorum.default, *(people for percent, people in steps if share > percent)])

    def _rule(self, spec: PolicySpec) -> Rule:
        mode = spec.mode.type if spec.mode is not None else self.default_mode
        words = {a.type for a in spec.actions}
        if "add-instance-types" in words:
            words.add("set-instance-types")
        return Rule(
            name=spec.name,
            mode=mode,
            on_notice=spec.mode is not None and spec.mode.on is not None,
            resource=spec.resource,
            words=frozenset(w for w in words if w in ACTION_TYPES),
            match=self.matchers[spec.filters],
            looks_at=facts_named(spec.filters),
            clauses=tuple(_policy_clauses(self.document, spec, mode, self.expressions)),
        )


def _ground(document: Document) -> Iterator[Placed]:
    yield Placed("kill_switch", KillSwitch())
    yield Placed("audit", AuditChain())
    yield Placed("target", Target())
    yield Placed("accounts", Accounts(document.accounts))
    if document.expires is not None:
        yield Placed("expires", Unexpired(document.expires))
    protect = document.protect
    if protect.tags:
        yield Placed("protect.tags", ProtectedTags(protect.tags))
    if protect.instance_ids:
        yield Placed("protect.instance_ids", ProtectedInstances(protect.instance_ids))
    yield Placed("protect.scale_in_protected", ScaleInProtection(protect.scale_in_protected))
    if protect.never:
        yield Placed("protect.never", Never(protect.never))
    yield Placed("tags", TagsOfTheLaw(_tags_it_goes_by(document)))
    yield Placed("volumes", DataLoss())
    for name, window in sorted(document.windows.items()):
        if window.deny is not None:
            yield Placed(f"windows.{name}", Freeze(name, window, document.defaults.timezone))
    for budget in sorted(document.budgets, key=lambda b: b.name):
        yield Placed(f"budgets.{budget.name}", BUDGETS[budget.measure](budget))
    yield from _blast(document)


def _tags_it_goes_by(document: Document) -> frozenset[str]:
    protected = {t.key for t in document.protect.tags}
    filtered = {tag for p in document.policies for tag in tags_named(p.filters)}
    spoken = {tag for p in document.policies for source in p.expressions for tag in tags_in(source)}
    named = any(
        "fleet" in facts_named(p.filters) or any(names_fleet(e) for e in p.expressions) for p in document.policies
    )
    return frozenset(protected | filtered | spoken | ({"Name"} if named else set()))


def _blast(document: Document) -> Iterator[Placed]:
    blast = document.blast_radius
    if blast.max_actions is not None:
        yield Placed(MaxActions.key, MaxActions(blast.max_actions))
    unsaid = blast.max_instances_replaced is None
    yield Placed(MaxInstancesReplaced.key, MaxInstancesReplaced(blast.replaced_limit, unsaid=unsaid))
    if blast.max_concurrent_fleets is not None:
        yield Placed(MaxConcurrentFleets.key, MaxConcurrentFleets(blast.max_concurrent_fleets))
    if blast.cooldown_after_change is not None:
        yield Placed(Cooldown.key, Cooldown(blast.cooldown_after_change))


def _policy_clauses(document: Document, spec: PolicySpec, mode: Mode, shared: SharedContext) -> Iterator[Placed]:
    otherwise: Verdict = "ask" if spec.else_ is not None and spec.else_.type == "approve" else "deny"
    for clause in (
        {"observe": Observe, "approve": Approve, "autonomous": Autonomous}[mode](),
        *_mode_clauses(document, spec),
        *_shape_clauses(spec),
        *_diversification_clauses(spec.diversification),
        *_limit_clauses(spec.limits, otherwise),
        *((When(spec.expressions, shared),) if spec.when else ()),
    ):
        yield Placed(f"{spec.name}/{clause.key}", clause)
    yield from _action_clauses(spec)


def _mode_clauses(document: Document, spec: PolicySpec) -> Iterator[Clause]:
    names = windows_of(spec)
    if names:
        yield InWindow({n: document.windows[n] for n in names}, document.defaults.timezone)
    if spec.expires is not None:
        yield Unexpired(spec.expires)
    if spec.mode is not None and spec.mode.requires is not None:
        observes = spec.else_ is not None and spec.else_.type == "observe"
        yield Earned("deny" if observes else "ask", spec.mode.requires)


def _shape_clauses(spec: PolicySpec) -> Iterator[Clause]:
    capacity = spec.capacity
    if capacity is None:
        return
    if capacity.on_demand_base is not None:
        yield OnDemandBase(capacity.on_demand_base)
    if capacity.on_demand_percent_above_base is not None:
        yield OnDemandPercent(capacity.on_demand_percent_above_base)
    if capacity.on_demand_instances is not None:
        yield OnDemandInstances(capacity.on_demand_instances)
    if capacity.desired is not None:
        yield DesiredCapacity(capacity.desired)
    if capacity.spot_floor_percent is not None:
        yield SpotFloor(capacity.spot_floor_percent)


def _diversification_clauses(spread: Diversification | None) -> Iterator[Clause]:
    if spread is None:
        return
    if spread.min_instance_types is not None:
        yield MinInstanceTypes(spread.min_instance_types)
    if spread.min_azs is not None:
        yield MinZones(spread.min_azs)
    if spread.max_share_per_pool_percent is not None:
        yield MaxPoolShare(spread.max_share_per_pool_percent)


def _limit_clauses(limits: Limits | None, otherwise: Verdict) -> Iterator[Clause]:
    if limits is None:
        return
    if limits.max_price is not None and limits.max_price != "none":
        yield MaxPrice(otherwise, limits.max_price)
    if limits.min_net_saving is not None:
        yield MinNetSaving(otherwise, limits.min_net_saving)
    if limits.max_added_cost is not None:
        yield MaxAddedCost(otherwise, limits.max_added_cost)
    if limits.min_placement_score is not None:
        yield MinPlacementScore(otherwise, limits.min_placement_score)
    if limits.max_risk is not None:
        yield MaxRisk(otherwise, limits.max_risk)
    if limits.max_price_age is not None:
        yield MaxPriceAge(otherwise, limits.max_price_age)
    if limits.max_instances_replaced is not None:
        yield MaxReplaced(otherwise, limits.max_instances_replaced)


def _action_clauses(spec: PolicySpec) -> Iterator[Placed]:
    plain_types = any(a.type == "set-instance-types" for a in spec.actions)
    for number, a in enumerate(spec.actions):
        path = f"{spec.name}/actions[{number}]"
        word = "set-instance-types" if a.type == "add-instance-types" else a.type
        about = frozenset({word})
        if isinstance(a, SetAllocationStrategy) and a.value is not None:
            yield Placed(path, StrategyValue((a.value,) if isinstance(a.value, str) else a.value), about)
        if isinstance(a, SetPurchaseMix) and a.step_percent is not None:
            yield Placed(path, Step(a.step_percent), about)
        if isinstance(a, SetInstanceTypes) and a.values is not None:
            yield Placed(path, TypeNames(a.values), about)
        if isinstance(a, AddInstanceTypes) and not plain_types:
            yield Placed(path, OnlyAdds(a.max_added, attribute_based=a.from_ == "attribute-based"), about)
        if a.verify_after is not None:
            yield Placed(f"{path}.verify_after", VerifiedLater(a), about)
