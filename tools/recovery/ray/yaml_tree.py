"""A cluster file as PyYAML reads it (YAML 1.1, which is what Ray loads), with the line of every key.

Everything that is wrong is collected with its line instead of stopping at the first; values are expanded within a
limit, so that a few aliases cannot become gigabytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tools.recovery.ray.findings import shown

MAX_VALUES = 20_000
MAX_DEPTH = 40
_DEEPEST_BRACKETS = 200
"""open at once, those in texts counted too"""
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")
Path = tuple[str | int, ...]
_CORE = "tag:yaml.org,2002:"
_KNOWN_TAGS = {
    _CORE + n for n in ("str", "null", "bool", "int", "float", "map", "seq", "merge", "timestamp", "value", "binary")
}


@dataclass(frozen=True)
class Flaw:
    """rule  yaml, tab, duplicate-key, alias-bomb
    line  from 1, of the text that was read
    first  line where the same key stood before
    """

    rule: str
    line: int
    seen: str
    first: int | None = None


@dataclass
class Tree:
    """value  dicts, lists, text, numbers, booleans, None; None when it is not YAML
    lines  path → line of the key, or of the item of a list
    """

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest thing above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _TooMuch(Exception):
    pass


def read_tree(text: str) -> Tree:
    """Never raises: what is wrong stands in `flaws`."""
    tree = Tree()
    if (too_much := _too_much(text)) is not None:
        tree.flaws.append(Flaw("alias-bomb", 1, too_much))
        return tree
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    try:
        node = reader.compose(text)
        if node is not None:
            tree.value = _Builder(tree).build(node, ())
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = (error.problem or error.context or "it cannot be read").split("\n")[0][:120]
        tree.flaws.append(Flaw("yaml", mark.line + 1 if mark is not None else 1, what))
    except _TooMuch as error:
        tree.flaws.append(Flaw("alias-bomb", 1, str(error)))
    except RecursionError:
        tree.flaws.append(Flaw("alias-bomb", 1, f"nested deeper than {MAX_DEPTH}"))
    except (YAMLError, ValueError, AssertionError) as error:
        tree.flaws.append(Flaw("yaml", 1, (str(error) or "it cannot be read").splitlines()[0][:120]))
    if any(flaw.rule in ("yaml", "alias-bomb") for flaw in tree.flaws):
        tree.value = None
        tree.flaws = list(_tabs(text)) or tree.flaws  # a tab is what YAML stumbled over, whatever it says
    return tree


def _too_much(text: str) -> str | None:
    """What would keep the reader busy for minutes, seen before it begins; None = nothing."""
    if text.count("\n") + text.count(",") > MAX_VALUES:
        return f"more than {MAX_VALUES:,} values"
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += len(found[0]) if found[0][0] in "[{" else -len(found[0])
        if depth > _DEEPEST_BRACKETS:
            return f"nested deeper than {MAX_DEPTH}"
    return None


def _tabs(text: str) -> Iterator[Flaw]:
    for number, line in enumerate(text.split("\n"), 1):
        indent = line[: len(line) - len(line.lstrip())]
        if "\t" in indent and line.strip() and not line.lstrip().startswith("#"):
            yield Flaw("tab", number, f"a tab in the indentation, column {indent.index(chr(9)) + 1}")


class _Builder:
    """Nodes → values. An alias is the same node again: what it holds counts every time."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.values = 0

    def build(self, node: Node, path: Path) -> Any:
        self.values += 1
        if self.values > MAX_VALUES:
            raise _TooMuch(f"more than {MAX_VALUES:,} values once its aliases are expanded")
        if len(path) > MAX_DEPTH:
            raise _TooMuch(f"nested deeper than {MAX_DEPTH}")
        self.tree.lines.setdefault(path, node.start_mark.line + 1)
        if str(node.tag) not in _KNOWN_TAGS:
            self.flaw("yaml", node, f"the tag {shown(node.tag)}: Ray's loader takes plain values only")
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(child, (*path, i)) for i, child in enumerate(node.value)]
        return _scalar(str(node.value), str(node.tag).removeprefix(_CORE))

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self.flaw("yaml", key, "a key that is not text")
            elif str(key.tag) == _CORE + "merge":
                merged |= self.merged(child, path)
            else:
                name = str(key.value)
                if name in own:
                    first = self.tree.lines[*path, name]
                    self.tree.flaws.append(Flaw("duplicate-key", key.start_mark.line + 1, shown(name), first))
                self.tree.lines[*path, name] = key.start_mark.line + 1
                own[name] = self.build(child, (*path, name))
        return {**merged, **own}

    def merged(self, node: Node, path: Path) -> dict[str, Any]:
        """`<<`: one mapping, or a list of them of which the first wins."""
        found = [self.build(n, path) for n in (node.value if isinstance(node, SequenceNode) else [node])]
        result: dict[str, Any] = {}
        for one in reversed(found):
            if isinstance(one, dict):
                result |= one
        return result

    def flaw(self, rule: str, node: Node, seen: str) -> None:
        self.tree.flaws.append(Flaw(rule, node.start_mark.line + 1, seen))


def _scalar(text: str, kind: str) -> Any:
    """kind  of YAML 1.1: null, bool, int, float; everything else stays text"""
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("yes", "true", "on", "y")
        if kind == "int":
            plain = text.replace("_", "")
            octal = plain.lstrip("+-").startswith("0") and plain.lstrip("+-").isdigit() and plain.strip("+-0")
            return int(plain, 8 if octal else 0) if ":" not in plain else text
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    return text
