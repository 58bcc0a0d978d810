"""What may be done to instances and to what hangs on them: volumes, targets, checkpoints, tags. One noun each."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tools.records.base import Name
from tools.records.changes import FleetAction, TemplateId
from tools.records.fleets import InstanceTypeName, Tag

InstanceId = Annotated[str, Field(pattern=r"^i-[0-9a-f]{8,17}$")]
VolumeId = Annotated[str, Field(pattern=r"^vol-[0-9a-f]{8,17}$")]
SnapshotId = Annotated[str, Field(pattern=r"^snap-[0-9a-f]{8,17}$")]
SecondsLeft = Annotated[int, Field(ge=0, le=3_600)]


class ReplaceInstances(FleetAction):
    """Detach named instances without lowering desired capacity: the group launches replacements at once,
    and the old ones keep running for whatever time they have left.
    """

    kind: Literal["replace-instances"] = "replace-instances"
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=20)

    @property
    def types(self) -> tuple[str, ...]:
        return ("replace-instances",)

    @property
    def touches(self) -> None:
        return None


class RequestCheckpoint(FleetAction):
    """Ask the job on named instances to save now: one marker object an instance, written once."""

    kind: Literal["request-checkpoint"] = "request-checkpoint"
    job_id: Name
    bucket: Name
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=100)
    notice_digest: str
    """of the notice that caused it: one request a notice"""
    freeze_seconds: int | None = Field(default=None, ge=1, le=120)
    """hold writes still for so long after saving, for a snapshot; None = save only"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("request-checkpoint",)

    @property
    def touches(self) -> None:
        return None


class RestoreCheckpoint(FleetAction):
    """Make one whole, verified checkpoint the one that a job resumes from: its pointer is written last."""

    kind: Literal["restore-checkpoint"] = "restore-checkpoint"
    job_id: Name
    bucket: Name
    checkpoint_id: Name
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @property
    def types(self) -> tuple[str, ...]:
        return ("restore-checkpoint",)

    @property
    def touches(self) -> str:
        return f"{self.fleet.label} resumes {self.job_id}"


InstanceOperation = Literal[
    "stop",
    "hibernate",
    "start",
    "terminate",
    "enter-standby",
    "exit-standby",
    "protect-from-scale-in",
    "unprotect-from-scale-in",
]


OPERATION_TYPES: dict[InstanceOperation, str] = {
    "stop": "stop-instances",
    "hibernate": "hibernate-instances",
    "start": "start-instances",
    "terminate": "terminate-instances",
    "enter-standby": "enter-standby",
    "exit-standby": "exit-standby",
    "protect-from-scale-in": "set-scale-in-protection",
    "unprotect-from-scale-in": "set-scale-in-protection",
}


class OperateInstances(FleetAction):
    """One operation on named instances of a fleet, or on a single instance."""

    kind: Literal["operate-instances"] = "operate-instances"
    operation: InstanceOperation
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=20)
    lower_desired_capacity: bool = False
    """for terminate in a group and enter-standby: True lowers desired capacity by as many, so that nothing is launched
    in their place; exit-standby always raises it by as many"""

    @property
    def types(self) -> tuple[str, ...]:
        return (OPERATION_TYPES[self.operation],)


