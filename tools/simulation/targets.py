"""Target groups: who is registered, who drains and until when; groups register what they launch.

moto forgets a target at once; Elastic Load Balancing lets it drain for deregistration_delay.timeout_seconds.
Source  ELBv2 API reference: DeregisterTargets (a target that is not registered is no error), TargetHealth (reasons);
Auto Scaling user guide: attached target groups. Whether a load balancer uses the group is not asked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.elbv2.exceptions import ELBClientError, TargetGroupNotFoundError
from moto.elbv2.models import FakeTargetGroup, elbv2_backends
from moto.elbv2.responses import ELBV2Response

from tools.simulation.index_xml import Written
from tools.simulation.standby import named_group
from tools.simulation.world import ACCOUNT_ID, World

DELAY = "deregistration_delay.timeout_seconds"
_REASONS = {
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
}


@dataclass
class Target:
    """One instance and port of one target group."""

    instance_id: str
    port: int
    drained_at: datetime | None = None
    """when draining ends; None = registered"""


def install(world: World) -> "Targets":
    """Replace moto's answers with ours, for this process."""
    targets = Targets(world)
    for name in ("register_targets", "deregister_targets", "describe_target_health"):
        setattr(ELBV2Response, name, _bound(getattr(targets, name)))
    for name in ("attach_load_balancer_target_groups", "detach_load_balancer_target_groups"):
        setattr(AutoScalingResponse, name, _bound(getattr(targets, name)))
    return targets


def _bound(action: Any) -> Callable[[Any], ActionResult]:
    def method(response: Any) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


