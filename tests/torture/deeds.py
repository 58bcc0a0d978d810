"""One example of every action that the product knows, on the proving ground's resources."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.torture.image import Scene
from tools import records
from tools.fleets.find import find_fleet
from tools.records.actions import ACTION, ACTION_TYPES
from tools.recovery.checkpoints import restore_checkpoint

SCENARIO = "proving-ground"
BUCKET, JOB = "acme-checkpoints", "trainers"


@dataclass
class Land:
    """What lies on the proving ground, as a stranger's client and our reader see it."""

    scene: Scene
    reader: Any

    def raw(self, service: str) -> Any:
        return self.scene.image.stranger(service)

    def fleet(self, name: str) -> Any:
        return find_fleet(self.reader, name)

    @cached_property
    def trainers(self) -> Any:
        return self.fleet("trainers")

    def spot_ids(self, count: int) -> tuple[str, ...]:
        return tuple(sorted(i.instance_id for i in self.trainers.spot)[:count])

    def lone(self, name: str) -> str:
        """An instance of no fleet, by its Name."""
        found = self.raw("ec2").describe_instances(Filters=[{"Name": "tag:Name", "Values": [name]}])
        return str(found["Reservations"][0]["Instances"][0]["InstanceId"])

    def lone_ref(self, name: str) -> Any:
        ref = self.trainers.ref
        return ref.with_(kind="instance", fleet_id=self.lone(name))

    def new(self, kind: str, name: str) -> Any:
        """Of what does not exist yet."""
        return self.trainers.ref.with_(kind=kind, fleet_id=name)

    @cached_property
    def template(self) -> str:
        found = self.raw("ec2").describe_launch_templates(LaunchTemplateNames=["proving"])
        return str(found["LaunchTemplates"][0]["LaunchTemplateId"])

    @cached_property
    def subnet(self) -> str:
        return str(self.raw("ec2").describe_subnets()["Subnets"][0]["SubnetId"])

    @cached_property
    def target_group(self) -> str:
        return str(self.raw("elbv2").describe_target_groups()["TargetGroups"][0]["TargetGroupArn"])

    def stored(self, kind: str, name: str) -> Any:
        """The ref of a volume or snapshot that stands alone, by its Name."""
        things = self.reader.volumes() if kind == "volume" else self.reader.snapshots()
        found = next(t for t in things if any((tag.key, tag.value) == ("Name", name) for tag in t.tags))
        return self.new(kind, found.volume_id if kind == "volume" else found.snapshot_id)

    def volumes(self, name: str) -> dict[str, str]:
        """device → volume id"""
        found = self.raw("ec2").describe_instances(InstanceIds=[self.lone(name)])
        mapped = found["Reservations"][0]["Instances"][0]["BlockDeviceMappings"]
        return {m["DeviceName"]: m["Ebs"]["VolumeId"] for m in mapped}


@dataclass(frozen=True)
class Deed:
    """name     of the deed; its kind is the action's
    draw     the action, on a fresh proving ground
    calls    operations that change something, in order
    actor    who asks: a person, whose proposals wait for a yes, or the reflex, which was allowed in advance
    before   what somebody did to the account before
    """

    name: str
    draw: Callable[[Land], Any]
    calls: tuple[str, ...]
    actor: str = "person"
    before: Callable[[Land], None] | None = None


def _operate(operation: str, ids: Callable[[Land], tuple[str, ...]], **more: Any) -> Callable[[Land], Any]:
    def draw(land: Land) -> Any:
        chosen = ids(land)
        mine = set(chosen) & {i.instance_id for i in land.trainers.instances}
        fleet = land.trainers.ref if mine else land.trainers.ref.with_(kind="instance", fleet_id=chosen[0])
        return records.OperateInstances(fleet=fleet, operation=operation, instance_ids=chosen, **more)

    return draw


def _request(land: Land) -> Any:
    return records.RequestCheckpoint(
        fleet=land.trainers.ref, job_id=JOB, bucket=BUCKET, instance_ids=land.spot_ids(2), notice_digest="ab" * 32
    )


def _create_fleet(land: Land, fleet_type: str = "maintain") -> Any:
    return records.CreateFleet(
        fleet=land.new("ec2-fleet", "new-renderers"),
        launch_template_id=land.template,
        launch_template_version=1,
        instance_types=("c5.xlarge", "c6i.xlarge"),
        subnet_ids=(land.subnet,),
        fleet_type=fleet_type,
        total_target_capacity=2,
        on_demand_target_capacity=0,
        spot_allocation_strategy="price-capacity-optimized",
        on_demand_allocation_strategy="lowest-price",
        tags=(records.Tag(key="team", value="studio"),),
    )


def _run(land: Land) -> Any:
    return records.RunInstances(
        fleet=land.new("instance", "lone-new"),
        launch_template_id=land.template,
        launch_template_version=1,
        instance_type="m5.large",
        subnet_id=land.subnet,
        count=2,
        purchase_option="on-demand",
    )


