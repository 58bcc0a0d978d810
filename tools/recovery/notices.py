"""What clouds say about one instance becomes a Notice: EventBridge's events, GCP's audit log, Azure's scheduled events.

EventBridge's detail is read and never the ARN: for spot events EC2 puts the zone where an ARN has its region.
A lifecycle action says that a group ends an instance and waits for its hook. It is evidence: the instance saves and
drains, and the wait ends by the hook's own heartbeat timeout, as completing it is no action of ours.
Sources  EC2 user guide, spot interruption notices; Auto Scaling user guide, lifecycle hooks; Cloud Audit Logs, system
events of Compute Engine; Azure Metadata Service, Scheduled Events (a Preempt comes at least 30 s ahead)
"""

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from tools.errors import DataError
from tools.records import Notice
from tools.tool import explain

MAX_BYTES = 256 * 1024  # the largest message that a notice comes in

_EC2 = {
    "EC2 Spot Instance Interruption Warning": "interruption",
    "EC2 Instance Rebalance Recommendation": "rebalance",
    "EC2 Instance State-change Notification": "state-change",
}
_LIFECYCLE = "EC2 Instance-terminate Lifecycle Action"
_PREEMPTED = "compute.instances.preempted"
_AZURE_AHEAD = timedelta(seconds=30)
"""a Preempt is told at least so long before; when it was told, its document does not say"""


def read_notice(body: str) -> Notice:
    """One message about one instance, strictly: an order that is misread is worse than one that is reported.

    Raises  DataError: not JSON, from nobody that we know, not about one instance; says which
    """
    found = read_notices(body)
    if len(found) != 1:
        raise DataError(f"not a notice about an instance: it tells of {len(found)}")
    return found[0]


def read_notices(body: str) -> tuple[Notice, ...]:
    """As `read_notice`, for documents that tell of several instances, or of none that is preempted."""
    event = _object(body)
    if isinstance(event.get("Events"), list):
        return tuple(n for one in event["Events"] for n in _azure(one))
    if isinstance(event.get("message"), dict) and "data" in event["message"]:  # pushed by Pub/Sub
        event = _object(_plain(event["message"]["data"]))
    if isinstance(event.get("protoPayload"), dict):
        return (_gcp(event),)
    return (_aws(event),)


def _aws(event: dict[str, Any]) -> Notice:
    source, kind = event.get("source"), event.get("detail-type")
    from_ec2 = source == "aws.ec2" and isinstance(kind, str) and kind in _EC2
    if not from_ec2 and (source, kind) != ("aws.autoscaling", _LIFECYCLE):
        raise DataError(f"not a notice about an instance: {_short(kind)} from {_short(source)}")
    detail = event.get("detail")
    if not isinstance(detail, dict) or not isinstance(event.get("time"), str):
        raise DataError(f"{kind}: no detail, or no time")
    if not from_ec2:
        named = {"kind": "lifecycle", "instance_id": detail.get("EC2InstanceId")}
        return _notice(str(kind), **named, at=event["time"], source="EventBridge")
    return _notice(
        str(kind),
        kind=_EC2[str(kind)],
        instance_id=detail.get("instance-id"),
        instance_action=detail.get("instance-action"),
        state=detail.get("state"),
        at=event["time"],
        source="EventBridge",
    )


def _gcp(entry: dict[str, Any]) -> Notice:
    """A log entry of the system event; instances are known by their numbers, names may be given again."""
    told = entry["protoPayload"].get("methodName")
    if told != _PREEMPTED:
        raise DataError(f"not a notice about an instance: {_short(told)} from Cloud Audit Logs")
    resource = entry.get("resource")
    labels = resource.get("labels") if isinstance(resource, dict) else None
    return _notice(
        _PREEMPTED,
        kind="interruption",
        provider="gcp",
        instance_id=labels.get("instance_id") if isinstance(labels, dict) else None,
        at=entry.get("timestamp"),
        source="Cloud Audit Logs",
    )


def _azure(event: Any) -> list[Notice]:
    """One scheduled event; only preemptions are notices. A started one has no time any more: it is now or never."""
    if not isinstance(event, dict):
        raise DataError(f"a scheduled event is {type(event).__name__}, not an object")
    if event.get("EventType") != "Preempt":
        return []
    resources = event.get("Resources")
    if not isinstance(resources, list):
        raise DataError("Preempt: no Resources")
    ends_at = _http_date(event.get("NotBefore"))
    return [
        _notice(
            "Preempt",
            kind="interruption",
            provider="azure",
            instance_id=name,
            at=ends_at - _AZURE_AHEAD,
            ends_at=ends_at,
            source="Scheduled Events",
        )
        for name in resources
    ]


def _notice(what: str, **fields: Any) -> Notice:
    try:
        return Notice.model_validate(fields)
    except ValidationError as error:
        raise DataError(f"{what}: {explain(error)}") from None


def _tried(read: Callable[[Any], Any], value: Any, problem: str) -> Any:
    try:
        return read(value)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{problem}: {error}") from None


def _http_date(value: Any) -> datetime:
    """Mon, 19 Sep 2016 18:29:47 GMT"""
    found: datetime = _tried(parsedate_to_datetime, value, f"Preempt: NotBefore: saw {_short(value)}")
    if found.tzinfo is None:
        raise DataError(f"Preempt: NotBefore: saw {_short(value)}, without a time zone")
    return found


def _plain(data: Any) -> str:
    return str(_tried(lambda d: base64.b64decode(d, validate=True).decode(), data, "the message's data is not base64"))


def _object(body: str) -> dict[str, Any]:
    size = len(body.encode(errors="replace"))
    if size > MAX_BYTES:
        raise DataError(f"a message of {size:,} bytes, at most {MAX_BYTES:,}")
    event = _tried(lambda b: json.loads(b, object_pairs_hook=_no_key_twice), body, "the message is not JSON")
    if not isinstance(event, dict):
        raise DataError(f"the message is {type(event).__name__}, not an object")
    return event


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
