"""Which effects an action may have: by AWS's own operations and parameters, as the account's log holds them."""

from typing import Any

Row = dict[str, Any]
Things = list[tuple[str, ...]]
"""one entry a thing that may happen once"""


def claimed(action: Row, row: Row) -> Things | None:
    """What of the action this effect is, one entry a thing that may happen once; None = it is no effect of it."""
    if row["operation"] not in _operations(action):
        return None
    given, fleet = row["parameters"], action["fleet"]
    own = _OWN.get(action["kind"])
    if own is not None:
        return own(action, fleet, row["operation"], given)
    return None


def _operations(action: Row) -> tuple[str, ...]:
    if action["kind"] == "change-fleet" or action["kind"] == "delete-fleet":
        return _BY_FLEET[action["kind"]].get(action["fleet"]["kind"], ())
    if action["kind"] == "operate-instances":
        return _BY_OPERATION[action["operation"]]
    return _BY_KIND.get(action["kind"], ())


_BY_FLEET = {
    "change-fleet": {
        "asg": ("UpdateAutoScalingGroup",),
        "ec2-fleet": ("ModifyFleet",),
        "spot-fleet": ("ModifySpotFleetRequest",),
    },
    "delete-fleet": {"ec2-fleet": ("DeleteFleets",), "spot-fleet": ("CancelSpotFleetRequests",)},
}
_BY_OPERATION = {
    "stop": ("StopInstances",),
    "hibernate": ("StopInstances",),
    "start": ("StartInstances",),
    "terminate": ("TerminateInstances", "TerminateInstanceInAutoScalingGroup"),
    "enter-standby": ("EnterStandby",),
    "exit-standby": ("ExitStandby",),
    "protect-from-scale-in": ("SetInstanceProtection",),
    "unprotect-from-scale-in": ("SetInstanceProtection",),
}
_BY_KIND = {
    "replace-instances": ("DetachInstances",),
    "request-checkpoint": ("PutObject",),
    "restore-checkpoint": ("PutObject",),
    "start-instance-refresh": ("StartInstanceRefresh",),
    "cancel-instance-refresh": ("CancelInstanceRefresh",),
    "create-fleet": ("CreateFleet",),
    "create-launch-template-version": ("CreateLaunchTemplateVersion",),
    "run-instances": ("RunInstances",),
    "set-targets": ("RegisterTargets", "DeregisterTargets"),
    "set-delete-on-termination": ("ModifyInstanceAttribute",),
    "create-snapshots": ("CreateSnapshots", "CreateSnapshot"),
    "create-snapshot": ("CreateSnapshot",),
    "create-volume": ("CreateVolume",),
    "attach-volume": ("AttachVolume",),
    "delete-volume": ("DeleteVolume",),
    "delete-snapshot": ("DeleteSnapshot",),
    "set-tags": ("CreateTags", "DeleteTags", "CreateOrUpdateTags"),
}
_MIX = "MixedInstancesPolicy.InstancesDistribution."
_VALUES = {
    "asg": {
        "desired_capacity": "DesiredCapacity",
        "min_size": "MinSize",
        "max_size": "MaxSize",
        "on_demand_base_capacity": _MIX + "OnDemandBaseCapacity",
        "on_demand_percentage_above_base": _MIX + "OnDemandPercentageAboveBaseCapacity",
        "spot_allocation_strategy": _MIX + "SpotAllocationStrategy",
        "capacity_rebalance": "CapacityRebalance",
        "new_instances_protected": "NewInstancesProtectedFromScaleIn",
    },
    "ec2-fleet": {"desired_capacity": "TargetCapacitySpecification.TotalTargetCapacity"},
    "spot-fleet": {"desired_capacity": "TargetCapacity"},
}
_FLEET_ID = {"asg": "AutoScalingGroupName", "ec2-fleet": "FleetId", "spot-fleet": "SpotFleetRequestId"}


