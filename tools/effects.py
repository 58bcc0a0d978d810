"""The meaning of an Action on the world, in three verbs: what it touches, doing it, looking at it.

Used only by the one way to write. Every want is absolute, so that equal means nothing to do.
"""

from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.fleets.change import carry_out_change, change_expect_and_want, observe_change
from tools.fleets.replace import carry_out_replace, observe_replace, replace_expect_and_want
from tools.records import Action, ChangeFleet, Fleet, Permit, ReplaceInstances, RequestCheckpoint, RestoreCheckpoint
from tools.recovery.checkpoints import carry_out_restore, observe_restore, restore_expect_and_want
from tools.recovery.requests import carry_out_request, observe_request, request_expect_and_want


def expect_and_want(reader: CloudReader, action: Action, fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]]:
    """The touched fields as they are, and the same fields as they shall be; equal = nothing to do.

    fleet   read just now
    Raises  CheckpointDamaged: what would be restored is not whole; CloudError kinds
    """
    match action:
        case ChangeFleet():
            return change_expect_and_want(action, fleet)
        case ReplaceInstances():
            return replace_expect_and_want(action, fleet)
        case RequestCheckpoint():
            return request_expect_and_want(reader, action)
        case RestoreCheckpoint():
            return restore_expect_and_want(reader, action)


def carry_out(writer: CloudWriter, permit: Permit, fleet: Fleet) -> Receipt:
    """Do what the permit is for: one mutating call, or one a marker for a checkpoint request.

    fleet   read just now: what the action leaves alone is written as it stands
    Raises  CloudError kinds: nothing happened; OutcomeUnknown: it may have
    """
    action = permit.action
    match action:
        case ChangeFleet():
            return carry_out_change(writer, permit, action, fleet)
        case ReplaceInstances():
            return carry_out_replace(writer, permit, action)
        case RequestCheckpoint():
            return carry_out_request(writer, permit, action)
        case RestoreCheckpoint():
            return carry_out_restore(writer, permit, action)


def observe(reader: CloudReader, action: Action) -> dict[str, Any]:
    """The touched fields, read now: the same keys as `want`."""
    match action:
        case ChangeFleet():
            return observe_change(reader, action)
        case ReplaceInstances():
            return observe_replace(reader, action)
        case RequestCheckpoint():
            return observe_request(reader, action)
        case RestoreCheckpoint():
            return observe_restore(reader, action)
