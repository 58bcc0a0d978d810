"""YAML 1.2 text → plain values with the line of every key. Nothing is guessed and nothing is expanded.

ruamel.yaml tells the events; the tree is built here, so that a duplicate key, an alias, an anchor, a merge key,
a tag or a second document is an error with its line, and so that `no`, `on`, `1:30` and dates stay text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tools.errors import PolicyError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_VALUES = 20_000

Path = tuple[str | int, ...]

_NULL = re.compile(r"(?:~|null|Null|NULL)?")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,2})?")


@dataclass
class YamlTree:
    """A document as dicts, tuples, text, numbers, booleans and None, and where each of them stands."""

    value: Any
    source: str
    lines: dict[Path, int] = field(default_factory=dict)
    """path → line from 1, of the key (in a mapping) or the item (in a list)"""

    def line(self, path: Path) -> int:
        """Of the path, or of the nearest thing above it that stands in the text."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def at(self, path: Path) -> Any:
        value = self.value
        for part in path:
            value = value[part]
        return value

    def own_path(self, path: Path) -> Path:
        """The path without the parts that are not in the text (a validator's names for its branches)."""
        value, kept = self.value, []
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                continue
            kept.append(part)
        return tuple(kept)


@dataclass
class _Open:
    """A mapping or a list that is being read."""

    path: Path
    items: Any
    key: str | None = None


def read_yaml(text: str, *, source: str) -> YamlTree:
    """Parse one document.

    Raises  PolicyError "source:line: …": not YAML, too large or deep, a duplicate key, an alias, anchor, merge
            key, tag or directive, a key that is not text, a second document
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise PolicyError(f"{source}:1: larger than {MAX_BYTES // 1024} KiB", hint="split the document by team")
    try:
        return _Builder(source).build(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise PolicyError(f"{source}:{line}: not YAML: {error.problem or error.context}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise PolicyError(f"{source}:1: not YAML: {str(error).splitlines()[0]}") from None


class _Builder:
    def __init__(self, source: str) -> None:
        self.tree = YamlTree(None, source)
        self.stack: list[_Open] = []
        self.documents = 0
        self.values = 0

    def build(self, events: Iterator[Event]) -> YamlTree:
        for event in events:
            self.take(event)
        return self.tree

    def take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(event, "a second document: one file holds one policy document")
            if event.version or event.tags:
                self.refuse(event, "a % directive: documents are YAML 1.2 as it is")
        elif isinstance(event, AliasEvent):
            self.refuse(event, f"an alias (*{event.anchor}): write the value out")
        elif isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent):
            self.check(event)
            self.place(event)
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            done = self.stack.pop()
            self.put(done.path, tuple(done.items) if isinstance(done.items, list) else done.items)

    def check(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent) -> None:
        self.values += 1
        if event.anchor is not None:
            self.refuse(event, f"an anchor (&{event.anchor}): write the value out")
        if event.tag is not None:
            self.refuse(event, f"a tag ({event.tag}): values say what they are by how they are written")
        if self.values > MAX_VALUES:
            self.refuse(event, f"more than {MAX_VALUES:,} values")
        if len(self.stack) >= MAX_DEPTH:
            self.refuse(event, f"nested deeper than {MAX_DEPTH}")

    def place(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent) -> None:
        parent = self.stack[-1] if self.stack else None
        if parent is not None and isinstance(parent.items, dict) and parent.key is None:
            self.key(parent, event)
            return
        path = self.path_in(parent)
        self.tree.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(event, ScalarEvent):
            self.put(path, _scalar(event) if event.implicit[0] else event.value)
            return
        self.stack.append(_Open(path, {} if isinstance(event, MappingStartEvent) else []))
        if parent is not None and isinstance(parent.items, list):
            parent.items.append(None)  # its place; put() fills it

    def path_in(self, parent: _Open | None) -> Path:
        if parent is None:
            return ()
        return (*parent.path, parent.key if parent.key is not None else len(parent.items))

    def key(self, parent: _Open, event: Event) -> None:
        name = event.value if isinstance(event, ScalarEvent) else None
        where = f" under {path_text(parent.path)}" if parent.path else ""
        if name is None:
            self.refuse(event, f"a key that is not text{where}")
        if name == "<<":
            self.refuse(event, f"a merge key (<<){where}: write the keys out")
        if name in parent.items:
            first = self.tree.lines[*parent.path, name]
            self.refuse(event, f"duplicate key {name!r}{where}: it stands on line {first} already")
        parent.items[name] = None
        parent.key = name
        self.tree.lines[*parent.path, name] = event.start_mark.line + 1

    def put(self, path: Path, value: Any) -> None:
        if not path:
            self.tree.value = value
            return
        parent, last = self.stack[-1], path[-1]
        if isinstance(parent.items, list) and last == len(parent.items):
            parent.items.append(value)
        else:
            parent.items[last] = value
        parent.key = None

    def refuse(self, event: Event, what: str) -> NoReturn:
        raise PolicyError(f"{self.tree.source}:{event.start_mark.line + 1}: {what}")


def _scalar(event: ScalarEvent) -> Any:
    """YAML 1.2 core schema without octal, hexadecimal, infinity and NaN, which no policy needs."""
    text: str = event.value
    if event.style is not None:
        return text
    for pattern, value in ((_NULL, None), (_TRUE, True), (_FALSE, False)):
        if pattern.fullmatch(text):
            return value
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def path_text(path: Path) -> str:
    """policies[1].capacity"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "the document"
