"""Policy documents: text → Policy, with file and line of whatever is wrong."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from policies.articles import Document, misfits
from policies.clauses.blast import replaced_measure
from policies.explain import prose
from policies.parts import BlastRadius, Budget, Escalation, Protect, Window, near
from policies.plan import Plan
from policies.records import Facts, Measure
from policies.rules import (
    Mode,
    OtherAction,
    PolicySpec,
    SetAllocationStrategy,
    SetInstanceTypes,
    SetPurchaseMix,
)
from policies.units import PERIOD_SECONDS, duration_seconds
from policies.yaml_text import MAX_BYTES, YamlTree, path_text, read_yaml
from tools.errors import PolicyError
from tools.records import ACTION_TYPES, Action, Name, Record, digest_of

PRESETS = ("observe", "approve", "autonomous", "tour")


class Policy(Record):
    """A policy document that is valid as a whole, ready for judging."""

    source: Name
    """where it was read: a path, or the name of a preset"""
    document: Document

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the parsed document: wording and order count, comments and the file's place do not."""
        return digest_of(self.document.model_dump(mode="json"))

    @property
    def name(self) -> str:
        return self.source

    @property
    def policies(self) -> tuple[PolicySpec, ...]:
        return self.document.policies

    @property
    def protect(self) -> Protect:
        return self.document.protect

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return self.document.budgets

    @property
    def blast_radius(self) -> BlastRadius:
        return self.document.blast_radius

    @property
    def windows(self) -> dict[str, Window]:
        return self.document.windows

    @property
    def escalation(self) -> Escalation:
        return self.document.escalation

    @property
    def kill_switch(self) -> str | None:
        """The file that stops everything while it exists, as the document writes it."""
        return self.document.defaults.kill_switch

    @cached_property
    def compiled(self) -> Plan:
        """The clauses, built once."""
        return Plan(self.document)

    @cached_property
    def asks_for_drill(self) -> bool:
        """True: some policy looks at interruption drills, which the journal is asked for only then."""
        required = (p.mode.requires for p in self.policies if p.mode is not None)
        named = any("drill_" in e for p in self.policies for e in p.expressions)
        return named or any(r is not None and r.asks_for_drill for r in required)

    def measures(self, action: Action, facts: Facts) -> tuple[Measure, ...]:  # noqa: ARG002 - the contract
        """What the journal must count before this action is judged. Names are the keys of WindowUse."""
        return (replaced_measure(self.blast_radius.replaced_limit, action.fleet.kind), *self._measures)

    @cached_property
    def _measures(self) -> tuple[Measure, ...]:
        found = []
        blast = self.blast_radius
        if blast.max_actions is not None:
            per = blast.max_actions.per
            found.append(_measure(per, "actions", duration_seconds(per), per_fleet=False))
        for budget in self.budgets:
            if budget.measure != "effective_cost":
                what = "added_cost_usd" if budget.measure == "added_cost" else "tool_cost_usd"
                found.append(_measure(budget.name, what, PERIOD_SECONDS[budget.per], per_fleet=False))
        return tuple(found)

    def describe(self) -> tuple[str, ...]:
        """The document in prose, one line each: `policy explain`."""
        return prose(self.document, self.source, self.digest)


def _measure(name: str, what: Any, seconds: int, *, per_fleet: bool) -> Measure:
    return Measure(name=name, measure=what, window_seconds=seconds, per_fleet=per_fleet)


def load_policy(path: Path) -> Policy:
    """Read a document from a file.

    Raises  PolicyError: cannot be read, not UTF-8, too large, or not a policy ("FILE:LINE: …")
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        return parse_policy(raw.decode("utf-8"), source=str(path))
    except OSError as error:
        raise PolicyError(
            f"{path}: cannot be read: {error.strerror}",
            hint="name one with --policy, or make one: spotwarden policy init",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise PolicyError(f"{path}:{line}: not UTF-8 text") from None


def parse_policy(text: str, *, source: str) -> Policy:
    """Read a document from text.

    source  what errors name: «FILE:LINE: …»
    Raises  PolicyError, with every finding on a line of its own
    """
    tree = read_yaml(text, source=source)
    if not isinstance(tree.value, dict):
        raise PolicyError(f"{source}:1: not a policy document: it is a mapping that begins with version: 1")
    try:
        document = Document.model_validate(tree.value)
    except ValidationError as error:
        raise _policy_error(tree, error) from None
    found = [f"{source}:{tree.line(path)}: {what} under {path_text(path)}" for path, what in misfits(document)]
    if found:
        raise PolicyError("\n".join(found))
    policy = Policy(source=source, document=document)
    _ = policy.compiled  # whatever cannot be built is an error now, not at night
    return policy


def _policy_error(tree: YamlTree, error: ValidationError) -> PolicyError:
    found = [f for e in error.errors(include_input=False, include_url=False) for f in _findings(tree, e)]
    unknown = [f for f in found if f[1].startswith("unknown key")]  # what follows from a typo is noise beside it
    lines = [f"{tree.source}:{line}: {what}" for line, what in sorted(dict.fromkeys(unknown or found))]
    return PolicyError("\n".join(lines[:20]), hint="spotwarden policy schema prints every key")


def _findings(tree: YamlTree, error: Any) -> Iterator[tuple[int, str]]:
    """(line, what) of one of pydantic's errors."""
    path = tree.own_path(error["loc"])
    where, context, kind = path_text(path), error.get("ctx", {}), error["type"]
    if kind == "unknown_key":
        for key, nearest in context["strange"].items():
            yield tree.line((*path, key)), f"unknown key {key!r} under {where}; nearest: {nearest!r}"
    elif kind == "unknown_word":
        yield tree.line(path), f"unknown action {context['word']!r} under {where}; nearest: {context['nearest']!r}"
    elif kind == "missing":
        yield tree.line(path), f"the key {error['loc'][-1]!r} is missing under {where}"
    elif kind == "literal_error":
        value = tree.at(path)
        known = [w.strip("'") for w in context["expected"].replace(" or ", ", ").split(", ")]
        nearest = f"; nearest: {near(value, known)!r}" if isinstance(value, str) else ""
        yield tree.line(path), f"{where}: {str(value)[:60]!r} is not one of {context['expected']}{nearest}"
    else:
        yield tree.line(path), f"{where}: {error['msg'].removeprefix('Value error, ')}"


def preset(name: str) -> Policy:
    """A document that ships with the package.

    Raises  PolicyError: there is none of that name
    """
    return parse_policy(preset_text(name), source=f"preset:{name}")


def preset_text(name: str) -> str:
    """Its text, comments included. Raises PolicyError."""
    if name not in PRESETS:
        raise PolicyError(f"no preset is called {name!r}", hint=f"there are {', '.join(PRESETS)}")
    return (Path(__file__).parent / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def _observe_only() -> Policy:
    special = {
        "set-purchase-mix": SetPurchaseMix,
        "set-allocation-strategy": SetAllocationStrategy,
        "set-instance-types": SetInstanceTypes,
    }
    actions = tuple(special.get(w, OtherAction)(type=w) for w in ACTION_TYPES)
    spec = PolicySpec(name="observe-only", resource="any", mode=Mode(type="observe"), actions=actions)
    return Policy(source="observe only (no policy file)", document=Document(version=1, policies=(spec,)))


OBSERVE_ONLY = _observe_only()
"""What holds when there is no policy file: everything is watched, every write is denied."""
