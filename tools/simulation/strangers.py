"""Somebody else in the account: what they change, as the AWS calls that change it.

| change                                                                    | call                              |
|---------------------------------------------------------------------------|-----------------------------------|
| {"group": NAME, "desired" / "min" / "max": N}                             | UpdateAutoScalingGroup            |
| {"group": NAME, "mix": {InstancesDistribution}}                           | UpdateAutoScalingGroup            |
| {"group": NAME, "overrides": [instance types]}                            | UpdateAutoScalingGroup            |
| {"group": NAME, "tags": {key: value}}                                     | CreateOrUpdateTags                |
| {"group": NAME, "suspend": [processes]}                                   | SuspendProcesses                  |
| {"group": NAME, "delete": true}                                           | DeleteAutoScalingGroup (force)    |
| {"fleet": ID, "target": N, "on_demand": N} / "tags" / "delete": true      | ModifyFleet, CreateTags, …        |
| {"spot_fleet": ID, "target": N} / "tags" / "delete": true                 | ModifySpotFleetRequest, …         |
| {"instance": ID, "terminate" / "stop" / "start": true} / "tags"           | TerminateInstances, …             |
| {"instance": ID, "protect": true or false}                                | ModifyInstanceAttribute           |
| {"template": ID, "default_version": N}                                    | ModifyLaunchTemplate              |
| {"service": …, "operation": …, "parameters": {…}}                         | that one, in botocore's names     |
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from botocore.serialize import create_serializer
from moto.core.utils import get_service_model

ACCESS_KEY = "STRANGER"
USER_AGENT = "stranger"
_PROTOCOLS = {"ec2": "ec2", "autoscaling": "query"}


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    parameters: dict[str, Any]


def calls_of(change: dict[str, Any]) -> list[Call]:
    """The calls that make a change. Raises ValueError: a change that nobody here knows how to make."""
    if not isinstance(change, dict):
        raise ValueError(f"a stranger's change: saw {change!r}, expected an object")  # noqa: TRY004  said by a caller
    if "operation" in change:
        service = str(change.get("service", ""))
        if service not in _PROTOCOLS:
            raise ValueError(f"a stranger's service: saw {service!r}, expected one of {', '.join(_PROTOCOLS)}")
        return [Call(service, str(change["operation"]), dict(change.get("parameters") or {}))]
    for what, maker in _MAKERS.items():
        if what in change:
            rest = {k: v for k, v in change.items() if k != what}
            calls = list(maker(str(change[what]), rest))
            if not rest or not calls:
                raise ValueError(f"a stranger's change of {what} {change[what]}: saw {sorted(rest)}, known none of it")
            return calls
    raise ValueError(f"a stranger's change needs one of {', '.join(_MAKERS)} or an operation: saw {sorted(change)}")


def environ_of(call: Call, like: dict[str, Any], region: str) -> dict[str, Any]:
    """The HTTP request that makes a call, through the same server as another one."""
    model = get_service_model(call.service).operation_model(call.operation)
    serial = create_serializer(_PROTOCOLS[call.service]).serialize_to_request(call.parameters, model)
    body = urlencode(serial["body"]).encode()
    scope = f"{ACCESS_KEY}/20000101/{region}/{call.service}/aws4_request"
    kept = {k: v for k, v in like.items() if not k.startswith("HTTP_X_AMZ") and k != "werkzeug.socket"}
    return kept | {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "RAW_URI": "/",
        "REQUEST_URI": "/",
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "HTTP_USER_AGENT": USER_AGENT,
        "wsgi.input": io.BytesIO(body),
    }


def _of_group(name: str, rest: dict[str, Any]) -> Iterable[Call]:
    named = {"AutoScalingGroupName": name}
    sizes = {"desired": "DesiredCapacity", "min": "MinSize", "max": "MaxSize"}
    update: dict[str, Any] = {sizes[k]: int(v) for k, v in rest.items() if k in sizes}
    policy: dict[str, Any] = {"InstancesDistribution": rest["mix"]} if "mix" in rest else {}
    if "overrides" in rest:
        policy["LaunchTemplate"] = {"Overrides": [{"InstanceType": k} for k in rest["overrides"]]}
    if policy:
        update["MixedInstancesPolicy"] = policy
    if update:
        yield Call("autoscaling", "UpdateAutoScalingGroup", named | update)
    if "tags" in rest:
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": False}
        tags = [{"Key": k, "Value": v, **tag} for k, v in rest["tags"].items()]
        yield Call("autoscaling", "CreateOrUpdateTags", {"Tags": tags})
    if "suspend" in rest:
        yield Call("autoscaling", "SuspendProcesses", named | {"ScalingProcesses": list(rest["suspend"])})
    if rest.get("delete"):
        yield Call("autoscaling", "DeleteAutoScalingGroup", named | {"ForceDelete": True})


def _of_fleet(fleet_id: str, rest: dict[str, Any]) -> Iterable[Call]:
    if "target" in rest:
        target = {"TotalTargetCapacity": int(rest["target"])}
        if "on_demand" in rest:
            target["OnDemandTargetCapacity"] = int(rest["on_demand"])
        yield Call("ec2", "ModifyFleet", {"FleetId": fleet_id, "TargetCapacitySpecification": target})
    yield from _tagged(fleet_id, rest)
    if rest.get("delete"):
        yield Call("ec2", "DeleteFleets", {"FleetIds": [fleet_id], "TerminateInstances": True})


def _of_spot_fleet(request_id: str, rest: dict[str, Any]) -> Iterable[Call]:
    if "target" in rest:
        target = {"SpotFleetRequestId": request_id, "TargetCapacity": int(rest["target"])}
        yield Call("ec2", "ModifySpotFleetRequest", target)
    yield from _tagged(request_id, rest)
    if rest.get("delete"):
        named = {"SpotFleetRequestIds": [request_id], "TerminateInstances": True}
        yield Call("ec2", "CancelSpotFleetRequests", named)


def _of_instance(instance_id: str, rest: dict[str, Any]) -> Iterable[Call]:
    if "protect" in rest:
        value = {"Value": bool(rest["protect"])}
        yield Call("ec2", "ModifyInstanceAttribute", {"InstanceId": instance_id, "DisableApiTermination": value})
    yield from _tagged(instance_id, rest)
    for verb in ("stop", "start", "terminate"):
        if rest.get(verb):
            yield Call("ec2", f"{verb.title()}Instances", {"InstanceIds": [instance_id]})


def _of_template(template_id: str, rest: dict[str, Any]) -> Iterable[Call]:
    if "default_version" in rest:
        named = {"LaunchTemplateId": template_id, "DefaultVersion": str(rest["default_version"])}
        yield Call("ec2", "ModifyLaunchTemplate", named)
    yield from _tagged(template_id, rest)


def _tagged(resource_id: str, rest: dict[str, Any]) -> Iterable[Call]:
    if "tags" in rest:
        tags = [{"Key": k, "Value": v} for k, v in rest["tags"].items()]
        yield Call("ec2", "CreateTags", {"Resources": [resource_id], "Tags": tags})


_MAKERS: dict[str, Callable[[str, dict[str, Any]], Iterable[Call]]] = {
    "group": _of_group,
    "fleet": _of_fleet,
    "spot_fleet": _of_spot_fleet,
    "instance": _of_instance,
    "template": _of_template,
}