def _targets(*, registered: bool) -> Callable[[Land], Any]:
    def draw(land: Land) -> Any:
        return records.SetTargets(
            fleet=land.trainers.ref,
            target_group_arn=land.target_group,
            instance_ids=land.spot_ids(2),
            registered=registered,
        )

    return draw


def _restore(land: Land) -> Any:
    """Into another zone, where the volume itself cannot go."""
    return records.CreateVolume(
        fleet=land.lone_ref("lone-saver"),
        snapshot_id=land.stored("snapshot", "kept-data").fleet_id,
        zone_name="us-east-1b",
        volume_type="gp3",
        size_gib=20,
        encrypted=False,
        tags=(records.Tag(key="team", value="research"),),
    )


def _attach(land: Land) -> Any:
    return records.AttachVolume(
        fleet=land.lone_ref("lone-saver"),
        volume_id=land.stored("volume", "kept-data").fleet_id,
        instance_id=land.lone("lone-saver"),
        device_name="/dev/sdh",
    )


def _of_volume(make: Callable[..., Any], name: str) -> Callable[[Land], Any]:
    def draw(land: Land) -> Any:
        ref = land.stored("volume", name)
        return make(fleet=ref, volume_id=ref.fleet_id)

    return draw


def _delete_snapshot(land: Land) -> Any:
    ref = land.stored("snapshot", "old-index")
    return records.DeleteSnapshot(fleet=ref, snapshot_id=ref.fleet_id)


def _registered(land: Land) -> None:
    land.scene.advance(60)


def _deregistered(land: Land) -> None:
    _registered(land)
    land.raw("elbv2").deregister_targets(
        TargetGroupArn=land.target_group, Targets=[{"Id": i} for i in land.spot_ids(2)]
    )
    land.scene.advance(120)


def _stopped(land: Land) -> None:
    land.raw("ec2").stop_instances(InstanceIds=[land.lone("lone-spot")])
    land.scene.advance(120)


def _in_standby(land: Land) -> None:
    land.raw("autoscaling").enter_standby(
        AutoScalingGroupName="trainers", InstanceIds=list(land.spot_ids(1)), ShouldDecrementDesiredCapacity=True
    )
    land.scene.advance(30)


def _protected(land: Land) -> None:
    land.raw("autoscaling").set_instance_protection(
        AutoScalingGroupName="trainers", InstanceIds=list(land.spot_ids(2)), ProtectedFromScaleIn=True
    )


def _refreshing(land: Land) -> None:
    land.raw("autoscaling").start_instance_refresh(
        AutoScalingGroupName="trainers", Preferences={"MinHealthyPercentage": 90, "InstanceWarmup": 3600}
    )


def _refresh_id(land: Land) -> str:
    found = land.raw("autoscaling").describe_instance_refreshes(AutoScalingGroupName="trainers")
    return str(found["InstanceRefreshes"][0]["InstanceRefreshId"])


