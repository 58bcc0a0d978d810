"""Tables for a terminal of any width: whole where they fit, else with less, and what was left out is said."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tui.output import table

Paint = Callable[[str, str], str]
"""(text, ANSI code) → the text, coloured where a terminal wants it"""
COLOURS = {"use": "32", "use with care": "33", "avoid": "31", "low": "32", "medium": "33", "high": "31"}


def no_paint(text: str, code: str) -> str:
    del code
    return text


@dataclass(frozen=True)
class Grid:
    """A table that a narrow terminal shows with less.

    rows   of cells; with True shorter ones
    right  right-aligned columns, by name
    drop   columns that may be left out, the least telling first
    """

    header: tuple[str, ...]
    rows: Callable[[bool], Sequence[tuple[object, ...]]]
    right: frozenset[str]
    drop: tuple[str, ...]

    def lines(self, paint: Paint, width: int | None) -> Iterator[str]:
        """Whole where it fits or nothing limits it, else with short cells, else with fewer columns, which are named.

        width  cells of the terminal; None = not a terminal
        """
        text = self._text(self.header, self.rows(False))
        if width is None or _fits(text, width):
            yield _painted(text, paint)
            return
        kept, cells = self.header, self.rows(True)
        shorter = ("whole intervals",) if list(cells) != list(self.rows(False)) else ()
        text = self._text(kept, cells)
        for name in self.drop:
            if _fits(text, width):
                break
            kept = tuple(h for h in kept if h != name)
            text = self._text(kept, cells)
        yield _painted(text, paint)
        left_out = ", ".join((*(h for h in self.header if h not in kept), *shorter))
        yield f"{width} columns are too narrow for {left_out}: --json has all"

    def _text(self, kept: tuple[str, ...], cells: Sequence[tuple[object, ...]]) -> str:
        places = [self.header.index(h) for h in kept]
        right = frozenset(i for i, h in enumerate(kept) if h in self.right)
        return table(kept, ([row[i] for i in places] for row in cells), right=right)


def _fits(text: str, width: int) -> bool:
    from rich.cells import cell_len

    return max(map(cell_len, text.split("\n"))) <= width


def _painted(text: str, paint: Paint) -> str:
    """The table with its last column, a word, in its colour."""
    lines = text.split("\n")
    for i, line in enumerate(lines[1:], 1):
        word = line.rsplit("  ", maxsplit=1)[-1]
        if word in COLOURS:
            lines[i] = line.removesuffix(word) + paint(word, COLOURS[word])
    return "\n".join(lines)
