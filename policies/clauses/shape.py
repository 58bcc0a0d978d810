"""What a fleet must be after a change: capacity floors, diversification, and limits on risk."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from datetime import datetime
from typing import ClassVar

from policies.clauses.clause import DRAINS, ENDS, MOVES, Clause, Example, Word, missing
from policies.clauses.money import Limit
from policies.records import Facts, Verdict
from policies.rules import RISK_ORDER, Bounds
from policies.units import duration_seconds
from tools.records import Action

_MIX = {
    "on_demand_base_capacity": 2,
    "on_demand_percentage_above_base": 30,
    "spot_allocation_strategy": "price-capacity-optimized",
    "overrides": [{"instance_type": "m6i.large"}, {"instance_type": "m5.large"}],
}


def outside(value: int, bounds: Bounds, what: str) -> Word | None:
    if bounds.min is not None and value < bounds.min:
        return "deny", f"{what} would be {value}, at least {bounds.min} is wanted"
    if bounds.max is not None and value > bounds.max:
        return "deny", f"{what} would be {value}, at most {bounds.max} is allowed"
    return None


def _between(bounds: Bounds) -> str:
    low = f"at least {bounds.min}" if bounds.min is not None else ""
    high = f"at most {bounds.max}" if bounds.max is not None else ""
    return " and ".join(filter(None, (low, high)))


class Shape(Clause):
    """A bound on one number of the fleet after the change."""

    actions = MOVES
    what: ClassVar[str]

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.low = bounds.min if bounds.min is not None else 0
        self.high = bounds.max if bounds.max is not None else 1 << 60

    def holds(self) -> str:
        return f"{self.what} stays {_between(self.bounds)}"


class OnDemandBase(Shape):
    """The on-demand base capacity after the change; a fleet whose mix is not known asks."""

    key = "capacity.on_demand_base"
    what = "on-demand base capacity"
    examples = (
        Example({"bounds": Bounds(min=2)}, {"mix_after": _MIX}, None),
        Example({"bounds": Bounds(min=3)}, {"mix_after": _MIX}, "deny"),
        Example({"bounds": Bounds(max=1)}, {"mix_after": _MIX}, "deny"),
        Example({"bounds": Bounds(min=0)}, {"mix_after": None}, "ask"),
    )

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        mix = facts.mix_after
        if mix is None:
            return missing("mix_after")
        if self.low <= mix.on_demand_base_capacity <= self.high:
            return None
        return outside(mix.on_demand_base_capacity, self.bounds, self.what)


class OnDemandPercent(Shape):
    """The on-demand percentage above base after the change."""

    key = "capacity.on_demand_percent_above_base"
    what = "on-demand percentage above base"
    examples = (
        Example({"bounds": Bounds(min=30, max=100)}, {"mix_after": _MIX}, None),
        Example({"bounds": Bounds(min=31)}, {"mix_after": _MIX}, "deny"),
        Example({"bounds": Bounds(max=29)}, {"mix_after": _MIX}, "deny"),
        Example({"bounds": Bounds(min=30)}, {"mix_after": None}, "ask"),
    )

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        mix = facts.mix_after
        if mix is None:
            return missing("mix_after")
        if self.low <= mix.on_demand_percentage_above_base <= self.high:
            return None
        return outside(mix.on_demand_percentage_above_base, self.bounds, self.what)


class OnDemandInstances(Shape):
    """On-demand instances after the change, however they come about."""

    key = "capacity.on_demand_instances"
    what = "on-demand instances"
    examples = (
        Example({"bounds": Bounds(min=4)}, {"on_demand_instances_after": 4}, None),
        Example({"bounds": Bounds(min=4)}, {"on_demand_instances_after": 3}, "deny"),
        Example({"bounds": Bounds(min=4)}, {"on_demand_instances_after": None}, "ask"),
    )

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        count = facts.on_demand_instances_after
        return missing("on_demand_instances_after") if count is None else outside(count, self.bounds, self.what)


class DesiredCapacity(Shape):
    """The desired capacity after the change."""

    key = "capacity.desired"
    what = "desired capacity"
    examples = (
        Example({"bounds": Bounds(min=1, max=20)}, {"desired_capacity_after": 20}, None),
        Example({"bounds": Bounds(min=1, max=20)}, {"desired_capacity_after": 21}, "deny"),
        Example({"bounds": Bounds(min=1, max=20)}, {"desired_capacity_after": None}, "ask"),
    )

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        count = facts.desired_capacity_after
        return missing("desired_capacity_after") if count is None else outside(count, self.bounds, self.what)


class SpotFloor(Clause):
    """At least this much of the desired capacity on spot, so that a saving is not given away."""

    key = "capacity.spot_floor_percent"
    actions = MOVES
    examples = (
        Example({"percent": 50.0}, {"desired_capacity_after": 10, "on_demand_instances_after": 5}, None),
        Example({"percent": 50.0}, {"desired_capacity_after": 10, "on_demand_instances_after": 6}, "deny"),
        Example({"percent": 50.0}, {"desired_capacity_after": 10, "on_demand_instances_after": None}, "ask"),
        Example({"percent": 50.0}, {"desired_capacity_after": None, "on_demand_instances_after": 5}, "ask"),
        Example({"percent": 0.0}, {"desired_capacity_after": None, "on_demand_instances_after": None}, None),
    )

    def __init__(self, percent: float) -> None:
        self.percent = percent

    def holds(self) -> str:
        return f"at least {self.percent:g} % of the capacity stays on spot"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        if self.percent == 0:
            return None
        desired, on_demand = facts.desired_capacity_after, facts.on_demand_instances_after
        if desired is None:
            return missing("desired_capacity_after")
        if on_demand is None:
            return missing("on_demand_instances_after")
        if (desired - on_demand) * 100 >= self.percent * desired:
            return None
        return "deny", f"{max(desired - on_demand, 0)} of {desired} would be on spot: below {self.percent:g} %"


class MinInstanceTypes(Clause):
    """Many types are many pools."""

    key = "diversification.min_instance_types"
    actions = MOVES
    examples = (
        Example({"count": 2}, {"mix_after": _MIX}, None),
        Example({"count": 3}, {"mix_after": _MIX}, "deny"),
        Example({"count": 1}, {"mix_after": None}, "ask"),
    )

    def __init__(self, count: int) -> None:
        self.count = count

    def holds(self) -> str:
        return f"may launch at least {self.count} instance types"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        mix = facts.mix_after
        if mix is None:
            return missing("mix_after")
        if mix.instance_requirements is not None:
            return missing("how many instance types: AWS chooses them by attributes")
        count = len(mix.overrides)
        return None if count >= self.count else ("deny", f"{count} instance types, at least {self.count} are wanted")


class MinZones(Clause):
    """Several zones are several markets."""

    key = "diversification.min_azs"
    actions = MOVES
    examples = (
        Example({"count": 3}, {"zones": 3}, None),
        Example({"count": 3}, {"zones": 2}, "deny"),
        Example({"count": 3}, {"zones": None}, "ask"),
    )

    def __init__(self, count: int) -> None:
        self.count = count

    def holds(self) -> str:
        return f"may launch in at least {self.count} zones"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        zones = facts.zones
        if zones is None:
            return missing("zones")
        return None if zones >= self.count else ("deny", f"{zones} zones, at least {self.count} are wanted")


class MaxPoolShare(Clause):
    """No pool holds more than this: what one interruption wave can take."""

    key = "diversification.max_share_per_pool_percent"
    actions = MOVES
    examples = (
        Example({"percent": 40.0}, {"largest_pool_share_after": 0.4}, None),
        Example({"percent": 40.0}, {"largest_pool_share_after": 0.41}, "deny"),
        Example({"percent": 40.0}, {"largest_pool_share_after": None}, "ask"),
        Example({"percent": 29.0}, {"largest_pool_share_after": 0.29}, None),
    )

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self.share = percent / 100 + 1e-12  # 29 / 100 is not 0.29 in every last bit

    def holds(self) -> str:
        return f"the largest pool holds at most {self.percent:g} %"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        share = facts.largest_pool_share_after
        if share is None:
            return missing("largest_pool_share_after")
        if share <= self.share:
            return None
        return "deny", f"the largest pool would hold {share * 100:.0f} %, at most {self.percent:g} % is allowed"


class MinPlacementScore(Limit):
    """AWS's own guess that a request will be filled, 1 to 10."""

    key = "limits.min_placement_score"
    actions = MOVES
    examples = (
        Example({"otherwise": "ask", "score": 5}, {"placement_score": 5}, None),
        Example({"otherwise": "ask", "score": 5}, {"placement_score": 4}, "ask"),
        Example({"otherwise": "deny", "score": 5}, {"placement_score": 4}, "deny"),
        Example({"otherwise": "deny", "score": 5}, {"placement_score": None}, "ask"),
    )

    def __init__(self, otherwise: Verdict, score: int) -> None:
        super().__init__(otherwise)
        self.score = score

    def holds(self) -> str:
        return f"the placement score is at least {self.score}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        score = facts.placement_score
        if score is None:
            return missing("placement_score")
        return None if score >= self.score else (self.otherwise, f"placement score {score}: below {self.score}")


