"""Results to stdout, talk to stderr. One JSON document with --json, with the same numbers as the screen."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tui.config import Settings

MESSAGE_LIMIT = 4_000
_SUSPECT = re.compile(r"[^\n -~가-힣]")


def emit(settings: Settings, result: Any, render: Callable[[], None]) -> None:
    """Print a Record, dict or list as one JSON document with --json; else let `render` print for people."""
    if settings.json:
        from tools.records import canonical_json

        print(json_text(json.loads(canonical_json(result))))
    else:
        render()


def json_text(document: Any) -> str:
    """JSON for people and programs: the same value, with whatever a terminal would obey or hide as \\uXXXX."""
    return inert_json(json.dumps(document, ensure_ascii=False, indent=2))


def inert_json(text: str) -> str:
    """JSON text with its unprintable characters escaped; they can only stand inside its strings."""
    return _SUSPECT.sub(lambda m: m[0] if m[0].isprintable() else json.dumps(m[0])[1:-1], text)


def complain(message: str, hint: str = "") -> None:
    """One message on stderr: what, where, what was seen; then what to do. Both may quote anybody's text."""
    way_out = f"\n  → {_told(hint)}" if hint else ""
    print(f"spotwarden: {_told(message)}{way_out}", file=sys.stderr)


def _told(text: str) -> str:
    if len(text) <= MESSAGE_LIMIT and not _SUSPECT.search(text):
        return text  # nearly always: what follows imports the screens' sink
    from tui.safe_text import safe_text

    return safe_text(text, limit=MESSAGE_LIMIT, lines=True)


def say(settings: Settings, text: str) -> None:
    """Progress and talk: stderr, silent with --quiet."""
    if not settings.quiet:
        print(text, file=sys.stderr, flush=True)


def plain(text: object) -> str:
    """Untrusted text for a terminal line: control and bidi characters made visible."""
    from tui.safe_text import safe_text

    return str(safe_text(str(text)))


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, right: frozenset[int] = frozenset()) -> str:
    """Aligned columns of plain text, wide characters counted as two cells; `right` names right-aligned columns."""
    from rich.cells import cell_len

    cells = [[plain(c) for c in row] for row in [header, *rows]]
    widths = [max(cell_len(row[i]) for row in cells) for i in range(len(header))]
    lines = []
    for row in cells:
        parts = []
        for i, text in enumerate(row):
            blank = " " * (widths[i] - cell_len(text))
            parts.append(blank + text if i in right else text + blank)
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def style(settings: Settings, text: str, code: str) -> str:
    """ANSI colour when stdout is a terminal that wants it; `code` such as «1;31»."""
    return f"\x1b[{code}m{text}\x1b[0m" if settings.color and sys.stdout.isatty() else text
