"""Single instances: stopped, hibernated, started, terminated."""

from collections.abc import Sequence
from typing import Any

from tools.cloud import Receipt
from tools.records import OperateInstances


def operate(send: Any, action: OperateInstances, instance_ids: Sequence[str]) -> Receipt:
    raise NotImplementedError
