"""EC2 Fleets as AWS answers for them: create, modify, describe, delete.

Source  EC2 API reference: CreateFleet (Errors of instant fleets), ModifyFleet, DeleteFleets (codes of its errors)
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from tools.simulation.settling import Settler
from tools.simulation.wishes import Ec2Fleet, check_configs, wish_of_fleet
from tools.simulation.world import World

_FLEET_STRATEGIES = (
    "lowest-price",
    "lowestPrice",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
)
_TYPES = ("maintain", "request", "instant")


def install(world: World, settler: Settler) -> "FleetActions":
    """Replace moto's answers with ours, for this process."""
    fleets = FleetActions(world, settler)
    for name in ("create_fleet", "modify_fleet", "describe_fleets", "describe_fleet_instances", "delete_fleets"):
        setattr(EC2Response, name, _bound(getattr(fleets, name)))
    return fleets


def _bound(action: Any) -> Callable[[EC2Response], ActionResult]:
    def method(response: EC2Response) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


class FleetActions:
    def __init__(self, world: World, settler: Settler) -> None:
        self.world = world
        self.settler = settler

    def _fleet(self, fleet_id: str) -> Ec2Fleet:
        fleet = self.world.ec2_fleets.get(fleet_id)
        if fleet is None:
            raise EC2ClientError("InvalidFleetId.NotFound", f"The fleet ID '{fleet_id}' does not exist")
        found: Ec2Fleet = fleet
        return found

    def create_fleet(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        fleet = self.make(dict(response.params))
        result: dict[str, Any] = {"FleetId": fleet.fleet_id}
        if fleet.type == "instant":
            result["Instances"] = [self._launched(fleet, i) for i in self.settler.alive(fleet)]
            result["Errors"] = self._errors(fleet)
        return ActionResult(result)

    def _launched(self, fleet: Ec2Fleet, instance: Instance) -> dict[str, Any]:
        return {
            "InstanceIds": [instance.id],
            "InstanceType": instance.instance_type,
            "Lifecycle": instance.lifecycle or "on-demand",
            "LaunchTemplateAndOverrides": self._override(fleet, instance.instance_type, str(instance.placement.zone)),
        }

    def _errors(self, fleet: Ec2Fleet) -> list[dict[str, Any]]:
        """One for each pool that was asked for the units which are missing."""
        wish = wish_of_fleet(self.world, fleet)
        weights = {o.pool.instance_type: o.weight for o in wish.options}
        alive = self.settler.alive(fleet)
        code = self.world.short[1] if self.world.short else "InsufficientInstanceCapacity"
        errors = []
        for lifecycle, wanted in (("on-demand", wish.on_demand), ("spot", wish.desired - wish.on_demand)):
            have = sum(weights.get(i.instance_type, 1) for i in alive if (i.lifecycle or "on-demand") == lifecycle)
            pools = dict.fromkeys(o.pool for o in wish.options) if have < wanted else ()
            errors += [
                {
                    "LaunchTemplateAndOverrides": self._override(fleet, pool.instance_type, pool.zone),
                    "Lifecycle": lifecycle,
                    "ErrorCode": code,
                    "ErrorMessage": f"{code}: {pool.instance_type} in {pool.zone} could not be launched.",
                }
                for pool in pools
            ]
        return errors

    def _override(self, fleet: Ec2Fleet, instance_type: str, zone: str) -> dict[str, Any]:
        spec = fleet.request["LaunchTemplateConfigs"][0].get("LaunchTemplateSpecification") or {}
        override = {"InstanceType": instance_type, "AvailabilityZone": zone}
        return {"LaunchTemplateSpecification": spec, "Overrides": override}

    def make(self, request: Mapping[str, Any], *, ready: bool = False) -> Ec2Fleet:
        """A new fleet; instant and request fleets launch once, maintain fleets keep their size on ticks.

        ready  the first instances are in service at once (the scenario's beginning)
        """
        strategy = (request.get("SpotOptions") or {}).get("AllocationStrategy") or "lowest-price"
        if strategy not in _FLEET_STRATEGIES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid AllocationStrategy: {strategy}")
        if (request.get("Type") or "maintain") not in _TYPES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid Type: {request.get('Type')}")
        target = _target(request.get("TargetCapacitySpecification") or {}, {})
        tags = {
            tag["Key"]: tag["Value"]
            for spec in request.get("TagSpecifications") or []
            if spec.get("ResourceType") == "fleet"
            for tag in spec.get("Tags") or []
        }
        number = len(self.world.ec2_fleets)
        name = self.world.request_id(f"fleet|{number}")
        fleet = Ec2Fleet(
            fleet_id=f"fleet-{name}",
            request={k: v for k, v in request.items() if k not in ("DryRun", "TagSpecifications", "ClientToken")},
            type=str(request.get("Type") or "maintain"),
            target=target,
            tags=tags,
            created_at=self.world.clock.now(),
            client_token=str(request.get("ClientToken") or ""),
        )
        check_configs(self.world, fleet.request.get("LaunchTemplateConfigs") or [])
        self.world.ec2_fleets[fleet.fleet_id] = fleet
        if tags:
            self.world.ec2.create_tags([fleet.fleet_id], tags)
        if ready or fleet.type != "maintain":
            self.settler.settle_fleet(fleet, self.world.clock.now(), ready=ready)
        return fleet

    def modify_fleet(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        fleet = self._fleet(response._get_param("FleetId"))
        if fleet.type != "maintain":
            raise EC2ClientError("InvalidParameterCombination", f"A fleet of type {fleet.type} cannot be modified.")
        if fleet.state != "active":
            raise EC2ClientError("InvalidFleetState", f"The fleet is {fleet.state}.")
        params = response.params
        check_configs(self.world, params.get("LaunchTemplateConfigs") or [])
        if params.get("TargetCapacitySpecification"):
            fleet.target = _target(params["TargetCapacitySpecification"], fleet.target)
        for key in ("LaunchTemplateConfigs", "ExcessCapacityTerminationPolicy"):
            if params.get(key):
                fleet.request[key] = params[key]
        return ActionResult({"Return": True})

    def describe_fleets(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        wanted = response._get_param("FleetIds", [])
        fleets = [self._fleet(i) for i in wanted] if wanted else list(self.world.ec2_fleets.values())
        states = response._filters_from_querystring().get("fleet-state")
        rows = [self._described(f) for f in fleets if not states or f.state in states]
        start = int(response._get_param("NextToken") or 0)
        size = int(response._get_param("MaxResults") or 1000)
        more = str(start + size) if start + size < len(rows) else None
        return ActionResult({"Fleets": rows[start : start + size], "NextToken": more})

    def describe_fleet_instances(self, response: EC2Response) -> ActionResult:
        response.error_on_dryrun()
        fleet = self._fleet(response._get_param("FleetId"))
        rows = [
            {
                "InstanceId": i.id,
                "InstanceType": i.instance_type,
                "InstanceHealth": "healthy",
                **({"SpotInstanceRequestId": f"sir-{i.id[2:10]}"} if i.lifecycle == "spot" else {}),
            }
            for i in self.settler.alive(fleet)
        ]
        start = int(response._get_param("NextToken") or 0)
        size = int(response._get_param("MaxResults") or 1000)
        more = str(start + size) if start + size < len(rows) else None
        return ActionResult(
            {"ActiveInstances": rows[start : start + size], "FleetId": fleet.fleet_id, "NextToken": more}
        )

    def delete_fleets(self, response: EC2Response) -> ActionResult:
        wanted = list(dict.fromkeys(response._get_param("FleetIds", [])))
        ends = bool(response._get_bool_param("TerminateInstances", False))
        known = [f for i in wanted if (f := self.world.ec2_fleets.get(i)) is not None]
        if not ends and any(f.type == "instant" for f in known):
            text = "NoTerminateInstances cannot be specified for fleets of type instant."
            raise EC2ClientError("InvalidParameterCombination", text)
        response.error_on_dryrun()
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for place, fleet_id in enumerate(wanted):
            refusal = self._cannot_delete(fleet_id)
            if refusal is None and place >= self.world.part_of(len(wanted)):
                refusal = "unexpectedError"
            if refusal:
                failed.append({"FleetId": fleet_id, "Error": {"Code": refusal, "Message": f"{fleet_id}: {refusal}"}})
            else:
                done.append(self._delete(self.world.ec2_fleets[fleet_id], ends=ends))
        self.world.affected = [d["FleetId"] for d in done]
        return ActionResult({"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": failed})

    def _cannot_delete(self, fleet_id: str) -> str | None:
        fleet = self.world.ec2_fleets.get(fleet_id)
        if fleet is None:
            return "fleetIdDoesNotExist" if fleet_id.startswith("fleet-") else "fleetIdMalformed"
        return None if fleet.state == "active" else "fleetNotInDeletableState"

    def _delete(self, fleet: Ec2Fleet, *, ends: bool) -> dict[str, Any]:
        before, fleet.state = fleet.state, "deleted_terminating" if ends else "deleted_running"
        self.settler.end_fleet(fleet, ends=ends)
        return {"FleetId": fleet.fleet_id, "CurrentFleetState": fleet.state, "PreviousFleetState": before}

    def _described(self, fleet: Ec2Fleet) -> dict[str, Any]:
        alive = self.settler.alive(fleet)
        weights = {o.pool.instance_type: o.weight for o in wish_of_fleet(self.world, fleet).options}
        units = sum(weights.get(i.instance_type, 1) for i in alive)
        on_demand = sum(weights.get(i.instance_type, 1) for i in alive if i.lifecycle != "spot")
        request = fleet.request
        settled = units >= int(fleet.target["TotalTargetCapacity"])
        return {
            "FleetId": fleet.fleet_id,
            "FleetState": fleet.state,
            "ActivityStatus": "fulfilled" if settled else "pending_fulfillment",
            "CreateTime": fleet.created_at.replace(tzinfo=None),
            "ClientToken": fleet.client_token,
            "ExcessCapacityTerminationPolicy": request.get("ExcessCapacityTerminationPolicy") or "termination",
            "FulfilledCapacity": float(units),
            "FulfilledOnDemandCapacity": float(on_demand),
            "LaunchTemplateConfigs": request["LaunchTemplateConfigs"],
            "TargetCapacitySpecification": fleet.target,
            "TerminateInstancesWithExpiration": bool(request.get("TerminateInstancesWithExpiration")),
            "Type": fleet.type,
            "ReplaceUnhealthyInstances": bool(request.get("ReplaceUnhealthyInstances")),
            "SpotOptions": {"AllocationStrategy": "lowest-price", **(request.get("SpotOptions") or {})},
            "OnDemandOptions": {"AllocationStrategy": "lowest-price", **(request.get("OnDemandOptions") or {})},
            "Tags": [{"Key": k, "Value": v} for k, v in fleet.tags.items()],
        }


def _target(spec: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A whole target capacity: what a request leaves out is filled from the default purchase option."""
    total = int(spec.get("TotalTargetCapacity") or 0)
    default = spec.get("DefaultTargetCapacityType") or old.get("DefaultTargetCapacityType") or "on-demand"
    on_demand, spot = spec.get("OnDemandTargetCapacity"), spec.get("SpotTargetCapacity")
    if on_demand is None and spot is None:
        on_demand = int(old.get("OnDemandTargetCapacity", 0)) if default == "spot" else total
        spot = total - min(int(on_demand), total)
    elif on_demand is None:
        on_demand = total - int(spot or 0)
    elif spot is None:
        spot = total - int(on_demand)
    if int(on_demand or 0) + int(spot or 0) > total or min(int(on_demand or 0), int(spot or 0)) < 0:
        raise EC2ClientError(
            "InvalidTargetCapacitySpecification",
            f"OnDemandTargetCapacity {on_demand} and SpotTargetCapacity {spot} do not fit TotalTargetCapacity {total}.",
        )
    rest = total - int(on_demand or 0) - int(spot or 0)
    return {
        "TotalTargetCapacity": total,
        "OnDemandTargetCapacity": int(on_demand or 0) + (rest if default == "on-demand" else 0),
        "SpotTargetCapacity": int(spot or 0) + (rest if default == "spot" else 0),
        "DefaultTargetCapacityType": default,
    }
