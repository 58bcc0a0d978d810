"""What is created and ended: EC2 Fleets, Spot Fleet requests, instances, launch template versions.

Every value is said, none is left to AWS's defaults. EC2 takes no tags for the instances of fleets of type maintain and
request: those bear what their launch template says.
Source  EC2 API reference: CreateFleet, DeleteFleets, CancelSpotFleetRequests, RunInstances, CreateLaunchTemplateVersion
"""

from collections.abc import Callable
from typing import Any

from tools.aws.created import description_of, tags_of
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.records import CreateFleet, CreateTemplateVersion, DeleteFleet, Intent, ItemOutcome, RunInstances

Send = Callable[..., dict[str, Any]]
"""(service, operation, **parameters): one attempt"""


def create(send: Send, action: CreateFleet, intent: Intent) -> Receipt:
    """Items: the fleet, and for type instant what was launched; pools that refused, where capacity is missing."""
    bears = tags_of(intent.intent_id, action.fleet.fleet_id, action.tags)
    tagged = ("fleet", "instance", "volume") if action.fleet_type == "instant" else ("fleet",)
    answer = send(
        "ec2",
        "CreateFleet",
        ClientToken=intent.token,
        Type=action.fleet_type,
        LaunchTemplateConfigs=[_config(action)],
        TargetCapacitySpecification={
            "TotalTargetCapacity": action.total_target_capacity,
            "OnDemandTargetCapacity": action.on_demand_target_capacity,
            "SpotTargetCapacity": action.total_target_capacity - action.on_demand_target_capacity,
            "DefaultTargetCapacityType": "spot",
        },
        SpotOptions={
            "AllocationStrategy": action.spot_allocation_strategy,
            "InstanceInterruptionBehavior": "terminate",
            **_rebalances(action),
        },
        OnDemandOptions={"AllocationStrategy": action.on_demand_allocation_strategy},
        TerminateInstancesWithExpiration=False,
        TagSpecifications=[{"ResourceType": kind, "Tags": bears} for kind in tagged],
        **_kept(action),
    )
    return Receipt(request_ids=(request_id_of(answer),), items=_of_fleet(action, answer))


def _config(action: CreateFleet) -> dict[str, Any]:
    """Every type in every subnet, in the action's order: the lower number is the preferred one.

    Without weights an instance counts one unit, and the fleet says nothing of weights: it may take more types later.
    """
    weights = action.weights or (None,) * len(action.instance_types)
    return {
        "LaunchTemplateSpecification": {
            "LaunchTemplateId": action.launch_template_id,
            "Version": str(action.launch_template_version),
        },
        "Overrides": [
            {"InstanceType": kind, "SubnetId": subnet, "Priority": float(rank)}
            | ({} if weight is None else {"WeightedCapacity": float(weight)})
            for rank, (kind, weight) in enumerate(zip(action.instance_types, weights, strict=True))
            for subnet in action.subnet_ids
        ],
    }


def _rebalances(action: CreateFleet) -> dict[str, Any]:
    if not action.capacity_rebalance:
        return {}
    return {"MaintenanceStrategies": {"CapacityRebalance": {"ReplacementStrategy": "launch"}}}


def _kept(action: CreateFleet) -> dict[str, Any]:
    """EC2 takes these for fleets that keep their size, and for no other."""
    if action.fleet_type != "maintain":
        return {}
    return {"ExcessCapacityTerminationPolicy": "termination", "ReplaceUnhealthyInstances": True}


def _of_fleet(action: CreateFleet, answer: dict[str, Any]) -> tuple[ItemOutcome, ...]:
    made = ItemOutcome(item=answer.get("FleetId") or "fleet", ok=True)
    launched = [
        (i, row.get("InstanceType")) for row in answer.get("Instances") or () for i in row.get("InstanceIds") or ()
    ]
    weight = dict(zip(action.instance_types, action.weights or (), strict=False))
    units = sum(weight.get(kind, 1) for _, kind in launched)
    errors = answer.get("Errors") or ()
    short = action.fleet_type == "instant" and units < action.total_target_capacity
    return (
        made,
        *(ItemOutcome(item=i, ok=True) for i, _ in launched),
        *(_refused(row) for row in errors if short),
        *((ItemOutcome(item="capacity", ok=False, code="short", message=_units(units, action)),) if short else ()),
    )


