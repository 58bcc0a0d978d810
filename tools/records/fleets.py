"""Nouns of fleets: what runs, how it is bought, what a change would do."""

from collections import Counter
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from tools.records.base import Money, Name, Record, UtcTime, digest_of
from tools.records.market import CapacityPool, RiskLevel

InstanceTypeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", max_length=60)]
FleetKind = Literal["asg", "ec2-fleet", "spot-fleet", "instance", "volume", "snapshot"]
"""a volume or a snapshot stands alone only in what concerns it alone: a fleet of nothing, with its own tags"""
FleetType = Literal["maintain", "request", "instant"]
OnDemandAllocationStrategy = Literal["prioritized", "lowest-price"]
SpotAllocationStrategy = Literal[
    "price-capacity-optimized",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "lowest-price",
    "diversified",
]


class Tag(Record):
    """An AWS tag: text that somebody else wrote."""

    key: str
    value: str


class FleetRef(Record):
    """Which fleet, in which account and region: the target of an action, always whole."""

    kind: FleetKind
    fleet_id: Name
    """Auto Scaling group name, EC2 Fleet id (fleet-…), Spot Fleet request id (sfr-…), or the id of a single instance,
    volume or snapshot; the name that it shall bear, for what does not exist yet"""
    account_id: str = Field(pattern=r"^\d{12}$")
    region: Name

    @property
    def label(self) -> str:
        return f"{self.kind}/{self.fleet_id}"


class InstanceRequirements(Record):
    """Attribute-based instance type selection: the types are AWS's choice among those that fit. None = no bound."""

    min_vcpus: int = Field(ge=0)
    max_vcpus: int | None = Field(default=None, ge=1)
    min_memory_mib: int = Field(ge=0)
    max_memory_mib: int | None = Field(default=None, ge=1)
    allowed_instance_types: tuple[Name, ...] = ()
    """globs, such as m6*.*; () = any"""
    excluded_instance_types: tuple[Name, ...] = ()
    cpu_manufacturers: tuple[Literal["intel", "amd", "amazon-web-services", "apple"], ...] = ()
    instance_generations: tuple[Literal["current", "previous"], ...] = ()


class InstanceTypeOverride(Record):
    instance_type: Name
    weighted_capacity: int | None = Field(default=None, ge=1, le=999)


class PurchaseMix(Record):
    """How capacity is bought: the mixed instances policy of a group, or its equal in an EC2 Fleet."""

    on_demand_base_capacity: int = Field(ge=0)
    """capacity units, not instances, when overrides carry weights"""
    on_demand_percentage_above_base: int = Field(ge=0, le=100)
    spot_allocation_strategy: SpotAllocationStrategy
    overrides: tuple[InstanceTypeOverride, ...]
    instance_requirements: InstanceRequirements | None = None
    """types chosen by attributes: `overrides` is empty then"""
    on_demand_allocation_strategy: OnDemandAllocationStrategy | None = None
    """None = not told"""

    @property
    def instance_types(self) -> tuple[str, ...]:
        return tuple(o.instance_type for o in self.overrides)


class AttachedVolume(Record):
    device_name: Name
    volume_id: Name
    delete_on_termination: bool
    root: bool = False


class LaunchTemplateUse(Record):
    """The launch template that a fleet launches from."""

    template_id: Name
    version: str
    """as the fleet has it: a number, $Latest or $Default"""


class Instance(Record):
    instance_id: str = Field(pattern=r"^i-[0-9a-f]{8,17}$")
    instance_type: Name
    zone_name: Name
    zone_id: str | None
    purchase_option: Literal["spot", "on-demand"]
    state: Name
    """EC2's word: pending, running, shutting-down, …"""
    launched_at: UtcTime
    protected_from_scale_in: bool = False
    launch_template: LaunchTemplateUse | None = None
    """what its group launched it from, its version a number; None = not told"""
    lifecycle_state: Name | None = None
    """the group's word: Pending, InService, Standby, …; None = in no group"""
    volumes: tuple[AttachedVolume, ...] = ()
    hibernation_configured: bool = False
    managed_by: str | None = None
    """the AWS service that operates it and lets nobody else change it (EC2's `Operator`)"""

    @property
    def in_standby(self) -> bool:
        return self.lifecycle_state in {"Standby", "EnteringStandby"}

    @property
    def pool(self) -> CapacityPool:
        return CapacityPool(instance_type=self.instance_type, zone_name=self.zone_name, zone_id=self.zone_id)


