"""Target groups: who is registered, and the two calls that change it."""

from collections.abc import Sequence
from typing import Any

from tools.aws.calls import Calls
from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.errors import NotFound
from tools.records import SetTargets, TargetGroup

_DELAY = "deregistration_delay.timeout_seconds"
_NONE_SET = 300
"""seconds, Elastic Load Balancing's default"""
_LEAVES = "draining"


def target_health(calls: Calls, target_group_arn: str) -> dict[str, str]:
    """Instance id → AWS's word. One that is registered on several ports has the word of one that still takes requests.

    Raises  NotFound
    """
    found: dict[str, str] = {}
    for instance_id, _, word in _targets(calls, target_group_arn):
        if instance_id not in found or found[instance_id] == _LEAVES:
            found[instance_id] = word
    return found


def _targets(calls: Calls, arn: str) -> list[tuple[str, int, str]]:
    """(instance id, port, AWS's word) of every target that is an instance: groups of addresses have none."""
    rows = calls.read("elbv2", "DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"]
    named = [(r["Target"], r["TargetHealth"]["State"]) for r in rows]
    return [(t["Id"], t["Port"], word) for t, word in named if t["Id"].startswith("i-")]


def target_group(calls: Calls, target_group_arn: str) -> TargetGroup:
    """Raises NotFound."""
    rows = calls.read("elbv2", "DescribeTargetGroups", TargetGroupArns=[target_group_arn])["TargetGroups"]
    if not rows:
        raise NotFound(f"there is no target group {target_group_arn} in {calls.region}")
    told = calls.read("elbv2", "DescribeTargetGroupAttributes", TargetGroupArn=target_group_arn)["Attributes"]
    attributes = {a["Key"]: a["Value"] for a in told}
    return TargetGroup(
        arn=target_group_arn,
        name=rows[0]["TargetGroupName"],
        deregistration_delay_seconds=int(attributes.get(_DELAY, _NONE_SET)),
    )


def set_targets(calls: Calls, send: Any, action: SetTargets, instance_ids: Sequence[str]) -> Receipt:
    """One call. A target is deregistered on the ports that it has: by its id alone AWS looks at the default port only.

    Source  API reference, DeregisterTargets: with a port override both the id and the port must be given
    """
    ids = set(instance_ids)
    if action.registered:
        targets: list[dict[str, Any]] = [{"Id": i} for i in sorted(ids)]
    else:
        now = _targets(calls, action.target_group_arn) if ids else []
        targets = [{"Id": i, "Port": port} for i, port, word in sorted(now) if i in ids and word != _LEAVES]
    if not targets:
        return Receipt(request_ids=())
    operation = "RegisterTargets" if action.registered else "DeregisterTargets"
    answer = send("elbv2", operation, TargetGroupArn=action.target_group_arn, Targets=targets)
    return Receipt(request_ids=(request_id_of(answer),))
