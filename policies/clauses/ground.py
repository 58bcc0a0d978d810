"""What holds before any policy is read: the kill switch, the audit chain, the account, protection, freezes."""
# ruff: noqa: ARG002 - every clause is asked with the same three, whether it needs them or not

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from policies.clauses.clause import CHOSEN, DRAINS, ENDS, EVERY_ACTION, EVERYBODY, Clause, Example, Word, missing
from policies.parts import AccountRule, ProtectedTag, Window
from policies.records import RESOURCES, Facts
from policies.windows import opening
from tools.records import (
    Action,
    AttachVolume,
    CreateFleet,
    CreateVolume,
    DeleteFleet,
    OperateInstances,
    RunInstances,
    SetTags,
)

OURS = "spotwarden"
"""how the tags begin that spotwarden itself goes by"""

_EC2_FLEET = {"kind": "ec2-fleet", "fleet_id": "fleet-1", "account_id": "123456789012", "region": "us-east-1"}
_DELETE = {"kind": "delete-fleet", "fleet": _EC2_FLEET}
_ONE = {**_EC2_FLEET, "kind": "instance", "fleet_id": "i-0000000a"}
_RED = {"tags": ({"key": "colour", "value": "red"},)}
_RUN = {
    "kind": "run-instances",
    "fleet": {**_ONE, "fleet_id": "web"},
    "launch_template_id": "lt-00000001",
    "launch_template_version": 1,
    "instance_type": "m5.large",
    "subnet_id": "subnet-1",
    "count": 2,
    "purchase_option": "spot",
}
_ATTACH = {
    "kind": "attach-volume",
    "fleet": _ONE,
    "volume_id": "vol-0000000a",
    "instance_id": "i-0000000a",
    "device_name": "/dev/sdf",
}
_RESTORE = {
    "kind": "create-volume",
    "snapshot_id": "snap-0000000a",
    "zone_name": "us-east-1a",
    "volume_type": "gp3",
    "size_gib": 20,
    "encrypted": False,
}
_ACCOUNT = AccountRule(id="123456789012", regions=("us-east-1",), write_role="current")
_WRITER = _ACCOUNT.model_copy(update={"write_role": "arn:aws:iam::123456789012:role/spotwarden-write"})
_AS_WRITER = "arn:aws:sts::123456789012:assumed-role/spotwarden-write/session"


class KillSwitch(Clause):
    """Nothing is applied while STOP is set."""

    key = "kill_switch"
    examples = (
        Example({}, {"kill_switch": False}, None),
        Example({}, {"kill_switch": True}, "deny"),
        Example({}, {"kill_switch": None}, "ask"),
    )

    def holds(self) -> str:
        return "STOP is not set"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        stop = facts.kill_switch
        if stop is False:
            return None
        return ("deny", "STOP is set: nothing is applied") if stop else missing("whether STOP is set")


class AuditChain(Clause):
    """Nothing is applied on a log that does not verify."""

    key = "audit"
    examples = (
        Example({}, {"audit_verified": True}, None),
        Example({}, {"audit_verified": False}, "deny"),
        Example({}, {"audit_verified": None}, "ask"),
    )

    def holds(self) -> str:
        return "the audit log verifies"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        verified = facts.audit_verified
        if verified:
            return None
        if verified is None:
            return missing("whether the audit log verifies")
        return "deny", "the audit log does not verify: nothing is applied on a broken log"


class Target(Clause):
    """Facts about one fleet never decide about another one."""

    key = "target"
    examples = (
        Example({}, {}, None),
        Example({}, {"fleet": "other"}, "deny"),
        Example({}, {"fleet": None}, "ask"),
        Example({}, {"resource": None}, "ask"),
        Example({}, {"resource": "aws.ec2-fleet"}, "deny"),
    )

    def holds(self) -> str:
        return "the facts are about the fleet that the action changes"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        ref = action.fleet
        if facts.fleet is None:
            return missing("fleet")
        if facts.resource is None:
            return missing("resource")
        if facts.resource != RESOURCES[ref.kind]:
            return "deny", f"the facts are about an {facts.resource}, the action changes an {ref.kind}"
        if ref.kind == "asg" and facts.fleet not in (ref.fleet_id, ref.label):
            return "deny", f"the facts are about fleet {facts.fleet!r}, the action changes {ref.fleet_id!r}"
        return None


