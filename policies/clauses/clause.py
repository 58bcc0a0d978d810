"""What a clause is: one question about one action, with its words, and with examples that are its tests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from policies.records import Facts, Verdict
from tools.records import ACTION_KINDS, Action

Word = tuple[Verdict, str]
"""a verdict and why; a clause that has nothing against an action says None"""

EVERY_ACTION = frozenset(kind.model_fields["kind"].default for kind in ACTION_KINDS)
CHANGE = frozenset({"change-fleet"})
MOVES = CHANGE | {"operate-instances", "start-instance-refresh", "create-fleet", "delete-fleet", "run-instances"}
"""kinds that launch or end instances because somebody chose so: what they cost and leave behind is judged"""
ENDS = MOVES | {"replace-instances"}
"""kinds by which a running instance may end"""
DRAINS = frozenset({"set-targets"})
"""kinds that take a running instance out of service and leave it alone"""
VOLUMES = frozenset(
    {"create-snapshots", "create-snapshot", "create-volume", "attach-volume", "delete-volume", "delete-snapshot"}
)
"""kinds that copy, restore or clear away volumes: no instance is launched, ended or changed"""
COSTS = MOVES | {"set-delete-on-termination", "create-snapshots", "create-snapshot", "create-volume"}
"""kinds after which more may be paid: what they launch, or keep"""
KEEPS = frozenset({"replace-instances"})
"""kinds whose old instances run on, and are paid, unless EC2 takes them"""
EVERYBODY = frozenset({"person", "agent", "reflex"})
CHOSEN = frozenset({"person", "agent"})
"""actions that somebody chose to do; the reflex answers a notice"""


class Example(NamedTuple):
    """given these arguments, about this action on these facts, the clause says this (None = nothing against it)"""

    given: Mapping[str, Any]
    facts: Mapping[str, Any]
    says: Verdict | None
    action: Mapping[str, Any] = {}
    now: str = "2026-11-19T02:00:00Z"


class Clause:
    """One question. Subclasses answer in `ask`; a missing fact asks, it never passes."""

    key: ClassVar[str]
    """where the document writes it"""
    actions: ClassVar[frozenset[str]] = EVERY_ACTION
    """kinds of actions that it looks at"""
    chosen: ClassVar[frozenset[str]] = frozenset()
    """kinds that it looks at besides, where somebody chose them: on a notice EC2 takes the instance anyway"""
    actors: ClassVar[frozenset[str]] = EVERYBODY
    examples: ClassVar[tuple[Example, ...]] = ()

    def holds(self) -> str:
        """What is true when it has nothing against an action: for the card, the audit and `policy explain`."""
        raise NotImplementedError

    def ask(self, action: Action, facts: Facts, now: datetime) -> Word | None:
        raise NotImplementedError


def missing(what: str) -> Word:
    return "ask", f"fact missing: {what}"
