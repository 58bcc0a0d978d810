"""Spot Fleet requests as AWS answers for them: request, modify, describe, cancel.

The fleet behind a request is settled as an EC2 Fleet is.
Source  EC2 API reference: RequestSpotFleet, ModifySpotFleetRequest, CancelSpotFleetRequests (codes of its errors)
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.responses import EC2Response

from tools.simulation.settling import Settler
from tools.simulation.wishes import Ec2Fleet, check_configs, wish_of_fleet
from tools.simulation.world import World

STRATEGIES = {
    "lowestPrice": "lowest-price",
    "diversified": "diversified",
    "capacityOptimized": "capacity-optimized",
    "capacityOptimizedPrioritized": "capacity-optimized-prioritized",
    "priceCapacityOptimized": "price-capacity-optimized",
}
_POLICIES = {"noTermination": "no-termination", "default": "termination"}


def install(world: World, settler: Settler) -> "SpotFleetActions":
    """Replace moto's answers with ours, for this process."""
    actions = SpotFleetActions(world, settler)
    for name in (
        "request_spot_fleet",
        "modify_spot_fleet_request",
        "describe_spot_fleet_requests",
        "describe_spot_fleet_instances",
        "cancel_spot_fleet_requests",
    ):
        setattr(EC2Response, name, _bound(getattr(actions, name)))
    return actions


def _bound(action: Any) -> Callable[[EC2Response], ActionResult]:
    def method(response: EC2Response) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


