"""What EC2 remembers of spot: requests with their status codes, and the history of EC2 Fleets."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from moto.ec2.models.instances import Instance

CLOSED_STAYS = timedelta(hours=6)
"""a closed request is shown for hours; AWS does not say how many"""
HISTORY_STAYS = timedelta(hours=48)
TAKEN = (("instance-terminated-no-capacity", 0.8), ("instance-terminated-capacity-oversubscribed", 1.0))
_MESSAGES = {
    "fulfilled": "Your Spot request is fulfilled.",
    "marked-for-termination": "Your Spot Instance is marked for termination because there is no available Spot"
    " capacity.",
    "instance-terminated-no-capacity": "Your Spot Instance was terminated because there is no available Spot capacity.",
    "instance-terminated-capacity-oversubscribed": "Your Spot Instance was terminated because there is no available"
    " Spot capacity.",
    "instance-terminated-by-user": "Spot Instance terminated due to user-initiated termination.",
    "instance-stopped-by-user": "Your Spot Instance was stopped by you.",
}


@dataclass
class SpotRequest:
    """The request behind one spot instance."""

    request_id: str
    instance_id: str
    instance_type: str
    zone: str
    image_id: str
    created_at: datetime
    code: str
    updated_at: datetime
    persistent: bool = False
    behaviour: str = "terminate"

    @property
    def state(self) -> str:
        if self.code == "instance-stopped-by-user":
            return "disabled"
        return "active" if self.code in ("fulfilled", "marked-for-termination") else "closed"

    def shown(self) -> dict[str, Any]:
        return {
            "SpotInstanceRequestId": self.request_id,
            "InstanceId": self.instance_id,
            "CreateTime": self.created_at.replace(tzinfo=None),
            "LaunchSpecification": {"ImageId": self.image_id, "InstanceType": self.instance_type},
            "LaunchedAvailabilityZone": self.zone,
            "ProductDescription": "Linux/UNIX",
            "State": self.state,
            "Status": {
                "Code": self.code,
                "Message": _MESSAGES.get(self.code, self.code),
                "UpdateTime": self.updated_at.replace(tzinfo=None),
            },
            "Type": "persistent" if self.persistent else "one-time",
            "InstanceInterruptionBehavior": self.behaviour,
        }


@dataclass
class SpotRequests:
    """Every spot request that EC2 still knows, by instance."""

    seed: int
    _by_instance: dict[str, SpotRequest] = field(default_factory=dict)

    def all(self) -> list[SpotRequest]:
        return [self._by_instance[i] for i in sorted(self._by_instance)]

    def born(self, instance: Instance, at: datetime, *, persistent: bool = False, behaviour: str = "terminate") -> None:
        self._by_instance[instance.id] = SpotRequest(
            request_id=request_id_of(instance.id),
            instance_id=instance.id,
            instance_type=instance.instance_type,
            zone=str(instance.placement.zone),
            image_id=str(instance.image_id),
            created_at=at,
            code="fulfilled",
            updated_at=at,
            persistent=persistent,
            behaviour=behaviour,
        )

    def is_persistent(self, instance_id: str) -> bool:
        request = self._by_instance.get(instance_id)
        return request is not None and request.persistent

    def stopped(self, instance_id: str, at: datetime) -> None:
        self._now(instance_id, "instance-stopped-by-user", at)

    def started(self, instance_id: str, at: datetime) -> None:
        self._now(instance_id, "fulfilled", at)

    def marked(self, instance_id: str, at: datetime) -> None:
        self._now(instance_id, "marked-for-termination", at)

    def taken(self, instance_id: str, at: datetime) -> None:
        draw = Random(f"{self.seed}|taken|{instance_id}").random()
        self._now(instance_id, next(code for code, share in TAKEN if draw < share), at)

    def ended_by_user(self, instance_id: str, at: datetime) -> None:
        self._now(instance_id, "instance-terminated-by-user", at)

    def _now(self, instance_id: str, code: str, at: datetime) -> None:
        request = self._by_instance.get(instance_id)
        if request is not None and request.state in ("active", "disabled"):
            request.code, request.updated_at = code, at

    def forget(self, now: datetime) -> None:
        old = [i for i, r in self._by_instance.items() if r.state == "closed" and now - r.updated_at >= CLOSED_STAYS]
        for instance_id in old:
            del self._by_instance[instance_id]


def request_id_of(instance_id: str) -> str:
    return f"sir-{instance_id[2:10]}"


@dataclass(frozen=True)
class Event:
    """One record of a fleet's history."""

    at: datetime
    event_type: str
    subtype: str
    description: str
    instance_id: str | None = None

    def shown(self) -> dict[str, Any]:
        information = {"EventSubType": self.subtype, "EventDescription": self.description}
        if self.instance_id:
            information["InstanceId"] = self.instance_id
        return {
            "EventInformation": information,
            "EventType": self.event_type,
            "Timestamp": self.at.replace(tzinfo=None),
        }


def of_instance(instance: Instance, subtype: str, at: datetime) -> Event:
    about = {
        "instanceType": instance.instance_type,
        "image": instance.image_id,
        "productDescription": "Linux/UNIX",
        "availabilityZone": instance.placement.zone,
    }
    return Event(at, "instance-change", subtype, json.dumps(about), instance.id)


def refused(instance_type: str, zone: str, at: datetime) -> Event:
    """A launch specification that found no spot capacity, as a fleet's history says it."""
    text = f"{instance_type}, Linux/UNIX, {zone}: There is no Spot capacity available that matches your request."
    return Event(at, "service-error", "insufficientInstanceCapacity", text)