class Fleet(Record):
    """A fleet as it stood at one moment."""

    ref: FleetRef
    desired_capacity: int
    min_size: int
    max_size: int
    mix: PurchaseMix | None
    """None = bought on-demand from one launch template: no mixed instances policy"""
    instance_type: str | None = None
    """the launch template's own type, for fleets without a mix"""
    capacity_rebalance: bool = False
    zones: tuple[str, ...]
    """zone names the fleet may launch in"""
    instances: tuple[Instance, ...]
    tags: tuple[Tag, ...]
    launch_template: LaunchTemplateUse | None = None
    target_groups: tuple[Name, ...] = ()
    """ARNs that its instances are registered with"""
    new_instances_protected: bool = False
    deletion_protected: bool = False
    fleet_type: FleetType | None = None
    """of an EC2 Fleet or a Spot Fleet request: maintain keeps its size, request and instant launch once"""
    as_of: UtcTime
    source: Name

    @property
    def name(self) -> str:
        if self.ref.kind == "asg":
            return self.ref.fleet_id
        return self.tag("Name") or self.ref.fleet_id

    def tag(self, key: str) -> str | None:
        return next((t.value for t in self.tags if t.key == key), None)

    @property
    def spot(self) -> tuple[Instance, ...]:
        return tuple(i for i in self.instances if i.purchase_option == "spot")

    @property
    def on_demand(self) -> tuple[Instance, ...]:
        return tuple(i for i in self.instances if i.purchase_option == "on-demand")

    @property
    def spot_share(self) -> float | None:
        return len(self.spot) / len(self.instances) if self.instances else None

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Types it may launch: its mix's, else its template's."""
        if self.mix is not None and self.mix.overrides:
            return self.mix.instance_types
        return (self.instance_type,) if self.instance_type else ()

    def pools(self) -> Counter[CapacityPool]:
        """Instances per capacity pool, any purchase option."""
        return Counter(i.pool for i in self.instances)

    @property
    def state(self) -> dict[str, Any]:
        """What an approval is bound to: configuration and membership, not the moment of looking."""
        return {
            "ref": self.ref.model_dump(mode="json"),
            "desired_capacity": self.desired_capacity,
            "min_size": self.min_size,
            "max_size": self.max_size,
            "mix": self.mix.model_dump(mode="json") if self.mix else None,
            "capacity_rebalance": self.capacity_rebalance,
            "launch_template": self.launch_template.model_dump(mode="json") if self.launch_template else None,
            "new_instances_protected": self.new_instances_protected,
            "target_groups": sorted(self.target_groups),
            "zones": sorted(self.zones),
            "tags": {t.key: t.value for t in self.tags},
            "instances": {i.instance_id: _as_bound(i) for i in self.instances},
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of `state`: moves when anybody changes the fleet, and when an instance comes or goes."""
        return digest_of(self.state)


def _as_bound(instance: Instance) -> list[Any]:
    """Not whether it is up already: instances come up between a question and its answer."""
    seen: list[Any] = [
        instance.instance_type,
        instance.zone_name,
        instance.purchase_option,
        instance.protected_from_scale_in,
    ]
    if instance.in_standby:
        seen.append("standby")
    return seen


class FleetSummary(Record):
    """One row of the inventory."""

    ref: FleetRef
    name: Name
    desired_capacity: int
    instances: int
    spot: int
    on_demand: int
    instance_types: tuple[str, ...]
    zones: tuple[str, ...]
    largest_pool: str | None
    largest_pool_share: float | None
    usd_per_hour: Money | None
    """what it costs now: spot price in force, on-demand at the effective rate; None = a price is unknown"""
    risk: RiskLevel
    covered_by_commitment: bool
    workload: str | None
    """the fleet's own `workload` tag"""


class Inventory(Record):
    fleets: tuple[FleetSummary, ...]
    usd_per_hour: Money | None
    """of the account with its unused commitment, or of the fleets that match; None when any fleet's cost is unknown"""
    matching: str | None = None
    """what the fleets were narrowed to; None = every fleet of the account"""
    as_of: UtcTime
    source: Name


class FieldChange(Record):
    """One line of a diff, as people read it: + added, ~ changed, - removed, -/+ replaced."""

    sign: Literal["+", "~", "-", "-/+"]
    field: Name
    before: str
    after: str


class HourlyCost(Record):
    """One fleet's dollars per hour on the three bases. Unknown is None.

    list        every hour at the on-demand list price of its type
    contracted  spot at its price, on-demand at list (no negotiated discount is known)
    effective   contracted, with commitments: covered hours at their committed rate, unused commitment added
    """

    list_usd_per_hour: Money | None
    contracted_usd_per_hour: Money | None
    effective_usd_per_hour: Money | None
    unused_commitment_usd_per_hour: Money | None


class Preview(Record):
    """What an action would do to a fleet as it stands: computed, nothing called."""

    fleet: FleetRef
    state_fingerprint: str
    changes: tuple[FieldChange, ...]
    """empty: the fleet is already so"""
    replaced_instances: tuple[str, ...]
    """ids that AWS will terminate, new before old: changing a purchase mix replaces instances"""
    instances_launched: int
    instances_total: int
    cost_before: HourlyCost
    cost_after: HourlyCost
    added_cost_usd_per_day: Money | None
    """effective basis, after − before, 24 h; below 0 is a saving; None = a price is unknown"""
    risk_before: RiskLevel
    risk_after: RiskLevel
    reversible: bool
    calls: tuple[str, ...]
    """AWS calls that will be made, in order"""
    warnings: tuple[str, ...] = ()
    price_as_of: UtcTime | None
    """the oldest price used; None = none was known"""
    as_of: UtcTime
    source: Name

    @property
    def ends_sign(self) -> str:
        return "-/+" if self.instances_launched else "-"

    @property
    def ends_said(self) -> str:
        """How many instances end, and whether others come in their place."""
        ends = len(self.replaced_instances)
        word = "AWS will replace" if self.instances_launched else "AWS will end"
        return f"{word} {ends} of {self.instances_total} instances"
