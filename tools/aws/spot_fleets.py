"""Spot Fleet requests, the legacy kind: read as EC2 Fleets are, and the one request that changes one.

A request is brought into the shape of a DescribeFleets row; its words are spelt in another way, and a request of
launch specifications has no launch template.
"""

from collections.abc import Iterable
from typing import Any

from tools.aws import ec2, fleets
from tools.aws.calls import Calls
from tools.cloud import FleetSettings
from tools.errors import NotFound, Rejected
from tools.records import Fleet

SOURCE = "EC2 DescribeSpotFleetRequests"
_REQUESTS = ("ec2", "DescribeSpotFleetRequests", "SpotFleetRequestConfigs")
_LIVE = ("active", "modifying", "submitted")
_STRATEGIES = {
    "lowestPrice": "lowest-price",
    "diversified": "diversified",
    "capacityOptimized": "capacity-optimized",
    "capacityOptimizedPrioritized": "capacity-optimized-prioritized",
    "priceCapacityOptimized": "price-capacity-optimized",
}


def live(calls: Calls) -> list[dict[str, Any]]:
    """As DescribeFleets rows. EC2 has no filter for them, and shows one for two days after its end."""
    return [_as_fleet(r) for r in calls.pages(*_REQUESTS) if r.get("SpotFleetRequestState") in _LIVE]


def one(calls: Calls, request_id: str) -> dict[str, Any]:
    """Raises NotFound."""
    found = list(calls.pages(*_REQUESTS, SpotFleetRequestIds=[request_id]))
    if not found or found[0].get("SpotFleetRequestState") not in _LIVE:
        raise NotFound(
            f"there is no live Spot Fleet request {request_id!r} in {calls.region}",
            hint="`spotwarden fleets` lists them",
        )
    return _as_fleet(found[0])


def as_fleets(calls: Calls, rows: Iterable[dict[str, Any]], sight: ec2.Sight) -> list[Fleet]:
    members = ((row, _members(calls, row["FleetId"])) for row in rows)
    return fleets.built(calls, members, sight, kind="spot-fleet", source=SOURCE)


def _members(calls: Calls, request_id: str) -> list[str]:
    rows = calls.pages("ec2", "DescribeSpotFleetInstances", "ActiveInstances", SpotFleetRequestId=request_id)
    return sorted(r["InstanceId"] for r in rows)


def _as_fleet(row: dict[str, Any]) -> dict[str, Any]:
    config = row["SpotFleetRequestConfig"]
    total, on_demand = config["TargetCapacity"], config.get("OnDemandTargetCapacity") or 0
    strategy = config.get("AllocationStrategy") or "lowestPrice"
    on_demand_strategy = config.get("OnDemandAllocationStrategy") or "lowestPrice"
    return {
        "FleetId": row["SpotFleetRequestId"],
        "Type": config.get("Type") or "maintain",
        "LaunchTemplateConfigs": config.get("LaunchTemplateConfigs")
        or _plain(config.get("LaunchSpecifications") or ()),
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": total,
            "OnDemandTargetCapacity": on_demand,
            "SpotTargetCapacity": total - on_demand,
            "DefaultTargetCapacityType": "spot",
        },
        "SpotOptions": {
            "AllocationStrategy": _STRATEGIES.get(strategy, strategy),
            "MaintenanceStrategies": config.get("SpotMaintenanceStrategies") or {},
        },
        "OnDemandOptions": {"AllocationStrategy": _STRATEGIES.get(on_demand_strategy, on_demand_strategy)},
        "ExcessCapacityTerminationPolicy": config.get("ExcessCapacityTerminationPolicy") or "default",
        "Tags": row.get("Tags") or [],
    }


def _plain(specifications: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "Overrides": [
                {
                    "InstanceType": spec.get("InstanceType"),
                    "WeightedCapacity": spec.get("WeightedCapacity"),
                    "SubnetId": spec.get("SubnetId"),
                    "AvailabilityZone": (spec.get("Placement") or {}).get("AvailabilityZone"),
                    **(
                        {"InstanceRequirements": spec["InstanceRequirements"]}
                        if spec.get("InstanceRequirements")
                        else {}
                    ),
                }
            ]
        }
        for spec in specifications
    ]


def update(row: dict[str, Any], settings: FleetSettings) -> dict[str, Any]:
    """Parameters of the one ModifySpotFleetRequest: the two capacities and what becomes of the excess, explicit.

    Raises  Rejected: anything else; nothing was sent
    """
    if row["Type"] != "maintain":
        raise Rejected(
            f"{row['FleetId']} is of type {row['Type']!r}, and EC2 changes only requests of type maintain",
            hint="create an EC2 Fleet with what you want",
        )
    now = fleets.mix_of(row)
    wanted = settings.mix or now
    if wanted.with_(on_demand_base_capacity=0) != now.with_(on_demand_base_capacity=0):
        raise Rejected(
            f"{row['FleetId']}: of a Spot Fleet request only the capacities are changed here; nothing was sent",
            hint="create an EC2 Fleet or an Auto Scaling group with the types and strategy, and cancel the request",
        )
    specification = row["TargetCapacitySpecification"]
    total = specification["TotalTargetCapacity"] if settings.desired_capacity is None else settings.desired_capacity
    if wanted.on_demand_base_capacity > total:
        raise Rejected(
            f"{row['FleetId']}: {wanted.on_demand_base_capacity} on-demand units do not fit into a target of {total};"
            " nothing was sent"
        )
    return {
        "SpotFleetRequestId": row["FleetId"],
        "TargetCapacity": total,
        "OnDemandTargetCapacity": wanted.on_demand_base_capacity,
        "ExcessCapacityTerminationPolicy": row["ExcessCapacityTerminationPolicy"],
    }
