"""CloudWriter on AWS: everything that changes. One attempt each, and every value absolute."""

from collections.abc import Sequence

from tools.aws import autoscaling, fleets, s3
from tools.aws.calls import Calls
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.errors import Rejected
from tools.records import FleetRef, Permit, PurchaseMix


class AwsWriter:
    """Holds no policy: the Permit was made by policies.authorize, and is looked at once more before sending."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def set_fleet(
        self, permit: Permit, ref: FleetRef, *, mix: PurchaseMix | None, desired_capacity: int | None
    ) -> Receipt:
        _same_target(permit, ref, self._calls.region)
        if mix is None and desired_capacity is None:
            raise Rejected(f"{ref.label}: nothing to set")
        if ref.kind == "asg":
            row = autoscaling.group(self._calls, ref.fleet_id)
            parameters = autoscaling.update(row, mix=mix, desired_capacity=desired_capacity)
            answer = self._calls.write("autoscaling", "UpdateAutoScalingGroup", **parameters)
        else:
            row = fleets.one(self._calls, ref.fleet_id)
            parameters = fleets.update(row, mix=mix, desired_capacity=desired_capacity)
            answer = self._calls.write("ec2", "ModifyFleet", **parameters)
        return Receipt(request_ids=(request_id_of(answer),))

    def detach_instances(self, permit: Permit, ref: FleetRef, instance_ids: Sequence[str]) -> Receipt:
        """Detaching twice would replace twice, so membership is read first: ids that left are left out."""
        _same_target(permit, ref, self._calls.region)
        if ref.kind != "asg":
            raise Rejected(f"{ref.label}: an EC2 Fleet replaces lost instances itself and has nothing to detach from")
        row = autoscaling.group(self._calls, ref.fleet_id)
        attached = {i["InstanceId"] for i in row.get("Instances") or () if i.get("LifecycleState") in _DETACHABLE}
        ids = [i for i in dict.fromkeys(instance_ids) if i in attached]
        if not ids:
            return Receipt(request_ids=())
        answer = self._calls.write(
            "autoscaling",
            "DetachInstances",
            AutoScalingGroupName=ref.fleet_id,
            InstanceIds=ids,
            ShouldDecrementDesiredCapacity=False,
        )
        return Receipt(request_ids=(request_id_of(answer),))

    def put_object_once(self, permit: Permit, bucket: str, key: str, body: bytes) -> Receipt:
        _same_bucket(permit, bucket)
        return Receipt(request_ids=(request_id_of(s3.put(self._calls, bucket, key, body, once=True)),))

    def put_object(self, permit: Permit, bucket: str, key: str, body: bytes) -> Receipt:
        _same_bucket(permit, bucket)
        return Receipt(request_ids=(request_id_of(s3.put(self._calls, bucket, key, body, once=False)),))


_DETACHABLE = ("InService", "Standby")


def _same_target(permit: Permit, ref: FleetRef, region: str) -> None:
    if permit.action.fleet != ref or ref.region != region:
        raise Rejected(
            f"the permit is for {permit.action.fleet.label} in {permit.action.fleet.region}, the call for {ref.label}"
            f" in {region}; nothing was sent"
        )


def _same_bucket(permit: Permit, bucket: str) -> None:
    granted = getattr(permit.action, "bucket", None)
    if granted != bucket:
        raise Rejected(f"the permit is for the bucket {granted!r}, the call for {bucket!r}; nothing was sent")
