"""EventBridge's JSON about one instance becomes a Notice.

The detail is read and never the ARN: for these events EC2 puts the zone where an ARN has its region.
"""

import json
from typing import Any

from pydantic import ValidationError

from tools.errors import DataError
from tools.records import Notice
from tools.tool import explain

MAX_BYTES = 256 * 1024  # the largest message that SQS carries

_KINDS = {
    "EC2 Spot Instance Interruption Warning": "interruption",
    "EC2 Instance Rebalance Recommendation": "rebalance",
    "EC2 Instance State-change Notification": "state-change",
}


def read_notice(body: str) -> Notice:
    """One message, strictly: an order that is misread is worse than one that is reported.

    Raises  DataError: not JSON, not from EC2, not about an instance; says which
    """
    event = _object(body)
    source, kind = event.get("source"), event.get("detail-type")
    if source != "aws.ec2" or not isinstance(kind, str) or kind not in _KINDS:
        raise DataError(f"not a notice about an instance: {_short(kind)} from {_short(source)}")
    detail = event.get("detail")
    if not isinstance(detail, dict) or not isinstance(event.get("time"), str):
        raise DataError(f"{kind}: no detail, or no time")
    try:
        return Notice.model_validate(
            {
                "kind": _KINDS[kind],
                "instance_id": detail.get("instance-id"),
                "instance_action": detail.get("instance-action"),
                "state": detail.get("state"),
                "at": event.get("time"),
                "source": "EventBridge",
            }
        )
    except ValidationError as error:
        raise DataError(f"{kind}: {explain(error)}") from None


def _object(body: str) -> dict[str, Any]:
    size = len(body.encode(errors="replace"))
    if size > MAX_BYTES:
        raise DataError(f"a message of {size:,} bytes, at most {MAX_BYTES:,}")
    try:
        event = json.loads(body, object_pairs_hook=_no_key_twice)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the message is not JSON: {error}") from None
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