def _units(units: int, action: CreateFleet) -> str:
    return f"{units} of {action.total_target_capacity} units were launched"


def _refused(row: dict[str, Any]) -> ItemOutcome:
    """A pool that EC2 could not launch in; it may be asked for more than once."""
    override = (row.get("LaunchTemplateAndOverrides") or {}).get("Overrides") or {}
    place = override.get("AvailabilityZone") or override.get("SubnetId") or ""
    item = " ".join(p for p in (row.get("Lifecycle"), override.get("InstanceType"), place) if p)
    return ItemOutcome(
        item=item or "a pool", ok=False, code=row.get("ErrorCode") or "", message=row.get("ErrorMessage") or ""
    )


def delete(send: Send, action: DeleteFleet) -> Receipt:
    """One fleet; AWS tells a refusal in its answer, not as an error."""
    fleet_id, ends = action.fleet.fleet_id, action.terminate_instances
    if action.fleet.kind == "spot-fleet":
        answer = send("ec2", "CancelSpotFleetRequests", SpotFleetRequestIds=[fleet_id], TerminateInstances=ends)
        refused = answer.get("UnsuccessfulFleetRequests") or ()
    else:
        answer = send("ec2", "DeleteFleets", FleetIds=[fleet_id], TerminateInstances=ends)
        refused = answer.get("UnsuccessfulFleetDeletions") or ()
    errors = [row.get("Error") or {} for row in refused]
    items = [
        ItemOutcome(item=fleet_id, ok=False, code=e.get("Code") or "", message=e.get("Message") or "") for e in errors
    ]
    return Receipt(request_ids=(request_id_of(answer),), items=tuple(items or [ItemOutcome(item=fleet_id, ok=True)]))


def run(send: Send, action: RunInstances, intent: Intent) -> Receipt:
    """All of them or none: EC2 launches between MinCount and MaxCount, and both are the count."""
    bears = tags_of(intent.intent_id, action.fleet.fleet_id, action.tags)
    answer = send(
        "ec2",
        "RunInstances",
        ClientToken=intent.token,
        MinCount=action.count,
        MaxCount=action.count,
        LaunchTemplate={
            "LaunchTemplateId": action.launch_template_id,
            "Version": str(action.launch_template_version),
        },
        InstanceType=action.instance_type,
        SubnetId=action.subnet_id,
        TagSpecifications=[{"ResourceType": kind, "Tags": bears} for kind in ("instance", "volume")],
        **({"InstanceMarketOptions": _SPOT} if action.purchase_option == "spot" else {}),
    )
    items = tuple(ItemOutcome(item=row["InstanceId"], ok=True) for row in answer.get("Instances") or ())
    return Receipt(request_ids=(request_id_of(answer),), items=items)


_SPOT = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
}


def create_template_version(send: Send, action: CreateTemplateVersion, intent: Intent) -> Receipt:
    """A copy of the source version with what the action names; nothing uses it yet."""
    named = {"InstanceType": action.instance_type, "ImageId": action.image_id}
    answer = send(
        "ec2",
        "CreateLaunchTemplateVersion",
        ClientToken=intent.token,
        LaunchTemplateId=action.launch_template_id,
        SourceVersion=str(action.source_version),
        VersionDescription=description_of(intent.intent_id),
        LaunchTemplateData={k: v for k, v in named.items() if v is not None},
    )
    number = (answer.get("LaunchTemplateVersion") or {}).get("VersionNumber") or "new"
    return Receipt(
        request_ids=(request_id_of(answer),),
        items=(ItemOutcome(item=f"{action.launch_template_id}:{number}", ok=True),),
    )
