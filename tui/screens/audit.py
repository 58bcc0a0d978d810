"""Screen 4: what happened, newest first, and whether the log proves itself."""

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from tools.records import AuditEntry
from tui.messages import AuditSeen, ChainChecked, Trouble
from tui.safe_text import plain, safe_text
from tui.screens.room import Card, Room, consult
from tui.widgets.table import Column, Table, Words

PAGE = 300
FOLLOW_SECONDS = 2.0
VERIFY_AUTOMATICALLY_UP_TO = 20_000
_COLUMNS = (
    Column("#", 5, right=True),
    Column("AT (UTC)", 14),
    Column("WHO", 14, drop=2),
    Column("WHAT", 16),
    Column("", 20, flex=True),
    Column("HASH", 8, drop=1),
)
_WIDE = tuple(replace(c, width=24) if c.label == "WHO" else c for c in _COLUMNS)
_WIDE_FROM = 110
_GIST = (
    "verdict",
    "status",
    "answer",
    "kind",
    "tool",
    "calls",
    "cause",
    "fleet_id",
    "instance_id",
    "message",
    "title",
    "text",
    "reasons",
    "reason",
    "rationale",
    "proposal_id",
)
_DEPTH = 3


class AuditScreen(Room):
    NAME = "audit"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Detail", key_display="Enter"),
        Binding("v", "verify", "Verify"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[AuditEntry] = []
        self._checked: ChainChecked | None = None

    def compose_body(self) -> ComposeResult:
        yield Static(Content.styled("verifying ...", "$muted"), id="badge", classes="head", markup=False)
        yield Table(id="audit")
        yield Static(
            Content.styled("Newest first, follows by itself. Enter: detail, v: verify now.", "$muted"),
            classes="foot",
            markup=False,
        )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Table).focus()
        self._follow()
        self.action_verify()
        self.set_interval(FOLLOW_SECONDS, self._follow)

    def action_verify(self) -> None:
        house = self.house
        consult(self, lambda: ChainChecked(house.verify()), what="Verifying the audit log", once=True)

    def action_copy(self) -> None:
        entry = self._at_cursor()
        if entry is not None:
            self.hosting.copy_out(entry.canonical(), what=f"entry {entry.seq} as JSON")

    def action_open(self) -> None:
        entry = self._at_cursor()
        if entry is not None:
            self.app.push_screen(EntryCard(entry))

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        self.action_open()

    def on_audit_seen(self, message: AuditSeen) -> None:
        known = {e.seq for e in self._entries}
        new = [e for e in message.entries if e.seq not in known]
        if new:
            self._entries = sorted([*new, *self._entries], key=lambda e: -e.seq)[:PAGE]
            self._show()
        checked = self._checked
        if new and checked is not None and checked.verification.entries <= VERIFY_AUTOMATICALLY_UP_TO:
            self.action_verify()

    def on_chain_checked(self, message: ChainChecked) -> None:
        self._checked = message
        found, glyphs = message.verification, self.glyphs
        dot = f" {glyphs.dot} "
        if found.ok:
            mark = Content.styled(f"{glyphs.ok} VERIFIED", "bold $success")
            words = f"  {found.entries:,} entries{dot}head {found.head[:12]}"
        else:
            mark = Content.styled(f"{glyphs.bad} NOT VERIFIED", "bold $error")
            where = "" if found.first_bad is None else f" from #{found.first_bad}"
            words = f"{where}  {safe_text(found.reason, limit=200)}"
        self.query_one("#badge", Static).update(Content.assemble(mark, words))

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    def troubled(self, trouble: Trouble) -> None:
        super().troubled(trouble)
        if self._checked is None:
            words = Content.styled("not verified yet: v tries again", "$muted")
            self.query_one("#badge", Static).update(words)

    def _follow(self) -> None:
        house = self.house
        after = self._entries[0].seq if self._entries else 0
        consult(self, lambda: AuditSeen(house.audit(after, PAGE)), what="Reading the audit log", once=True)

    def _at_cursor(self) -> AuditEntry | None:
        key = self.query_one(Table).key_at_cursor
        return next((e for e in self._entries if str(e.seq) == key), None)

    def _show(self) -> None:
        columns = _WIDE if self.app.size.width >= _WIDE_FROM else _COLUMNS
        self.query_one(Table).show(columns, [(str(e.seq), _cells(e)) for e in self._entries])


def _cells(entry: AuditEntry) -> list[str | Words]:
    at = f"{entry.at:%m-%d %H:%M:%S}"
    return [str(entry.seq), at, entry.actor, entry.kind, gist(entry.payload), entry.hash[:8]]


@lru_cache(maxsize=2 * PAGE)
def gist(payload: str) -> str:
    """The few words of a payload that say what it is about: the verdict or status first."""
    try:
        value = json.loads(payload)
    except ValueError:
        return payload
    if not isinstance(value, dict):
        return str(value)
    if value.get("calls") == [] and "text_characters" in value:
        return f"answered in {value['text_characters']} characters"
    found: dict[str, str] = {}
    _gather(value, found, depth=_DEPTH)
    return "  ".join(found[k] for k in _GIST if k in found) or payload


def _gather(value: dict[str, Any], found: dict[str, str], *, depth: int) -> None:
    """The nearest text for every word of _GIST."""
    for key, item in value.items():
        words = item if isinstance(item, list) else [item]
        if key in _GIST and words and all(isinstance(w, str) and w for w in words):
            found.setdefault(key, ", ".join(words))
    for item in value.values():
        inner = item if isinstance(item, list) else [item]
        for one in (i for i in inner if isinstance(i, dict) and depth):
            _gather(one, found, depth=depth - 1)


class EntryCard(Card):
    """One entry whole: pretty JSON, and the two hashes that chain it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "copy", "Copy")]

    def __init__(self, entry: AuditEntry) -> None:
        super().__init__()
        self._entry = entry

    def compose(self) -> ComposeResult:
        entry = self._entry
        with VerticalScroll(classes="card"):
            yield Static(
                Content.assemble(
                    plain(f"#{entry.seq} {entry.kind}", "bold $primary"),
                    plain(f"  {entry.at:%Y-%m-%d %H:%M:%SZ}  by {entry.actor}"),
                ),
                markup=False,
            )
            hashes = f"prev {entry.previous_hash}\nhash {entry.hash}"
            yield Static(plain(hashes, "$muted", lines=True), markup=False)
            yield Static(plain(_pretty(entry.payload), limit=60_000, lines=True), classes="payload", markup=False)
            yield Static(Content.styled("c copies, Esc closes", "$muted"), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_copy(self) -> None:
        self.hosting.copy_out(self._entry.canonical(), what=f"entry {self._entry.seq} as JSON")


def _pretty(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except ValueError:
        return payload
