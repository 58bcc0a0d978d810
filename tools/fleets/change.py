"""change_fleet, the only tool that changes a fleet's purchase options, and what a change means on AWS."""

from typing import Annotated, Any

from pydantic import Field

from tools.cloud import Clock, CloudReader
from tools.errors import UsageError
from tools.fleets.effects import effect_of
from tools.fleets.find import find_fleet
from tools.fleets.preview import check_offered, draw_preview
from tools.market.subject import FLEETS_IAM
from tools.records import ChangeFleet, Fleet, InstanceTypeName, Name, Preview, SpotAllocationStrategy
from tools.tool import tool

FleetName = Annotated[Name, Field(description="fleet name or id")]
Base = Annotated[
    int | None, Field(ge=0, le=10_000, description="on-demand base in capacity units; null = leave as it is")
]
Percentage = Annotated[
    int | None, Field(ge=0, le=100, description="on-demand percent of what is above the base; null = leave as it is")
]
Strategy = Annotated[SpotAllocationStrategy | None, Field(description="null = leave as it is")]
Types = Annotated[
    tuple[InstanceTypeName, ...] | None,
    Field(
        min_length=1,
        max_length=40,
        description="the whole list after the change, preferred first; null = leave as it is",
    ),
]
Desired = Annotated[int | None, Field(ge=0, le=10_000, description="desired capacity, absolute; null = leave as it is")]

_EXAMPLE: dict[str, Any] = {
    "fleet": "web-canary",
    "on_demand_base_capacity": 4,
    "on_demand_percentage_above_base": None,
    "spot_allocation_strategy": "price-capacity-optimized",
    "instance_types": None,
    "desired_capacity": None,
}
_MONEY = ("ec2:DescribeSpotPriceHistory", "pricing:GetProducts", "savingsplans:DescribeSavingsPlans")


@tool(effect="read", iam=(*FLEETS_IAM, *_MONEY, "savingsplans:DescribeSavingsPlanRates"), example=_EXAMPLE)
def preview_change(
    reader: CloudReader,
    clock: Clock,
    fleet: FleetName,
    on_demand_base_capacity: Base,
    on_demand_percentage_above_base: Percentage,
    spot_allocation_strategy: Strategy,
    instance_types: Types,
    desired_capacity: Desired,
) -> Preview:
    """What a change of a fleet would do: diff, instances AWS replaces, dollars before and after, risk. Changes nothing.

    Raises  UsageError: the fleet cannot take it, with the way out; NotFound; CloudError kinds
    """
    found = find_fleet(reader, fleet)
    action = _drawn(
        found,
        on_demand_base_capacity=on_demand_base_capacity,
        on_demand_percentage_above_base=on_demand_percentage_above_base,
        spot_allocation_strategy=spot_allocation_strategy,
        instance_types=instance_types,
        desired_capacity=desired_capacity,
    )
    return draw_preview(reader, clock, action, found)


@tool(effect="write", iam=("autoscaling:UpdateAutoScalingGroup", "ec2:ModifyFleet", *FLEETS_IAM), example=_EXAMPLE)
def change_fleet(
    reader: CloudReader,
    fleet: FleetName,
    on_demand_base_capacity: Base,
    on_demand_percentage_above_base: Percentage,
    spot_allocation_strategy: Strategy,
    instance_types: Types,
    desired_capacity: Desired,
) -> ChangeFleet:
    """Draw up a change of a fleet's purchase options: on-demand base and percentage, strategy, types, desired capacity.

    Nothing happens until the policy, and where it asks a person, said yes.
    Raises  UsageError: names no change, or the fleet cannot take it; NotFound; CloudError kinds
    """
    found = find_fleet(reader, fleet)
    action = _drawn(
        found,
        on_demand_base_capacity=on_demand_base_capacity,
        on_demand_percentage_above_base=on_demand_percentage_above_base,
        spot_allocation_strategy=spot_allocation_strategy,
        instance_types=instance_types,
        desired_capacity=desired_capacity,
    )
    effect_of(action).check(action, found)
    check_offered(reader, action, found)
    return action


def _drawn(fleet: Fleet, **fields: Any) -> ChangeFleet:
    if all(value is None for value in fields.values()):
        raise UsageError(f"{fleet.name}: names no change", hint=f"give at least one of {', '.join(fields)}")
    types = fields["instance_types"]
    if types is not None and len(set(types)) < len(types):
        raise UsageError(f"{fleet.name}: instance_types names one type twice")
    return ChangeFleet(fleet=fleet.ref, **fields)
