"""`ray lint`: one file → its Review. Every rule over every part that it is for, then Ray's own schema and parser."""

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import DataError
from tools.recovery.ray import rules_driver, rules_keep, rules_nodes, rules_pools, rules_values, rules_words, schema
from tools.recovery.ray.cluster import Cluster
from tools.recovery.ray.findings import SEVERITIES, Finding, Review
from tools.recovery.ray.parts import Part, read_text, split
from tools.recovery.ray.ray_parser import parsed_by_ray
from tools.recovery.ray.rule import Rule, Seen, path_text
from tools.recovery.ray.rules_driver import Driver
from tools.recovery.ray.variables import render, settings_in
from tools.recovery.ray.yaml_tree import Flaw, read_tree

CLUSTER_RULES: tuple[Rule[Cluster], ...] = tuple(
    rules_values.RULES + rules_pools.RULES + rules_nodes.RULES + rules_keep.RULES + schema.RULES
)
_FLAWS = {
    "yaml": (
        "Ray loads the file with PyYAML's safe loader and stops there",
        "mend the line; `ray lint` then sees the rest",
    ),
    "tab": ("YAML indents with blanks only", "replace the tab with blanks"),
    "duplicate-key": ("the last one wins in silence: what the first says does nothing", "keep one of the two"),
    "alias-bomb": ("a small file that becomes a huge one stops whatever loads it", "write the values out"),
}


@dataclass(frozen=True)
class Asked:
    """storage_usd_per_gib_month  of gp3, for the cost of root volumes; None = unknown
    parse  start Ray's own parser, where Ray is installed
    """

    storage_usd_per_gib_month: float | None = None
    parse: bool = True


def lint_file(path: Path, asked: Asked | None = None) -> Review:
    """Raises  UsageError, DataError: the file cannot be read, or nothing in it concerns Ray"""
    return lint_text(read_text(path), name=str(path), asked=asked)


def lint_text(text: str, *, name: str, asked: Asked | None = None) -> Review:
    """Never raises for what stands in a cluster file: that is a finding.

    Raises  DataError: nothing in it concerns Ray
    """
    asked = asked or Asked()
    parts = split(text, name=name)
    if all(part.kind == "prose" for part in parts) or not _concerns_ray(parts, text):
        hint = "give a cluster file, a script with one in a heredoc, a guide, or a Python driver"
        raise DataError(f"{name}: no cluster file, no `ray` command and no Ray driver in it", hint=hint)
    known = settings_in(parts)
    findings: list[Finding] = []
    checked: list[str] = []
    for part in parts:
        findings += _apply(rules_words.ANYWHERE, part)
        if part.kind == "cluster":
            rendered, unset = render(part, known) if part.heredoc == "expanded" else (part.text, ())
            cluster = Cluster(part, read_tree(rendered), unset, known, asked.storage_usd_per_gib_month)
            findings += _cluster(cluster, rendered, asked, checked)
        elif part.kind == "python":
            findings += _driver(part)
        else:
            findings += _apply(rules_words.COMMANDS if part.kind == "shell" else rules_words.CLAIMS, part)
    return _review(name, parts, findings, checked)


def _concerns_ray(parts: Iterable[Part], text: str) -> bool:
    return any(part.kind == "cluster" for part in parts) or "ray" in text.lower()


def _review(name: str, parts: tuple[Part, ...], findings: list[Finding], checked: list[str]) -> Review:
    ordered = sorted(set(findings), key=lambda f: (f.line, SEVERITIES.index(f.severity), f.rule, f.seen))
    return Review(
        file=name[:255],
        findings=tuple(ordered),
        looked_at=tuple(part.told for part in parts),
        checked=tuple(dict.fromkeys(checked)),
        errors=sum(f.severity == "error" for f in ordered),
        warnings=sum(f.severity == "warning" for f in ordered),
    )


def _apply(rules: Iterable[Rule[Part]], part: Part) -> Iterator[Finding]:
    for one in rules:
        for seen in one.look(part):
            yield one.finding(seen, line=seen.at if isinstance(seen.at, int) else part.first_line)


def _cluster(cluster: Cluster, rendered: str, asked: Asked, checked: list[str]) -> Iterator[Finding]:
    first = cluster.part.first_line
    for flaw in cluster.tree.flaws:
        yield _flaw(flaw, first)
    if cluster.tree.value is None and cluster.tree.flaws:
        return
    found = [(one, seen) for one in CLUSTER_RULES for seen in one.look(cluster)]
    yield from (_placed(cluster, one.finding, seen) for one, seen in found)
    if schema.ray_folder() is None:
        checked.append(schema.MISSING)
        return
    checked.append(f"the schema of ray {schema.ray_version()}")
    if asked.parse and not any(one.rule_id in ("schema", "no-cluster") for one, _ in found):
        yield from _parsed(cluster, rendered, checked)


def _placed(cluster: Cluster, make: Callable[..., Finding], seen: Seen) -> Finding:
    if isinstance(seen.at, int):
        return make(seen, line=seen.at)
    return make(seen, line=cluster.line(seen.at), where=path_text(seen.at))


def _flaw(flaw: Flaw, first: int) -> Finding:
    why, fix = _FLAWS[flaw.rule]
    seen = flaw.seen if flaw.first is None else f"{flaw.seen} stands on line {flaw.first + first - 1} already"
    return Finding(rule=flaw.rule, severity="error", line=flaw.line + first - 1, seen=seen, why=why, fix=fix)


def _parsed(cluster: Cluster, rendered: str, checked: list[str]) -> Iterator[Finding]:
    try:
        answer = parsed_by_ray(rendered)
    except DataError as error:  # what our own rules found stands all the same
        checked.append(f"{error.message}; {error.hint}")
        return
    steps = ", ".join(answer["steps"]) or "nothing"
    checked.append(f"the parser of ray {schema.ray_version()}: {steps}")
    if answer["problem"]:
        why, fix = "`ray up` goes the same way and stops there", "mend it; Ray's words are its own"
        # what stands in quotes is the file's text
        problem = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", " ".join(str(answer["problem"]).split()))[:200]
        yield Finding(rule="ray-parser", severity="error", line=cluster.part.first_line, seen=problem, why=why, fix=fix)


def _driver(part: Part) -> Iterator[Finding]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of somebody else's strings
            tree = ast.parse(part.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = part.first_line + (getattr(error, "lineno", None) or 1) - 1
        why, fix = "what does not parse was not looked at", "mend the line; `ray lint` then sees the rest"
        seen = f"not Python: {getattr(error, 'msg', None) or 'too deep'}"
        yield Finding(rule="python", severity="error", line=line, seen=seen, why=why, fix=fix)
        return
    driver = Driver(tree, part.first_line)
    for one in rules_driver.RULES:
        for found in one.look(driver):
            yield one.finding(found, line=found.at if isinstance(found.at, int) else part.first_line)
