"""One fleet: how it is bought, its pools with prices and risk, and the price chart of the pool at the cursor."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import DataTable, Static

from tools.records import Fleet, FleetRisk, PoolPrices, PriceAnalysis, RiskScore
from tui import messages
from tui.messages import FleetSeen
from tui.safe_text import fit, plain, safe_text
from tui.screens.room import Room, consult
from tui.widgets.glyphs import percent, usd
from tui.widgets.step_chart import StepChart
from tui.widgets.table import Column, Table, Words, risk_words

_COLUMNS = (
    Column("POOL", 20, flex=True),
    Column("N", 3, right=True),
    Column("NOW", 8, right=True),
    Column("MEAN", 8, right=True, drop=1),
    Column("LIST", 8, right=True, drop=2),
    Column("SAVES", 7, right=True),
    Column("RISK", 9),
)


class FleetScreen(Room):
    NAME = "fleets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, fleet: str) -> None:
        super().__init__()
        self._fleet_name = fleet
        self._seen: FleetSeen | None = None

    def compose_body(self) -> ComposeResult:
        yield Static(plain(f"{self._fleet_name}: reading ..."), id="fleet-head", classes="head", markup=False)
        yield Table(id="pools")
        yield StepChart(id="chart")
        yield Static(id="fleet-foot", classes="foot", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Table).focus()
        self._read()

    def _read(self) -> None:
        house, name = self.house, self._fleet_name

        def question() -> FleetSeen:
            return FleetSeen(house.fleet(name), house.prices(name), house.risk(name))

        consult(self, question, what=f"Reading {safe_text(name, limit=40)}", once=True)

    def troubled(self, trouble: messages.Trouble) -> None:
        super().troubled(trouble)
        if self._seen is None:
            self.query_one("#fleet-head", Static).update(
                plain(f"{self._fleet_name}: not read. r tries again, Esc goes back")
            )

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_refresh(self) -> None:
        self._read()

    def action_copy(self) -> None:
        if self._seen is not None:
            self.hosting.copy_out(self._seen.prices.canonical(), what="its prices as JSON")

    def on_fleet_seen(self, message: FleetSeen) -> None:
        self._seen = message
        self._show()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    @on(DataTable.RowHighlighted)
    def _moved(self) -> None:
        self._chart()

    def _show(self) -> None:
        if self._seen is None:
            return
        fleet, prices, risk = self._seen.fleet, self._seen.prices, self._seen.risk
        self.query_one("#fleet-head", Static).update(self._head(fleet, risk))
        counts = {pool.label: n for pool, n in fleet.pools().items()}
        levels = {score.pool.label: score for score in risk.pools}
        used_first = sorted(prices.pools, key=lambda p: -counts.get(p.pool.label, 0))
        self.query_one(Table).show(_COLUMNS, [(p.pool.label, self._cells(p, counts, levels)) for p in used_first])
        self._foot(prices, risk)
        self._chart()

    def _head(self, fleet: Fleet, risk: FleetRisk) -> Content:
        dot = f" {self.glyphs.dot} "
        mix = fleet.mix
        bought = (
            f"base {mix.on_demand_base_capacity} on-demand, then {mix.on_demand_percentage_above_base}% on-demand"
            f"{dot}{mix.spot_allocation_strategy}"
            if mix is not None
            else f"on-demand only{dot}{fleet.instance_type or 'type unknown'}"
        )
        counts = f"{len(fleet.instances)} of {fleet.desired_capacity} instances, {percent(fleet.spot_share)} spot"
        tags = ", ".join(f"{t.key}={t.value}" for t in fleet.tags)
        return Content.assemble(
            plain(fleet.name, "bold $primary"),
            plain(f"  {fleet.ref.label}{dot}{counts}{dot}risk {risk.level}", limit=300),
            "\n",
            plain(bought, limit=300),
            "\n",
            Content.styled("tags (theirs)  ", "$muted"),
            plain(fit(tags or "none", max(self.size.width - 18, 20)).rstrip(), "$muted"),
        )

    def _cells(self, pool: PoolPrices, counts: dict[str, int], levels: dict[str, RiskScore]) -> list[str | Words]:
        score = levels.get(pool.pool.label)
        level = score.level if score is not None else "unknown"
        return [
            pool.pool.label,
            str(counts.get(pool.pool.label, 0)),
            usd(pool.current_usd_per_hour, places=4),
            usd(pool.mean_usd_per_hour, places=4),
            usd(pool.on_demand_usd_per_hour, places=4),
            percent(pool.saving_share),
            risk_words(level, self.glyphs.risk[level]),
        ]

    def _foot(self, prices: PriceAnalysis, risk: FleetRisk) -> None:
        dot = f" {self.glyphs.dot} "
        window = "all that is known" if prices.window_hours is None else f"last {prices.window_hours:g} h"
        room = max(self.app.size.width - 2, 20)
        advice = fit(f"advice  {safe_text(risk.advice[0], limit=200)}", room) + "\n" if risk.advice else ""
        words = (
            f"{advice}USD per instance-hour{dot}MEAN time-weighted, {window}{dot}LIST on-demand\n"
            f"as of {prices.as_of:%Y-%m-%d %H:%M:%SZ}{dot}{safe_text(prices.source, limit=120)}"
        )
        self.query_one("#fleet-foot", Static).update(Content.styled(words, "$muted"))

    def _chart(self) -> None:
        if self._seen is not None:
            prices, key = self._seen.prices, self.query_one(Table).key_at_cursor
            pool = next((p for p in prices.pools if p.pool.label == key), None)
            self.query_one(StepChart).show(pool, until=prices.as_of)