DEEDS = (
    Deed(
        "change-fleet-asg",
        lambda land: records.ChangeFleet(
            fleet=land.trainers.ref, on_demand_base_capacity=2, spot_allocation_strategy="capacity-optimized"
        ),
        ("UpdateAutoScalingGroup",),
    ),
    Deed(
        "change-fleet-asg-sizes",
        lambda land: records.ChangeFleet(
            fleet=land.trainers.ref,
            desired_capacity=5,
            min_size=2,
            max_size=9,
            capacity_rebalance=True,
            new_instances_protected=True,
            launch_template_version=2,
        ),
        ("UpdateAutoScalingGroup",),
    ),
    Deed(
        "change-fleet-ec2",
        lambda land: records.ChangeFleet(fleet=land.fleet("renderers").ref, desired_capacity=3),
        ("ModifyFleet",),
    ),
    Deed(
        "change-fleet-spot",
        lambda land: records.ChangeFleet(fleet=land.fleet("crawlers").ref, desired_capacity=3),
        ("ModifySpotFleetRequest",),
    ),
    Deed(
        "replace-instances",
        lambda land: records.ReplaceInstances(fleet=land.trainers.ref, instance_ids=land.spot_ids(2)),
        ("DetachInstances",),
        actor="reflex",
    ),
    Deed("request-checkpoint", _request, ("PutObject",), actor="reflex"),
    Deed("restore-checkpoint", lambda land: restore_checkpoint.run(land.reader, "trainers", None), ("PutObject",)),
    Deed(
        "start-instance-refresh",
        lambda land: records.StartInstanceRefresh(
            fleet=land.trainers.ref, min_healthy_percentage=90, instance_warmup_seconds=300, skip_matching=False
        ),
        ("StartInstanceRefresh",),
    ),
    Deed(
        "cancel-instance-refresh",
        lambda land: records.CancelInstanceRefresh(fleet=land.trainers.ref, instance_refresh_id=_refresh_id(land)),
        ("CancelInstanceRefresh",),
        before=_refreshing,
    ),
    Deed("stop-instances", _operate("stop", lambda land: (land.lone("lone-spot"),)), ("StopInstances",)),
    Deed("hibernate-instances", _operate("hibernate", lambda land: (land.lone("lone-saver"),)), ("StopInstances",)),
    Deed(
        "start-instances",
        _operate("start", lambda land: (land.lone("lone-spot"),)),
        ("StartInstances",),
        before=_stopped,
    ),
    Deed("terminate-instances", _operate("terminate", lambda land: (land.lone("lone-spot"),)), ("TerminateInstances",)),
    Deed(
        "terminate-in-group",
        _operate("terminate", lambda land: land.spot_ids(2), lower_desired_capacity=True),
        ("TerminateInstanceInAutoScalingGroup",),
    ),
    Deed(
        "enter-standby",
        _operate("enter-standby", lambda land: land.spot_ids(2), lower_desired_capacity=True),
        ("EnterStandby",),
    ),
    Deed("exit-standby", _operate("exit-standby", lambda land: land.spot_ids(1)), ("ExitStandby",), before=_in_standby),
    Deed(
        "protect-from-scale-in",
        _operate("protect-from-scale-in", lambda land: land.spot_ids(2)),
        ("SetInstanceProtection",),
    ),
    Deed(
        "unprotect-from-scale-in",
        _operate("unprotect-from-scale-in", lambda land: land.spot_ids(2)),
        ("SetInstanceProtection",),
        before=_protected,
    ),
    Deed("create-fleet", _create_fleet, ("CreateFleet",)),
    Deed("create-fleet-instant", lambda land: _create_fleet(land, "instant"), ("CreateFleet",)),
    Deed(
        "delete-fleet-ec2",
        lambda land: records.DeleteFleet(fleet=land.fleet("renderers").ref, terminate_instances=True),
        ("DeleteFleets",),
    ),
    Deed(
        "delete-fleet-spot",
        lambda land: records.DeleteFleet(fleet=land.fleet("crawlers").ref, terminate_instances=False),
        ("CancelSpotFleetRequests",),
    ),
    Deed("run-instances", _run, ("RunInstances",)),
    Deed(
        "create-launch-template-version",
        lambda land: records.CreateTemplateVersion(
            fleet=land.trainers.ref, launch_template_id=land.template, source_version=1, instance_type="m5a.large"
        ),
        ("CreateLaunchTemplateVersion",),
    ),
    Deed("deregister-targets", _targets(registered=False), ("DeregisterTargets",), before=_registered),
    Deed("register-targets", _targets(registered=True), ("RegisterTargets",), before=_deregistered),
    Deed(
        "set-delete-on-termination",
        lambda land: records.SetVolumeRetention(
            fleet=land.lone_ref("lone-saver"),
            instance_id=land.lone("lone-saver"),
            device_names=("/dev/sdf",),
            delete_on_termination=True,
        ),
        ("ModifyInstanceAttribute",),
    ),
    Deed(
        "create-snapshots",
        lambda land: records.CreateSnapshots(
            fleet=land.lone_ref("lone-saver"),
            instance_id=land.lone("lone-saver"),
            volume_ids=tuple(land.volumes("lone-saver").values()),
            exclude_boot_volume=False,
        ),
        ("CreateSnapshots",),
    ),
    Deed("create-snapshot", _of_volume(records.CreateSnapshot, "kept-data"), ("CreateSnapshot",)),
    Deed("create-volume", _restore, ("CreateVolume",)),
    Deed("attach-volume", _attach, ("AttachVolume",)),
    Deed("delete-volume", _of_volume(records.DeleteVolume, "scratch"), ("DeleteVolume",)),
    Deed("delete-snapshot", _delete_snapshot, ("DeleteSnapshot",)),
    Deed(
        "set-tags-asg",
        lambda land: records.SetTags(
            fleet=land.trainers.ref, tags=(records.Tag(key="team", value="platform"),), remove=("env",)
        ),
        ("CreateOrUpdateTags", "DeleteTags"),
    ),
    Deed(
        "set-tags-ec2",
        lambda land: records.SetTags(
            fleet=land.lone_ref("lone-saver"), tags=(records.Tag(key="team", value="platform"),), remove=("env",)
        ),
        ("CreateTags", "DeleteTags"),
    ),
)


def kinds_known() -> frozenset[str]:
    """Every kind that the product's registry of actions holds."""
    choices = ACTION.json_schema()["discriminator"]["mapping"]
    return frozenset(choices)


POLICY = """
version: 1
accounts: [{id: "123456789012", regions: [us-east-1], write_role: current}]
protect: {scale_in_protected: ask}
escalation: {quorum: {default: 1}, approval_ttl: 1h}
policies:
  - name: ask
    resource: any
    mode: {type: approve}
    actions: [%s]
  - name: reflex
    resource: any
    mode: {type: autonomous, on: interruption-notice}
    actions: [request-checkpoint, replace-instances]
"""


def policy_text() -> str:
    return POLICY % ", ".join(ACTION_TYPES)
