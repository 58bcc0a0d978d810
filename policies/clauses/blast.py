"""How much may change, and how fast: the journal counts over sliding windows, all policies and sessions together."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from datetime import UTC, datetime
from decimal import Decimal
from math import floor

from policies.clauses.clause import (
    CHOSEN,
    DRAINS,
    ENDS,
    EVERY_ACTION,
    VOLUMES,
    Clause,
    Example,
    Word,
    missing,
)
from policies.parts import UNSAID_REPLACED, Count, HaltIf, ReplacedLimit
from policies.records import Facts, Measure, Reservation, Verdict
from policies.units import duration_seconds
from tools.records import Action, FleetKind

_SIX = Count(count=6, per="1h")
_TENTH = ReplacedLimit(percent=10.0, count=5, per="1h")
_WEIGHED = {
    "on_demand_base_capacity": 0,
    "on_demand_percentage_above_base": 0,
    "spot_allocation_strategy": "price-capacity-optimized",
    "overrides": [{"instance_type": "m6i.xlarge", "weighted_capacity": 4}],
}
_ONE = {"kind": "instance", "fleet_id": "i-0000000a", "account_id": "123456789012", "region": "us-east-1"}
_STOP = {"kind": "operate-instances", "fleet": _ONE, "operation": "stop", "instance_ids": ("i-0000000a",)}
_WHENEVER = datetime.min.replace(tzinfo=UTC)  # no limit by windows asks for the time: its use is counted already


class MaxActions(Clause):
    """Actions in a sliding window."""

    key = "blast_radius.max_actions"
    examples = (
        Example({"limit": _SIX}, {"use": {"actions": {"1h": 5}}}, None),
        Example({"limit": _SIX}, {"use": {"actions": {"1h": 6}}}, "deny"),
        Example({"limit": _SIX}, {"use": {}}, "ask"),
    )

    def __init__(self, limit: Count) -> None:
        self.count, self.per = limit.count, limit.per
        self.taken = Reservation(
            limit=limit.per,
            measure="actions",
            scope="*",
            amount=Decimal(1),
            ceiling=Decimal(limit.count),
            window_seconds=duration_seconds(limit.per),
        )

    def holds(self) -> str:
        return f"at most {self.count} actions in {self.per}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        done = facts.use.actions.get(self.per)
        if done is None:
            return missing(f"actions done in {self.per}")
        return (
            None if done < self.count else ("deny", f"{done} actions in {self.per}: at most {self.count} are allowed")
        )

    def takes(self, action: Action, facts: Facts) -> Reservation | None:
        return self.taken


class MaxInstancesReplaced(Clause):
    """Instances that end or leave service in one fleet in a sliding window: the smaller of a count and a share of its
    capacity. A single instance has no share: it counts with everything that was replaced in the account.
    """

    key = "blast_radius.max_instances_replaced"
    actions = ENDS
    chosen = DRAINS
    examples = (
        Example(
            {"limit": _TENTH},
            {"desired_capacity": 40, "instances_replaced": 2, "use": {"instances_replaced": {"1h": 2}}},
            None,
        ),
        Example(
            {"limit": _TENTH},
            {"desired_capacity": 40, "instances_replaced": 3, "use": {"instances_replaced": {"1h": 2}}},
            "deny",
        ),
        Example(
            {"limit": _TENTH},
            {"desired_capacity": 99, "instances_replaced": 6, "use": {"instances_replaced": {"1h": 0}}},
            "deny",
        ),
        Example({"limit": _TENTH}, {"desired_capacity": 40, "instances_replaced": 0, "use": {}}, None),
        Example({"limit": _TENTH}, {"desired_capacity": 40, "instances_replaced": 1, "use": {}}, "ask"),
        Example({"limit": _TENTH}, {"desired_capacity": 40, "instances_replaced": None}, "ask"),
        Example({"limit": _TENTH}, {"desired_capacity": None, "instances_replaced": 1}, "ask"),
        Example(
            {"limit": _TENTH},
            {"desired_capacity": 40, "instances": 10, "mix_before": _WEIGHED, "instances_replaced": 2},
            "deny",
        ),
        Example({"limit": UNSAID_REPLACED, "unsaid": True}, {"instances_replaced": 11}, "ask"),
        Example(
            {"limit": _TENTH},
            {"instances_replaced": 1, "use": {"instances_replaced": {"1h everywhere": 4}}},
            None,
            _STOP,
        ),
        Example(
            {"limit": _TENTH},
            {"instances_replaced": 1, "use": {"instances_replaced": {"1h everywhere": 5, "1h": 0}}},
            "deny",
            _STOP,
        ),
    )

    def __init__(self, limit: ReplacedLimit, *, unsaid: bool = False) -> None:
        self.percent, self.count, self.per = limit.percent, limit.count, limit.per
        self.fleets, self.singles = (replaced_measure(limit, kind) for kind in ("asg", "instance"))
        self.unsaid = unsaid
        if unsaid:  # nobody wrote it: a person may say more, and a notice is not held up by it
            self.actors = CHOSEN  # type: ignore[misc]

    def holds(self) -> str:
        share = f"{self.percent:g} % of the fleet" if self.percent is not None else ""
        count = str(self.count) if self.count is not None else ""
        said = f"at most {' and never more than '.join(filter(None, (share, count)))} replaced in {self.per}"
        return f"{said}, more asks (the document does not say)" if self.unsaid else said

    def counted(self, action: Action) -> Measure:
        return self.singles if action.fleet.kind == "instance" else self.fleets

    def ceiling(self, action: Action, facts: Facts) -> int | None:
        """In instances; None = how many the fleet is of is not known."""
        if action.fleet.kind == "instance":
            return UNSAID_REPLACED.count if self.count is None else self.count
        if self.percent is None:
            return self.count
        whole = facts.whole
        if whole is None:
            return None
        share = floor(whole * self.percent / 100 + 1e-9)
        return share if self.count is None else min(share, self.count)

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        replaced = facts.instances_replaced
        if replaced == 0:
            return None
        if replaced is None:
            return missing("instances_replaced")
        ceiling, done = self.ceiling(action, facts), facts.use.instances_replaced.get(self.counted(action).name)
        if ceiling is None:
            return missing(
                "instances of a fleet that counts by weights" if facts.desired_capacity else "desired_capacity"
            )
        if done is None:
            return missing(f"instances replaced in {self.counted(action).name}")
        if done + replaced <= ceiling:
            return None
        verdict: Verdict = "ask" if self.unsaid else "deny"
        return verdict, f"replaces {replaced} instances after {done} in {self.per}: at most {ceiling} are allowed"

    def takes(self, action: Action, facts: Facts) -> Reservation | None:
        ceiling, replaced = self.ceiling(action, facts), facts.instances_replaced
        if not replaced or ceiling is None or (self.unsaid and self.ask(action, facts, _WHENEVER) is not None):
            return None
        counted = self.counted(action)
        return Reservation.model_construct(
            limit=counted.name,
            measure="instances_replaced",
            scope=action.fleet.label if counted.per_fleet else "*",
            amount=Decimal(replaced),
            ceiling=Decimal(ceiling),
            window_seconds=counted.window_seconds,
        )


def replaced_measure(limit: ReplacedLimit, kind: FleetKind) -> Measure:
    """What is counted for a fleet of this kind: its own replacements, or for a single instance those of the account."""
    single = kind == "instance"
    return Measure(
        name=f"{limit.per} everywhere" if single else limit.per,
        measure="instances_replaced",
        window_seconds=duration_seconds(limit.per),
        per_fleet=not single,
    )


class MaxConcurrentFleets(Clause):
    """One thing at a time. Notices come when they come: the reflex is not asked."""

    key = "blast_radius.max_concurrent_fleets"
    actors = CHOSEN
    examples = (
        Example({"count": 1}, {"use": {"fleets_changing": 0}}, None),
        Example({"count": 1}, {"use": {"fleets_changing": 1}}, "deny"),
        Example({"count": 1}, {"use": {"fleets_changing": None}}, "ask"),
    )

    def __init__(self, count: int) -> None:
        self.count = count

    def holds(self) -> str:
        return f"at most {self.count} fleets change at once"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        changing = facts.use.fleets_changing
        if changing is None:
            return missing("fleets_changing")
        if changing < self.count:
            return None
        return "deny", f"{changing} other fleets are changing: at most {self.count} at once"


class Cooldown(Clause):
    """A fleet rests after a change. The reflex is not asked, nor what only copies or restores: a set is one action an
    instance, and a clean-up deletes what it has just copied.
    """

    key = "blast_radius.cooldown_after_change"
    actions = EVERY_ACTION - VOLUMES
    actors = CHOSEN
    examples = (
        Example({"rest": "30m"}, {"use": {"seconds_since_change": 1800.0}}, None),
        Example({"rest": "30m"}, {"use": {"seconds_since_change": 1799.0}}, "deny"),
        Example({"rest": "30m"}, {"use": {"never_changed": True}}, None),
        Example({"rest": "30m"}, {"use": {}}, "ask"),
    )

    def __init__(self, rest: str) -> None:
        self.rest, self.seconds = rest, duration_seconds(rest)

    def holds(self) -> str:
        return f"the fleet rested {self.rest} since its last change"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        since = facts.use.seconds_since_change
        if since is None:
            return None if facts.use.never_changed else missing("seconds_since_change")
        if since >= self.seconds:
            return None
        return "deny", f"changed {since / 60:.0f} min ago: a fleet rests {self.rest} after a change"


class Halt(Clause):
    """A metric that stops autonomous mode: what would be allowed asks a person."""

    key = "blast_radius.halt_if"
    examples = (
        Example({"rule": HaltIf(metric="failed_launches", over=3, within="15m")}, {"failed_launches": 3}, None),
        Example({"rule": HaltIf(metric="failed_launches", over=3, within="15m")}, {"failed_launches": 4}, "ask"),
        Example({"rule": HaltIf(metric="failed_launches", over=3, within="15m")}, {"failed_launches": None}, "ask"),
        Example({"rule": HaltIf(metric="price_data_age", over="2h")}, {"price_age_seconds": 7200.0}, None),
        Example({"rule": HaltIf(metric="price_data_age", over="2h")}, {"price_age_seconds": 7201.0}, "ask"),
        Example({"rule": HaltIf(metric="audit_chain_valid", equals=False)}, {"audit_verified": True}, None),
        Example({"rule": HaltIf(metric="audit_chain_valid", equals=False)}, {"audit_verified": False}, "ask"),
        Example({"rule": HaltIf(metric="audit_chain_valid", equals=False)}, {"audit_verified": None}, "ask"),
    )
    _FACTS = {
        "failed_launches": "failed_launches",
        "interruptions_per_100_instance_hours": "interruptions_per_100_instance_hours",
        "audit_chain_valid": "audit_verified",
        "price_data_age": "price_age_seconds",
    }

    def __init__(self, rule: HaltIf) -> None:
        self.rule, self.fact = rule, self._FACTS[rule.metric]
        over = rule.over
        self.over = float(duration_seconds(over)) if isinstance(over, str) else over

    def holds(self) -> str:
        return f"{self.rule.metric} does not halt autonomous mode"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        value = getattr(facts, self.fact)
        if value is None:
            return missing(self.fact)
        tripped = value is self.rule.equals if self.over is None else value > self.over
        if not tripped:
            return None
        bound = f"over {self.rule.over}" if self.over is not None else f"equal to {str(self.rule.equals).lower()}"
        return "ask", f"autonomous mode is halted: {self.rule.metric} is {value}, {bound}"
