"""set-targets: instances leave a target group, which drains them, or come back to it."""

import re
from typing import Any

from tools.cloud import CloudReader, CloudWriter, Receipt
from tools.errors import NotFound, UsageError
from tools.fleets.drain import DEFAULT_DELAY_SECONDS, Registration, drain_plan
from tools.fleets.effects.effect import Effect, instances_bound
from tools.fleets.launches import Movement
from tools.records import FieldChange, Fleet, Intent, SetTargets

_ARN = re.compile(r"arn:[a-z-]+:elasticloadbalancing:([a-z0-9-]+):(\d{12}):targetgroup/([^/]+)/[0-9a-f]+")
_NO_REQUESTS = frozenset({"draining", "unused"})
"""AWS's words for a target that gets no new request; one that is not registered has no word at all"""


class SetTargetsEffect(Effect[SetTargets]):
    """A drain is urgent and moves neither instances nor money."""

    iam = ("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets")
    moves = False
    reversible = True

    def seen(self, reader: CloudReader, action: SetTargets, fleet: Fleet) -> dict[str, Any]:
        """Not who is registered: a notice leaves no time to read it, and a drain that is there already is as good."""
        attached = action.target_group_arn in fleet.target_groups
        return instances_bound(fleet, action.instance_ids) | {"target_group_attached": attached}

    def check(self, action: SetTargets, fleet: Fleet) -> None:
        found = _ARN.fullmatch(action.target_group_arn)
        if found is None or (found[1], found[2]) != (fleet.ref.region, fleet.ref.account_id):
            raise UsageError(
                f"{action.target_group_arn[:120]!r} names no target group of account {fleet.ref.account_id}"
                f" in {fleet.ref.region}",
                hint="give its whole ARN: arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID",
            )
        mine = {i.instance_id for i in fleet.instances}
        strangers = [i for i in action.instance_ids if i not in mine]
        if strangers:
            raise UsageError(
                f"{fleet.name} has no instance {', '.join(strangers[:3])}",
                hint="a group takes what leaves it out of its target groups by itself",
            )

    def check_now(self, reader: CloudReader, action: SetTargets, fleet: Fleet) -> None:
        """A target group that is attached to the fleet is not read: a notice leaves no time for it.

        Raises  NotFound: there is no such target group, or it holds none of the instances and is not the fleet's
        """
        if action.target_group_arn in fleet.target_groups:
            return
        health = reader.target_health(action.target_group_arn)
        if not action.registered and not any(i in health for i in action.instance_ids):
            raise NotFound(
                f"target group {_name(action)} holds none of {', '.join(action.instance_ids[:3])},"
                f" and is not attached to {fleet.name}",
                hint="name a target group that the fleet is attached to",
            )

    def lines(self, action: SetTargets, fleet: Fleet) -> tuple[FieldChange, ...]:
        """Who is registered is read when it is carried out: only those that need it are named in the call."""
        before, after = ("not registered", "registered") if action.registered else ("registered", "drains")
        where = f"{_name(action)} of "
        return tuple(FieldChange(sign="~", field=where + i, before=before, after=after) for i in action.instance_ids)

    def calls(self, action: SetTargets) -> tuple[str, ...]:
        return (f"elasticloadbalancing:{'Register' if action.registered else 'Deregister'}Targets",)

    def warnings(self, action: SetTargets, fleet: Fleet, moved: Movement | None) -> tuple[str, ...]:
        if action.registered:
            return ("requests come when the target group's health checks pass",)
        said = [drain_told(action, delay_seconds=None)]
        if action.seconds_left is None and fleet.ref.kind == "asg":
            said.append(
                "a group that takes its load balancer's word for health may replace an instance that is not"
                " registered: standby takes it out and keeps it"
            )
        return tuple(said)

    def expect_and_want(
        self, reader: CloudReader, action: SetTargets, fleet: Fleet
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return _registered(reader, action), {"registered": dict.fromkeys(action.instance_ids, _wanted(action))}

    def carry_out(self, writer: CloudWriter, intent: Intent, action: SetTargets, fleet: Fleet) -> Receipt:
        """Only those that need it: registering again would begin their health checks anew."""
        before = intent.expect.get("registered", {})
        ids = [i for i in action.instance_ids if before.get(i) != _wanted(action)]
        return writer.set_targets(intent, action, ids)

    def observe(self, reader: CloudReader, intent: Intent, action: SetTargets) -> dict[str, Any]:
        return _registered(reader, action)

    def undo(self, action: SetTargets, before: dict[str, Any], fleet: Fleet) -> SetTargets:
        """Raises UsageError: nothing was changed, or what was is in the fleet no more."""
        was, mine = before.get("registered", {}), {i.instance_id for i in fleet.instances}
        changed = tuple(i for i in action.instance_ids if was.get(i) not in (None, _wanted(action)) and i in mine)
        if not changed:
            raise UsageError(
                f"{fleet.name}: it changed none of the instances that the fleet has now",
                hint="there is nothing to undo",
            )
        return action.with_(instance_ids=changed, registered=not action.registered, seconds_left=None)


def takes_requests(word: str | None) -> bool:
    """word  AWS's, of `target_health`; None = not registered"""
    return word is not None and word not in _NO_REQUESTS


def drain_told(action: SetTargets, *, delay_seconds: int | None) -> str:
    """How long open connections have, in words. Pure.

    delay_seconds  the target group's deregistration delay; None = not read
    """
    left, known = action.seconds_left, delay_seconds is not None
    delay = f"the deregistration delay is {delay_seconds if known else DEFAULT_DELAY_SECONDS} s"
    delay += "" if known else " unless somebody set another"
    if left is None:
        return f"no new request comes, and connections still open when their time is over are cut: {delay}"
    one = Registration(
        instance_id=action.instance_ids[0], target_group=action.target_group_arn, delay_seconds=delay_seconds
    )
    plan = drain_plan([one], seconds_left=left)
    if all(d.finishes for d in plan.drains):
        return f"{delay}, and fits into the {left} s that are left"
    return f"{delay}, and {left} s are left: connections still open after {plan.wait_seconds:g} s are cut"


def _wanted(action: SetTargets) -> str:
    return "yes" if action.registered else "no"


def _registered(reader: CloudReader, action: SetTargets) -> dict[str, Any]:
    health = reader.target_health(action.target_group_arn)
    return {"registered": {i: "yes" if takes_requests(health.get(i)) else "no" for i in action.instance_ids}}


def _name(action: SetTargets) -> str:
    found = _ARN.fullmatch(action.target_group_arn)
    return found[3] if found else action.target_group_arn[:120]
