"""The meaning of every action on the world, by kind. A new kind is one file and one line here."""

from typing import Any

from tools.errors import UsageError
from tools.fleets.effects.change import ChangeFleetEffect
from tools.fleets.effects.checkpoints import RequestCheckpointEffect, RestoreCheckpointEffect
from tools.fleets.effects.effect import Effect
from tools.fleets.effects.replace import ReplaceInstancesEffect
from tools.records import Action

EFFECTS: dict[str, Effect[Any]] = {
    "change-fleet": ChangeFleetEffect(),
    "replace-instances": ReplaceInstancesEffect(),
    "request-checkpoint": RequestCheckpointEffect(),
    "restore-checkpoint": RestoreCheckpointEffect(),
}


def effect_of(action: Action) -> Effect[Any]:
    """Raises UsageError: a kind that is not carried out yet."""
    effect = EFFECTS.get(action.kind)
    if effect is None:
        raise UsageError(f"{action.kind} is not carried out by this version", hint="spotwarden plan --help")
    return effect
