"""What changes an Auto Scaling group besides its settings: refreshes, instances, tags."""

from collections.abc import Sequence
from typing import Any

from tools.cloud import Receipt
from tools.records import CancelInstanceRefresh, FleetRef, OperateInstances, StartInstanceRefresh, Tag


def start_refresh(send: Any, action: StartInstanceRefresh) -> Receipt:
    raise NotImplementedError


def cancel_refresh(send: Any, action: CancelInstanceRefresh) -> Receipt:
    raise NotImplementedError


def operate(send: Any, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
    raise NotImplementedError


def set_tags(send: Any, ref: FleetRef, tags: Sequence[Tag]) -> Receipt:
    raise NotImplementedError


def remove_tags(send: Any, ref: FleetRef, keys: Sequence[str]) -> Receipt:
    raise NotImplementedError
