"""What was done to one fleet: its newest changes, what came of each, and which of them can be set back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from textual.content import Content

from tui.care import FleetChange
from tui.safe_text import hung, plain, safe_text
from tui.screens.approvals import change_words
from tui.screens.fleet_views import Rows
from tui.widgets.aftercare import watch_line, watch_words
from tui.widgets.glyphs import Glyphs
from tui.widgets.table import Column, Words

CHANGES = (
    Column("WHEN", 11),
    Column("CHANGE", 24, flex=True),
    Column("OUTCOME", 8),
    Column("VERIFIED", 12),
    Column("PROPOSAL", 12, drop=2),
    Column("BY", 21, drop=1),
)
_INK = {"done": "success", "partial": "warning", "unknown": "error"}
_FIELD = 25


def to_set_back(changes: Sequence[FleetChange], selected: str | None) -> FleetChange | None:
    """The selected change, or the newest that changed something and was not set back."""
    if selected is not None:
        return next((c for c in changes if c.change.proposal_id == selected), None)
    return next((c for c in changes if c.undone is None and c.change.before != c.change.after), None)


def change_rows(changes: Sequence[FleetChange], now: datetime) -> Rows:
    return [(c.change.proposal_id, _cells(c, now)) for c in changes]


def _cells(one: FleetChange, now: datetime) -> list[str | Words]:
    change = one.change
    return [
        f"{change.at:%m-%d %H:%M}",
        change_words(change.action.types),
        Words(change.status, _INK.get(change.status, "")),
        Words("set back", "warning") if one.undone else watch_words(one.watch, now),
        change.proposal_id,
        one.by,
    ]


def change_detail(one: FleetChange, now: datetime, *, glyphs: Glyphs, room: int) -> Content:
    """What it set, field by field, what came of it, and the way back."""
    change = one.change
    lines = [plain(f"{change.proposal_id}  {', '.join(change.action.types)}", "bold", limit=200)]
    for field in change.before | change.after:
        was, now_is = _said(change.before.get(field)), _said(change.after.get(field))
        line = Content.assemble(
            f"{safe_text(field):<{_FIELD}} ",
            plain(was, "$muted", limit=200),
            Content.styled(f" {glyphs.arrow} ", "$muted"),
            plain(now_is, "bold", limit=200),
        )
        lines.append(hung(line, room, _FIELD + 1))
    if one.watch is not None and one.watch.status not in {"armed", "void"}:
        lines.append(hung(watch_line(one.watch, now), room, 10))
    if one.undone is not None:
        lines.append(plain(f"set back by {one.undone}", "$warning"))
    else:
        lines.append(Content.styled("u  draws up what sets it back; a card asks you first", "$muted"))
    return Content("\n").join(lines)


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or "none"
    return "none" if value is None else str(value)
