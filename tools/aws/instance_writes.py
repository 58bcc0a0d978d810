"""Single instances: stopped, hibernated, started, terminated. By id, so that twice is once."""

from collections.abc import Sequence
from typing import Any

from tools.aws.errors import request_id_of
from tools.cloud import Receipt
from tools.errors import Rejected
from tools.records import OperateInstances

_CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "stop": ("StopInstances", {"Hibernate": False, "Force": False}),
    "hibernate": ("StopInstances", {"Hibernate": True, "Force": False}),
    "start": ("StartInstances", {}),
    "terminate": ("TerminateInstances", {"Force": False}),
}


def operate(send: Any, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
    """One call for all of the ids.

    Raises  Rejected: not an operation on single instances, nothing was sent; or EC2 says no, as of an instance that is
            protected, that a service operates, or of a one-time spot request
    """
    if action.fleet.kind != "instance" or action.operation not in _CALLS:
        raise Rejected(f"{action.fleet.label}: {action.operation} is not for its instances; nothing was sent")
    name, more = _CALLS[action.operation]
    answer = send("ec2", name, InstanceIds=list(instance_ids), **more)
    return Receipt(request_ids=(request_id_of(answer),))
