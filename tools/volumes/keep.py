"""keep_volume: one action on volumes and snapshots, drawn up for the one way to write."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tools.cloud import Clock, CloudReader
from tools.desk import AuditReader
from tools.errors import UsageError
from tools.fleets.effects import EFFECTS, effect_of
from tools.fleets.effects.storage import one_snapshot
from tools.market.subject import FLEETS_IAM
from tools.records import Action, KeepingSettings, Name
from tools.tool import explain, tool
from tools.volumes.describe import VOLUMES_IAM
from tools.volumes.draw import draw_attachment, draw_deletion, draw_snapshots, home_of
from tools.volumes.report import volumes_report
from tools.volumes.restore import plan_restore

Operation = Literal["snapshot", "restore", "attach", "delete-volume", "delete-snapshot"]
_KINDS = ("create-snapshots", "create-snapshot", "create-volume", "attach-volume", "delete-volume", "delete-snapshot")
_BEGINS = {"restore": "snap-", "attach": "vol-", "delete-volume": "vol-", "delete-snapshot": "snap-"}


@tool(
    effect="write",
    iam=tuple(
        dict.fromkeys(
            (*(a for kind in _KINDS if kind in EFFECTS for a in EFFECTS[kind].iam), *VOLUMES_IAM, *FLEETS_IAM)
        )
    ),
    example={
        "operation": "restore",
        "target": "snap-0123456789abcdef0",
        "zone": "us-east-1b",
        "instance_id": None,
        "device_name": None,
        "include_root": None,
    },
)
def keep_volume(
    reader: CloudReader,
    clock: Clock,
    audit: AuditReader,
    keeping: KeepingSettings,
    operation: Operation,
    target: Annotated[
        Name, Field(description="snapshot: a fleet of one instance, an instance or a volume; else vol-… or snap-…")
    ],
    zone: Annotated[Name | None, Field(description="restore: where the new volume shall be; null = the instance's")],
    instance_id: Annotated[Name | None, Field(description="attach: to which instance; restore: for which one")],
    device_name: Annotated[Name | None, Field(description="attach: such as /dev/sdf; null = the first free one")],
    include_root: Annotated[bool | None, Field(description="snapshot: the root too; null = no")],
) -> Action:
    """Draw up one step: snapshot volumes, make a volume from a snapshot in any zone, attach it, or delete an orphan.

    What is protected (a job, a tag, AWS Backup, an image, …) is not drawn up for deletion.
    Raises  UsageError: it cannot be, with the way out; NotFound; CloudError kinds
    """
    start = _BEGINS.get(operation, "")
    if not target.startswith(start):
        raise UsageError(
            f"{operation} of {target!r}: not an id that begins with {start}", hint="describe_volumes tells"
        )
    try:
        action = _drawn(reader, operation, target, zone, instance_id, device_name, include_root=bool(include_root))
    except ValidationError as error:
        raise UsageError(f"{operation} of {target}: {explain(error)}", hint="describe_volumes tells ids") from None
    if operation in ("delete-volume", "delete-snapshot"):
        _refuse_protected(reader, clock, audit, keeping, target)
    effect = effect_of(action)
    effect.check(action, effect.subject(reader, action))
    return action


def _drawn(
    reader: CloudReader,
    operation: Operation,
    target: str,
    zone: str | None,
    instance_id: str | None,
    device_name: str | None,
    *,
    include_root: bool,
) -> Action:
    match operation:
        case "snapshot":
            drawn = draw_snapshots(reader, target, include_root=include_root)
            if len(drawn) > 1:
                ids = ", ".join(a.instance_id for a in drawn[:5] if a.kind == "create-snapshots")
                raise UsageError(f"{target} has {len(drawn)} instances: one is snapshotted a step", hint=f"name {ids}")
            return drawn[0]
        case "restore":
            return _restored(reader, target, zone, instance_id)
        case "attach":
            if instance_id is None:
                raise UsageError(f"attach {target}: to which instance?", hint="give instance_id")
            return draw_attachment(reader, target, instance_id, device_name)
        case _:
            return draw_deletion(reader, target)


def _restored(reader: CloudReader, snapshot_id: str, zone: str | None, instance_id: str | None) -> Action:
    instance = home_of(reader, instance_id)[1] if instance_id is not None else None
    where = zone or (instance.zone_name if instance is not None else None)
    if where is None:
        raise UsageError(f"restore {snapshot_id}: in which zone?", hint="give zone, or instance_id")
    snapshot = one_snapshot(reader, snapshot_id)
    here = reader.account()
    plan = plan_restore(
        (snapshot,),
        zone=where,
        zones=tuple(reader.zone_ids()),
        instance=instance,
        volumes=reader.volumes(),
        account=here,
    )
    item = plan.items[0]
    if item.create is None:
        raise UsageError(f"{item.volume_id} was made from {snapshot_id} already", hint=f"attach {item.volume_id}")
    return item.create


def _refuse_protected(
    reader: CloudReader, clock: Clock, audit: AuditReader, keeping: KeepingSettings, target: str
) -> None:
    report = volumes_report(reader, clock, audit, keeping)
    for volume in report.volumes:
        if volume.volume.volume_id == target and volume.protected_by is not None:
            raise UsageError(f"{target} is not to be deleted: {volume.protected_by}", hint="leave it")
    for snapshot in report.snapshots:
        if snapshot.snapshot.snapshot_id == target and not snapshot.orphan:
            kept = "its volume is there, or a schedule keeps it"
            raise UsageError(f"{target} is not to be deleted: {kept}", hint="spotwarden volumes tells of it")
        if snapshot.snapshot.snapshot_id == target and snapshot.protected_by is not None:
            raise UsageError(f"{target} is not to be deleted: {snapshot.protected_by}", hint="leave it")