def _listed(given: Row, *starts: str) -> list[str]:
    """Values of InstanceId.1, InstanceIds.member.1, Targets.member.1.Id … in order."""
    return [str(v) for k, v in given.items() if k.startswith(tuple(s + "." for s in starts))]


def _change(action: Row, fleet: Row, operation: str, given: Row) -> Things | None:
    if given.get(_FLEET_ID[fleet["kind"]]) != fleet["fleet_id"]:
        return None
    for name, parameter in _VALUES[fleet["kind"]].items():
        wanted = action.get(name)
        if wanted is not None and str(given.get(parameter)).lower() != str(wanted).lower():
            return None
    return [(operation, fleet["fleet_id"])]


def _ids(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    """Each named instance once."""
    one = [str(given["InstanceId"])] if "InstanceId" in given else []
    ids = one or [v for v in _listed(given, "InstanceId", "InstanceIds", "Targets") if v.startswith("i-")]
    wanted = action.get("instance_ids") or [action.get("instance_id")]
    return [(operation, i) for i in ids] if ids and set(ids) <= set(wanted) else None


def _group(_: Row, fleet: Row, operation: str, given: Row) -> Things | None:
    return [(operation, fleet["fleet_id"])] if given.get("AutoScalingGroupName") == fleet["fleet_id"] else None


def _named(_: Row, fleet: Row, operation: str, given: Row) -> Things | None:
    """What bears the name that was asked for, or is the fleet itself."""
    return [(operation, fleet["fleet_id"])] if fleet["fleet_id"] in {str(v) for v in given.values()} else None


def _marker(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    start = f"{action['job_id']}/requests/"
    key = str(given.get("Key"))
    named = any(i in key for i in action["instance_ids"])
    return [(operation, key)] if given.get("Bucket") == action["bucket"] and key.startswith(start) and named else None


def _pointer(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    place = (given.get("Bucket"), given.get("Key"))
    return [(operation, str(place[1]))] if place == (action["bucket"], f"{action['job_id']}/resume.json") else None


def _template(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    mine = given.get("LaunchTemplateId") == action["launch_template_id"]
    return [(operation, action["launch_template_id"])] if mine else None


def _volumes(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    if given.get("InstanceId") != action["instance_id"]:
        return None
    return [(operation, action["instance_id"], *sorted(_listed(given, "BlockDeviceMapping")))]


def _snapshots(action: Row, _: Row, operation: str, given: Row) -> Things | None:
    mine = given.get("InstanceSpecification.InstanceId") == action["instance_id"]
    return [(operation, action["instance_id"])] if mine or given.get("VolumeId") in action["volume_ids"] else None


def _exactly(**parameters: str) -> Any:
    """An effect whose parameters are the action's own: AWS's name = the field that says it."""

    def claim(action: Row, _: Row, operation: str, given: Row) -> Things | None:
        mine = all(str(given.get(name)) == str(action[field]) for name, field in parameters.items())
        return [(operation, *(str(action[field]) for field in parameters.values()))] if mine else None

    return claim


_OWN = {
    "change-fleet": _change,
    "replace-instances": _ids,
    "request-checkpoint": _marker,
    "restore-checkpoint": _pointer,
    "operate-instances": _ids,
    "start-instance-refresh": _group,
    "cancel-instance-refresh": _group,
    "create-fleet": _named,
    "delete-fleet": _named,
    "run-instances": _named,
    "create-launch-template-version": _template,
    "set-targets": _ids,
    "set-delete-on-termination": _volumes,
    "create-snapshots": _snapshots,
    "create-snapshot": _exactly(VolumeId="volume_id"),
    "create-volume": _exactly(
        SnapshotId="snapshot_id", AvailabilityZone="zone_name", VolumeType="volume_type", Size="size_gib"
    ),
    "attach-volume": _exactly(VolumeId="volume_id", InstanceId="instance_id", Device="device_name"),
    "delete-volume": _exactly(VolumeId="volume_id"),
    "delete-snapshot": _exactly(SnapshotId="snapshot_id"),
    "set-tags": _named,
}
