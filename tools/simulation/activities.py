"""Scaling activities in Auto Scaling's own words.

Sources  texts of real activities: a refusal names the zone in its details and no instance type
"""

import json
from collections.abc import Sequence
from datetime import datetime

from moto.autoscaling.models import FakeAutoScalingGroup

from tools.records import utc_text
from tools.simulation.world import World

MOST_KEPT = 500
"""a group; AWS keeps six weeks"""
_STARTED = "an instance was started in response to a difference between desired and actual capacity"
_OUT = "an instance was taken out of service in response to"
_OPTIONS = {"spot": "Spot", "on-demand": "On-Demand"}


class ActivityLog:
    """Writes what groups do into the world's memory, newest first."""

    def __init__(self, world: World) -> None:
        self._world = world

    def launched(self, group: str, instance_id: str, zone: str, subnet: str | None, now: datetime) -> None:
        text = f"Launching a new EC2 instance: {instance_id}"
        self._add(group, text, _STARTED, now, details=_place(zone, subnet))

    def refused(self, group: str, zone: str, subnet: str | None, starved: Sequence[str], now: datetime) -> None:
        """starved: purchase options, spot or on-demand, for which the zone had no capacity"""
        what = " and ".join(_OPTIONS[option] for option in starved)
        why = (
            f"Could not launch {what} Instances. InsufficientInstanceCapacity - There is no Spot capacity available"
            " that matches your request. Launching EC2 instance failed."
        )
        text = f"Launching a new EC2 instance.  Status Reason: {why}"
        self._add(group, text, _STARTED, now, details=_place(zone, subnet), refusal=why)

    def ended(self, group: FakeAutoScalingGroup, instance_id: str, now: datetime) -> None:
        """An end that the group decided on."""
        cause = f"{_OUT} a difference between desired and actual capacity"
        if instance_id in self._world.refreshing.get(group.name, ()):
            cause = f"{_OUT} an instance refresh"
        elif group.capacity_rebalance and instance_id in self._world.reclaims:
            cause = f"{_OUT} an EC2 Spot interruption notice"
        elif group.capacity_rebalance and instance_id in self._world.warned:
            cause = f"{_OUT} an EC2 instance rebalance recommendation"
        self._add(group.name, f"Terminating EC2 instance: {instance_id}", cause, now)

    def found_gone(self, group: str, instance_id: str, now: datetime) -> None:
        """An instance that somebody else ended: Auto Scaling does not say who."""
        cause = f"{_OUT} an EC2 health check indicating it has been terminated or stopped"
        self._add(group, f"Terminating EC2 instance: {instance_id}", cause, now)

    def _add(
        self,
        group: str,
        description: str,
        cause: str,
        now: datetime,
        *,
        details: str | None = None,
        refusal: str | None = None,
    ) -> None:
        """refusal: why it failed; None = it succeeded"""
        log = self._world.activities.setdefault(group, [])
        row = {
            "ActivityId": self._world.request_id(f"activity|{group}|{utc_text(now)}|{description}|{details}"),
            "AutoScalingGroupName": group,
            "Description": description,
            "Cause": f"At {utc_text(now)} {cause}.",
            "StartTime": now,
            "EndTime": now,
            "StatusCode": "Failed" if refusal else "Successful",
            "Progress": 100,
        }
        log.insert(0, row | {k: v for k, v in (("StatusMessage", refusal), ("Details", details)) if v})
        del log[MOST_KEPT:]


def _place(zone: str, subnet: str | None) -> str:
    """Details of an activity, as Auto Scaling writes them."""
    named = {"Subnet ID": subnet} if subnet else {}
    return json.dumps({**named, "Availability Zone": zone}, separators=(",", ":"))
