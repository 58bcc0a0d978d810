"""The meaning of every action on the world, by kind. A new kind is one file and one line here."""

from typing import Any

from tools.errors import UsageError
from tools.fleets.effects.change import ChangeFleetEffect
from tools.fleets.effects.checkpoints import RequestCheckpointEffect, RestoreCheckpointEffect
from tools.fleets.effects.creation import CreateFleetEffect, RunInstancesEffect
from tools.fleets.effects.deletion import DeleteFleetEffect
from tools.fleets.effects.disposal import DeleteSnapshotEffect, DeleteVolumeEffect
from tools.fleets.effects.effect import Effect
from tools.fleets.effects.operate import OperateInstancesEffect
from tools.fleets.effects.refresh import CancelInstanceRefreshEffect, StartInstanceRefreshEffect
from tools.fleets.effects.replace import ReplaceInstancesEffect
from tools.fleets.effects.restore import AttachVolumeEffect, CreateVolumeEffect
from tools.fleets.effects.snapshots import CreateSnapshotEffect, CreateSnapshotsEffect
from tools.fleets.effects.tags import SetTagsEffect
from tools.fleets.effects.targets import SetTargetsEffect
from tools.fleets.effects.template import CreateTemplateVersionEffect
from tools.fleets.effects.volumes import SetVolumeRetentionEffect
from tools.records import Action

EFFECTS: dict[str, Effect[Any]] = {
    "change-fleet": ChangeFleetEffect(),
    "replace-instances": ReplaceInstancesEffect(),
    "start-instance-refresh": StartInstanceRefreshEffect(),
    "cancel-instance-refresh": CancelInstanceRefreshEffect(),
    "operate-instances": OperateInstancesEffect(),
    "create-fleet": CreateFleetEffect(),
    "delete-fleet": DeleteFleetEffect(),
    "run-instances": RunInstancesEffect(),
    "create-launch-template-version": CreateTemplateVersionEffect(),
    "set-tags": SetTagsEffect(),
    "request-checkpoint": RequestCheckpointEffect(),
    "restore-checkpoint": RestoreCheckpointEffect(),
    "set-targets": SetTargetsEffect(),
    "set-delete-on-termination": SetVolumeRetentionEffect(),
    "create-snapshots": CreateSnapshotsEffect(),
    "create-snapshot": CreateSnapshotEffect(),
    "create-volume": CreateVolumeEffect(),
    "attach-volume": AttachVolumeEffect(),
    "delete-volume": DeleteVolumeEffect(),
    "delete-snapshot": DeleteSnapshotEffect(),
}


def effect_of(action: Action) -> Effect[Any]:
    """Raises UsageError: a kind that is not carried out yet."""
    effect = EFFECTS.get(action.kind)
    if effect is None:
        raise UsageError(f"{action.kind} is not carried out by this version", hint="spotwarden plan --help")
    return effect
