"""DescribeAutoScalingGroups and DescribeAutoScalingInstances: by name and by id, in AWS's pages, in one pass."""

import itertools
from collections.abc import Sequence
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError, ValidationError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

from tools.simulation.index_xml import Written
from tools.simulation.world import World

GROUPS_A_PAGE, MOST_GROUPS_A_PAGE = 50, 100
INSTANCES_A_PAGE = MOST_INSTANCES_A_PAGE = 50


def install(world: World) -> None:
    """Replace moto's answers with ours, for this process."""
    numbers = itertools.count(1)

    def describe_auto_scaling_groups(response: AutoScalingResponse) -> ActionResult:
        every = world.autoscaling.autoscaling_groups
        _number(every.values(), numbers)
        names = response._get_param("AutoScalingGroupNames", [])
        found = [every[n] for n in dict.fromkeys(names) if n in every] if names else list(every.values())
        for wanted in response._get_param("Filters", []):
            found = [g for g in found if _passes(g, str(wanted.get("Name")), wanted.get("Values") or [])]
        found.sort(key=_number_of)
        after, size = _after(response), _size(response, GROUPS_A_PAGE, MOST_GROUPS_A_PAGE)
        rest = [g for g in found if _number_of(g) > after]
        more = str(_number_of(rest[size - 1])) if len(rest) > size else None
        return Written({"AutoScalingGroups": rest[:size], "NextToken": more})

    def describe_auto_scaling_instances(response: AutoScalingResponse) -> ActionResult:
        wanted = frozenset(response._get_param("InstanceIds", []))
        found: list[InstanceState] = [
            state
            for group in world.autoscaling.autoscaling_groups.values()
            for state in group.instance_states
            if not wanted or state.instance_id in wanted
        ]
        found.sort(key=lambda s: str(s.instance_id))
        start, size = _after(response), _size(response, INSTANCES_A_PAGE, MOST_INSTANCES_A_PAGE)
        more = str(start + size) if start + size < len(found) else None
        return Written({"AutoScalingInstances": found[start : start + size], "NextToken": more})

    for action in (describe_auto_scaling_groups, describe_auto_scaling_instances):
        setattr(AutoScalingResponse, action.__name__, action)


def _number(groups: Any, numbers: "itertools.count[int]") -> None:
    """Groups in the order of their making: a page token stays true when the group it names is gone."""
    for group in groups:
        if "number" not in vars(group):
            vars(group)["number"] = next(numbers)


def _number_of(group: FakeAutoScalingGroup) -> int:
    return int(vars(group)["number"])


def _passes(group: FakeAutoScalingGroup, name: str, values: Sequence[str]) -> bool:
    kind, _, key = name.partition(":")
    if name == "tag-key":
        return any(tag["Key"] in values for tag in group.tags)
    if name == "tag-value":
        return any(tag["Value"] in values for tag in group.tags)
    if kind == "tag" and key:
        return any(tag["Key"] == key and tag["Value"] in values for tag in group.tags)
    raise ValidationError(f"Filter {name} is not supported.")


def _after(response: AutoScalingResponse) -> int:
    """The place that a page token names. Raises InvalidNextToken."""
    token = response._get_param("NextToken")
    if not token:
        return 0
    if not (str(token).isascii() and str(token).isdigit()):
        raise InvalidNextTokenError("The NextToken value is not valid.")
    return int(token)


def _size(response: AutoScalingResponse, usual: int, most: int) -> int:
    size = int(response._get_int_param("MaxRecords", usual))
    if 1 <= size <= most:
        return size
    bound = "greater than or equal to 1" if size < 1 else f"less than or equal to {most}"
    raise ValidationError(
        f"1 validation error detected: Value '{size}' at 'maxRecords' failed to satisfy constraint:"
        f" Member must have value {bound}"
    )


class InvalidNextTokenError(AutoscalingClientError):
    code = "InvalidNextToken"
