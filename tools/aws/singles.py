"""Single instances, each read as a fleet of one."""

from typing import Any

from tools.aws.ec2 import Sight
from tools.records import Fleet, FleetRef


def as_fleet(calls: Any, ref: FleetRef, sight: Sight) -> Fleet:
    raise NotImplementedError
