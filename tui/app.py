"""The terminal app: six screens over one house. It shows and asks; the house decides and does."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import partial
from time import monotonic
from typing import ClassVar, Literal, cast

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.worker import Worker, WorkerState

from policies.records import Decision, Proposal
from tools.errors import SpotError
from tools.records import Inventory, Watch
from tui.house import Conversation, House, Open, Saved, Verified
from tui.messages import Answered, Pulse, Switched, WatchSeen
from tui.screens.approval import ApprovalCard
from tui.screens.approvals import ApprovalsScreen
from tui.screens.audit import AuditScreen
from tui.screens.chat import ChatScreen
from tui.screens.fleets import FleetsScreen
from tui.screens.halt import HaltCard
from tui.screens.help import HelpCard
from tui.screens.jobs import JobsScreen
from tui.screens.room import QUIET_SECONDS, HouseApp, consult, too_small, trouble_of
from tui.screens.volumes import VolumesScreen
from tui.theme import DARK, LIGHT
from tui.widgets.aftercare import fleet_of, reasons, stands
from tui.widgets.glyphs import ASCII, UNICODE

__all__ = ["Conversation", "House", "Open", "Saved", "SpotwardenApp", "Verified"]

POLL_SECONDS = 3.0
WATCH_SECONDS = 30.0
"""between looks at the monitor's alerts; where nobody watches, it is a look of our own"""
QUIT_SECONDS = 2.0
_TONES: dict[str, bool] = {"done": False, "already": False, "approved": False}


