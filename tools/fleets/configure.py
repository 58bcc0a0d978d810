"""configure_fleet: settings of a fleet besides its purchase mix, drawn up for the one way to write."""

from typing import Annotated

from pydantic import Field

from tools.cloud import CloudReader
from tools.errors import UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.market.subject import FLEETS_IAM
from tools.records import ChangeFleet, InstanceRequirements, Name, OnDemandAllocationStrategy
from tools.tool import tool

_LEAVE = "null = leave as it is"


@tool(
    effect="write",
    iam=("autoscaling:UpdateAutoScalingGroup", *FLEETS_IAM),
    example={
        "fleet": "web-canary",
        "min_size": 2,
        "max_size": 30,
        "capacity_rebalance": True,
        "new_instances_protected": None,
        "launch_template_version": None,
        "on_demand_allocation_strategy": None,
        "min_vcpus": None,
        "max_vcpus": None,
        "min_memory_mib": None,
        "max_memory_mib": None,
    },
)
def configure_fleet(
    reader: CloudReader,
    fleet: Annotated[Name, Field(description="fleet name or id")],
    min_size: Annotated[int | None, Field(ge=0, le=10_000, description=_LEAVE)],
    max_size: Annotated[int | None, Field(ge=0, le=10_000, description=_LEAVE)],
    capacity_rebalance: Annotated[bool | None, Field(description=_LEAVE)],
    new_instances_protected: Annotated[bool | None, Field(description=f"from scale-in; {_LEAVE}")],
    launch_template_version: Annotated[int | None, Field(ge=1, description=_LEAVE)],
    on_demand_allocation_strategy: Annotated[OnDemandAllocationStrategy | None, Field(description=_LEAVE)],
    min_vcpus: Annotated[int | None, Field(ge=0, description="types by attributes, with memory; null = keep types")],
    max_vcpus: Annotated[int | None, Field(ge=1, description="null = no bound")],
    min_memory_mib: Annotated[int | None, Field(ge=0, description="null = keep types")],
    max_memory_mib: Annotated[int | None, Field(ge=1, description="null = no bound")],
) -> ChangeFleet:
    """Draw up a change of size limits, capacity rebalancing, scale-in protection, launch template version, attributes.

    Raises  UsageError: names no change, or the fleet cannot take it; NotFound; CloudError kinds
    """
    found = find_fleet(reader, fleet)
    bounds = (min_vcpus, max_vcpus, min_memory_mib, max_memory_mib)
    wanted: dict[str, object] = {
        "min_size": min_size,
        "max_size": max_size,
        "capacity_rebalance": capacity_rebalance,
        "new_instances_protected": new_instances_protected,
        "launch_template_version": launch_template_version,
        "on_demand_allocation_strategy": on_demand_allocation_strategy,
        "instance_requirements": _requirements(found.name, *bounds) if any(b is not None for b in bounds) else None,
    }
    if all(value is None for value in wanted.values()):
        raise UsageError(f"{found.name}: names no change", hint=f"give at least one of {', '.join(wanted)}")
    action = ChangeFleet.model_validate({"fleet": found.ref, **wanted})
    effect_of(action).check(action, found)
    return action


def _requirements(
    name: str, min_vcpus: int | None, max_vcpus: int | None, min_memory_mib: int | None, max_memory_mib: int | None
) -> InstanceRequirements:
    """Raises UsageError: AWS wants a lower bound of both."""
    if min_vcpus is None or min_memory_mib is None:
        raise UsageError(
            f"{name}: types by attributes need min_vcpus and min_memory_mib", hint="AWS requires both lower bounds"
        )
    return InstanceRequirements(
        min_vcpus=min_vcpus,
        max_vcpus=max_vcpus,
        min_memory_mib=min_memory_mib,
        max_memory_mib=max_memory_mib,
        instance_generations=("current",),
    )