class Targets:
    def __init__(self, world: World) -> None:
        self.world = world
        self._of: dict[str, dict[tuple[str, int], Target]] = {}
        """target group ARN → (instance, port) → target"""
        self._by_group: dict[tuple[str, str], set[str]] = {}
        """(group, target group ARN) → instances that the group registered and has not taken out since"""

    def _target_group(self, arn: str) -> FakeTargetGroup:
        found = elbv2_backends[ACCOUNT_ID][self.world.region].target_groups.get(arn)
        if found is None:
            raise TargetGroupNotFoundError
        return found

    # --- the API
    def register_targets(self, response: ELBV2Response) -> ActionResult:
        target_group = self._target_group(response._get_param("TargetGroupArn"))
        wanted = response._get_param("Targets", [])
        for target in wanted:
            instance = self.world.instances.get(target["Id"])
            if instance is None:
                raise ELBClientError("InvalidTarget", f"The following targets do not exist: '{target['Id']}'")
            if instance.state != "running":
                text = f"The following targets are not in a running state and cannot be registered: '{target['Id']}'"
                raise ELBClientError("InvalidTarget", text)
        for target in wanted:
            self.register(target_group, target["Id"], target.get("Port"))
        return EmptyResult()

    def deregister_targets(self, response: ELBV2Response) -> ActionResult:
        target_group = self._target_group(response._get_param("TargetGroupArn"))
        for target in response._get_param("Targets", []):
            self.deregister(target_group, target["Id"], target.get("Port"))
        return EmptyResult()

    def describe_target_health(self, response: ELBV2Response) -> ActionResult:
        target_group = self._target_group(response._get_param("TargetGroupArn"))
        known = self._known(target_group)
        asked = response._get_param("Targets", [])
        if not asked:
            return Written({"TargetHealthDescriptions": [self._health(t) for t in known.values()]})
        rows = []
        for wanted in asked:
            port = int(wanted.get("Port") or target_group.port)
            rows.append(self._health(known.get((wanted["Id"], port)), wanted["Id"], port))
        return Written({"TargetHealthDescriptions": rows})

    def attach_load_balancer_target_groups(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        arns = response._get_param("TargetGroupARNs", [])
        for arn in arns:
            self._target_group(arn)
        group.target_group_arns = list(dict.fromkeys([*(group.target_group_arns or []), *arns]))
        self.world.changed = True
        return EmptyResult()

    def detach_load_balancer_target_groups(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        gone = response._get_param("TargetGroupARNs", [])
        group.target_group_arns = [a for a in group.target_group_arns if a not in gone]
        return EmptyResult()

    # --- what it means
    def register(self, target_group: FakeTargetGroup, instance_id: str, port: int | None = None) -> None:
        number = int(port or target_group.port)
        self._of.setdefault(target_group.arn, {})[instance_id, number] = Target(instance_id, number)

    def deregister(self, target_group: FakeTargetGroup, instance_id: str, port: int | None = None) -> None:
        """Begin to drain; what is not registered, or drains already, stays as it is."""
        until = self.world.clock.now() + timedelta(seconds=int(str(target_group.attributes[DELAY])))
        for target in self._of.get(target_group.arn, {}).values():
            named = target.instance_id == instance_id and port in (None, target.port)
            if named and target.drained_at is None:
                target.drained_at = until

    def _known(self, target_group: FakeTargetGroup) -> dict[tuple[str, int], Target]:
        """Registered and draining targets; what has drained is forgotten."""
        now = self.world.clock.now()
        known = self._of.get(target_group.arn, {})
        self._of[target_group.arn] = {k: t for k, t in known.items() if t.drained_at is None or t.drained_at > now}
        return self._of[target_group.arn]

    def _health(self, target: Target | None, instance_id: str = "", port: int = 0) -> dict[str, Any]:
        state = self._state(target)
        reason, text = _REASONS.get(state, ("", ""))
        if state == "unused" and target is not None:
            reason, text = "Target.InvalidState", "Target is in the stopped state"
        health = {"State": state} | ({"Reason": reason, "Description": text} if reason else {})
        named = {"Id": target.instance_id if target else instance_id, "Port": target.port if target else port}
        return {"Target": named, "HealthCheckPort": str(named["Port"]), "TargetHealth": health}

    def _state(self, target: Target | None) -> str:
        if target is None:
            return "unused"
        if target.drained_at is not None:
            return "draining"
        instance = self.world.instances.get(target.instance_id)
        if instance is None or instance.state in ("stopping", "stopped"):
            return "unused"
        return "healthy" if instance.state == "running" else "initial"

    # --- time
    def tick(self, _now: datetime) -> None:
        """Groups register what came into service and take out what left it. Called on every tick, after settling.

        A member that somebody else deregistered stays out: Auto Scaling does not look.
        """
        for arn, known in self._of.items():
            lost = [t.instance_id for t in known.values() if t.drained_at is None and self._is_gone(t.instance_id)]
            for instance_id in lost:
                self.deregister(self._target_group(arn), instance_id)
        for group in self.world.autoscaling.autoscaling_groups.values():
            for arn in group.target_group_arns or ():
                self._follow(group, arn, (s.instance.id for s in group.instance_states if _takes_traffic(s)))
        for (name, arn), registered in list(self._by_group.items()):
            left = self.world.autoscaling.autoscaling_groups.get(name)
            if left is None or arn not in (left.target_group_arns or ()):
                for instance_id in sorted(registered):
                    self.deregister(self._target_group(arn), instance_id)
                del self._by_group[name, arn]

    def _follow(self, group: FakeAutoScalingGroup, arn: str, serving: Iterable[str]) -> None:
        members = set(serving)
        registered = self._by_group.setdefault((group.name, arn), set())
        target_group = self._target_group(arn)
        for instance_id in sorted(members - registered):
            self.register(target_group, instance_id)
        for instance_id in sorted(registered - members):
            self.deregister(target_group, instance_id)
        self._by_group[group.name, arn] = members

    def _is_gone(self, instance_id: str) -> bool:
        instance = self.world.instances.get(instance_id)
        return instance is None or instance.state == "terminated"


def _takes_traffic(state: Any) -> bool:
    return bool(state.lifecycle_state == "InService" and state.instance.state == "running")
