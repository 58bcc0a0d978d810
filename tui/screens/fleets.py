"""Screen 2: what runs, how it is bought, what it costs, how risky it is."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Static

from tools.records import FleetSummary, Inventory
from tui.messages import Pulse
from tui.safe_text import safe_text
from tui.screens.fleet import FleetScreen
from tui.screens.room import Room
from tui.widgets.glyphs import percent, usd
from tui.widgets.table import Column, Table, Words, risk_words

_NARROW = (
    Column("FLEET", 15),
    Column("TYPE", 9),
    Column("CAP", 4, right=True),
    Column("OD/SPOT", 7, right=True),
    Column("POOLS", 5, right=True),
    Column("TOP%", 5, right=True),
    Column("$/H", 8, right=True),
    Column("RISK", 9),
    Column("SP", 3),
)
_WIDE = (
    Column("FLEET", 18),
    Column("WORKLOAD", 10),
    *_NARROW[1:5],
    Column("TOP POOL", 22),
    *_NARROW[5:8],
    Column("COMMITMENT", 12),
)
_WIDE_FROM = 100


class FleetsScreen(Room):
    NAME = "fleets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", key_display="Enter"),
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy row"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._inventory: Inventory | None = None

    def compose_body(self) -> ComposeResult:
        yield Static(id="fleets-head", classes="head", markup=False)
        yield Table(id="fleets")
        yield Static(id="fleets-foot", classes="foot", markup=False)

    def on_mount(self) -> None:
        self._say("reading the fleets ...")
        super().on_mount()
        self.query_one(Table).focus()

    def on_pulse(self, pulse: Pulse) -> None:
        if pulse.inventory is not None:
            self._inventory = pulse.inventory
            self._show()
        elif self._inventory is None:
            self._say("the fleets could not be read: r tries again")

    def on_resize(self) -> None:
        super().on_resize()
        if self._inventory is not None:
            self._show()

    def action_refresh(self) -> None:
        self.hosting.look()
        self.hosting.tell("Reading the fleets again.")

    def action_copy(self) -> None:
        row = self._at_cursor()
        if row is not None:
            self.hosting.copy_out(row.canonical(), what=f"{row.name} as JSON")

    def action_open(self) -> None:
        row = self._at_cursor()
        if row is not None:
            self.app.push_screen(FleetScreen(row.name))

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        self.action_open()

    def _at_cursor(self) -> FleetSummary | None:
        key = self.query_one(Table).key_at_cursor
        fleets = self._inventory.fleets if self._inventory else ()
        return next((f for f in fleets if f.ref.label == key), None)

    def _say(self, words: str) -> None:
        self.query_one("#fleets-head", Static).update(Content.styled(words, "$text-muted"))

    def _show(self) -> None:
        inventory = self._inventory
        if inventory is None:
            return
        wide = self.app.size.width >= _WIDE_FROM
        rows = [(f.ref.label, self._cells(f, wide=wide)) for f in inventory.fleets]
        self.query_one(Table).show(_WIDE if wide else _NARROW, rows)
        instances = sum(f.instances for f in inventory.fleets)
        spot = sum(f.spot for f in inventory.fleets)
        dot = f" {self.glyphs.dot} "
        head = dot.join(
            [
                f"{len(inventory.fleets)} fleets",
                f"{instances} instances, {percent(spot / instances if instances else None)} spot",
                f"{usd(inventory.usd_per_hour)}/h now",
            ]
        )
        self.query_one("#fleets-head", Static).update(Content.styled(head, "bold"))
        foot = (
            f"$/H spot price in force, on-demand at its effective rate{dot}POOLS types x zones it may use\n"
            f"as of {inventory.as_of:%Y-%m-%d %H:%M:%SZ}{dot}{safe_text(inventory.source, limit=80)}"
        )
        self.query_one("#fleets-foot", Static).update(Content.styled(foot, "$text-muted"))

    def _cells(self, fleet: FleetSummary, *, wide: bool) -> list[str | Words]:
        risk = risk_words(fleet.risk, self.glyphs.risk[fleet.risk])
        counts = [
            fleet.ref.kind,
            str(fleet.desired_capacity),
            f"{fleet.on_demand}/{fleet.spot}",
            str(len(fleet.instance_types) * len(fleet.zones)),
        ]
        share = percent(fleet.largest_pool_share) if fleet.largest_pool else "-"
        cost = usd(fleet.usd_per_hour)
        if not wide:
            return [fleet.name, *counts, share, cost, risk, "yes" if fleet.covered_by_commitment else "-"]
        return [
            fleet.name,
            fleet.workload or "-",
            *counts,
            fleet.largest_pool or "-",
            share,
            cost,
            risk,
            "Savings Plan" if fleet.covered_by_commitment else "-",
        ]