class Accounts(Clause):
    """Only listed accounts and regions are written to, and only by the role that the document names."""

    key = "accounts"
    examples = (
        Example({"accounts": (_ACCOUNT,)}, {}, None),
        Example({"accounts": ()}, {}, "deny"),
        Example({"accounts": (_ACCOUNT,)}, {"account_id": None}, "ask"),
        Example({"accounts": (_ACCOUNT,)}, {"account_id": "999999999999"}, "deny"),
        Example({"accounts": (_ACCOUNT.model_copy(update={"regions": ("eu-west-3",)}),)}, {}, "deny"),
        Example({"accounts": (_ACCOUNT.model_copy(update={"write_role": None}),)}, {}, "deny"),
        Example({"accounts": (_ACCOUNT,)}, {"region": None}, "ask"),
        Example({"accounts": (_ACCOUNT,)}, {"region": "eu-west-3"}, "deny"),
        Example({"accounts": (_WRITER,)}, {"principal_arn": None}, "ask"),
        Example({"accounts": (_WRITER,)}, {"principal_arn": _AS_WRITER}, None),
        Example({"accounts": (_WRITER,)}, {"principal_arn": _AS_WRITER.replace("-write", "-read")}, "deny"),
    )

    def __init__(self, accounts: tuple[AccountRule, ...]) -> None:
        self.rules = {(a.id, region): a.write_role for a in accounts for region in a.regions}

    def holds(self) -> str:
        return "the account and region are listed, and may be written to"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        ref = action.fleet
        where = (ref.account_id, ref.region)
        role = self.rules.get(where, "")
        if role != "current":
            return self._not_current(role, facts, where)
        return self._elsewhere(facts, where)

    def _not_current(self, role: str | None, facts: Facts, where: tuple[str, str]) -> Word | None:
        if role == "":
            return "deny", f"account {where[0]} in {where[1]} is not listed under accounts: it is read-only"
        if role is None:
            return "deny", f"account {where[0]} has no write_role: observe only"
        if facts.principal_arn is None:
            return missing(f"who writes; the document wants {role}")
        if _role(facts.principal_arn) != _role(role):
            return "deny", f"the writer is {facts.principal_arn}, the document wants {role}"
        return self._elsewhere(facts, where)

    def _elsewhere(self, facts: Facts, where: tuple[str, str]) -> Word | None:
        if facts.account_id == where[0] and facts.region == where[1]:
            return None
        if facts.account_id is None or facts.region is None:
            return missing("account_id" if facts.account_id is None else "region")
        return "deny", f"we are in {facts.account_id} {facts.region}, the action is for {where[0]} {where[1]}"


def _role(arn: str) -> tuple[str, str]:
    """(account, role name) of a role's ARN or of a session under it; paths are not told by STS."""
    fields = arn.split(":", 5)
    parts = fields[5].split("/") if len(fields) == 6 else [""]
    name = parts[1] if parts[0] == "assumed-role" and len(parts) > 1 else parts[-1]
    return (fields[4] if len(fields) == 6 else "", name)


class ProtectedTags(Clause):
    """A fleet with a protected tag is never changed."""

    key = "protect.tags"
    examples = (
        Example({"tags": (ProtectedTag(key="env", value="prod-db"),)}, {"tags": {"env": "dev"}}, None),
        Example({"tags": (ProtectedTag(key="env", value="prod-db"),)}, {"tags": {"env": "prod-db"}}, "deny"),
        Example({"tags": (ProtectedTag(key="keep"),)}, {"tags": {"keep": "anything"}}, "deny"),
        Example({"tags": (ProtectedTag(key="keep"),)}, {"tags": None}, "ask"),
        Example({"tags": (ProtectedTag(key="keep"),)}, {"volume_tags": {"keep": "1"}}, "deny", _ATTACH),
        Example({"tags": (ProtectedTag(key="keep"),)}, {"volume_tags": {}}, None, _ATTACH),
        Example({"tags": (ProtectedTag(key="keep"),)}, {"volume_tags": None}, "ask", _ATTACH),
    )

    def __init__(self, tags: tuple[ProtectedTag, ...]) -> None:
        self.tags = tuple((t.key, t.value) for t in tags)

    def holds(self) -> str:
        return "no protected tag (" + ", ".join(f"{k}={'*' if v is None else v}" for k, v in self.tags) + ")"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        found = self._protects(facts.tags, "the fleet")
        if isinstance(action, AttachVolume):
            found = found or self._protects(facts.volume_tags, "the volume")
        return found

    def _protects(self, tags: Mapping[str, str] | None, what: str) -> Word | None:
        if tags is None:
            return missing(f"tags of {what}, so protection cannot be excluded")
        for key, value in self.tags:
            if key in tags and (value is None or tags[key] == value):
                return "deny", f"{what} is protected by its tag {key}={tags[key]}"
        return None


