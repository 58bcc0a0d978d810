"""Spot Fleet requests, read as fleets."""

from collections.abc import Sequence
from typing import Any

from tools.aws.ec2 import Sight
from tools.records import Fleet


def live(calls: Any) -> list[dict[str, Any]]:
    raise NotImplementedError


def one(calls: Any, request_id: str) -> dict[str, Any]:
    raise NotImplementedError


def as_fleets(calls: Any, rows: Sequence[dict[str, Any]], sight: Sight) -> list[Fleet]:
    raise NotImplementedError
