"""EC2's instance and fleet actions as AWS answers them, where moto's own differ.

CreateFleet, ModifyFleet, DescribeFleets, DescribeFleetInstances and DeleteFleets work on our own fleets;
RunInstances and TerminateInstances are moto's, with the market told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from tools.simulation.ec2_xml import ec2_answer
from tools.simulation.market import Pool
from tools.simulation.rates import is_arm, vcpus
from tools.simulation.settling import Ec2Fleet, Settler, wish_of_fleet
from tools.simulation.world import World

_FLEET_STRATEGIES = (
    "lowest-price",
    "lowestPrice",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
)


def install(world: World, settler: Settler) -> "FleetActions":
    """Replace moto's answers with ours, for this process."""
    fleets = FleetActions(world, settler)
    moto_run = EC2Response.run_instances
    moto_terminate = EC2Response.terminate_instances

    def run_instances(response: EC2Response) -> ActionResult:
        _refuse_dry(world, response)
        result = moto_run(response)
        launched: Any = result.result
        for instance in launched.instances:
            world.born(instance, world.clock.now())
        return result

    def terminate_instances(response: EC2Response) -> ActionResult:
        wanted = response._get_param("InstanceIds", [])
        alive = [i for i in world.ec2.get_multi_instances_by_id(wanted) if i.state != "terminated"]
        result = moto_terminate(response)
        for instance in alive:
            world.buried(instance, world.clock.now())
        return result

    def describe_instances(response: EC2Response) -> str:
        return ec2_answer("DescribeInstances", _instances_page(world, response))

    for action in (run_instances, terminate_instances, describe_instances):
        setattr(EC2Response, action.__name__, action)
    for name in ("create_fleet", "modify_fleet", "describe_fleets", "describe_fleet_instances", "delete_fleets"):
        setattr(EC2Response, name, _bound(getattr(fleets, name)))
    return fleets


def _bound(action: Any) -> Any:
    def method(response: EC2Response) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


def _refuse_dry(world: World, response: EC2Response) -> None:
    if response._get_param("InstanceMarketOptions.MarketType") != "spot":
        return
    kind = response._get_param("InstanceType")
    subnet = response._get_param("SubnetId")
    zone = response._get_param("Placement.AvailabilityZone") or (
        world.ec2.get_subnet(subnet).availability_zone if subnet else f"{world.region}a"
    )
    if Pool(kind, zone) in world.dry:
        raise EC2ClientError(
            "InsufficientInstanceCapacity",
            f"There is no Spot capacity available that matches your request ({kind} in {zone}).",
        )


# --- DescribeInstances


@dataclass
class _Page:
    """One reservation as it is shown: only the instances that passed the filters."""

    id: str
    owner_id: str
    instances: list[dict[str, Any]]

    def shown(self) -> dict[str, Any]:
        return {"ReservationId": self.id, "OwnerId": self.owner_id, "Groups": [], "Instances": self.instances}


def _instances_page(world: World, response: EC2Response) -> dict[str, Any]:
    response.error_on_dryrun()
    wanted = response._get_param("InstanceIds", [])
    size = response._get_param("MaxResults")
    if wanted and size:
        raise EC2ClientError(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    filters = response._filters_from_querystring()
    lifecycles = filters.pop("instance-lifecycle", None)
    found = (
        world.ec2.get_reservations_by_instance_ids(wanted, filters=filters)
        if wanted
        else world.ec2.describe_instances(filters=filters)
    )
    pages = [
        _Page(
            r.id, str(r.owner_id), [shown(i) for i in r.instances if not lifecycles or (str(i.lifecycle) in lifecycles)]
        )
        for r in found
    ]
    pages = [p for p in pages if p.instances]
    start = _after(pages, response._get_param("NextToken"))
    taken: list[_Page] = []
    for page in pages[start:]:
        if taken and sum(len(p.instances) for p in [*taken, page]) > int(size or 1000):
            break
        taken.append(page)
    more = taken[-1].id if taken and start + len(taken) < len(pages) else None
    return {"Reservations": [p.shown() for p in taken], "NextToken": more}


def _after(pages: list[_Page], token: str | None) -> int:
    if not token:
        return 0
    for place, page in enumerate(pages):
        if page.id == token:
            return place + 1
    raise EC2ClientError("InvalidNextToken", f"The token '{token}' is invalid.")


def shown(instance: Instance) -> dict[str, Any]:
    """An instance in EC2's words; the network and the disks are left out: nothing here reads them."""
    row: dict[str, Any] = {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "State": {"Name": instance.state, "Code": instance.state_code},
        "LaunchTime": instance.launch_time,
        "Placement": {"AvailabilityZone": instance.placement.zone, "Tenancy": "default"},
        "PrivateIpAddress": instance.private_ip,
        "PrivateDnsName": instance.private_dns_name,
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
        "Architecture": "arm64" if is_arm(instance.instance_type) else "x86_64",
        "ClientToken": instance.client_token or "",
        "CpuOptions": {"CoreCount": max(vcpus(instance.instance_type) // 2, 1), "ThreadsPerCore": 2},
        "EbsOptimized": False,
        "Hypervisor": "xen",
        "Monitoring": {"State": instance.monitoring_state},
        "PlatformDetails": "Linux/UNIX",
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "StateTransitionReason": instance._reason,
        "Tags": [{"Key": t["key"], "Value": t["value"]} for t in instance.get_tags()],
        "VirtualizationType": "hvm",
    }
    if instance.lifecycle == "spot":
        row["InstanceLifecycle"] = "spot"
        row["SpotInstanceRequestId"] = f"sir-{instance.id[2:10]}"
    if instance.state_reason.code:
        row["StateReason"] = {"Code": instance.state_reason.code, "Message": instance.state_reason.message}
    return row


# --- EC2 Fleets


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
            result["Instances"] = [
                {
                    "InstanceIds": [i.id],
                    "InstanceType": i.instance_type,
                    "Lifecycle": i.lifecycle or "on-demand",
                }
                for i in self.settler.alive(fleet)
            ]
        return ActionResult(result)

    def make(self, request: Mapping[str, Any], *, ready: bool = False) -> Ec2Fleet:
        """A new fleet; instant and request fleets launch once, maintain fleets keep their size on ticks.

        ready  the first instances are in service at once (the scenario's beginning)
        """
        strategy = (request.get("SpotOptions") or {}).get("AllocationStrategy") or "lowest-price"
        if strategy not in _FLEET_STRATEGIES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid AllocationStrategy: {strategy}")
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
        self.world.ec2_fleets[fleet.fleet_id] = fleet
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
        response.error_on_dryrun()
        ends = response._get_bool_param("TerminateInstances", False)
        done = []
        for fleet_id in response._get_param("FleetIds", []):
            fleet = self._fleet(fleet_id)
            previous, fleet.state = fleet.state, "deleted_terminating" if ends else "deleted_running"
            for instance in self.settler.alive(fleet) if ends else []:
                self.settler._end(instance, self.world.clock.now())
            done.append({"FleetId": fleet_id, "CurrentFleetState": fleet.state, "PreviousFleetState": previous})
        return ActionResult({"SuccessfulFleetDeletions": done, "UnsuccessfulFleetDeletions": []})

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
