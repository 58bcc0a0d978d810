"""A file → the parts of it that matter to Ray: cluster files, shell, Python drivers, prose, each with its place.

A guide holds its cluster file in a heredoc inside a code block: lines stay those of the file that was given.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.errors import DataError, UsageError

MAX_BYTES = 256 * 1024
Kind = Literal["cluster", "shell", "python", "prose"]
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*([\w+-]*)\s*$")
HEREDOC = re.compile(r"(?<!<)<<(-?)\s*(['\"\\]?)([A-Za-z_]\w*)['\"]?")
_CLUSTER = re.compile(r"(?m)^(?:cluster_name|available_node_types|head_node_type|worker_start_ray_commands)\s*:")
_PYTHON = re.compile(r"(?m)^\s*(?:import ray\b|from ray\b|@ray\.remote)")
_RAY_COMMAND = re.compile(r"(?m)(?:^|[;&|]\s*|\s)ray\s+(?:up|down|submit|exec|attach|start|job)\b")
_ASSIGNED = re.compile(r"(?m)^\s*(?:export\s+|declare\s+-\w+\s+|local\s+)?[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Part:
    """kind        what it is
    lines       its text, without the heredoc's or the block's own lines
    first_line  of lines[0] in the file, from 1
    heredoc     None = no heredoc; "expanded" as the shell does, "literal" where the delimiter is quoted
    """

    kind: Kind
    lines: tuple[str, ...]
    first_line: int
    heredoc: Literal["expanded", "literal"] | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def told(self) -> str:
        """«a cluster file (lines 24 to 111)»"""
        names = {"cluster": "a cluster file", "shell": "shell commands", "python": "Python", "prose": "prose"}
        return f"{names[self.kind]} (lines {self.first_line} to {self.first_line + len(self.lines) - 1})"


@dataclass
class _Cut:
    """Lines that are collected for one part."""

    kind: str
    first_line: int
    lines: list[str] = field(default_factory=list)


def read_text(path: Path) -> str:
    """The file as text.

    Raises  UsageError: there is no such file, or it is no file
            DataError: it cannot be read, is empty, binary, not UTF-8, or larger than MAX_BYTES
    """
    if not path.exists():
        raise UsageError(f"{path}: no such file", hint="name a cluster file, a script, a guide or a Python driver")
    if not path.is_file():
        raise UsageError(f"{path}: not a file", hint="name one file; a folder is not searched")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: not read: {error.strerror or error}", hint="check its permissions") from None
    if len(content) > MAX_BYTES:
        size = path.stat().st_size
        hint = "a cluster file has a few KiB: give the file itself"
        raise DataError(f"{path}: {size:,} bytes, at most {MAX_BYTES:,} are read", hint=hint)
    if b"\0" in content[:8192]:
        raise DataError(f"{path}: binary, not text", hint="give the YAML, the script or the text it was made from")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        seen = f"byte 0x{content[error.start]:02x}"
        raise DataError(f"{path}:{line}: not UTF-8: {seen}", hint="save it as UTF-8") from None
    if not text.strip():
        raise DataError(f"{path}: empty", hint="`spotwarden ray plan` writes a cluster file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split(text: str, *, name: str) -> tuple[Part, ...]:
    """The parts of a file, in order.

    name    its path, whose ending is believed where there is one
    """
    lines = text.split("\n")
    ending = Path(name).suffix.lower()
    if ending in (".yaml", ".yml"):
        return (Part("cluster", tuple(lines), 1),)
    if ending == ".py":
        return (Part("python", tuple(lines), 1),)
    cuts = list(_blocks(lines)) if any(_FENCE.match(line) for line in lines) else [_whole(lines, ending)]
    return tuple(part for cut in cuts for part in _parts_of(cut))


def _whole(lines: list[str], ending: str) -> _Cut:
    text = "\n".join(lines)
    kind = "shell" if ending in (".sh", ".bash") or lines[0].startswith("#!") else _guess(text)
    return _Cut(kind, 1, lines)


def _blocks(lines: Sequence[str]) -> Iterator[_Cut]:
    """Prose and code blocks in turn."""
    cut, fence = _Cut("prose", 1), ""
    for number, line in enumerate(lines, 1):
        found = _FENCE.match(line)
        if fence and found and found[1].startswith(fence) and not found[2]:
            yield cut
            cut, fence = _Cut("prose", number + 1), ""
        elif not fence and found:
            yield cut
            cut, fence = _Cut(_LANGUAGES.get(found[2].lower(), "?"), number + 1), found[1]
        else:
            cut.lines.append(line)
    yield cut


_LANGUAGES = {"yaml": "?", "yml": "?", "python": "python", "py": "python", "bash": "shell", "sh": "shell"} | {
    "shell": "shell",
    "console": "shell",
}


def _guess(text: str) -> str:
    """What a text without a name is."""
    if HEREDOC.search(text):
        return "shell"
    if _CLUSTER.search(text):
        return "cluster"
    if _PYTHON.search(text):
        return "python"
    return "shell" if _RAY_COMMAND.search(text) or _ASSIGNED.search(text) else "prose"


def _parts_of(cut: _Cut) -> Iterator[Part]:
    kind = _guess("\n".join(cut.lines)) if cut.kind == "?" else cut.kind
    if not any(line.strip() for line in cut.lines):
        return
    if kind == "shell":
        yield from _shell_parts(cut)
    else:
        yield Part(kind, tuple(cut.lines), cut.first_line)  # type: ignore[arg-type]


def _shell_parts(cut: _Cut) -> Iterator[Part]:
    """The script with its heredocs' bodies blanked, then each body that is a cluster file or a driver."""
    script = list(cut.lines)
    bodies: list[Part] = []
    at = 0
    while at < len(cut.lines):
        found = HEREDOC.search(cut.lines[at])
        at += 1
        if found is None:
            continue
        body = _body(cut.lines, at, found)
        kind = _guess("\n".join(body))
        if at + len(body) >= len(cut.lines) and kind not in ("cluster", "python"):
            continue  # nothing ends it: a shift of bits, or a word in a comment
        script[at : at + len(body) + 1] = [""] * len(script[at : at + len(body) + 1])
        if kind in ("cluster", "python") and body:
            how: Literal["expanded", "literal"] = "literal" if found[2] else "expanded"
            bodies.append(Part(kind, body, cut.first_line + at, how))  # type: ignore[arg-type]
        at += len(body) + 1
    yield Part("shell", tuple(script), cut.first_line)
    yield from bodies


def _body(lines: Sequence[str], start: int, opened: re.Match[str]) -> tuple[str, ...]:
    """Up to the delimiter, or to the end; `<<-` takes the tabs away."""
    body = []
    for line in lines[start:]:
        text = line.lstrip("\t") if opened[1] else line
        if text == opened[3]:
            break
        body.append(text)
    return tuple(body)
