"""Screen 6: volumes and their snapshots: what they cost, how old the copies are, and what outlived its instance."""

from collections.abc import Iterator
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable

from tools.records import Consistency, KeptSnapshot, KeptVolume, VolumesReport
from tui.messages import ProposalFound, VolumesSeen, expiry
from tui.render_volumes import (
    Fact,
    Step,
    a_month,
    clean_up_step,
    schedule_line,
    schedule_words,
    snapshot_facts,
    volume_facts,
)
from tui.safe_text import fit, hung, plain, safe_text
from tui.screens.listing import Listing
from tui.screens.room import consult
from tui.widgets.glyphs import short_length
from tui.widgets.table import Column, Table, Words

Kept = KeptVolume | KeptSnapshot
_COLUMNS = (
    Column("VOLUME OR SNAPSHOT", 22, flex=True),
    Column("FLEET", 16, drop=2),
    Column("TYPE", 8, drop=1),
    Column("SIZE", 10, right=True, drop=4),
    Column("$/MONTH", 9, right=True),
    Column("AGE", 7, right=True),
    Column("COPY", 7, drop=3),
    Column("STANDS", 12),
)
MOST_ROWS = 500
_FIELD = 11
_CONSISTENT: dict[Consistency, Words] = {
    "application-consistent": Words("app", "success"),
    "crash-consistent": Words("crash"),
    "unknown": Words("unknown", "warning"),
}
_TALL = 30
"""rows from which every schedule has a line"""


class VolumesScreen(Listing):
    NAME = THINGS = "volumes"
    THING = "volume"
    READ_SECONDS = 60.0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "clean_up", "Clean up", key_display="Enter"),
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._report: VolumesReport | None = None
        self._rows: dict[str, Kept] = {}
        """id → what stands on that row, in the order of the table"""

    # asking

    def read(self) -> None:
        consult(self, lambda: VolumesSeen(self.house.volumes()), what="Reading the volumes", once=True)

    @property
    def was_read(self) -> bool:
        return self._report is not None

    def on_volumes_seen(self, message: VolumesSeen) -> None:
        self._report = message.report
        self._rows = dict(_ordered(message.report))
        self.show()

    # keys

    def action_copy(self) -> None:
        kept = self._at_cursor()
        if kept is not None:
            self.hosting.copy_out(kept.canonical(), what=f"{_id(kept)} as JSON")

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        self.action_clean_up()

    def action_clean_up(self) -> None:
        """Draw up the next step of clearing an orphan away; the card asks. What is used or kept for a reason stays."""
        kept = self._at_cursor()
        if kept is None:
            return
        if not kept.orphan or kept.protected_by is not None:
            why = f"{kept.protected_by}" if kept.protected_by is not None else "it is in use"
            self.hosting.tell(f"{_id(kept)} stays: {why}. Only an orphan is cleaned up.", warn=True)
            return
        house, named = self.house, _id(kept)
        consult(self, lambda: ProposalFound(house.clean_up(named)), what="Drawing up its clean-up", once=True)

    def on_proposal_found(self, message: ProposalFound) -> None:
        saved = message.saved
        self.hosting.look()
        self.hosting.review(saved.proposal, saved.decision, status=saved.status, expires_at=expiry(saved))

    def _at_cursor(self) -> Kept | None:
        return self._rows.get(self.query_one(Table).key_at_cursor or "")

    # showing

    def show(self) -> None:
        report = self._report
        if report is None:
            return
        shown = list(self._rows.items())[:MOST_ROWS]
        self.query_one(Table).show(_COLUMNS, [(key, self._cells(kept, report)) for key, kept in shown])
        dot = f" {self.glyphs.dot} "
        self.head(self._head(report, dot, self.room))
        meaning = f"$/MONTH list, <= at most{dot}AGE, COPY of the newest snapshot{dot}Enter cleans up"
        told = f"as of {report.as_of:%Y-%m-%d %H:%M:%SZ}{dot}{safe_text(report.source, limit=240)}"
        self.foot(meaning, told)
        self.show_row()

    def _head(self, report: VolumesReport, dot: str, room: int) -> Iterator[Content]:
        bound, total = bool(report.snapshots), report.total_usd_per_month
        cost = "monthly cost unknown" if total is None else f"{a_month(total, upper_bound=bound)} a month"
        words = [f"{len(report.volumes)} volumes", f"{len(report.snapshots)} snapshots"]
        if orphans := sum(k.orphan for k in self._rows.values()):
            words.append(f"{orphans} ORPHANS {a_month(report.orphan_usd_per_month, upper_bound=bound)}")
        yield Content.styled(fit(dot.join([*words, cost]), room).rstrip(), "bold")
        yield from self._schedules(report, dot, room)
        if len(self._rows) > MOST_ROWS:
            yield plain(f"the first {MOST_ROWS} of {len(self._rows)} are shown: spotwarden volumes", "$warning")
        if report.missing:
            told = f"not known: {safe_text('; '.join(report.missing), limit=400)}"
            yield Content.styled(fit(told, room).rstrip(), "$warning")

    def _schedules(self, report: VolumesReport, dot: str, room: int) -> Iterator[Content]:
        """A line a schedule where there is room, else the worst one and how many there are."""
        worst = {"error": 0, "warning": 1}
        ranked = sorted(report.schedules, key=lambda s: worst.get(schedule_words(s, report.as_of)[1], 2))
        most = len(ranked) if self.app.size.height >= _TALL else 1
        for state in ranked[: min(most, 4)]:
            line = schedule_line(state, report.as_of)
            more = f"{dot}{len(ranked) - 1} more schedules" if most == 1 and len(ranked) > 1 else ""
            ink = schedule_words(state, report.as_of)[1]
            yield Content.styled(fit(line, max(room - len(more), 20)).rstrip() + more, f"${ink}")

    def _cells(self, kept: Kept, report: VolumesReport) -> list[str | Words]:
        volume = kept.volume if isinstance(kept, KeptVolume) else None
        size = volume.size_gib if volume is not None else kept.snapshot.size_gib  # type: ignore[union-attr]
        return [
            _id(kept),
            kept.fleet or "unknown",
            volume.volume_type if volume is not None else "snapshot",
            f"{size:,} GiB",
            a_month(kept.cost.usd_per_month, upper_bound=kept.cost.upper_bound),
            _age(kept, report),
            _consistent(kept),
            _stands(kept),
        ]

    def show_row(self) -> None:
        """What stands at the cursor, whole."""
        report, kept = self._report, self._at_cursor()
        if report is None:
            return
        if kept is None:
            self.row_words([Content.styled(_NONE, "$muted")])
            return
        room = max(self.app.size.width - 4, 20)
        facts = volume_facts(kept, report) if isinstance(kept, KeptVolume) else snapshot_facts(kept, report)
        lines = [plain(_id(kept), "bold"), *_lines(facts, room)]
        if kept.orphan and kept.protected_by is None:
            lines.append(Content.styled(_NEXT[clean_up_step(kept, report)], "$muted"))
        self.row_words(lines)


