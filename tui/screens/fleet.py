"""One fleet: how it is bought, what is wrong, and its pools three ways: prices, how likely they are taken, choice."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from agent.journal.watches import WatchedChange
from tools.records import (
    Fleet,
    FleetRisk,
    InterruptionForecast,
    OpportunityAnalysis,
    PriceAnalysis,
    Watch,
    canonical_json,
)
from tui import messages
from tui.care import FleetChange
from tui.messages import ChangesSeen, ChoiceSeen, FleetSeen, ForecastSeen, ProposalFound, Pulse, expiry
from tui.safe_text import fit, plain, safe_text
from tui.screens.fleet_changes import CHANGES, change_detail, change_rows, to_set_back
from tui.screens.fleet_views import (
    PRICES,
    WAITING,
    Counts,
    View,
    choice_columns,
    choice_detail,
    choice_rows,
    forecast_columns,
    forecast_detail,
    forecast_rows,
    price_rows,
    waiting_rows,
)
from tui.screens.room import Room, consult
from tui.widgets.aftercare import escalated_line
from tui.widgets.alerts import alert_line, alerts_of
from tui.widgets.glyphs import percent
from tui.widgets.step_chart import StepChart
from tui.widgets.table import Table

_VIEWS: tuple[tuple[str, View, str], ...] = (
    ("p", "prices", "Prices"),
    ("f", "forecast", "Risk"),
    ("w", "choice", "Choice"),
    ("h", "changes", "Changes"),
)
_ROOMY_HEIGHT = 30
"""rows from which tags stand beside an alert"""


class FleetScreen(Room):
    NAME = "fleets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", key_display="Esc"),
        Binding("p,ㅔ", "view('prices')", "Prices", show=False),
        Binding("f,ㄹ", "view('forecast')", "Risk", show=False),
        Binding("w,ㅈ", "view('choice')", "Choice", show=False),
        Binding("h,ㅗ", "view('changes')", "Changes", show=False),
        Binding("u,ㅕ", "set_back", "Set back", key_display="u"),
        Binding("r", "refresh", "Read again"),
        Binding("c", "copy", "Copy"),
    ]

    def __init__(self, fleet: str) -> None:
        super().__init__()
        self._fleet_name = fleet
        self._view: View = "prices"
        self._seen: FleetSeen | None = None
        self._forecast: InterruptionForecast | None = None
        self._choice: OpportunityAnalysis | None = None
        self._changes: Sequence[FleetChange] | None = None
        self._watch: Watch | None = None
        self._escalated: tuple[WatchedChange, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield Static(plain(f"{self._fleet_name}: reading ..."), id="fleet-head", classes="head", markup=False)
        yield Static(id="views", markup=False)
        yield Table(id="pools")
        yield StepChart(id="chart")
        with VerticalScroll(id="pool"):
            yield Static(id="pool-words", markup=False)
        yield Static(id="fleet-foot", classes="foot", markup=False)

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Table).focus()
        self._read()

    # asking

    def _read(self) -> None:
        house, name = self.house, self._fleet_name

        def question() -> FleetSeen:
            fleet = house.fleet(name)
            return FleetSeen(fleet, house.prices(name), house.risk(name), house.signals(), house.held(fleet.name))

        consult(self, question, what=f"Reading {safe_text(name, limit=40)}", once=True)
        self._read_view()

    def _read_view(self) -> None:
        """The views that take longer are read when somebody looks."""
        house, name = self.house, self._fleet_name
        if self._view == "forecast" and self._forecast is None:
            consult(self, lambda: ForecastSeen(house.forecast(name)), what="Reading the risk of its pools", once=True)
        if self._view == "choice" and self._choice is None:
            consult(self, lambda: ChoiceSeen(house.choice(name)), what="Weighing its pools", once=True)

    def troubled(self, trouble: messages.Trouble) -> None:
        super().troubled(trouble)
        if self._seen is None:
            self.query_one("#fleet-head", Static).update(
                plain(f"{self._fleet_name}: not read. r tries again, Esc goes back")
            )
        elif self._shown is None:
            self._say("not read. r tries again")

    def _read_changes(self) -> None:
        if self._seen is not None:
            house, label = self.house, self._seen.fleet.ref.label
            consult(self, lambda: ChangesSeen(house.changes(label)), what="Reading its changes", once=True)

    def on_fleet_seen(self, message: FleetSeen) -> None:
        self._seen = message
        self._read_changes()
        self._show()

    def on_changes_seen(self, message: ChangesSeen) -> None:
        if message.changes != self._changes or any(c.watch and c.watch.open for c in message.changes):
            self._changes = message.changes
            self._show()

    def on_forecast_seen(self, message: ForecastSeen) -> None:
        self._forecast = message.found
        self._show()

    def on_choice_seen(self, message: ChoiceSeen) -> None:
        self._choice = message.found
        self._show()

    def on_pulse(self, pulse: Pulse) -> None:
        self._read_changes()
        if pulse.watch is not self._watch or pulse.escalated != self._escalated:
            self._watch, self._escalated = pulse.watch, pulse.escalated
            self._show()

    def on_resize(self) -> None:
        super().on_resize()
        self._show()

    # keys

    def action_back(self) -> None:
        self.app.pop_screen()

    def action_view(self, view: View) -> None:
        self._view = view
        self._read_view()
        self._show()

    def action_refresh(self) -> None:
        self._forecast = self._choice = None
        self._read()
        self._show()

    def action_set_back(self) -> None:
        """Draw up what sets back the selected change, or the newest; the approval card asks."""
        selected = self.query_one(Table).key_at_cursor if self._view == "changes" else None
        one = to_set_back(self._changes or (), selected)
        if one is None or one.undone is not None:
            words = f"{one.change.proposal_id} is set back already." if one else "No change of it is known to set back."
            self.hosting.tell(words, warn=True)
            return
        house, proposal_id = self.house, one.change.proposal_id
        consult(self, lambda: ProposalFound(house.undo(proposal_id)), what="Setting back", once=True)

    def on_proposal_found(self, message: ProposalFound) -> None:
        saved = message.saved
        self.hosting.review(saved.proposal, saved.decision, status=saved.status, expires_at=expiry(saved))

    def action_copy(self) -> None:
        """What the view shows, as a program would get it."""
        if self._view == "changes":
            said = [c.change.model_dump(mode="json") for c in self._changes or ()]
            self.hosting.copy_out(canonical_json(said), what="its changes as JSON")
            return
        shown = self._shown
        if shown is not None:
            self.hosting.copy_out(shown.canonical(), what=f"its {self._view} as JSON")

    @property
    def _shown(self) -> PriceAnalysis | InterruptionForecast | OpportunityAnalysis | None:
        """What the view is about; None while it is read."""
        if self._view == "prices":
            return self._seen.prices if self._seen else None
        if self._view == "forecast":
            return self._forecast
        return self._choice if self._view == "choice" else None

    @on(DataTable.RowHighlighted)
    def _moved(self) -> None:
        self._about_pool()

    # showing

    def _show(self) -> None:
        if self._seen is None:
            return
        seen = self._seen
        self.query_one("#fleet-head", Static).update(self._head(seen.fleet, seen.risk))
        self.query_one("#views", Static).update(self._tabs())
        self.query_one(StepChart).display = self._view == "prices"
        self.query_one("#pool").display = self._view != "prices"
        self._fill(seen)
        if self._view == "changes":
            self._about_changes()
            return
        if self._shown is None:
            self._say("reading ...")
            return
        self._foot(seen.risk)
        self._about_pool()

    def _fill(self, seen: FleetSeen) -> None:
        table, counts = self.query_one(Table), Counts(seen.fleet)
        if self._view == "forecast" and self._forecast is not None:
            table.show(forecast_columns(self._forecast), forecast_rows(self._forecast, counts, self.glyphs))
        elif self._view == "choice" and self._choice is not None:
            table.show(choice_columns(self._choice), choice_rows(self._choice, self.glyphs))
        elif self._view == "changes":
            table.show(CHANGES, change_rows(self._changes or (), self.hosting.now()))
        elif self._shown is None:
            table.show(WAITING, waiting_rows(seen.prices, counts))
        else:
            levels = {score.pool.label: score for score in seen.risk.pools}
            table.show(PRICES, price_rows(seen.prices, counts, levels, self.glyphs))

    def _say(self, words: str) -> None:
        self.query_one("#pool-words", Static).update(Content.styled(f"{self._view}: {words}", "$muted"))

    def _tabs(self) -> Content:
        pieces: list[Content] = [Content(" ")]
        for key, view, label in _VIEWS:
            style = "bold $primary" if view == self._view else "$muted"
            mark = "[{}]" if view == self._view else " {} "  # seen without colour too
            pieces += [Content.styled(mark.format(f"{key} {label}"), style), Content(" ")]
        return Content.assemble(*pieces)

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
        room = max(self.size.width - 2, 20)
        lines = [
            Content.assemble(
                plain(fleet.name, "bold $primary"),
                plain(f"  {fleet.ref.label}{dot}{counts}{dot}risk {risk.level}", limit=300),
            ),
            plain(bought, limit=300),
        ]
        alerts = alerts_of(self._watch, fleet.ref.label)
        mine = tuple(w for w in self._escalated if w.fleet == fleet.ref.label)
        if mine:
            lines.append(escalated_line(mine, room))
        if alerts:
            lines.append(alert_line(alerts, room))
        held = self._seen.held if self._seen else ""
        if held and (not (alerts or mine) or self.size.height >= _ROOMY_HEIGHT):
            told = plain(fit(safe_text(held, limit=300), max(room - 16, 20)).rstrip(), "$muted")
            lines.append(Content.assemble(Content.styled("rules wait     ", "$muted"), told))
        if not (alerts or mine or held) or self.size.height >= _ROOMY_HEIGHT:
            told = plain(fit(tags or "none", max(room - 16, 20)).rstrip(), "$muted")
            lines.append(Content.assemble(Content.styled("tags (theirs)  ", "$muted"), told))
        return Content("\n").join(lines)

    def _foot(self, risk: FleetRisk) -> None:
        shown = self._shown
        if shown is None:
            return
        dot = f" {self.glyphs.dot} "
        room = max(self.app.size.width - 2, 20)
        lines = [fit(f"advice  {safe_text(risk.advice[0], limit=200)}", room)] if risk.advice else []
        lines.append(fit(self._meaning(shown, dot), room))
        lines.append(fit(f"as of {shown.as_of:%Y-%m-%d %H:%M:%SZ}{dot}{safe_text(shown.source, limit=240)}", room))
        self.query_one("#fleet-foot", Static).update(Content.styled("\n".join(lines), "$muted"))

    @staticmethod
    def _meaning(shown: PriceAnalysis | InterruptionForecast | OpportunityAnalysis, dot: str) -> str:
        if isinstance(shown, PriceAnalysis):
            window = "all that is known" if shown.window_hours is None else f"last {shown.window_hours:g} h"
            return f"USD per instance-hour{dot}MEAN time-weighted, {window}{dot}LIST on-demand"
        if isinstance(shown, InterruptionForecast):
            return f"N instances{dot}1 H, 6 H ... chance that one is interrupted within that time"
        return f"USD{dot}USEFUL H mean price x (1 + lost hours){dot}24 H chance of an interruption"

    def _about_changes(self) -> None:
        """The change at the cursor."""
        key, words = self.query_one(Table).key_at_cursor, self.query_one("#pool-words", Static)
        one = next((c for c in self._changes or () if c.change.proposal_id == key), None)
        if self._changes is None:
            self._say("reading ...")
        elif one is None:
            words.update(plain("this journal knows of no change of it", "$muted"))
        else:
            words.update(change_detail(one, self.hosting.now(), glyphs=self.glyphs, room=max(self.size.width - 4, 20)))
        dot = f" {self.glyphs.dot} "
        foot = f"newest first, from this journal{dot}VERIFIED what a watch after the change found"
        self.query_one("#fleet-foot", Static).update(Content.styled(foot, "$muted"))

    def _about_pool(self) -> None:
        """The chart, or the words, of the pool at the cursor."""
        if self._view == "changes":
            if self._seen is not None:
                self._about_changes()
            return
        if self._seen is None or self._shown is None:
            return
        key, room = self.query_one(Table).key_at_cursor, max(self.size.width - 4, 20)
        words = self.query_one("#pool-words", Static)
        if self._view == "prices":
            prices = self._seen.prices
            pool = next((p for p in prices.pools if p.pool.label == key), None)
            self.query_one(StepChart).show(pool, until=prices.as_of, signals=self._seen.signals)
        elif self._view == "forecast" and self._forecast is not None:
            one = next((p for p in self._forecast.pools if p.pool.label == key), None)
            words.update(forecast_detail(one, room=room, glyphs=self.glyphs) if one else Content(""))
        elif self._choice is not None:
            found = next((o for o in self._choice.opportunities if o.pool.label == key), None)
            told = choice_detail(found, self._choice, room=room, glyphs=self.glyphs) if found else Content("")
            words.update(told)
