"""What an operation asks of an instance, in words that stay the same while EC2 is on its way. Pure."""

from typing import Any

from tools.fleets.launches import weights
from tools.records import Fleet, Instance, InstanceOperation, OperateInstances

_WANTED: dict[InstanceOperation, str] = {
    "stop": "stopped",
    "hibernate": "stopped",
    "start": "running",
    "terminate": "ended",
    "enter-standby": "standby",
    "exit-standby": "in service",
    "protect-from-scale-in": "protected",
    "unprotect-from-scale-in": "not protected",
}


def wanted_of(action: OperateInstances) -> str:
    return _WANTED[action.operation]


def state_of(action: OperateInstances, instance: Instance | None) -> str:
    """As far as the operation goes: stopping counts as stopped, entering standby as standby. None = it is gone."""
    if instance is None or (instance.lifecycle_state or "").startswith("Terminat"):
        return "ended"
    match action.operation:
        case "stop" | "hibernate" | "start":
            return "stopped" if instance.state in {"stopping", "stopped"} else "running"
        case "terminate":
            return "there"
        case "enter-standby" | "exit-standby":
            return "standby" if instance.in_standby else "in service"
        case "protect-from-scale-in" | "unprotect-from-scale-in":
            return "protected" if instance.protected_from_scale_in else "not protected"


def states_of(action: OperateInstances, fleet: Fleet) -> dict[str, Any]:
    """Every named instance's state, by id."""
    members = {i.instance_id: i for i in fleet.instances}
    return {i: state_of(action, members.get(i)) for i in dict.fromkeys(action.instance_ids)}


def needing(action: OperateInstances, fleet: Fleet) -> tuple[Instance, ...]:
    """The named instances that are not yet as they shall be."""
    states, wanted = states_of(action, fleet), wanted_of(action)
    return tuple(i for i in fleet.instances if states.get(i.instance_id, wanted) not in {wanted, "ended"})


def moves_capacity(action: OperateInstances) -> bool:
    return action.operation == "exit-standby" or action.lower_desired_capacity


def capacity_after(action: OperateInstances, fleet: Fleet) -> int | None:
    """Desired capacity once it is done; None = it does not move, or the group counts by weights: AWS says that it moves
    by the number of instances, and not whether it means their units.
    """
    count = len(needing(action, fleet))
    if not count or not moves_capacity(action) or counts_by_weights(fleet):
        return None
    return fleet.desired_capacity + (count if action.operation == "exit-standby" else -count)


def counts_by_weights(fleet: Fleet) -> bool:
    return any(weight != 1 for weight in weights(fleet.mix).values())