class AsciiBars(ScrollBarRender):
    """Scroll bars without part-filled blocks, which are of ambiguous width."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class SpotwardenApp(HouseApp):
    """`ascii_only` draws without glyphs of ambiguous width; NO_COLOR in the environment is honoured by Textual."""

    TITLE = "spotwarden"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    MODES = {
        "chat": ChatScreen,
        "fleets": FleetsScreen,
        "approvals": ApprovalsScreen,
        "audit": AuditScreen,
        "jobs": JobsScreen,
        "volumes": VolumesScreen,
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "go('chat')", "Chat", show=False),
        Binding("2", "go('fleets')", "Fleets", show=False),
        Binding("3", "go('approvals')", "Approvals", show=False),
        Binding("4", "go('audit')", "Audit", show=False),
        Binding("5,j,ㅓ", "go('jobs')", "Jobs", show=False),
        Binding("6,e,ㄷ", "go('volumes')", "Volumes", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("f8", "kill_switch", "Stop all", key_display="F8", priority=True),
        Binding("ctrl+t", "dark_or_light", "Dark/light", show=False),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit_on_second", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        house: House,
        *,
        ascii_only: bool = False,
        dark: bool = True,
        poll_seconds: float = POLL_SECONDS,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        super().__init__(house, ASCII if ascii_only else UNICODE, quiet_seconds=quiet_seconds)
        self._dark = dark
        self._poll_seconds = poll_seconds
        self._quit_asked_at: float | None = None

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = (DARK if self._dark else LIGHT).name
        ascii_only = self.glyphs is ASCII
        self.set_class(ascii_only, "-ascii")
        ScrollBar.renderer = AsciiBars if ascii_only else ScrollBarRender
        self.switch_mode("chat")
        self.look()
        self.set_interval(self._poll_seconds, self.look)
        self.look_at_alerts()
        self.set_interval(max(self._poll_seconds, WATCH_SECONDS), self.look_at_alerts)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"muted": "#8f99a8"}  # ours; a theme of Textual's own has none

    # how the house stands

    def look(self) -> None:
        before = self.pulse.watched if self.pulse is not None else ()
        named = self.followed | {w.proposal_id for w in before if w.open}
        consult(self, partial(_pulse, self.house, named), what="Looking at the fleets", once=True)
        consult(self, partial(_look_after, self.house), what="Verifying what was changed", once=True)

    def on_pulse(self, message: Pulse) -> None:
        if self.pulse is not None:
            self._tell_alone(self.pulse, message)
            self._tell_ended(self.pulse, message)
            message.watch = self.pulse.watch
        self.pulse = message
        if message.trouble is not None:
            self.tell_trouble(message.trouble)
        self.pulse_signal.publish(message)

    def look_at_alerts(self) -> None:
        house = self.house
        consult(self, lambda: WatchSeen(house.watch()), what="Looking at the alerts", once=True)

    def on_watch_seen(self, message: WatchSeen) -> None:
        if self.pulse is None:  # nothing to show it with yet
            self.set_timer(1.0, self.look_at_alerts)
            return
        self._tell_new(self.pulse.watch, message.watch)
        self.pulse.watch = message.watch
        self.pulse_signal.publish(self.pulse)

    def _tell_new(self, before: Watch | None, now: Watch) -> None:
        """What was there when the app began stands on the screens; what opens while somebody sits here is told."""
        if before is None:
            return
        known = {a.alert_id for a in before.alerts}
        for alert in now.alerts:
            if alert.cleared_at is None and alert.alert_id not in known:
                self.tell(alert.message, warn=True)

    def _tell_alone(self, before: Pulse, now: Pulse) -> None:
        """An interruption is answered without anybody being asked: whoever sits here hears of it at once."""
        known = {p.proposal.proposal_id for p in before.proposals}
        for saved in now.alone:
            if saved.proposal.proposal_id not in known and saved.proposal.proposed_by == "reflex":
                self.tell(f"{saved.proposal.rationale}: {', '.join(saved.proposal.action.types)} {saved.status}")

    def _tell_ended(self, before: Pulse, now: Pulse) -> None:
        """A verification ends while somebody does something else; who only looks at the chat sees it there."""
        was = {w.proposal_id: w.status for w in before.watched}
        for watch in now.watched:
            if not watch.open and was.get(watch.proposal_id, watch.status) != watch.status:
                word, _ = stands(watch)
                self.tell(f"{word}: {fleet_of(watch)}: {reasons(watch)}", warn=watch.status != "passed")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.tell_trouble(trouble_of(event.worker.name, event.worker.error))

    # approvals

    def review(self, proposal: Proposal, decision: Decision, *, status: str, expires_at: datetime) -> None:
        if isinstance(self.screen, ApprovalCard):
            self.tell(f"Another proposal waits: {proposal.title}. Key 3 lists it.", warn=True)
            return
        card = ApprovalCard(proposal, decision, status=status, expires_at=expires_at)
        self.push_screen(card, partial(self._answer, proposal, status))

    def _answer(self, proposal: Proposal, status: str, answer: str | None) -> None:
        if status != "pending":
            return
        if answer not in {"approve", "deny"}:
            self.tell("Left pending: nothing was changed. Key 3 lists it until it expires.")
            return
        said = cast("Literal['approve', 'deny']", answer)
        if said == "deny":
            self.tell(f"Denied: {proposal.title}. Nothing was changed.")
        chat = self._chat()
        if chat is not None and chat.waiting_for == proposal.proposal_id and not chat.running:
            chat.answer(proposal.proposal_id, said)
            return
        house, person, proposal_id = self.house, self.house.person, proposal.proposal_id
        consult(self, lambda: Answered(house.answer(proposal_id, said, by=person), said), what="Answering")

    def on_answered(self, message: Answered) -> None:
        saved = message.saved
        if message.answer == "approve":
            self.tell(f"{saved.proposal.title}: {saved.status}", warn=_TONES.get(saved.status, True))
        self.look()

    def _chat(self) -> ChatScreen | None:
        stack = self._screen_stacks.get("chat", [])
        return next((s for s in stack if isinstance(s, ChatScreen)), None)

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """On a terminal too small to read, the stop and the way out still work."""
        blind = action in {"go", "help", "command_palette"} and too_small(self.size)
        return not blind and super().check_action(action, parameters)

    def action_go(self, mode: str) -> None:
        """A card on top stays where it is: it belongs to the screen that opened it."""
        if not isinstance(self.screen, ApprovalCard):
            self.switch_mode(mode)

    def action_help(self) -> None:
        if not isinstance(self.screen, (HelpCard, ApprovalCard, HaltCard)):
            self.push_screen(HelpCard())

    def action_dark_or_light(self) -> None:
        self.theme = (LIGHT if self.theme == DARK.name else DARK).name

    def action_kill_switch(self) -> None:
        if isinstance(self.screen, HaltCard):
            return
        halted = self.pulse.halted if self.pulse is not None else False
        self.push_screen(HaltCard(halted=halted), partial(self._switch, halted))

    def _switch(self, was_halted: bool, answer: str | None) -> None:
        if answer != "yes":
            return
        house = self.house

        def switch() -> Switched:
            if was_halted:
                house.resume_running()
            else:
                house.halt()
            return Switched(house.halted())

        consult(self, switch, what="The kill switch")

    def on_switched(self, message: Switched) -> None:
        words = "HALTED: nothing is changed until F8 lifts it." if message.halted else "The stop is lifted."
        self.tell(words, warn=message.halted)
        self.look()

    def action_quit_on_second(self) -> None:
        """Once copies what is selected, or stops a running answer and asks; twice within two seconds quits."""
        selected = self.screen.get_selected_text()
        if selected:
            self.copy_out(selected, what="the selection")
            self.screen.clear_selection()
            return
        now = monotonic()
        if self._quit_asked_at is not None and now - self._quit_asked_at <= QUIT_SECONDS:
            self._leave(130)
            return
        self._quit_asked_at = now
        chat = self._chat()
        if chat is not None and chat.running:
            chat.action_stop()
        self.tell("Ctrl+C again quits.")

    async def action_quit(self) -> None:
        self._leave(0)

    def _leave(self, code: int) -> None:
        self.leaving = True
        chat = self._chat()
        if chat is not None:
            chat.leave()
        self.exit(code)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:  # noqa: ARG002 -- Textual's signature
        yield SystemCommand("Chat", "Ask about money, risk, changes (1)", partial(self.action_go, "chat"))
        yield SystemCommand("Fleets", "What runs, costs and risks (2)", partial(self.action_go, "fleets"))
        yield SystemCommand("Approvals", "What waits for your answer (3)", partial(self.action_go, "approvals"))
        yield SystemCommand("Audit", "What happened, and the proof (4)", partial(self.action_go, "audit"))
        yield SystemCommand("Jobs", "What is durable, what is left, each recovery (5)", partial(self.action_go, "jobs"))
        yield SystemCommand("Volumes", "Volumes, snapshots, orphans, schedules (6)", partial(self.action_go, "volumes"))
        yield SystemCommand("Kill switch", "Stop all changes, or lift the stop (F8)", self.action_kill_switch)
        yield SystemCommand("Dark or light", "Change the theme (Ctrl+T)", self.action_dark_or_light)
        yield SystemCommand("Keys", "Every key on one page (?)", self.action_help)
        chat = self._chat()
        if chat is not None:
            yield SystemCommand("Copy answer", "The last answer to the clipboard", chat.action_copy)
            yield SystemCommand("Go on", "Take up what a stopped session left open", chat.go_on)
        yield SystemCommand("Quit", "Leave; a daemon goes on (q)", partial(self._leave, 0))


def _look_after(house: House) -> None:
    house.look_after()


def _pulse(house: House, named: Collection[str]) -> Pulse:
    """The journal and the kill switch do not depend on the cloud: they are told even when it does not answer."""
    title, simulated, trouble = "account unknown", False, None
    inventory: Inventory | None = None
    try:
        simulated = house.simulated
        title = house.title
        inventory = house.inventory()
        _ = house.mode
    except SpotError as error:
        trouble = trouble_of("Looking at the account and its policy", error)
    now, halted = house.clock.now(), house.halted()
    watched = house.watched(named)
    return Pulse(
        title, simulated, inventory, house.proposals(), house.open_intents(), halted, now, trouble, watched=watched
    )
