"""Screen 2: what runs, how it is bought, what it costs, how risky it is."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Static

from agent.journal.watches import WatchedChange
from tools.records import FleetSummary, Inventory, Watch
from tui.messages import Pulse
from tui.safe_text import fit, safe_text
from tui.screens.fleet import FleetScreen
from tui.screens.room import Room
from tui.widgets.aftercare import escalated_line
from tui.widgets.alerts import alert_line, alert_words, open_alerts
from tui.widgets.glyphs import percent, usd
from tui.widgets.table import Column, Table, Words, risk_words

_COLUMNS = (
    Column("FLEET", 13, flex=True),
    Column("WORKLOAD", 9, drop=2),
    Column("TYPE", 9, drop=3),
    Column("CAP", 3, right=True),
    Column("OD/SPOT", 7, right=True),
    Column("POOLS", 5, right=True, drop=4),
    Column("TOP POOL", 20, drop=1),
    Column("TOP%", 4, right=True, drop=5),
    Column("$/H", 7, right=True),
    Column("RISK", 9),
    Column("ALERTS", 10),
    Column("SP", 3, drop=6),
)


def _total(inventory: Inventory) -> str:
    if inventory.usd_per_hour is not None:
        return f"{usd(inventory.usd_per_hour)}/h now"
    missing = [safe_text(f.name, limit=30) for f in inventory.fleets if f.usd_per_hour is None]
    return "total unknown: " + (f"no price for {', '.join(missing[:3])}" if missing else "a price is missing")


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
        self._watch: Watch | None = None
        self._escalated: tuple[WatchedChange, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield Static(id="fleets-head", classes="head", markup=False)
        yield Table(id="fleets")
        yield Static(id="fleets-foot", classes="foot", markup=False)

    def on_mount(self) -> None:
        self._say("reading the fleets ...")
        super().on_mount()
        self.query_one(Table).focus()

    def on_pulse(self, pulse: Pulse) -> None:
        self._watch, self._escalated = pulse.watch, pulse.escalated
        if pulse.inventory is not None:
            self._inventory = pulse.inventory
            self._show()
        elif self._inventory is None:
            why = f": {safe_text(pulse.trouble.message, limit=200)}" if pulse.trouble is not None else ""
            self._say(f"The fleets could not be read{why}. r tries again.")

    def on_resize(self) -> None:
        super().on_resize()
        if self._inventory is not None:
            self._show()

    def action_refresh(self) -> None:
        self.hosting.look()
        self.hosting.look_at_alerts()
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
        self.query_one("#fleets-head", Static).update(Content.styled(words, "$muted"))

    def _show(self) -> None:
        inventory = self._inventory
        if inventory is None:
            return
        self.query_one(Table).show(_COLUMNS, [(f.ref.label, self._cells(f)) for f in inventory.fleets])
        instances = sum(f.instances for f in inventory.fleets)
        spot = sum(f.spot for f in inventory.fleets)
        dot = f" {self.glyphs.dot} "
        head = dot.join(
            [
                f"{len(inventory.fleets)} fleets",
                f"{instances} instances, {percent(spot / instances if instances else None)} spot",
                _total(inventory),
            ]
        )
        alerts, room = open_alerts(self._watch), max(self.app.size.width - 2, 20)
        lines = [Content.styled(head, "bold")]
        if self._escalated:
            lines.append(escalated_line(self._escalated, room))
        if alerts:
            lines.append(alert_line(alerts, room))
        self.query_one("#fleets-head", Static).update(Content("\n").join(lines))
        foot = f"$/H at effective rates{dot}POOLS types x zones{dot}SP Savings Plan{dot}Enter opens\n" + fit(
            f"as of {inventory.as_of:%Y-%m-%d %H:%M:%SZ}{dot}{safe_text(inventory.source, limit=200)}", room
        )
        self.query_one("#fleets-foot", Static).update(Content.styled(foot, "$muted"))

    def _alert(self, label: str) -> Words:
        if any(w.fleet == label for w in self._escalated):
            return Words("! failed", "error")
        return alert_words(self._watch, label)

    def _cells(self, fleet: FleetSummary) -> list[str | Words]:
        return [
            fleet.name,
            fleet.workload or "-",
            fleet.ref.kind,
            str(fleet.desired_capacity),
            f"{fleet.on_demand}/{fleet.spot}",
            str(len(fleet.instance_types) * len(fleet.zones)),
            fleet.largest_pool or "-",
            percent(fleet.largest_pool_share) if fleet.largest_pool else "-",
            usd(fleet.usd_per_hour),
            risk_words(fleet.risk, self.glyphs.risk[fleet.risk]),
            self._alert(fleet.ref.label),
            "yes" if fleet.covered_by_commitment else "-",
        ]
