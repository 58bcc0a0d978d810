"""Screen 3: what waits for a person, and what became of the rest."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Static

from tui.house import Saved
from tui.messages import Pulse, expiry
from tui.screens.room import Room
from tui.widgets.glyphs import usd
from tui.widgets.table import Column, Table, Words, risk_words

_COLUMNS = (
    Column("STATUS", 9),
    Column("FLEET", 14),
    Column("CHANGE", 22, flex=True),
    Column("$/DAY", 9, right=True, drop=5),
    Column("RISK AFTER", 10, drop=2),
    Column("REPLACES", 8, right=True, drop=3),
    Column("EXPIRES", 8, right=True, drop=4),
    Column("BY", 21, drop=1),
)
_INK = {"pending": "warning", "done": "success", "failed": "error", "unknown": "error", "denied": "secondary"}
MAX_SHOWN = 200


def left(until: datetime, now: datetime) -> str:
    """28:41 until then; «expired» after it."""
    seconds = int((until - now).total_seconds())
    return "expired" if seconds <= 0 else f"{seconds // 60}:{seconds % 60:02d}"


def change_words(types: Sequence[str]) -> str:
    """The first kind of change, and how many more."""
    return types[0] + (f" +{len(types) - 1} more" if len(types) > 1 else "") if types else "no change"


class ApprovalsScreen(Room):
    NAME = "approvals"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="Enter"),
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._proposals: Sequence[Saved] = ()

    def compose_body(self) -> ComposeResult:
        yield Static(id="approvals-head", classes="head", markup=False)
        yield Table(id="approvals")
        yield Static(
            Content.styled("Enter opens the card: nothing is approved from this list.", "$muted"),
            classes="foot",
            markup=False,
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Table).focus()

    def on_pulse(self, pulse: Pulse) -> None:
        pending = pulse.pending
        others = [s for s in pulse.proposals if s.status != "pending"]
        self._proposals = [*pending, *others][:MAX_SHOWN]
        if pending:
            words = f"{len(pending)} waiting for your answer. Unanswered ones expire, which is a no."
        else:
            words = "Nothing waits for your answer."
        self.query_one("#approvals-head", Static).update(Content.styled(words, "bold"))
        self._show(pulse.at)

    def on_resize(self) -> None:
        super().on_resize()
        if self.hosting.pulse is not None:
            self._show(self.hosting.pulse.at)

    def action_refresh(self) -> None:
        self.hosting.look()

    def action_copy(self) -> None:
        saved = self._at_cursor()
        if saved is not None:
            self.hosting.copy_out(saved.proposal.canonical(), what="the proposal as JSON")

    def action_open(self) -> None:
        saved = self._at_cursor()
        if saved is not None:
            self.hosting.review(saved.proposal, saved.decision, status=saved.status, expires_at=expiry(saved))

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        self.action_open()

    def _at_cursor(self) -> Saved | None:
        key = self.query_one(Table).key_at_cursor
        return next((s for s in self._proposals if s.proposal.proposal_id == key), None)

    def _show(self, now: datetime) -> None:
        rows = [(s.proposal.proposal_id, self._cells(s, now)) for s in self._proposals]
        self.query_one(Table).show(_COLUMNS, rows)

    def _cells(self, saved: Saved, now: datetime) -> list[str | Words]:
        proposal, preview = saved.proposal, saved.proposal.preview
        return [
            Words(saved.status, _INK.get(saved.status, "")),
            proposal.fleet.fleet_id,
            change_words(proposal.action.types),
            usd(preview.added_cost_usd_per_day, sign=True),
            risk_words(preview.risk_after, self.glyphs.risk[preview.risk_after]),
            str(len(preview.replaced_instances)) if preview.replaced_instances else "-",
            left(expiry(saved), now) if saved.status == "pending" else "",
            proposal.proposed_by,
        ]