_NONE = "no volumes and no snapshots here. Snapshots on a schedule: `[[snapshots]]` in the settings file"


_NEXT: dict[Step, str] = {
    "snapshot": "Enter  draws up a copy of it, and then its deletion; a card asks you each time",
    "wait": "its copy is being made: once it is completed, Enter draws up the deletion",
    "delete-volume": "Enter  draws up its deletion, as it was copied; a card asks you first",
    "delete-snapshot": "Enter  draws up its deletion; a card asks you first",
}


def _lines(facts: Iterator[Fact], room: int) -> Iterator[Content]:
    for label, words in facts:
        ink = "$warning" if label == "ORPHAN" else "$muted"
        yield hung(Content.assemble(Content.styled(f"{label:<{_FIELD}}", ink), words), room, _FIELD)


def _ordered(report: VolumesReport) -> Iterator[tuple[str, Kept]]:
    """Orphans first, the dearest on top; then each volume with its snapshots, newest first."""
    everything: tuple[Kept, ...] = (*report.volumes, *report.snapshots)
    orphans = [k for k in everything if k.orphan]
    yield from ((_id(k), k) for k in sorted(orphans, key=lambda k: -(k.cost.usd_per_month or 0)))
    copies: dict[str, list[KeptSnapshot]] = {}
    for kept in sorted(report.snapshots, key=lambda k: k.snapshot.started_at, reverse=True):
        if not kept.orphan:
            copies.setdefault(kept.snapshot.volume_id, []).append(kept)
    for volume in sorted(report.volumes, key=lambda v: (v.fleet or "~", v.volume.volume_id)):
        if not volume.orphan:
            yield _id(volume), volume
        yield from ((_id(s), s) for s in copies.pop(volume.volume.volume_id, ()))
    yield from ((_id(s), s) for left in copies.values() for s in left)


def _id(kept: Kept) -> str:
    return kept.volume.volume_id if isinstance(kept, KeptVolume) else kept.snapshot.snapshot_id


def _age(kept: Kept, report: VolumesReport) -> str | Words:
    if isinstance(kept, KeptSnapshot):
        return short_length(max(0.0, (report.as_of - kept.snapshot.started_at).total_seconds()))
    if kept.newest_snapshot is None:
        return Words("none", "warning")
    return short_length(kept.snapshot_age_seconds)


def _consistent(kept: Kept) -> str | Words:
    return "-" if isinstance(kept, KeptVolume) and kept.newest_snapshot is None else _CONSISTENT[kept.consistency]


def _stands(kept: Kept) -> Words:
    """One word for it: the trouble first, then whether anything needs it."""
    state = kept.volume.state if isinstance(kept, KeptVolume) else kept.snapshot.state
    if state == "error":
        return Words("ERROR", "error")
    if kept.orphan:
        return Words("ORPHAN", "warning") if kept.protected_by is None else Words("orphan, kept", "secondary")
    if isinstance(kept, KeptSnapshot) and state == "pending":
        done = kept.snapshot.progress_percent
        return Words("pending" if done is None else f"pending {done}%")
    return Words(state, "" if state in {"in-use", "completed"} else "warning")