class ProtectedInstances(Clause):
    """Named instances are never touched."""

    key = "protect.instance_ids"
    actions = EVERY_ACTION - {"request-checkpoint", "restore-checkpoint"}
    examples = (
        Example({"ids": ("i-00000001",)}, {"instance_ids": ()}, None),
        Example({"ids": ("i-00000001",)}, {"instance_ids": ("i-00000001",)}, "deny"),
        Example({"ids": ("i-00000001",)}, {"instance_ids": None}, "ask"),
        Example({"ids": ("i-0000000a",)}, {"instance_ids": ()}, "deny", {"kind": "set-tags", "fleet": _ONE, **_RED}),
    )

    def __init__(self, ids: tuple[str, ...]) -> None:
        self.ids = frozenset(ids)

    def holds(self) -> str:
        return f"touches none of the {len(self.ids)} protected instances"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        touched = self.ids.intersection((*_named(action), *(facts.instance_ids or ())))
        if touched:
            return "deny", f"{min(touched)} is protected by name"
        return None if facts.instance_ids is not None else missing("instance_ids, so protection cannot be excluded")


class ScaleInProtection(Clause):
    """AWS's own scale-in protection of an instance."""

    key = "protect.scale_in_protected"
    actions = ENDS
    chosen = DRAINS  # a group may end what its load balancer does not know any more
    examples = (
        Example({"answer": "respect"}, {"scale_in_protected": 0}, None),
        Example({"answer": "respect"}, {"scale_in_protected": 1}, "deny"),
        Example({"answer": "ask"}, {"scale_in_protected": 1}, "ask"),
        Example({"answer": "respect"}, {"scale_in_protected": None}, "ask"),
    )

    def __init__(self, answer: str) -> None:
        self.verdict: str = "deny" if answer == "respect" else "ask"

    def holds(self) -> str:
        return "touches no instance that is protected from scale-in"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        count = facts.scale_in_protected
        if count == 0:
            return None
        if count is None:
            return missing("scale_in_protected")
        reason = f"{count} of the instances that it touches are protected from scale-in"
        return ("deny", reason) if self.verdict == "deny" else ("ask", reason)


class Never(Clause):
    """Actions that are never done, whoever asks and whoever approves."""

    key = "protect.never"
    examples = (
        Example({"words": ("delete-asg",)}, {}, None),
        Example({"words": ("set-purchase-mix",)}, {}, "deny"),
        Example(
            {"words": ("terminate-outside-asg",)},
            {},
            "deny",
            {**_DELETE, "terminate_instances": True},
        ),
        Example(
            {"words": ("terminate-outside-asg",)},
            {},
            None,
            {**_DELETE, "terminate_instances": False},
        ),
        Example({"words": ("terminate-instances",)}, {}, "deny", {**_DELETE, "terminate_instances": True}),
        Example({"words": ("delete-asg",)}, {}, "deny", {"kind": "delete-fleet", "terminate_instances": False}),
    )

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = frozenset(words)

    def holds(self) -> str:
        return "is none of " + ", ".join(sorted(self.words))

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        never = self.words.intersection((*action.types, *_also(action)))
        return ("deny", f"{min(never)} is never done") if never else None


def _also(action: Action) -> tuple[str, ...]:
    """What an action amounts to besides its own words."""
    deletes = isinstance(action, DeleteFleet)
    ends = isinstance(action, OperateInstances) and action.operation == "terminate"
    ends = ends or (isinstance(action, DeleteFleet) and action.terminate_instances)
    group = action.fleet.kind == "asg"
    return (
        *(("terminate-instances",) if ends else ()),
        *(("terminate-outside-asg",) if ends and not group else ()),
        *(("delete-asg",) if deletes and group else ()),
    )