class RunInstances(FleetAction):
    """Launch instances of one type. `fleet.fleet_id` is the name that they shall bear."""

    kind: Literal["run-instances"] = "run-instances"
    launch_template_id: TemplateId
    launch_template_version: int = Field(ge=1)
    instance_type: InstanceTypeName
    subnet_id: Name
    count: int = Field(ge=1, le=100)
    purchase_option: Literal["spot", "on-demand"]
    tags: tuple[Tag, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        return ("run-instances",)


class SetTargets(FleetAction):
    """Deregister instances from a target group, which drains them, or register them again."""

    kind: Literal["set-targets"] = "set-targets"
    target_group_arn: Name
    instance_ids: tuple[InstanceId, ...] = Field(min_length=1, max_length=100)
    registered: bool
    seconds_left: SecondsLeft | None = None
    """until the instances are taken; None = they stay"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("register-targets" if self.registered else "deregister-targets",)

    @property
    def touches(self) -> None:
        return None


class SetVolumeRetention(FleetAction):
    """Say what becomes of an instance's volumes when it is terminated."""

    kind: Literal["set-delete-on-termination"] = "set-delete-on-termination"
    instance_id: InstanceId
    device_names: tuple[Name, ...] = Field(min_length=1, max_length=40)
    delete_on_termination: bool

    @property
    def types(self) -> tuple[str, ...]:
        return ("set-delete-on-termination",)


class CreateSnapshots(FleetAction):
    """Snapshot an instance's volumes at one moment: crash-consistent together."""

    kind: Literal["create-snapshots"] = "create-snapshots"
    instance_id: InstanceId
    volume_ids: tuple[VolumeId, ...] = Field(min_length=1, max_length=40)
    """as attached now: all of the instance's volumes, or all but its root"""
    exclude_boot_volume: bool
    stopped: bool = False
    """the instance is stopped, and is to be at that moment: nothing is being written; False = it may run"""

    @property
    def types(self) -> tuple[str, ...]:
        return ("create-snapshots",)

    @property
    def touches(self) -> str:
        return f"snapshots of {self.instance_id}"


class CreateSnapshot(FleetAction):
    """Snapshot one volume, whether an instance has it or not: `fleet` is the volume itself."""

    kind: Literal["create-snapshot"] = "create-snapshot"
    volume_id: VolumeId

    @property
    def types(self) -> tuple[str, ...]:
        return ("create-snapshot",)


class CreateVolume(FleetAction):
    """Make a volume from a snapshot, in any zone of the region: how data crosses zones.

    `fleet` is that of the instance that shall have it, or the snapshot itself.
    """

    kind: Literal["create-volume"] = "create-volume"
    snapshot_id: SnapshotId
    zone_name: Name
    volume_type: Name
    size_gib: int = Field(ge=1, le=65_536)
    """at least the snapshot's"""
    encrypted: bool
    iops: int | None = Field(default=None, ge=100)
    throughput_mib_per_second: int | None = Field(default=None, ge=125)
    tags: tuple[Tag, ...] = ()

    @property
    def types(self) -> tuple[str, ...]:
        return ("create-volume",)

    @property
    def touches(self) -> str:
        return f"a volume from {self.snapshot_id}"


class AttachVolume(FleetAction):
    """Attach a volume that nothing has to an instance of the same zone: `fleet` is the instance's."""

    kind: Literal["attach-volume"] = "attach-volume"
    volume_id: VolumeId
    instance_id: InstanceId
    device_name: Name

    @property
    def types(self) -> tuple[str, ...]:
        return ("attach-volume",)

    @property
    def touches(self) -> str:
        return f"volume/{self.volume_id}"


class DeleteVolume(FleetAction):
    """Delete one volume that no instance has: `fleet` is the volume itself. What it holds is gone."""

    kind: Literal["delete-volume"] = "delete-volume"
    volume_id: VolumeId

    @property
    def types(self) -> tuple[str, ...]:
        return ("delete-volume",)


class DeleteSnapshot(FleetAction):
    """Delete one snapshot: `fleet` is the snapshot itself."""

    kind: Literal["delete-snapshot"] = "delete-snapshot"
    snapshot_id: SnapshotId

    @property
    def types(self) -> tuple[str, ...]:
        return ("delete-snapshot",)


class SetTags(FleetAction):
    """Write some tags of a fleet or an instance, and remove others."""

    kind: Literal["set-tags"] = "set-tags"
    tags: tuple[Tag, ...] = Field(default=(), max_length=50)
    remove: tuple[Name, ...] = Field(default=(), max_length=50)
    """keys"""

    @model_validator(mode="after")
    def _says_something(self) -> "SetTags":
        keys = [*(t.key for t in self.tags), *self.remove]
        if not keys:
            raise ValueError("names no change: give tags or remove")
        if len(set(keys)) < len(keys):
            raise ValueError("names one key twice")
        if any(k.lower().startswith("aws:") for k in keys):
            raise ValueError("keys that begin with aws: belong to AWS")
        return self

    @property
    def types(self) -> tuple[str, ...]:
        return (*(("tag",) if self.tags else ()), *(("remove-tag",) if self.remove else ()))
