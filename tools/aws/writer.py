"""CloudWriter on AWS: everything that changes. One attempt each, every value absolute, and never after its time."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from tools.aws import (
    autoscaling,
    elb,
    fleet_writes,
    fleets,
    group_writes,
    instance_writes,
    s3,
    spot_fleets,
    trial,
    volume_writes,
)
from tools.aws.calls import Calls
from tools.aws.errors import request_id_of
from tools.cloud import Clock, FleetSettings, Receipt
from tools.errors import Rejected
from tools.records import (
    Action,
    AttachVolume,
    CancelInstanceRefresh,
    CreateFleet,
    CreateSnapshot,
    CreateSnapshots,
    CreateTemplateVersion,
    CreateVolume,
    DeleteFleet,
    DeleteSnapshot,
    DeleteVolume,
    FleetAction,
    FleetRef,
    Intent,
    OperateInstances,
    RunInstances,
    SetTargets,
    SetVolumeRetention,
    StartInstanceRefresh,
    Tag,
)


class AwsWriter:
    """Holds no policy: an intent's permit was made by policies.authorize, and is looked at once more before sending."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock

    def set_fleet(self, intent: Intent, ref: FleetRef, settings: FleetSettings) -> Receipt:
        self._same_target(intent, ref)
        if settings == FleetSettings():
            raise Rejected(f"{ref.label}: nothing to set")
        send = self._sender(intent)
        match ref.kind:
            case "asg":
                row = autoscaling.group(self._calls, ref.fleet_id)
                answer = send("autoscaling", "UpdateAutoScalingGroup", **autoscaling.update(row, settings))
            case "ec2-fleet":
                row = fleets.one(self._calls, ref.fleet_id)
                answer = send("ec2", "ModifyFleet", **fleets.update(row, settings))
            case "spot-fleet":
                row = spot_fleets.one(self._calls, ref.fleet_id)
                answer = send("ec2", "ModifySpotFleetRequest", **spot_fleets.update(row, settings))
            case _:
                raise Rejected(f"{ref.label}: has no settings of a fleet; nothing was sent")
        return Receipt(request_ids=(request_id_of(answer),))

    def detach_instances(self, intent: Intent, ref: FleetRef, instance_ids: Sequence[str]) -> Receipt:
        """Detaching twice would replace twice, so membership is read first: ids that left are left out."""
        self._same_target(intent, ref)
        if ref.kind != "asg":
            raise Rejected(f"{ref.label}: an EC2 Fleet replaces lost instances itself and has nothing to detach from")
        row = autoscaling.group(self._calls, ref.fleet_id)
        attached = {i["InstanceId"] for i in row.get("Instances") or () if i.get("LifecycleState") in _DETACHABLE}
        ids = [i for i in dict.fromkeys(instance_ids) if i in attached]
        if not ids:
            return Receipt(request_ids=())
        answer = self._sender(intent)(
            "autoscaling",
            "DetachInstances",
            AutoScalingGroupName=ref.fleet_id,
            InstanceIds=ids,
            ShouldDecrementDesiredCapacity=False,
        )
        return Receipt(request_ids=(request_id_of(answer),))

    def start_refresh(self, intent: Intent, action: StartInstanceRefresh) -> Receipt:
        return group_writes.start_refresh(self._granted(intent, action), action)

    def cancel_refresh(self, intent: Intent, action: CancelInstanceRefresh) -> Receipt:
        return group_writes.cancel_refresh(self._granted(intent, action), action)

    def operate_instances(self, intent: Intent, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
        send = self._granted(intent, action)
        _among(instance_ids, action.instance_ids)
        if action.fleet.kind == "asg":
            return group_writes.operate(send, action, instance_ids)
        return instance_writes.operate(send, action, instance_ids)

    def create_fleet(self, intent: Intent, action: CreateFleet) -> Receipt:
        return fleet_writes.create(self._granted(intent, action), action, intent)

    def delete_fleet(self, intent: Intent, action: DeleteFleet) -> Receipt:
        return fleet_writes.delete(self._granted(intent, action), action)

    def run_instances(self, intent: Intent, action: RunInstances) -> Receipt:
        return fleet_writes.run(self._granted(intent, action), action, intent)

    def create_template_version(self, intent: Intent, action: CreateTemplateVersion) -> Receipt:
        return fleet_writes.create_template_version(self._granted(intent, action), action, intent)

    def set_targets(self, intent: Intent, action: SetTargets, instance_ids: Sequence[str]) -> Receipt:
        send = self._granted(intent, action)
        _among(instance_ids, action.instance_ids)
        return elb.set_targets(self._calls, send, action, instance_ids)

    def set_volume_retention(self, intent: Intent, action: SetVolumeRetention) -> Receipt:
        return volume_writes.set_retention(self._granted(intent, action), action)

    def create_snapshots(self, intent: Intent, action: CreateSnapshots) -> Receipt:
        return volume_writes.create_snapshots(self._granted(intent, action), action, intent)

    def create_snapshot(self, intent: Intent, action: CreateSnapshot) -> Receipt:
        return volume_writes.create_snapshot(self._granted(intent, action), action, intent)

    def create_volume(self, intent: Intent, action: CreateVolume) -> Receipt:
        return volume_writes.create_volume(self._granted(intent, action), action, intent)

    def attach_volume(self, intent: Intent, action: AttachVolume) -> Receipt:
        return volume_writes.attach_volume(self._granted(intent, action), action)

    def delete_volume(self, intent: Intent, action: DeleteVolume) -> Receipt:
        return volume_writes.delete_volume(self._granted(intent, action), action)

    def delete_snapshot(self, intent: Intent, action: DeleteSnapshot) -> Receipt:
        return volume_writes.delete_snapshot(self._granted(intent, action), action)

    def set_tags(self, intent: Intent, ref: FleetRef, tags: Sequence[Tag]) -> Receipt:
        self._same_target(intent, ref)
        return group_writes.set_tags(self._calls, self._sender(intent), ref, tags)

    def remove_tags(self, intent: Intent, ref: FleetRef, keys: Sequence[str]) -> Receipt:
        self._same_target(intent, ref)
        return group_writes.remove_tags(self._sender(intent), ref, keys)

    def put_object_once(self, intent: Intent, bucket: str, key: str, body: bytes) -> Receipt:
        _same_bucket(intent, bucket)
        return Receipt(request_ids=(request_id_of(s3.put(self._sender(intent), bucket, key, body, once=True)),))

    def put_object(self, intent: Intent, bucket: str, key: str, body: bytes) -> Receipt:
        _same_bucket(intent, bucket)
        return Receipt(request_ids=(request_id_of(s3.put(self._sender(intent), bucket, key, body, once=False)),))

    def try_out(self, action: Action) -> str:
        return trial.try_out(self._calls, self._clock, action)

    # before anything leaves

    def _granted(self, intent: Intent, action: FleetAction) -> Any:
        """How to send what this intent grants. Raises Rejected: it grants another action."""
        if intent.permit.action != action:
            raise Rejected(f"the permit is for another action on {intent.permit.action.fleet.label}; nothing was sent")
        self._same_target(intent, action.fleet)
        return self._sender(intent)

    def _sender(self, intent: Intent) -> Any:
        return partial(self._calls.write, last_word=partial(self._check_time, intent))

    def _check_time(self, intent: Intent) -> None:
        """Called when the request is ready to leave: a process that slept must not send what was given up meanwhile."""
        now = self._clock.now()
        if intent.send_by is None or now >= intent.send_by:
            until = f"its time was {intent.send_by:%H:%M:%S}" if intent.send_by else "it was not marked as sending"
            raise Rejected(
                f"{intent.intent_id}: too late to send at {now:%H:%M:%S} UTC, {until}; nothing was sent",
                hint="ask or plan again",
            )

    def _same_target(self, intent: Intent, ref: FleetRef) -> None:
        granted = intent.permit.action.fleet
        if granted != ref or ref.region != self._calls.region:
            raise Rejected(
                f"the permit is for {granted.label} in {granted.region}, the call for {ref.label}"
                f" in {self._calls.region}; nothing was sent"
            )


_DETACHABLE = ("InService", "Standby")


def _among(instance_ids: Sequence[str], granted: Sequence[str]) -> None:
    strangers = sorted(set(instance_ids) - set(granted))
    if strangers:
        raise Rejected(f"the permit does not name {', '.join(strangers[:3])}; nothing was sent")


def _same_bucket(intent: Intent, bucket: str) -> None:
    granted = getattr(intent.permit.action, "bucket", None)
    if granted != bucket:
        raise Rejected(f"the permit is for the bucket {granted!r}, the call for {bucket!r}; nothing was sent")
