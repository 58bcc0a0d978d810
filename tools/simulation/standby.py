"""Standby and scale-in protection of a group's instances as Auto Scaling answers for them.

Source  Auto Scaling API reference: EnterStandby, ExitStandby, SetInstanceProtection; user guide: temporarily removing
instances. Both moves are relative: ExitStandby always adds to the desired capacity.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult

from tools.simulation.world import World


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    actions = StandbyActions(world)
    for name in ("enter_standby", "exit_standby", "set_instance_protection"):
        setattr(AutoScalingResponse, name, _bound(getattr(actions, name)))


def _bound(action: Any) -> Callable[[AutoScalingResponse], ActionResult]:
    def method(response: AutoScalingResponse) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


def named_group(world: World, response: AutoScalingResponse) -> FakeAutoScalingGroup:
    """The group of a request. Raises ValidationError, as Auto Scaling says it."""
    name = response._get_param("AutoScalingGroupName")
    group = world.autoscaling.autoscaling_groups.get(name)
    if group is None:
        raise ValidationError(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


class StandbyActions:
    def __init__(self, world: World) -> None:
        self.world = world

    def enter_standby(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        states = self._members(group, response, ("InService",))
        decrement = response._get_bool_param("ShouldDecrementDesiredCapacity", None)
        if decrement is None:
            raise ValidationError("ShouldDecrementDesiredCapacity is required.")
        before = int(group.desired_capacity or 0)
        after = before - (len(states) if decrement else 0)
        if after < int(group.min_size or 0):
            raise ValidationError(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={before}. To place into standby {len(states)} instances, please update the "
                "AutoScalingGroup sizes appropriately."
            )
        group.desired_capacity = after
        for state in states:
            state.lifecycle_state = "Standby"
        shrank = f", shrinking the capacity from {before} to {after}." if decrement else "."
        return self._activities(group, states, "Moving EC2 instance to Standby", "moved to standby", shrank)

    def exit_standby(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        states = self._members(group, response, ("Standby",))
        for state in states:
            if state.instance.state != "running":
                raise ValidationError(f"The instance {state.instance.id} is not in the running state.")
        before = int(group.desired_capacity or 0)
        after = before + len(states)
        if after > int(group.max_size or 0):
            raise ValidationError(
                f"AutoScalingGroup {group.name} has min-size={group.min_size}, max-size={group.max_size}, and "
                f"desired-size={before}. To remove from standby {len(states)} instances, please update the "
                "AutoScalingGroup sizes appropriately."
            )
        group.desired_capacity = after
        for state in states:
            state.lifecycle_state = "Pending"
        grew = f", increasing the capacity from {before} to {after}."
        return self._activities(group, states, "Moving EC2 instance out of Standby", "moved out of standby", grew)

    def set_instance_protection(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        states = self._members(group, response, ("Pending", "InService", "Standby"))
        protected = bool(response._get_bool_param("ProtectedFromScaleIn", False))
        for state in states:
            state.protected_from_scale_in = protected
        return EmptyResult()

    def _members(
        self, group: FakeAutoScalingGroup, response: AutoScalingResponse, lifecycle: Sequence[str]
    ) -> list[InstanceState]:
        """The group's own named instances, in a state that allows the move: all of them or none."""
        states = {s.instance.id: s for s in group.instance_states}
        wanted = list(dict.fromkeys(response._get_param("InstanceIds", [])))
        if not wanted:
            raise ValidationError("At least one instance id is required.")
        for instance_id in wanted:
            if instance_id not in states:
                raise ValidationError(f"The instance {instance_id} is not part of Auto Scaling group {group.name}.")
            if states[instance_id].lifecycle_state not in lifecycle:
                raise ValidationError(f"The instance {instance_id} is not in {' or '.join(lifecycle)}.")
        return [states[i] for i in wanted]

    def _activities(
        self, group: FakeAutoScalingGroup, states: Sequence[InstanceState], what: str, moved: str, size: str
    ) -> ActionResult:
        now: datetime = self.world.clock.now()
        rows = [
            {
                "ActivityId": self.world.request_id(f"{what}|{s.instance.id}|{now.isoformat()}"),
                "AutoScalingGroupName": group.name,
                "Description": f"{what}: {s.instance.id}",
                "Cause": f"At {now:%Y-%m-%dT%H:%M:%SZ} instance {s.instance.id} was {moved} in response to a user"
                f" request{size}",
                "StartTime": now,
                "StatusCode": "InProgress",
                "Progress": 50,
            }
            for s in states
        ]
        self.world.activities.setdefault(group.name, [])[:0] = [
            {**r, "EndTime": now, "StatusCode": "Successful", "Progress": 100} for r in rows
        ]
        return ActionResult({"Activities": rows})
