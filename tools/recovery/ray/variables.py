"""Shell variables as far as a cluster file needs them: what a script sets, what its heredoc uses, what comes out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tools.recovery.ray.parts import Part

_SET = re.compile(
    r"(?:^|[;&]\s*|\bthen\s+|\bdo\s+)\s*(?:export\s+|readonly\s+|local\s+|declare\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)=(.*)"
)
_READ = re.compile(r"(?:^|[;&|]\s*)\s*(?:read\s+(?:-\w+\s+)*([A-Za-z_][\w\s]*)|for\s+([A-Za-z_]\w*)\s+in\b)")
USE = re.compile(r"(?<!\\)\$(?:\{([A-Za-z_]\w*)(:?[-=?+][^}]*)?\}|([A-Za-z_]\w*))")
_LITERAL = re.compile(r"'([^'$`]*)'|\"([^\"$`]*)\"|([^\s'\"$`;&|()]*)")
_MORE = re.compile(r"\s([A-Za-z_]\w*)=")
_SOURCE = re.compile(r"(?:^|[;&]\s*)\s*(?:source|\.)\s+\S")
_COMMENT = re.compile(r"(?:^|\s)#")
SOURCED = "."
OF_THE_SHELL = frozenset({"HOME", "USER", "PATH", "PWD", "SHELL", "HOSTNAME", "LANG", "TMPDIR", "LOGNAME", "UID"})


@dataclass(frozen=True)
class Setting:
    """line   of the file
    value  None = it comes from a command: not known here
    """

    line: int
    value: str | None


@dataclass(frozen=True)
class Use:
    """A variable where it stands; line of the file."""

    name: str
    line: int


def settings_in(parts: Iterable[Part]) -> dict[str, Setting]:
    """What the shell parts set, the first time each. Under SOURCED: where they read a file, which may set more."""
    found: dict[str, Setting] = {}
    for part in parts:
        if part.kind != "shell":
            continue
        for number, line in enumerate(part.lines, part.first_line):
            for name, value in _set_by(_COMMENT.split(line)[0]):
                found.setdefault(name, Setting(number, value))
    return found


def _set_by(line: str) -> Iterator[tuple[str, str | None]]:
    """What one line sets, and to what; None = by a command, by who starts the script, or by a file that is read."""
    assigned = _SET.search(line)
    if assigned:
        literal = _LITERAL.match(assigned[2])
        whole = literal is not None and assigned[2][literal.end() :].strip()[:1] in ("", ";", "&")
        yield assigned[1], next((g for g in literal.groups() if g is not None), "") if literal and whole else None
        yield from ((name, None) for name in _MORE.findall(assigned[2]))
    for read in _READ.finditer(line):
        yield from ((name, None) for name in (read[1] or read[2]).split())
    for demanded in USE.finditer(line):
        if demanded[2] is not None and demanded[2].lstrip(":")[0] in "?=":  # ${NAME:?} stops, ${NAME:=x} sets
            yield demanded[1], None
    if _SOURCE.search(line):
        yield SOURCED, None


def render(part: Part, known: Mapping[str, Setting]) -> tuple[str, tuple[Use, ...]]:
    """A heredoc's body as the shell writes it, and the variables that it finds unset.

    What a command sets stays as ${NAME}: its value is not known here. An unset variable becomes nothing.
    """
    unset: list[Use] = []
    lines = []
    for number, line in enumerate(part.lines, part.first_line):
        comment = _COMMENT.search(line)
        heard = len(line) if comment is None else comment.start()

        def value(match: re.Match[str], number: int = number, heard: int = heard) -> str:
            name = match[1] or match[3]
            setting = known.get(name)
            if setting is not None and setting.line < number:
                return setting.value if setting.value is not None else f"${{{name}}}"
            if match[2] is not None:  # ${NAME:-other}
                return match[2].lstrip(":")[1:] if match[2].lstrip(":")[0] in "-=" else ""
            if name in OF_THE_SHELL:
                return f"${{{name}}}"
            if match.start() < heard:  # a hole in a comment hurts nobody
                unset.append(Use(name, number))
            return ""

        lines.append(USE.sub(value, line).replace("\\$", "$"))
    return "\n".join(lines), tuple(unset)
