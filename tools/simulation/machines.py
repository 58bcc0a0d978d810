"""EC2's actions on single instances as AWS answers them: run, stop, start, terminate, attributes.

Source  EC2 API reference: StopInstances, TerminateInstances (termination protection spares the whole zone),
ModifyInstanceAttribute, RunInstances (MinCount, MaxCount, SpotMarketOptions); codes of the error code page
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError, InvalidInstanceIdError, OperationNotPermitted4
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.ec2.responses import EC2Response

from tools.simulation.market import Pool
from tools.simulation.world import PENDING, World

PERSISTENT_BEHAVIOURS = ("stop", "hibernate")
STOPPING = PENDING
"""how long a stop takes"""


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    actions = MachineActions(world)
    for name in ("run_instances", "reboot_instances", "modify_instance_attribute", "describe_instance_attribute"):
        setattr(EC2Response, name, _bound(getattr(actions, name), getattr(EC2Response, name)))
    for name in ("stop_instances", "start_instances", "terminate_instances"):
        setattr(EC2Response, name, _bound(getattr(actions, name)))


def _bound(action: Any, *moto_action: Any) -> Callable[[EC2Response], ActionResult]:
    """moto_action: given to an action that ends in moto's own"""

    def method(response: EC2Response) -> ActionResult:
        result: ActionResult = action(response, *moto_action)
        return result

    return method


def shown(instance: Instance) -> dict[str, Any]:
    """What DescribeInstances says of disks, hibernation and who operates the instance."""
    principal = operator_of(instance)
    devices = [
        {
            "DeviceName": name,
            "Ebs": {
                "VolumeId": device.volume_id,
                "Status": "attached",
                "AttachTime": device.attach_time,
                "DeleteOnTermination": bool(device.delete_on_termination),
            },
        }
        for name, device in instance.block_device_mapping.items()
    ]
    return {
        "BlockDeviceMappings": devices,
        "HibernationOptions": {"Configured": hibernates(instance)},
        "Operator": {"Managed": principal is not None, "Principal": principal},
    }


def hibernates(instance: Instance) -> bool:
    return bool((instance.hibernation_options or {}).get("Configured"))


def operator_of(instance: Instance) -> str | None:
    """The service that manages the instance, such as eks.amazonaws.com; None = nobody."""
    found: str | None = vars(instance).get("operator")
    return found


def give_to(instance: Instance, principal: str) -> None:
    """Make a service the operator of an instance."""
    vars(instance)["operator"] = principal


