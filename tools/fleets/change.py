"""change_fleet, the only tool that changes a fleet's purchase options, and what a change means on AWS."""

from typing import Annotated, Any

from pydantic import Field

from tools.cloud import Clock, CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.find import find_fleet
from tools.fleets.launches import mix_after
from tools.fleets.preview import MIX_FIELDS, check_possible, draw_preview
from tools.market.subject import FLEETS_IAM
from tools.records import ChangeFleet, Fleet, InstanceTypeName, Name, Permit, Preview, SpotAllocationStrategy
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
    check_possible(action, found)
    return action


def _drawn(fleet: Fleet, **fields: Any) -> ChangeFleet:
    if all(value is None for value in fields.values()):
        raise UsageError(f"{fleet.name}: names no change", hint=f"give at least one of {', '.join(fields)}")
    types = fields["instance_types"]
    if types is not None and len(set(types)) < len(types):
        raise UsageError(f"{fleet.name}: instance_types names one type twice")
    return ChangeFleet(fleet=fleet.ref, **fields)


# the effect


def change_expect_and_want(action: ChangeFleet, fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
    """The named fields as they are and as they shall be."""
    want = {f: getattr(action, f) for f in _named(action)}
    if "instance_types" in want:
        want["instance_types"] = _types(fleet, want["instance_types"])
    return _fields(action, fleet), want


def observe_change(reader: CloudReader, action: ChangeFleet) -> dict[str, Any]:
    return _fields(action, reader.fleet(action.fleet))


def carry_out_change(writer: CloudWriter, permit: Permit, action: ChangeFleet, fleet: Fleet) -> Receipt:
    """One call; the whole mix is written, so that no value is left to AWS's defaults."""
    mix = mix_after(action, fleet) if any(f in MIX_FIELDS for f in _named(action)) else None
    return writer.set_fleet(permit, action.fleet, mix=mix, desired_capacity=action.desired_capacity)


def _named(action: ChangeFleet) -> list[str]:
    return [f for f in (*MIX_FIELDS, "desired_capacity") if getattr(action, f) is not None]


def _fields(action: ChangeFleet, fleet: Fleet) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for field in _named(action):
        if field == "desired_capacity":
            seen[field] = fleet.desired_capacity
        elif field == "instance_types":
            seen[field] = _types(fleet, fleet.mix.instance_types if fleet.mix else ())
        else:
            seen[field] = getattr(fleet.mix, field) if fleet.mix else None
    return seen


def _types(fleet: Fleet, types: tuple[str, ...]) -> list[str]:
    """In order, which an Auto Scaling group gives meaning to and an EC2 Fleet does not."""
    return list(types) if fleet.ref.kind == "asg" else sorted(types)
