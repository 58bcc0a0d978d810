"""Beside the chat on a wide terminal: fleets, alerts, approvals and limits at a glance."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from agent.events import Spent
from agent.journal.watches import WatchedChange
from tools.records import FleetSummary
from tui.house import Saved
from tui.messages import Pulse
from tui.safe_text import fit, plain, safe_text
from tui.widgets.aftercare import fleet_of, watch_short
from tui.widgets.alerts import alert_short, open_alerts
from tui.widgets.glyphs import RISK_STYLE, usd
from tui.widgets.title import glyphs_of

MAX_FLEETS = 12
NAME_WIDTH = 13
PANEL_COLUMNS = 34

DEEDS = {"replace-instances": "replace", "request-checkpoint": "checkpoint", "restore-checkpoint": "restore"}


class SidePanel(VerticalScroll, can_focus=False):
    def __init__(self) -> None:
        super().__init__()
        self._spent: Spent | None = None
        self._pulse: Pulse | None = None

    def compose(self) -> ComposeResult:
        for name in ("fleets", "alerts", "watched", "alone", "approvals", "limits"):
            yield Static(id=f"side-{name}", markup=False)

    def show(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._put("fleets", "FLEETS", self._fleets(pulse))
        self._put("alerts", "ALERTS", self._alerts(pulse))
        watched = [watch_short(w, pulse.at, PANEL_COLUMNS) for w in reversed(pulse.watched) if w.open]
        self._put("watched", "VERIFYING", watched[:4])
        self.query_one("#side-watched").display = bool(watched)
        self._put(
            "alone", "DONE ALONE", [_alone(s) for s in pulse.alone[:4]] or [Content.styled("nothing yet", "$muted")]
        )
        waiting = [plain(_what(s)) for s in pulse.pending]
        self._put("approvals", "APPROVALS", waiting[:5] or [Content.styled("none waiting", "$muted")])
        self._limits()

    def spent(self, spent: Spent) -> None:
        self._spent = spent
        self._limits()

    def _put(self, name: str, head: str, lines: list[Content]) -> None:
        body = Content("\n").join([Content.styled(head, "bold $primary"), *lines])
        self.query_one(f"#side-{name}", Static).update(body)

    def _fleets(self, pulse: Pulse) -> list[Content]:
        if pulse.inventory is None:
            return [Content.styled("not read yet", "$muted")]
        head = Content.styled(f"{'':<{NAME_WIDTH}}   n spot risk", "$muted")
        rows = [head, *(self._fleet(f) for f in pulse.inventory.fleets[:MAX_FLEETS])]
        more = len(pulse.inventory.fleets) - MAX_FLEETS
        if more > 0:
            rows.append(Content.styled(f"and {more} more (2)", "$muted"))
        total = Content.styled(f"total {usd(pulse.inventory.usd_per_hour)}/h", "$muted")
        return [*rows, total]

    def _fleet(self, fleet: FleetSummary) -> Content:
        spot = f"{fleet.spot / fleet.instances * 100:.0f}%" if fleet.instances else "-"
        counted = f"{fleet.instances:>3} {spot:>4}"
        mark = glyphs_of(self).risk[fleet.risk]
        return Content.assemble(
            f"{fit(safe_text(fleet.name), NAME_WIDTH)} {counted} ",
            Content.styled(f"{mark} {fleet.risk}", RISK_STYLE[fleet.risk]),
        )

    def _alerts(self, pulse: Pulse) -> list[Content]:
        lines: list[Content] = []
        if pulse.halted:
            lines.append(Content.styled("! HALTED: F8 lifts it", "bold $error"))
        for intent in pulse.open_intents:
            fleet = safe_text(intent.intent.permit.action.fleet.fleet_id, limit=20)
            lines.append(Content.styled(f"! outcome unknown: {fleet}", "$error"))
        lines += [_not_back(w) for w in reversed(pulse.escalated)]
        alerts = open_alerts(pulse.watch)
        lines += [alert_short(pulse.watch, a, PANEL_COLUMNS) for a in alerts]
        told = {a.subject for a in alerts}
        fleets = pulse.inventory.fleets if pulse.inventory else ()
        risky = [f for f in fleets if f.risk == "high" and f.ref.label not in told]
        lines += [Content.styled(f"! high risk: {safe_text(f.name, limit=20)}", "$warning") for f in risky]
        return lines[:6] or [Content.styled("none", "$muted")]

    def _limits(self) -> None:
        spent = self._spent
        if spent is None:
            lines = [Content.styled("no question asked yet", "$muted")]
        else:
            cost = "price unknown" if spent.usd is None else f"${spent.usd:.4f}" if spent.usd else "$0"
            lines = [
                Content(f"steps   {spent.steps:>10}"),
                Content(f"tokens  {spent.prompt_tokens + spent.completion_tokens:>10,}"),
                Content(f"model   {cost:>10}"),
            ]
        self._put("limits", "THIS ANSWER", lines)


def _alone(saved: Saved) -> Content:
    """One thing that the reflex or the daemon did: when, where, what, and how it ended."""
    proposal = saved.proposal
    what = DEEDS.get(proposal.action.kind, proposal.action.types[0])
    words = fit(f"{safe_text(proposal.fleet.fleet_id, limit=10)} {what}", 23)
    style = "$success" if saved.status == "done" else "$warning"
    return Content.assemble(
        f"{proposal.created_at:%H:%M} {words} ", Content.styled(fit(saved.status, 6).strip(), style)
    )


def _what(saved: Saved) -> str:
    first, *more = saved.proposal.action.types
    return fit(f"{safe_text(saved.proposal.fleet.fleet_id, limit=14)} {first}{f' +{len(more)}' if more else ''}", 34)


def _not_back(watch: WatchedChange) -> Content:
    return Content.styled(fit(f"! not set back: {fleet_of(watch)}", PANEL_COLUMNS), "bold $error")