class MachineActions:
    def __init__(self, world: World) -> None:
        self.world = world

    def _named(self, response: EC2Response) -> list[Instance]:
        """The instances of a request, each once, none of them a service's. Raises EC2's errors: all or nothing."""
        wanted = list(dict.fromkeys(response._get_param("InstanceIds", [])))
        found = self.world.ec2.get_multi_instances_by_id(wanted)
        for instance in found:
            refuse_managed(instance)
        return found

    # --- run
    def run_instances(self, response: EC2Response, moto_action: Any) -> ActionResult:
        low, high = int(response._get_param("MinCount", 1)), int(response._get_param("MaxCount", 1))
        if not 1 <= low <= high:
            text = f"Value ({low}) for parameter minCount is invalid. It must be from 1 to maxCount ({high})."
            raise EC2ClientError("InvalidParameterValue", text)
        self._check_market(response)
        short = self.world.short
        if short and low == high:
            raise EC2ClientError(short[1], f"We currently do not have sufficient capacity for {high} instances.")
        response.params["MinCount"] = low if short else high  # moto launches MinCount
        result: ActionResult = moto_action(response)
        for instance in result.result.instances:  # type: ignore[attr-defined]
            self._set_up(instance, response)
        return result

    def _check_market(self, response: EC2Response) -> None:
        kind = self._type(response)
        if kind not in INSTANCE_TYPES:
            raise EC2ClientError("InvalidParameterValue", f"Invalid value '{kind}' for InstanceType.")
        if response._get_param("InstanceMarketOptions.MarketType") != "spot":
            return
        options = response._get_param("InstanceMarketOptions.SpotOptions") or {}
        behaviour = options.get("InstanceInterruptionBehavior") or "terminate"
        if options.get("SpotInstanceType") == "persistent" and behaviour not in PERSISTENT_BEHAVIOURS:
            text = "Persistent Spot Instance requests need the interruption behavior stop or hibernate."
            raise EC2ClientError("InvalidParameterCombination", text)
        pool = Pool(kind, self._zone(response))
        if pool in self.world.dry:
            raise EC2ClientError(
                "InsufficientInstanceCapacity",
                f"There is no Spot capacity available that matches your request ({kind} in {pool.zone}).",
            )

    def _type(self, response: EC2Response) -> str:
        template = response._get_param("LaunchTemplate")
        kind = response._get_param("InstanceType")
        if not kind and template:
            kind = self.world.ec2._get_template_from_args(template).instance_type
        return str(kind or "m1.small")

    def _zone(self, response: EC2Response) -> str:
        subnet = response._get_param("SubnetId")
        named = response._get_param("Placement.AvailabilityZone")
        return str(
            named or (self.world.ec2.get_subnet(subnet).availability_zone if subnet else f"{self.world.region}a")
        )

    def _set_up(self, instance: Instance, response: EC2Response) -> None:
        instance.disable_api_termination = bool(response._get_param("DisableApiTermination"))
        options = response._get_param("InstanceMarketOptions.SpotOptions") or {}
        self.world.born(
            instance,
            self.world.clock.now(),
            persistent=options.get("SpotInstanceType") == "persistent",
            behaviour=str(options.get("InstanceInterruptionBehavior") or "terminate"),
        )
        _become(instance, "pending", 0)

    # --- stop and start
    def stop_instances(self, response: EC2Response) -> ActionResult:
        found = self._named(response)
        hibernate = bool(response._get_bool_param("Hibernate", False))
        for instance in found:
            self._check_stop(instance, hibernate=hibernate)
        response.error_on_dryrun()
        now = self.world.clock.now()
        rows = []
        for instance in found:
            before = {"Code": instance.state_code, "Name": instance.state}
            if instance.state not in ("stopped", "stopping"):
                self._stop(instance, now, hibernate=hibernate)
            rows.append({"InstanceId": instance.id, "CurrentState": _state(instance), "PreviousState": before})
        return ActionResult({"StoppingInstances": rows})

    def _check_stop(self, instance: Instance, *, hibernate: bool) -> None:
        if instance.state not in ("running", "stopping", "stopped"):
            text = f"The instance '{instance.id}' is not in a state from which it can be stopped."
            raise EC2ClientError("IncorrectInstanceState", text)
        if instance.lifecycle == "spot" and not self.world.spot_requests.is_persistent(instance.id):
            raise EC2ClientError(
                "UnsupportedOperation",
                f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot "
                "Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
            )
        if hibernate and not hibernates(instance):
            text = f"The instance '{instance.id}' is not configured for hibernation."
            raise EC2ClientError("UnsupportedHibernationConfiguration", text)
        if instance.disable_api_stop:
            text = f"The instance '{instance.id}' may not be stopped. Modify its 'disableApiStop' instance attribute."
            raise EC2ClientError("OperationNotPermitted", text)

    def _stop(self, instance: Instance, now: datetime, *, hibernate: bool) -> None:
        _become(instance, "stopping", 64)
        what = "hibernate" if hibernate else "shutdown"
        instance._reason = f"User initiated {what} ({now:%Y-%m-%d %H:%M:%S} GMT)"
        instance.state_reason.code = f"Client.UserInitiated{what.title()}"
        instance.state_reason.message = f"{instance.state_reason.code}: User initiated {what}"
        self.world.stopping[instance.id] = now + STOPPING
        self.world.spot_requests.stopped(instance.id, now)
        self.world.changed = True

    def start_instances(self, response: EC2Response) -> ActionResult:
        found = self._named(response)
        for instance in found:
            if instance.state not in ("stopped", "pending", "running"):
                text = f"The instance '{instance.id}' is not in a state from which it can be started."
                raise EC2ClientError("IncorrectInstanceState", text)
        response.error_on_dryrun()
        now = self.world.clock.now()
        rows = []
        for instance in found:
            before = _state(instance)
            if instance.state == "stopped":
                instance.start()
                _become(instance, "pending", 0)
                self.world.launched_at[instance.id] = now
                instance.launch_time = now.replace(tzinfo=None)
                self.world.spot_requests.started(instance.id, now)
                self.world.changed = True
            rows.append({"InstanceId": instance.id, "CurrentState": _state(instance), "PreviousState": before})
        return ActionResult({"StartingInstances": rows})

    def reboot_instances(self, response: EC2Response, moto_action: Any) -> ActionResult:
        self._named(response)
        result: ActionResult = moto_action(response)
        return result

    # --- terminate
    def terminate_instances(self, response: EC2Response) -> ActionResult:
        found = self._named(response)
        guarded = [i for i in found if i.disable_api_termination and i.state != "terminated"]
        spared = {i.placement.zone for i in guarded}
        response.error_on_dryrun()
        going = [i for i in found if i.placement.zone not in spared]
        rows = [self._end(i) for i in going]
        if guarded:
            self.world.affected = [i.id for i in going]
            raise OperationNotPermitted4(guarded[0].id)
        return ActionResult({"TerminatingInstances": rows})

    def _end(self, instance: Instance) -> dict[str, Any]:
        before = _state(instance)
        if instance.state != "terminated":
            now = self.world.clock.now()
            said = "Client.UserInitiatedShutdown"
            self.world.end(instance, now, code=said, message=f"{said}: User initiated shutdown")
            instance._reason = f"User initiated ({now:%Y-%m-%d %H:%M:%S} GMT)"
        current = {"Code": 32, "Name": "shutting-down"} if before["Name"] != "terminated" else before
        return {"InstanceId": instance.id, "CurrentState": current, "PreviousState": before}

    # --- attributes
    def modify_instance_attribute(self, response: EC2Response, moto_action: Any) -> ActionResult:
        instance = self._one(response)
        refuse_managed(instance)
        if instance.state == "terminated":
            text = f"The instance '{instance.id}' is not in a valid state for this operation."
            raise EC2ClientError("IncorrectInstanceState", text)
        for mapping in response._get_param("BlockDeviceMappings", []):
            if mapping.get("DeviceName") not in instance.block_device_mapping:
                text = f"No device is currently mapped at {mapping.get('DeviceName')}"
                raise EC2ClientError("InvalidInstanceAttributeValue", text)
        if response._get_param("DisableApiTermination.Value") and instance.lifecycle == "spot":
            text = "Termination protection cannot be enabled for Spot Instances."
            raise EC2ClientError("UnsupportedOperation", text)
        result: ActionResult = moto_action(response)
        return result

    def describe_instance_attribute(self, response: EC2Response, moto_action: Any) -> ActionResult:
        instance = self._one(response)
        if response._get_param("Attribute") == "blockDeviceMapping":
            return ActionResult(
                {"InstanceId": instance.id, "BlockDeviceMappings": shown(instance)["BlockDeviceMappings"]}
            )
        result: ActionResult = moto_action(response)
        return result

    def _one(self, response: EC2Response) -> Instance:
        instance_id = str(response._get_param("InstanceId"))
        found = self.world.ec2.get_instance(instance_id)
        if found is None:
            raise InvalidInstanceIdError(instance_id)
        return found


def settle_stops(world: World, now: datetime) -> None:
    """Stops that are due come to their end. Called on every tick."""
    for instance_id in [i for i, at in world.stopping.items() if at <= now]:
        del world.stopping[instance_id]
        instance = world.instances.get(instance_id)
        if instance is not None and instance.state == "stopping":
            _become(instance, "stopped", 80)
            world.changed = True


def refuse_managed(instance: Instance) -> None:
    """Raises EC2ClientError: a service operates the instance, and only it may change it."""
    principal = operator_of(instance)
    if principal is not None:
        text = f"The instance '{instance.id}' is managed by {principal}: you cannot modify or end it directly."
        raise EC2ClientError("OperationNotPermitted", text)


def _state(instance: Instance) -> dict[str, Any]:
    return {"Code": instance.state_code, "Name": instance.state}


def _become(instance: Instance, name: str, code: int) -> None:
    instance._state.name, instance._state.code = name, code
