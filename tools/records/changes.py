"""What may be done to a fleet as a whole, one noun each.

Every value is absolute: a relative change repeated is another change. The target is always whole: account, region, id.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tools.records.base import Name, Record
from tools.records.fleets import (
    FleetRef,
    InstanceRequirements,
    InstanceTypeName,
    OnDemandAllocationStrategy,
    SpotAllocationStrategy,
    Tag,
)

TemplateId = Annotated[str, Field(pattern=r"^lt-[0-9a-f]{8,17}$")]
Weight = Annotated[int, Field(ge=1, le=999)]
Types = Annotated[tuple[InstanceTypeName, ...], Field(min_length=1, max_length=40)]


class FleetAction(Record):
    """What every action has: one target.

    A fleet that does not exist yet is named by the name that it shall bear; a single instance is a fleet of one.
    """

    fleet: FleetRef

    @property
    def types(self) -> tuple[str, ...]:
        """The words that policies use for it, in Cloud Custodian's style."""
        raise NotImplementedError

    @property
    def touches(self) -> str | None:
        """What two open intents may not touch at once; None = it may stand beside any other.

        Saving, detaching and draining are by instance id and may be repeated: a notice never waits for an answer.
        """
        return self.fleet.label


class ChangeFleet(FleetAction):
    """Set some of a fleet's settings. None leaves a field as it is."""

    kind: Literal["change-fleet"] = "change-fleet"
    on_demand_base_capacity: int | None = Field(default=None, ge=0, le=10_000)
    on_demand_percentage_above_base: int | None = Field(default=None, ge=0, le=100)
    on_demand_allocation_strategy: OnDemandAllocationStrategy | None = None
    spot_allocation_strategy: SpotAllocationStrategy | None = None
    instance_types: Types | None = None
    """the whole list after the change; an ASG takes at most 40"""
    weights: tuple[Weight, ...] | None = None
    """one for each of `instance_types`, in its order: capacity units that an instance counts"""
    instance_requirements: InstanceRequirements | None = None
    """types chosen by attributes, in place of a list"""
    desired_capacity: int | None = Field(default=None, ge=0, le=10_000)
    min_size: int | None = Field(default=None, ge=0, le=10_000)
    max_size: int | None = Field(default=None, ge=0, le=10_000)
    capacity_rebalance: bool | None = None
    new_instances_protected: bool | None = None
    """from scale-in"""
    launch_template_version: int | None = Field(default=None, ge=1)
    """a number: $Latest and $Default would change under us"""

    @model_validator(mode="after")
    def _says_something(self) -> "ChangeFleet":
        if all(getattr(self, f) is None for f in CHANGE_TYPES):
            raise ValueError("names no change: give at least one of " + ", ".join(CHANGE_TYPES))
        types = self.instance_types
        if types is not None and len(set(types)) < len(types):
            raise ValueError("instance_types names one type twice")
        if self.weights is not None and (types is None or len(self.weights) != len(types)):
            raise ValueError("weights: one for each of instance_types, in its order")
        if types is not None and self.instance_requirements is not None:
            raise ValueError("instance_types and instance_requirements exclude each other")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise ValueError(f"min_size {self.min_size} is above max_size {self.max_size}")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t for f, t in CHANGE_TYPES.items() if getattr(self, f) is not None))


CHANGE_TYPES = {
    "on_demand_base_capacity": "set-purchase-mix",
    "on_demand_percentage_above_base": "set-purchase-mix",
    "on_demand_allocation_strategy": "set-allocation-strategy",
    "spot_allocation_strategy": "set-allocation-strategy",
    "instance_types": "set-instance-types",
    "weights": "set-instance-types",
    "instance_requirements": "set-instance-types",
    "desired_capacity": "set-desired-capacity",
    "min_size": "set-size-limits",
    "max_size": "set-size-limits",
    "capacity_rebalance": "enable-capacity-rebalance",
    "new_instances_protected": "set-scale-in-protection",
    "launch_template_version": "set-launch-template-version",
}


class StartInstanceRefresh(FleetAction):
    """Replace a group's instances in batches, so that they match its settings."""

    kind: Literal["start-instance-refresh"] = "start-instance-refresh"
    min_healthy_percentage: int = Field(ge=0, le=100)
    instance_warmup_seconds: int = Field(ge=0, le=86_400)
    skip_matching: bool
    """instances that match the settings already stay"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("start-instance-refresh",)


class CancelInstanceRefresh(FleetAction):
    """Stop a refresh that runs; what it replaced stays replaced."""

    kind: Literal["cancel-instance-refresh"] = "cancel-instance-refresh"
    instance_refresh_id: Name

    @property
    def types(self) -> tuple[str, ...]:
        return ("cancel-instance-refresh",)


class CreateFleet(FleetAction):
    """Create an EC2 Fleet. `fleet.fleet_id` is the name that it shall bear: there may be none of that name yet."""

    kind: Literal["create-fleet"] = "create-fleet"
    launch_template_id: TemplateId
    launch_template_version: int = Field(ge=1)
    instance_types: Types
    weights: tuple[Weight, ...] | None = None
    subnet_ids: tuple[Name, ...] = Field(min_length=1, max_length=20)
    fleet_type: Literal["maintain", "instant", "request"]
    total_target_capacity: int = Field(ge=0, le=10_000)
    on_demand_target_capacity: int = Field(ge=0, le=10_000)
    spot_allocation_strategy: SpotAllocationStrategy
    on_demand_allocation_strategy: OnDemandAllocationStrategy
    capacity_rebalance: bool = False
    tags: tuple[Tag, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> "CreateFleet":
        if self.on_demand_target_capacity > self.total_target_capacity:
            raise ValueError("on_demand_target_capacity is above total_target_capacity")
        if len(set(self.instance_types)) < len(self.instance_types) or len(set(self.subnet_ids)) < len(self.subnet_ids):
            raise ValueError("instance_types or subnet_ids names one twice")
        if self.weights is not None and len(self.weights) != len(self.instance_types):
            raise ValueError("weights: one for each of instance_types, in its order")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return ("create-fleet",)


class DeleteFleet(FleetAction):
    """Delete an EC2 Fleet, or cancel a Spot Fleet request."""

    kind: Literal["delete-fleet"] = "delete-fleet"
    terminate_instances: bool
    """False: its instances keep running, and are billed"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("delete-fleet",)


class CreateTemplateVersion(FleetAction):
    """Add a version to the fleet's launch template; nothing uses it until the fleet is set to it."""

    kind: Literal["create-launch-template-version"] = "create-launch-template-version"
    launch_template_id: TemplateId
    source_version: int = Field(ge=1)
    instance_type: InstanceTypeName | None = None
    image_id: Annotated[str, Field(pattern=r"^ami-[0-9a-f]{8,17}$")] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "CreateTemplateVersion":
        if self.instance_type is None and self.image_id is None:
            raise ValueError("names no change: give instance_type or image_id")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return ("create-launch-template-version",)

    @property
    def touches(self) -> str:
        return f"launch-template/{self.launch_template_id}"
