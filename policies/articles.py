"""A whole policy document, and what must fit between its parts."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from policies.expressions import Expression
from policies.parts import (
    AccountRule,
    BlastRadius,
    Budget,
    Defaults,
    Escalation,
    Part,
    Protect,
    Text,
    Window,
    Word,
    near,
)
from policies.rules import FREE_WORDS, ON_NOTICE, PolicySpec
from policies.units import Moment
from policies.yaml_text import Path


class Document(Part):
    """`spotwarden-policy.yaml`"""

    version: Literal[1]
    description: Text | None = None
    expires: Moment | None = None
    """from then on everything is denied"""
    defaults: Defaults = Defaults()
    accounts: tuple[AccountRule, ...] = ()
    """what is not listed is read-only"""
    protect: Protect = Protect()
    budgets: tuple[Budget, ...] = ()
    blast_radius: BlastRadius = BlastRadius()
    windows: dict[Word, Window] = Field(default={}, max_length=200)
    escalation: Escalation = Escalation()
    policies: tuple[PolicySpec, ...] = Field(default=(), max_length=500)


def misfits(document: Document) -> Iterator[tuple[Path, str]]:
    """What no part can see alone: (path, what is wrong)."""
    yield from _doubles("policies", [p.name for p in document.policies], "name")
    yield from _doubles("budgets", [b.name for b in document.budgets], "name")
    yield from _doubles("accounts", [a.id for a in document.accounts], "id")
    for number, policy in enumerate(document.policies):
        yield from _windows(document, ("policies", number), policy)
        yield from _on_notice(("policies", number), policy)
        try:
            for source in policy.expressions:
                Expression(source)
        except ValueError as error:
            yield ("policies", number, "when"), str(error)


def _doubles(where: str, names: list[str], key: str) -> Iterator[tuple[Path, str]]:
    for number, name in enumerate(names):
        if name in names[:number]:
            yield (where, number, key), f"{name!r} stands twice: {where}[{names.index(name)}] has it already"


def _windows(document: Document, path: Path, policy: PolicySpec) -> Iterator[tuple[Path, str]]:
    for name in windows_of(policy):
        window = document.windows.get(name)
        if window is None:
            nearest = near(name, list(document.windows))
            hint = f"; nearest: {nearest!r}" if nearest else ""
            yield (*path, "mode", "window"), f"no window is called {name!r}{hint}"
        elif window.deny is not None:
            yield (*path, "mode", "window"), f"the window {name!r} denies: it is a freeze and holds for every policy"


def _on_notice(path: Path, policy: PolicySpec) -> Iterator[tuple[Path, str]]:
    if policy.mode is None or policy.mode.on is None:
        return
    for number, action in enumerate(policy.actions):
        if action.type not in (*ON_NOTICE, *FREE_WORDS):
            said = f"no interruption notice asks for {action.type}: it asks for {', '.join(ON_NOTICE)}"
            yield (*path, "actions", number), f"{said}; nearest: {near(action.type, list(ON_NOTICE))!r}"


def windows_of(policy: PolicySpec) -> tuple[str, ...]:
    window = policy.mode.window if policy.mode is not None else None
    return (window,) if isinstance(window, str) else (window or ())
