"""Instance refreshes of a group."""

from typing import Any

from tools.cloud import InstanceRefresh


def instance_refreshes(calls: Any, name: str) -> tuple[InstanceRefresh, ...]:
    raise NotImplementedError
