"""Instance refreshes: a group's instances replaced a few at a time, on ticks.

The desired configuration is the group's own from the refresh's success on, as on AWS; a cancelled refresh leaves what
it has replaced and forgets the rest. With MinHealthyPercentage 100 new instances come before old ones go.
Source  Auto Scaling API reference: StartInstanceRefresh, RefreshPreferences; user guide: how an instance refresh works
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from tools.simulation.mixed_policies import check_policy, check_template
from tools.simulation.settling import Settler
from tools.simulation.standby import named_group
from tools.simulation.wishes import REFRESHED, configuration_of, wish_of_group
from tools.simulation.world import World

ACTIVE = ("Pending", "InProgress", "Cancelling")
WAITS = timedelta(hours=1)
"""how long a refresh waits for protected instances before it fails"""
_DEFAULTS = {
    "MinHealthyPercentage": 90,
    "MaxHealthyPercentage": 100,
    "SkipMatching": False,
    "ScaleInProtectedInstances": "Wait",
    "StandbyInstances": "Wait",
}


@dataclass
class Refresh:
    """One instance refresh of one group."""

    refresh_id: str
    group_name: str
    preferences: dict[str, Any]
    desired: dict[str, Any]
    """DesiredConfiguration; {} = the group's own"""
    started_at: datetime
    remaining: list[str]
    """instances to replace, oldest first"""
    total: int
    status: str = "Pending"
    reason: str = ""
    ended_at: datetime | None = None
    moved_at: datetime = field(init=False)
    """when it last made progress"""

    def __post_init__(self) -> None:
        self.moved_at = self.started_at

    def shown(self) -> dict[str, Any]:
        done = 100 if self.total == 0 else 100 * (self.total - len(self.remaining)) // self.total
        row: dict[str, Any] = {
            "InstanceRefreshId": self.refresh_id,
            "AutoScalingGroupName": self.group_name,
            "Status": self.status,
            "StartTime": self.started_at,
            "PercentageComplete": done if self.status != "Pending" else 0,
            "InstancesToUpdate": len(self.remaining),
            "Preferences": self.preferences,
            "Strategy": "Rolling",
        }
        optional = {"StatusReason": self.reason, "EndTime": self.ended_at, "DesiredConfiguration": self.desired}
        return row | {k: v for k, v in optional.items() if v}


def install(world: World, settler: Settler) -> "Refreshes":
    """Teach moto what it lacks, for this process."""
    refreshes = Refreshes(world, settler)
    for name in ("start_instance_refresh", "cancel_instance_refresh", "describe_instance_refreshes"):
        setattr(AutoScalingResponse, name, _bound(getattr(refreshes, name)))
    return refreshes


def _bound(action: Any) -> Callable[[AutoScalingResponse], ActionResult]:
    def method(response: AutoScalingResponse) -> ActionResult:
        result: ActionResult = action(response)
        return result

    return method


