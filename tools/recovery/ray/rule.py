"""What a rule is: a name, how bad it is, the row it proves, why it matters on spot, the way out, and a function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tools.recovery.ray.findings import Finding, Severity
from tools.recovery.ray.yaml_tree import Path

T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """at    path in the cluster file, or a line of the file that was given
    seen  what stands there; why, fix: more exact than the rule's own
    """

    at: Path | int
    seen: str
    why: str | None = None
    fix: str | None = None
    row: str | None = None


@dataclass(frozen=True)
class Rule(Generic[T]):
    rule_id: str
    severity: Severity
    row: str | None
    why: str
    fix: str
    look: Callable[[T], Iterator[Seen]]

    def finding(self, seen: Seen, *, line: int, where: str = "") -> Finding:
        return Finding(
            rule=self.rule_id,
            severity=self.severity,
            row=seen.row or self.row,
            line=line,
            where=where,
            seen=seen.seen,
            why=seen.why or self.why,
            fix=seen.fix or self.fix,
        )


def rule(
    into: list[Rule[T]], rule_id: str, severity: Severity, row: str | None, *, why: str, fix: str
) -> Callable[[Callable[[T], Iterator[Seen]]], Callable[[T], Iterator[Seen]]]:
    """Put a function on a list of rules. `why` and `fix` hold for every place where it finds something."""

    def add(look: Callable[[T], Iterator[Seen]]) -> Callable[[T], Iterator[Seen]]:
        into.append(Rule(rule_id, severity, row, why, fix, look))
        return look

    return add


def path_text(path: Path) -> str:
    """available_node_types.x86.node_config.SecurityGroupIds[0]"""
    from tools.recovery.ray.findings import shown

    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{shown(part)}"
    return text


def names(values: Any) -> str:
    return ", ".join(sorted(values))
