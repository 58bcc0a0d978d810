"""What a policy says about the actions that it names: strategy, step, types, verification."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from datetime import datetime
from fnmatch import fnmatchcase

from policies.clauses.clause import CHANGE, EVERY_ACTION, Clause, Example, Word, missing
from policies.records import Facts
from policies.rules import Verified
from tools.records import Action, ChangeFleet

_BEFORE = {
    "on_demand_base_capacity": 2,
    "on_demand_percentage_above_base": 30,
    "spot_allocation_strategy": "lowest-price",
    "overrides": [{"instance_type": "m6i.large"}, {"instance_type": "m5.large"}],
}
_ATTRIBUTES = {"min_vcpus": 2, "min_memory_mib": 4096}
_WHICH = "the instance types: AWS chooses them by attributes"


class StrategyValue(Clause):
    """Only these allocation strategies may be set."""

    key = "actions.set-allocation-strategy"
    actions = CHANGE
    examples = (
        Example(
            {"values": ("price-capacity-optimized",)},
            {},
            None,
            {"spot_allocation_strategy": "price-capacity-optimized"},
        ),
        Example({"values": ("price-capacity-optimized",)}, {}, "deny", {"spot_allocation_strategy": "lowest-price"}),
        Example({"values": ("price-capacity-optimized",)}, {}, None, {"desired_capacity": 3}),
    )

    def __init__(self, values: tuple[str, ...]) -> None:
        self.values = frozenset(values)

    def holds(self) -> str:
        return f"the allocation strategy is {' or '.join(sorted(self.values))}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        wanted = action.spot_allocation_strategy if isinstance(action, ChangeFleet) else None
        if wanted is None or wanted in self.values:
            return None
        return "deny", f"{wanted} is not {' or '.join(sorted(self.values))}"


class Step(Clause):
    """The on-demand percentage above base moves in small steps."""

    key = "actions.set-purchase-mix.step_percent"
    actions = CHANGE
    examples = (
        Example({"percent": 10}, {"mix_before": _BEFORE}, None, {"on_demand_percentage_above_base": 20}),
        Example({"percent": 10}, {"mix_before": _BEFORE}, "deny", {"on_demand_percentage_above_base": 41}),
        Example({"percent": 10}, {"mix_before": None}, "ask", {"on_demand_percentage_above_base": 20}),
        Example({"percent": 10}, {"mix_before": None}, None, {"on_demand_base_capacity": 1}),
    )

    def __init__(self, percent: int) -> None:
        self.percent = percent

    def holds(self) -> str:
        return f"the on-demand percentage moves by at most {self.percent} points"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        wanted = action.on_demand_percentage_above_base if isinstance(action, ChangeFleet) else None
        if wanted is None:
            return None
        if facts.mix_before is None:
            return missing("mix_before")
        step = abs(wanted - facts.mix_before.on_demand_percentage_above_base)
        return None if step <= self.percent else ("deny", f"moves by {step} points: at most {self.percent} are allowed")


class TypeNames(Clause):
    """Every instance type after the change matches one of these globs; which ones attributes bring is AWS's choice."""

    key = "actions.set-instance-types"
    actions = CHANGE
    examples = (
        Example({"globs": ("m6i.*", "m5.*")}, {}, None, {"instance_types": ["m6i.large", "m5.large"]}),
        Example({"globs": ("m6i.*",)}, {}, "deny", {"instance_types": ["m6i.large", "p5.48xlarge"]}),
        Example({"globs": ("m6i.*",)}, {}, "ask", {"instance_requirements": _ATTRIBUTES}),
    )

    def __init__(self, globs: tuple[str, ...]) -> None:
        self.globs = globs

    def holds(self) -> str:
        return f"every instance type matches {' or '.join(self.globs)}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        wanted = action.instance_types if isinstance(action, ChangeFleet) else None
        strange = [t for t in wanted or () if not any(fnmatchcase(t, g) for g in self.globs)]
        if strange:
            return "deny", f"{strange[0]} does not match {' or '.join(self.globs)}"
        return missing(_WHICH) if isinstance(action, ChangeFleet) and action.instance_requirements else None


class OnlyAdds(Clause):
    """add-instance-types: none is taken away, and only so many are added."""

    key = "actions.add-instance-types"
    actions = CHANGE
    examples = (
        Example(
            {"max_added": 1, "attribute_based": False},
            {"mix_before": _BEFORE},
            None,
            {"instance_types": ["m6i.large", "m5.large", "m7i.large"]},
        ),
        Example(
            {"max_added": 1, "attribute_based": False},
            {"mix_before": _BEFORE},
            "deny",
            {"instance_types": ["m6i.large"]},
        ),
        Example(
            {"max_added": 1, "attribute_based": False},
            {"mix_before": _BEFORE},
            "deny",
            {"instance_types": ["m6i.large", "m5.large", "c5.large", "c6i.large"]},
        ),
        Example(
            {"max_added": 1, "attribute_based": False}, {"mix_before": None}, "ask", {"instance_types": ["m6i.large"]}
        ),
        Example(
            {"max_added": None, "attribute_based": True},
            {"mix_before": _BEFORE},
            "ask",
            {"instance_types": ["m6i.large", "m5.large", "m7i.large"]},
        ),
        Example(
            {"max_added": 1, "attribute_based": False},
            {"mix_before": _BEFORE},
            "deny",
            {"instance_requirements": _ATTRIBUTES},
        ),
    )

    def __init__(self, max_added: int | None, *, attribute_based: bool) -> None:
        self.max_added, self.attribute_based = max_added, attribute_based

    def holds(self) -> str:
        return f"adds at most {self.max_added or 40} instance types and takes none away"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        wanted = action.instance_types if isinstance(action, ChangeFleet) else None
        chosen = isinstance(action, ChangeFleet) and action.instance_requirements is not None
        if wanted is None and not chosen:
            return None
        if facts.mix_before is None:
            return missing("mix_before")
        before = set(facts.mix_before.instance_types)
        gone, added = before.difference(wanted or ()), [t for t in wanted or () if t not in before]
        if gone:
            return "deny", f"takes {min(gone)} away: the policy only adds instance types"
        if self.max_added is not None and len(added) > self.max_added:
            return "deny", f"adds {len(added)} instance types, at most {self.max_added} are allowed"
        if self.attribute_based:
            return missing("whether the added types come from attribute-based selection")
        return missing(_WHICH) if chosen else None


class VerifiedLater(Clause):
    """The change is checked later, and answered when the check fails. An actuator that cannot do that asks."""

    key = "actions.verify_after"
    actions = EVERY_ACTION
    examples = (
        Example({"spec": Verified(verify_after="20m", on_verify_fail="rollback")}, {"verification": "rollback"}, None),
        Example({"spec": Verified(verify_after="20m", on_verify_fail="rollback")}, {"verification": "escalate"}, "ask"),
        Example({"spec": Verified(verify_after="20m")}, {"verification": "escalate"}, None),
        Example({"spec": Verified(verify_after="20m")}, {"verification": None}, "ask"),
    )

    def __init__(self, spec: Verified) -> None:
        self.after, self.then = spec.verify_after, spec.on_verify_fail

    def holds(self) -> str:
        return f"health and cost are checked {self.after} later" + (f", else {self.then}" if self.then else "")

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        if facts.verification is None:
            return missing(f"a check of the change {self.after} later")
        return missing("a rollback when the later check fails") if self._wants_more(facts) else None

    def _wants_more(self, facts: Facts) -> bool:
        return self.then == "rollback" and facts.verification != "rollback"