class SpotFleetActions:
    def __init__(self, world: World, settler: Settler) -> None:
        self.world = world
        self.settler = settler

    def _fleet(self, request_id: str) -> Ec2Fleet:
        found: Ec2Fleet | None = self.world.spot_fleets.get(request_id)
        if found is None:
            text = f"The spot fleet request ID '{request_id}' does not exist"
            raise EC2ClientError("InvalidSpotFleetRequestId.NotFound", text)
        return found

    def request_spot_fleet(self, response: EC2Response) -> ActionResult:
        config = response._get_param("SpotFleetRequestConfig", {})
        self._check(config)
        response.error_on_dryrun()
        return ActionResult({"SpotFleetRequestId": self.make(config).fleet_id})

    def _check(self, config: Mapping[str, Any]) -> None:
        if not config.get("IamFleetRole"):
            raise EC2ClientError("MissingParameter", "The request must contain the parameter IamFleetRole")
        if bool(config.get("LaunchSpecifications")) == bool(config.get("LaunchTemplateConfigs")):
            text = "Specify either LaunchSpecifications or LaunchTemplateConfigs, not both."
            raise EC2ClientError("InvalidSpotFleetRequestConfig", text)
        if (config.get("AllocationStrategy") or "lowestPrice") not in STRATEGIES:
            text = f"Invalid AllocationStrategy: {config.get('AllocationStrategy')}"
            raise EC2ClientError("InvalidSpotFleetRequestConfig", text)

    def make(self, config: Mapping[str, Any], *, ready: bool = False) -> Ec2Fleet:
        """A new request; of type request it launches once, of type maintain it keeps its size on ticks.

        ready  the first instances are in service at once (the scenario's beginning)
        """
        name = self.world.request_id(f"spot-fleet|{len(self.world.spot_fleets)}")
        tags = {
            tag["Key"]: tag["Value"]
            for spec in config.get("TagSpecifications") or []
            if spec.get("ResourceType") == "spot-fleet-request"
            for tag in spec.get("Tags") or []
        }
        fleet = Ec2Fleet(
            fleet_id=f"sfr-{name}",
            request=_as_fleet(config),
            type=str(config.get("Type") or "maintain"),
            target=_target(int(config.get("TargetCapacity") or 0), int(config.get("OnDemandTargetCapacity") or 0)),
            tags=tags,
            created_at=self.world.clock.now(),
            client_token=str(config.get("ClientToken") or ""),
        )
        check_configs(self.world, fleet.request["LaunchTemplateConfigs"])
        self.world.spot_fleets[fleet.fleet_id] = fleet
        if tags:
            self.world.ec2.create_tags([fleet.fleet_id], tags)
        if ready or fleet.type != "maintain":
            self.settler.settle_fleet(fleet, self.world.clock.now(), ready=ready)
        return fleet

    def modify_spot_fleet_request(self, response: EC2Response) -> ActionResult:
        fleet = self._fleet(str(response._get_param("SpotFleetRequestId")))
        if fleet.type != "maintain":
            text = "You can't modify a Spot Fleet request that's configured for one-time requests."
            raise EC2ClientError("InvalidSpotFleetRequestConfig", text)
        if fleet.state != "active":
            raise EC2ClientError("InvalidSpotFleetRequestState", f"The spot fleet request is {fleet.state}.")
        configs = response._get_param("LaunchTemplateConfigs", [])
        check_configs(self.world, configs)
        response.error_on_dryrun()
        total = response._get_int_param("TargetCapacity")
        on_demand = response._get_int_param("OnDemandTargetCapacity")
        fleet.target = _target(
            int(fleet.target["TotalTargetCapacity"]) if total is None else total,
            int(fleet.target["OnDemandTargetCapacity"]) if on_demand is None else on_demand,
        )
        policy = response._get_param("ExcessCapacityTerminationPolicy")
        if policy:
            fleet.request["ExcessCapacityTerminationPolicy"] = _POLICIES[str(policy)[:1].lower() + str(policy)[1:]]
            fleet.request["asked"]["ExcessCapacityTerminationPolicy"] = policy
        if configs:
            fleet.request["LaunchTemplateConfigs"] = configs
            fleet.request["asked"]["LaunchTemplateConfigs"] = configs
        return ActionResult({"Return": True})

    def describe_spot_fleet_requests(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        wanted = response._get_param("SpotFleetRequestIds", [])
        fleets = [self._fleet(i) for i in wanted] if wanted else list(self.world.spot_fleets.values())
        rows, more = _page(response, [self._described(f) for f in fleets])
        return ActionResult({"SpotFleetRequestConfigs": rows, "NextToken": more})

    def describe_spot_fleet_instances(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        fleet = self._fleet(str(response._get_param("SpotFleetRequestId")))
        found = [
            {
                "InstanceId": i.id,
                "InstanceType": i.instance_type,
                "InstanceHealth": "healthy",
                **({"SpotInstanceRequestId": f"sir-{i.id[2:10]}"} if i.lifecycle == "spot" else {}),
            }
            for i in self.settler.alive(fleet)
        ]
        rows, more = _page(response, found)
        return ActionResult({"ActiveInstances": rows, "SpotFleetRequestId": fleet.fleet_id, "NextToken": more})

    def cancel_spot_fleet_requests(self, response: EC2Response) -> ActionResult:
        wanted = list(dict.fromkeys(response._get_param("SpotFleetRequestIds", [])))
        response.error_on_dryrun()
        ends = bool(response._get_bool_param("TerminateInstances", False))
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for place, request_id in enumerate(wanted):
            refusal = self._cannot_cancel(request_id)
            if refusal is None and place >= self.world.part_of(len(wanted)):
                refusal = "unexpectedError"
            if refusal:
                failed.append({"SpotFleetRequestId": request_id, "Error": {"Code": refusal, "Message": refusal}})
            else:
                done.append(self._cancel(self.world.spot_fleets[request_id], ends=ends))
        self.world.affected = [d["SpotFleetRequestId"] for d in done]
        return ActionResult({"SuccessfulFleetRequests": done, "UnsuccessfulFleetRequests": failed})

    def _cannot_cancel(self, request_id: str) -> str | None:
        fleet = self.world.spot_fleets.get(request_id)
        if fleet is None:
            known = request_id.startswith("sfr-")
            return "fleetRequestIdDoesNotExist" if known else "fleetRequestIdMalformed"
        return None if fleet.state == "active" else "fleetRequestNotInCancellableState"

    def _cancel(self, fleet: Ec2Fleet, *, ends: bool) -> dict[str, Any]:
        before = fleet.state
        fleet.state = "cancelled_terminating" if ends else "cancelled_running"
        self.settler.end_fleet(fleet, ends=ends)
        return {
            "SpotFleetRequestId": fleet.fleet_id,
            "CurrentSpotFleetRequestState": fleet.state,
            "PreviousSpotFleetRequestState": before,
        }

    def _described(self, fleet: Ec2Fleet) -> dict[str, Any]:
        weights = {o.pool.instance_type: o.weight for o in wish_of_fleet(self.world, fleet).options}
        alive = self.settler.alive(fleet)
        units = sum(weights.get(i.instance_type, 1) for i in alive)
        on_demand = sum(weights.get(i.instance_type, 1) for i in alive if i.lifecycle != "spot")
        config = {
            **fleet.request["asked"],
            "TargetCapacity": fleet.target["TotalTargetCapacity"],
            "OnDemandTargetCapacity": fleet.target["OnDemandTargetCapacity"],
            "FulfilledCapacity": float(units),
            "OnDemandFulfilledCapacity": float(on_demand),
            "Type": fleet.type,
        }
        return {
            "SpotFleetRequestId": fleet.fleet_id,
            "SpotFleetRequestState": fleet.state,
            "ActivityStatus": "fulfilled"
            if units >= int(fleet.target["TotalTargetCapacity"])
            else "pending_fulfillment",
            "CreateTime": fleet.created_at.replace(tzinfo=None),
            "SpotFleetRequestConfig": config,
            "Tags": [{"Key": k, "Value": v} for k, v in fleet.tags.items()],
        }


def _as_fleet(config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of an EC2 Fleet that would want the same; `asked` keeps what is described."""
    asked = {"AllocationStrategy": "lowestPrice", "ExcessCapacityTerminationPolicy": "default"}
    asked |= {k: v for k, v in config.items() if k != "TagSpecifications"}
    plain = [
        {
            "ImageId": spec.get("ImageId"),
            "Overrides": [
                {
                    "InstanceType": spec.get("InstanceType"),
                    "WeightedCapacity": spec.get("WeightedCapacity"),
                    "SubnetId": spec.get("SubnetId"),
                    "AvailabilityZone": (spec.get("Placement") or {}).get("AvailabilityZone"),
                }
            ],
        }
        for spec in config.get("LaunchSpecifications") or []
    ]
    return {
        "LaunchTemplateConfigs": config.get("LaunchTemplateConfigs") or plain,
        "SpotOptions": {
            "AllocationStrategy": STRATEGIES[asked["AllocationStrategy"]],
            "InstancePoolsToUseCount": config.get("InstancePoolsToUseCount"),
        },
        "ExcessCapacityTerminationPolicy": _POLICIES[asked["ExcessCapacityTerminationPolicy"]],
        "asked": asked,
    }


def _target(total: int, on_demand: int) -> dict[str, Any]:
    if not 0 <= on_demand <= total:
        text = f"OnDemandTargetCapacity {on_demand} does not fit TargetCapacity {total}."
        raise EC2ClientError("InvalidSpotFleetRequestConfig", text)
    return {"TotalTargetCapacity": total, "OnDemandTargetCapacity": on_demand}


def _page(response: EC2Response, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str | None]:
    start, size = int(response._get_param("NextToken") or 0), int(response._get_param("MaxResults") or 1000)
    return rows[start : start + size], str(start + size) if start + size < len(rows) else None