class MaxRisk(Limit):
    """The risk class of the fleet after the change; an unknown one is a missing fact."""

    key = "limits.max_risk"
    actions = MOVES
    examples = (
        Example({"otherwise": "deny", "level": "medium"}, {"risk_after": "medium"}, None),
        Example({"otherwise": "deny", "level": "medium"}, {"risk_after": "high"}, "deny"),
        Example({"otherwise": "ask", "level": "low"}, {"risk_after": "high"}, "ask"),
        Example({"otherwise": "deny", "level": "high"}, {"risk_after": "unknown"}, "ask"),
        Example({"otherwise": "deny", "level": "high"}, {"risk_after": None}, "ask"),
    )

    def __init__(self, otherwise: Verdict, level: str) -> None:
        super().__init__(otherwise)
        self.level = level
        self.fits = frozenset(k for k, v in RISK_ORDER.items() if v <= RISK_ORDER[level])  # type: ignore[index]

    def holds(self) -> str:
        return f"the risk after the change is at most {self.level}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        risk = facts.risk_after
        if risk in self.fits:
            return None
        if risk is None or risk == "unknown":
            return missing("risk_after")
        return self.otherwise, f"the risk after the change is {risk}, at most {self.level} is allowed"


class MaxPriceAge(Limit):
    """How old the oldest price behind the numbers may be."""

    key = "limits.max_price_age"
    actions = MOVES
    examples = (
        Example({"otherwise": "deny", "age": "2h"}, {"price_age_seconds": 7200.0}, None),
        Example({"otherwise": "deny", "age": "2h"}, {"price_age_seconds": 7201.0}, "deny"),
        Example({"otherwise": "deny", "age": "2h"}, {"price_age_seconds": None}, "ask"),
    )

    def __init__(self, otherwise: Verdict, age: str) -> None:
        super().__init__(otherwise)
        self.age = age
        self.seconds = duration_seconds(age)

    def holds(self) -> str:
        return f"prices are at most {self.age} old"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        age = facts.price_age_seconds
        if age is None:
            return missing("price_age_seconds")
        if age <= self.seconds:
            return None
        return self.otherwise, f"a price is {age / 60:.0f} min old, at most {self.age} is allowed"


class MaxReplaced(Limit):
    """Instances that one action replaces."""

    key = "limits.max_instances_replaced"
    actions = ENDS
    chosen = DRAINS
    examples = (
        Example({"otherwise": "deny", "count": 2}, {"instances_replaced": 2}, None),
        Example({"otherwise": "deny", "count": 2}, {"instances_replaced": 3}, "deny"),
        Example({"otherwise": "deny", "count": 2}, {"instances_replaced": None}, "ask"),
    )

    def __init__(self, otherwise: Verdict, count: int) -> None:
        super().__init__(otherwise)
        self.count = count

    def holds(self) -> str:
        return f"replaces at most {self.count} instances"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        count = facts.instances_replaced
        if count is None:
            return missing("instances_replaced")
        if count <= self.count:
            return None
        return self.otherwise, f"replaces {count} instances, at most {self.count} are allowed"
