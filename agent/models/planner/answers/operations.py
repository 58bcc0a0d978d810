"""Operations on named instances and on a fleet as a whole: proposed only when clearly asked for, refused by tools."""

import re
from typing import Any

from agent.models.planner.answers.common import listed, trouble, which_fleet
from agent.models.planner.answers.outcome import what_became
from agent.models.planner.figures import named
from agent.models.planner.operating import fleet_operation, instance_operation
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_LOWER = r"\b(?:without|no|don'?t)\b.{0,20}\b(?:replac|launch)|\blower\w*\b.{0,12}desired|대체.{0,6}(?:없이|말고)|줄이"


def operate(walk: Walk) -> list[str]:
    """One operation, on the instances named or on the fleet named."""
    text, names = normal(walk.question.text), walk.question.fleets
    on_fleet = fleet_operation(text)
    if on_fleet is not None:
        if len(names) != 1 or not walk.question.named.sure:
            return which_fleet(walk, "refresh")
        arguments: dict[str, Any] = {"fleet": names[0], "operation": on_fleet, "min_healthy_percentage": None}
        return _proposed(walk, "operate_fleet", arguments, f"{on_fleet} — {named(names[0])}", named(names[0]))
    operation, ids = instance_operation(text), walk.question.found.instance_ids
    if operation is None or not ids or len(names) > 1:
        return which_fleet(walk, "act on")
    arguments = {
        "fleet": names[0] if names else ids[0],
        "operation": operation,
        "instance_ids": list(ids),
        "lower_desired_capacity": re.search(_LOWER, text) is not None,
    }
    subject = named(names[0]) if names else listed(walk, ids)
    return _proposed(walk, "operate_instances", arguments, f"{operation} — {listed(walk, ids)}", subject)


def _proposed(walk: Walk, tool: str, arguments: dict[str, Any], what: str, subject: str) -> list[str]:
    if walk.question.mood != "request":
        return [
            walk.say(
                f"That would be {what}. Nothing was proposed; say it as a request and I propose exactly this.",
                f"{what}에 해당합니다. 제안하지 않았습니다. 해 달라고 하시면 정확히 이것을 제안합니다.",
            )
        ]
    done = walk.propose(tool, **arguments)
    if done is None:
        return [walk.say(f"I propose: {what}.", f"제안합니다: {what}.")]
    if not done.ok and done.find("verdict") is None:
        return [trouble(walk, done, subject), walk.say("Nothing was proposed.", "아무것도 제안하지 않았습니다.")]
    return what_became(walk, done, subject)
