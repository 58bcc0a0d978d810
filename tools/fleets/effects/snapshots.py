"""create-snapshots: an instance's volumes at one moment.

EC2 takes no token for it, so an answer that was lost is looked for by the intent's tag, and nothing is sent again.
Source  EC2 API reference, CreateSnapshots: crash-consistent across the volumes of one instance
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import UsageError
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.effects.volumes import member
from tools.fleets.launches import Movement
from tools.records import CreateSnapshots, FieldChange, Fleet, Intent

_WARNINGS = (
    "crash-consistent: as after a power cut; what the instance holds in memory is not in them",
    "the first snapshot of a volume copies everything: never plan it inside a two-minute notice",
    "snapshots are billed by the GB and month until somebody deletes them",
)


class CreateSnapshotsEffect(Effect[CreateSnapshots]):
    iam = ("ec2:CreateSnapshots", "ec2:CreateTags")
    moves = False
    free = False

    def seen(self, reader: CloudReader, action: CreateSnapshots, fleet: Fleet) -> dict[str, Any]:
        """The instance, and every volume as attached: which of them are taken is decided by EC2 at that moment."""
        volumes = {
            v.device_name: [v.volume_id, v.root]
            for i in fleet.instances
            if i.instance_id == action.instance_id
            for v in i.volumes
        }
        return instances_bound(fleet, (action.instance_id,)) | {"volumes": volumes}

    def check(self, action: CreateSnapshots, fleet: Fleet) -> None:
        volumes = member(fleet, action.instance_id).volumes
        taken = {v.volume_id for v in volumes if not (v.root and action.exclude_boot_volume)}
        if set(action.volume_ids) == taken:
            return
        which = "all but its root" if action.exclude_boot_volume else "all"
        raise UsageError(
            f"{action.instance_id}: EC2 would snapshot {', '.join(sorted(taken)) or 'no volume'}, which is {which},"
            f" and {', '.join(sorted(action.volume_ids))} was asked for",
            hint="all volumes of an instance can be taken at one moment, or all but its root",
        )

    def lines(self, action: CreateSnapshots, fleet: Fleet) -> tuple[FieldChange, ...]:
        device = {v.volume_id: v.device_name for v in member(fleet, action.instance_id).volumes}
        return tuple(
            FieldChange(
                sign="+", field="snapshot", before="", after=f"of {v} on {device.get(v, '?')} of {action.instance_id}"
            )
            for v in action.volume_ids
        )

    def calls(self, action: CreateSnapshots) -> tuple[str, ...]:
        return ("ec2:CreateSnapshots",)

    def warnings(self, action: CreateSnapshots, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        return _WARNINGS

    def expect_and_want(
        self, reader: CloudReader, action: CreateSnapshots, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"created": 0}, {"created": len(action.volume_ids)}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: CreateSnapshots, fleet: Fleet) -> Receipt:
        return writer.create_snapshots(intent, action)

    def observe(self, reader: CloudReader, intent: Intent, action: CreateSnapshots) -> dict[str, Any]:
        return {"created": len(reader.created_by(intent.intent_id, action))}