class Refreshes:
    """Every refresh that Auto Scaling still shows, newest first, by group."""

    def __init__(self, world: World, settler: Settler) -> None:
        self.world = world
        self.settler = settler
        self._of: dict[str, list[Refresh]] = {}

    def _active(self, group: FakeAutoScalingGroup) -> Refresh | None:
        return next((r for r in self._of.get(group.name, []) if r.status in ACTIVE), None)

    # --- the API
    def start_instance_refresh(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        if self._active(group) is not None:
            text = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            raise AutoscalingClientError("InstanceRefreshInProgress", text)
        preferences = _DEFAULTS | (response._get_param("Preferences") or {})
        _check(preferences)
        desired = response._get_param("DesiredConfiguration") or {}
        policy = desired.get("MixedInstancesPolicy") or {}
        check_policy(policy)
        mixed = (policy.get("LaunchTemplate") or {}).get("LaunchTemplateSpecification")
        check_template(self.world, mixed or desired.get("LaunchTemplate"))
        count = len(self._of.setdefault(group.name, []))
        refresh = Refresh(
            refresh_id=self.world.request_id(f"refresh|{group.name}|{count}"),
            group_name=group.name,
            preferences=preferences,
            desired=desired,
            started_at=self.world.clock.now(),
            remaining=[],
            total=0,
        )
        if desired:
            vars(group)[REFRESHED] = desired
        refresh.remaining = self._to_replace(group, preferences)
        refresh.total = len(refresh.remaining)
        self._of[group.name].insert(0, refresh)
        return ActionResult({"InstanceRefreshId": refresh.refresh_id})

    def _to_replace(self, group: FakeAutoScalingGroup, preferences: dict[str, Any]) -> list[str]:
        version = configuration_of(group).version
        types = {o.pool.instance_type for o in wish_of_group(group, self.world.market.types()).options}
        found = [
            s.instance
            for s in group.instance_states
            if not (s.protected_from_scale_in and preferences["ScaleInProtectedInstances"] == "Ignore")
            and not (s.lifecycle_state == "Standby" and preferences["StandbyInstances"] == "Ignore")
        ]
        if preferences["SkipMatching"] and version is not None:
            found = [i for i in found if i.instance_type not in types or _version_of(i) != _named(version)]
        return [i.id for i in sorted(found, key=lambda i: (self.world.launched_at[i.id], i.id))]

    def cancel_instance_refresh(self, response: AutoScalingResponse) -> ActionResult:
        refresh = self._active(named_group(self.world, response))
        if refresh is None or refresh.status == "Cancelling":
            text = "No in progress or pending Instance Refresh found for the Auto Scaling group."
            raise AutoscalingClientError("ActiveInstanceRefreshNotFound", text)
        refresh.status, refresh.reason = "Cancelling", "Cancelled due to user request"
        return ActionResult({"InstanceRefreshId": refresh.refresh_id})

    def describe_instance_refreshes(self, response: AutoScalingResponse) -> ActionResult:
        group = named_group(self.world, response)
        wanted = response._get_param("InstanceRefreshIds", [])
        rows = [r.shown() for r in self._of.get(group.name, []) if not wanted or r.refresh_id in wanted]
        start, size = int(response._get_param("NextToken") or 0), response._get_int_param("MaxRecords", 50)
        more = str(start + size) if start + size < len(rows) else None
        return ActionResult({"InstanceRefreshes": rows[start : start + size], "NextToken": more})

    # --- time
    def tick(self, now: datetime) -> None:
        """One step of every refresh. Called on every tick, before groups are settled."""
        for refreshes in self._of.values():
            for refresh in refreshes:
                if refresh.status in ACTIVE:
                    self._step(refresh, now)

    def _step(self, refresh: Refresh, now: datetime) -> None:
        group = self.world.autoscaling.autoscaling_groups.get(refresh.group_name)
        if group is None:
            self._end(refresh, None, now, "Failed", "The Auto Scaling group was deleted")
        elif refresh.status == "Cancelling":
            self._end(refresh, group, now, "Cancelled", refresh.reason)
        elif refresh.status == "Pending":
            refresh.status = "InProgress"
        else:
            self._replace_some(refresh, group, now)

    def _replace_some(self, refresh: Refresh, group: FakeAutoScalingGroup, now: datetime) -> None:
        states = {s.instance.id: s for s in group.instance_states}
        before = len(refresh.remaining)
        refresh.remaining = [i for i in refresh.remaining if i in states]
        if len(refresh.remaining) < before:
            refresh.moved_at = now
        serving = sum(1 for s in states.values() if s.lifecycle_state == "InService")
        desired = int(group.desired_capacity or 0)
        if not refresh.remaining:
            if serving >= desired:
                self._succeed(refresh, group, now)
            return
        open_to_go = [i for i in refresh.remaining if self._may_go(states[i], refresh)]
        if not open_to_go and now - refresh.moved_at >= WAITS:
            self._end(refresh, group, now, "Failed", "Instances are protected from scale in or in standby")
            return
        floor = math.ceil(desired * int(refresh.preferences["MinHealthyPercentage"]) / 100)
        batch = max(1, desired - floor)
        if int(refresh.preferences["MinHealthyPercentage"]) == 100:
            self.world.refreshing[group.name] = set(open_to_go[:batch])
            self.world.changed = True
        elif serving >= desired and open_to_go:
            self.world.refreshing[group.name] = set(open_to_go[:batch])  # the activity says why
            self.settler.end_in_group(group, open_to_go[:batch], now)

    def _may_go(self, state: InstanceState, refresh: Refresh) -> bool:
        if state.protected_from_scale_in and refresh.preferences["ScaleInProtectedInstances"] != "Refresh":
            return False
        return state.lifecycle_state != "Standby" or refresh.preferences["StandbyInstances"] == "Terminate"

    def _succeed(self, refresh: Refresh, group: FakeAutoScalingGroup, now: datetime) -> None:
        if refresh.desired.get("MixedInstancesPolicy"):
            group.mixed_instances_policy = refresh.desired["MixedInstancesPolicy"]
            group._set_launch_configuration("", {}, group.mixed_instances_policy)
        elif refresh.desired.get("LaunchTemplate"):
            group.mixed_instances_policy = None
            group._set_launch_configuration("", refresh.desired["LaunchTemplate"], None)
        self._end(refresh, group, now, "Successful", "")

    def _end(
        self, refresh: Refresh, group: FakeAutoScalingGroup | None, now: datetime, status: str, reason: str
    ) -> None:
        refresh.status, refresh.reason, refresh.ended_at = status, reason, now
        self.world.refreshing.pop(refresh.group_name, None)
        if group is not None:
            vars(group).pop(REFRESHED, None)


def _check(preferences: dict[str, Any]) -> None:
    low, high = int(preferences["MinHealthyPercentage"]), int(preferences["MaxHealthyPercentage"])
    if not 0 <= low <= 100 or not 100 <= high <= 200 or high - low > 100:
        raise ValidationError(
            f"MinHealthyPercentage {low} and MaxHealthyPercentage {high}: expected 0 to 100 and 100 to 200, "
            "at most 100 apart."
        )
    for name, known in (
        ("ScaleInProtectedInstances", ("Refresh", "Ignore", "Wait")),
        ("StandbyInstances", ("Terminate", "Ignore", "Wait")),
    ):
        if preferences[name] not in known:
            raise ValidationError(f"{name}: saw {preferences[name]}, expected one of [{', '.join(known)}]")


def _version_of(instance: Any) -> tuple[str, str]:
    launched_from = vars(instance).get("launched_from") or {}
    return str(launched_from.get("LaunchTemplateId")), str(launched_from.get("Version"))


def _named(version: Any) -> tuple[str, str]:
    return str(version.template.id), str(version.number)