def _named(action: Action) -> tuple[str, ...]:
    """Ids of the instances that an action names, also as its target."""
    alone = (action.fleet.fleet_id,) if action.fleet.kind == "instance" else ()
    return (*getattr(action, "instance_ids", ()), getattr(action, "instance_id", ""), *alone)


class TagsOfTheLaw(Clause):
    """Tags that this document goes by, and spotwarden's own, are changed by people, who are asked: a tag can bring a
    fleet under a milder policy. Who creates something says its tags and its name: there a person is asked too.
    """

    key = "tags"
    actions = frozenset({"set-tags", "create-fleet", "run-instances", "create-volume"})
    examples = (
        Example({"keys": frozenset({"workload"})}, {}, None, {"kind": "set-tags", "remove": ("colour",)}),
        Example({"keys": frozenset()}, {}, "deny", {"kind": "set-tags", "remove": ("spotwarden:checkpoints",)}),
        Example({"keys": frozenset({"*"})}, {}, "deny", {"kind": "set-tags", "remove": ("colour",)}),
        Example({"keys": frozenset({"workload"})}, {}, None, _RUN),
        Example({"keys": frozenset({"workload"})}, {}, "ask", {**_RUN, "tags": ({"key": "workload", "value": "x"},)}),
        Example({"keys": frozenset({"Name"})}, {}, "ask", _RUN),
        Example({"keys": frozenset({"Name"})}, {}, None, _RESTORE),
        Example({"keys": frozenset({"keep"})}, {}, "ask", {**_RESTORE, "tags": ({"key": "keep", "value": "x"},)}),
        Example({"keys": frozenset({"workload"})}, {}, "deny", {"kind": "set-tags", "remove": ("workload",)}),
        Example(
            {"keys": frozenset({"workload"})}, {"actor": "person"}, "ask", {"kind": "set-tags", "remove": ("workload",)}
        ),
    )

    def __init__(self, keys: frozenset[str]) -> None:
        self.keys = keys

    def holds(self) -> str:
        return f"sets no tag that this document or spotwarden goes by ({', '.join(sorted({*self.keys, OURS + '*'}))})"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        if not isinstance(action, SetTags | CreateFleet | RunInstances | CreateVolume):
            return None
        named = () if isinstance(action, CreateVolume) else ("Name",)
        further = action.remove if isinstance(action, SetTags) else named
        told = [k for k in (*(t.key for t in action.tags), *further) if self._goes_by(k)]
        if not told:
            return None
        asks = facts.actor == "person" or not isinstance(action, SetTags)
        who = "spotwarden goes" if min(told).startswith(OURS) else "policies go"
        return "ask" if asks else "deny", f"{who} by the tag {min(told)}"

    def _goes_by(self, key: str) -> bool:
        return key in self.keys or "*" in self.keys or key.startswith(OURS)


class Freeze(Clause):
    """Nothing happens in a window that denies. `deny: changes` lets the reflex answer interruptions."""

    key = "windows"
    _frozen: ClassVar[Window] = Window(dates=("2026-11-26/2026-11-30",), deny="all")
    examples = (
        Example({"name": "freeze", "window": _frozen, "timezone": "Asia/Seoul"}, {}, None),
        Example(
            {"name": "freeze", "window": _frozen, "timezone": "Asia/Seoul"}, {}, "deny", now="2026-11-25T15:00:00Z"
        ),
        Example({"name": "freeze", "window": _frozen, "timezone": "Asia/Seoul"}, {}, None, now="2026-11-30T15:00:00Z"),
    )

    def __init__(self, name: str, window: Window, timezone: str) -> None:
        self.name = name
        self.is_inside: Callable[[datetime], bool] = opening(window, timezone=timezone)
        self.actors = CHOSEN if window.deny == "changes" else EVERYBODY  # type: ignore[misc]

    def holds(self) -> str:
        return f"outside of the freeze {self.name}"

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        return ("deny", f"inside the freeze {self.name}") if self.is_inside(now) else None
