"""A table of rows with keys: cells are safe by construction, the cursor stays on its row when data comes anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.text import Text
from textual.widgets import DataTable

from tools.records import RiskLevel
from tui.safe_text import cell, fit, safe_text

_INK: dict[str, str] = {"low": "success", "medium": "warning", "high": "error", "unknown": "secondary"}


@dataclass(frozen=True)
class Column:
    label: str
    width: int
    right: bool = False
    flex: bool = False
    """takes what is left of the table's width, up to MAX_FLEX columns"""
    drop: int = 0
    """left out when there is no room, 1 first; 0 stays always"""


MAX_FLEX = 70


@dataclass(frozen=True)
class Words:
    """What a cell says; `ink` is a theme colour's name, for emphasis only."""

    text: str
    ink: str = ""


class Table(DataTable[Text]):
    """Columns of fixed width; text is cut to them, never wrapped."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 -- Textual's own word
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self.columns_now: tuple[Column, ...] = ()

    def show(self, columns: Sequence[Column], rows: Sequence[tuple[str, Sequence[str | Words]]]) -> None:
        """rows: (key, one cell a column)."""
        kept = self.key_at_cursor
        places = self._places(columns)
        columns = self._stretched([columns[n] for n in places])
        if tuple(columns) != self.columns_now:
            self.clear(columns=True)
            self.columns_now = tuple(columns)
            for column in columns:
                self.add_column(cell(column.label, right=column.right), width=column.width)
        else:
            self.clear()
        for key, cells in rows:
            self.add_row(*(self._cell(c, v) for c, v in zip(columns, [cells[n] for n in places], strict=True)), key=key)
        keys = [key for key, _ in rows]
        if kept in keys:
            self.move_cursor(row=keys.index(kept), animate=False)

    def _places(self, columns: Sequence[Column]) -> list[int]:
        """Which columns there is room for."""
        places = list(range(len(columns)))
        optional = sorted((n for n in places if columns[n].drop), key=lambda n: columns[n].drop)
        while optional and self._wide([columns[n] for n in places]) > self.app.size.width:
            places.remove(optional.pop(0))
        return places

    def _wide(self, columns: Sequence[Column]) -> int:
        """A column for the scroll bar is counted too."""
        return sum(c.width + 2 * self.cell_padding for c in columns) + 1

    def _stretched(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        spare = self.app.size.width - self._wide(columns)
        return tuple(replace(c, width=min(MAX_FLEX, c.width + spare)) if c.flex and spare > 0 else c for c in columns)

    @property
    def key_at_cursor(self) -> str | None:
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.ordered_rows[self.cursor_row].key.value

    def _cell(self, column: Column, value: str | Words) -> Text:
        words = value if isinstance(value, Words) else Words(value)
        text = fit(safe_text(words.text, limit=200), column.width).rstrip()
        return cell(text, self.ink(words.ink), right=column.right)

    def ink(self, name: str) -> str:
        """A Rich style from the theme; Rich knows no $variables."""
        if not name:
            return ""
        theme = self.app.current_theme
        return str(getattr(theme, _INK.get(name, name), None) or "")


def risk_words(level: RiskLevel, sign: str) -> Words:
    return Words(f"{sign} {level}", level)
