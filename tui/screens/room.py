"""What every screen shares: the title, the tabs, the keys, asking the house without blocking, and trouble."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import ClassVar, cast

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.signal import Signal
from textual.widget import Widget
from textual.widgets import Footer, Static
from textual.worker import Worker, WorkerState

from policies.records import Decision, Proposal
from tools.errors import SpotError
from tui.house import House
from tui.messages import FromWorker, Pulse, Trouble
from tui.safe_text import plain, safe_text
from tui.widgets.glyphs import Glyphs
from tui.widgets.title import TabBar, TitleBar

WIDTHS: list[tuple[int, str]] = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]
HEIGHTS: list[tuple[int, str]] = [(0, "-flat"), (16, "-low"), (20, "-tall")]
CROWDED_HEIGHT = 16
REPEAT_SECONDS = 30.0
QUIET_SECONDS = 0.3
"""how long no key may come before an approval card listens"""
CROWDED_WIDTH = 60


def too_small(size: Size) -> bool:
    """No table, and no card, can be read."""
    return size.width < CROWDED_WIDTH or size.height < CROWDED_HEIGHT


class HouseApp(App[int]):
    """The app as its screens see it; tui.app.SpotwardenApp is the one there is."""

    house: House
    glyphs: Glyphs
    pulse: Pulse | None
    pulse_signal: Signal[Pulse]
    quiet_seconds: float
    leaving: bool = False
    """True from the moment the app was told to close"""

    def __init__(self, house: House, glyphs: Glyphs, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        super().__init__()
        self.house = house
        self.glyphs = glyphs
        self.quiet_seconds = quiet_seconds
        self.pulse = None
        self.pulse_signal = Signal(self, "pulse")
        self.followed: set[str] = set()
        """changes whose verification somebody here waits for"""
        self._now = datetime.max.replace(tzinfo=UTC)  # no clock heard yet: nothing can be approved
        self._told_at: dict[str, float] = {}

    @abstractmethod
    def review(self, proposal: Proposal, decision: Decision, *, status: str, expires_at: datetime) -> None:
        """Show the approval card and carry the answer to whoever waits for it."""

    @abstractmethod
    def look(self) -> None:
        """Ask the house again how it stands, soon."""

    @abstractmethod
    def look_at_alerts(self) -> None:
        """Ask the monitor again what is wrong, soon."""

    def now(self) -> datetime:
        """The house's time; the last one known when its clock does not answer."""
        with suppress(SpotError):
            self._now = self.house.clock.now()
        return self._now

    def tell_trouble(self, trouble: Trouble) -> None:
        """A notice with what happened and the way out; never a traceback, and not again every few seconds."""
        moment = monotonic()
        if moment - self._told_at.get(trouble.message, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return
        self._told_at[trouble.message] = moment
        words = safe_text(trouble.message, limit=600, lines=True)
        hint = safe_text(trouble.hint, lines=True)
        text = f"{words}\n{self.glyphs.arrow} {hint}" if hint else words
        self.notify(text, title="Trouble", severity="error", timeout=12, markup=False)

    def tell(self, text: str, *, warn: bool = False) -> None:
        self.notify(safe_text(text, lines=True), severity="warning" if warn else "information", markup=False)

    def copy_out(self, text: str, *, what: str) -> None:
        self.copy_to_clipboard(text)
        self.tell(f"Copied {what}.")


def trouble_of(what: str, error: BaseException | None) -> Trouble:
    """What a failed worker has to say to a person."""
    if isinstance(error, SpotError):
        return Trouble(error.message, error.hint)
    kind = type(error).__name__ if error is not None else "unknown"
    return Trouble(
        f"{what} failed unexpectedly: {kind}: {safe_text(error, limit=200)}",
        "nothing else is affected: try again, or run `spotwarden doctor` and report what it says",
    )


def consult(node: Widget | HouseApp, question: Callable[[], Message | None], *, what: str, once: bool = False) -> None:
    """Ask in a thread; the answer comes to `node` as the message that `question` returns.

    once   skip when the same question is still being asked (for polls)
    """
    if once and any(w.node is node and w.name == what and not w.is_finished for w in node.workers):
        return

    def work() -> None:
        answer = question()
        if answer is not None:
            node.post_message(answer)

    node.run_worker(work, name=what, thread=True, exit_on_error=False)


def stream(node: Widget, events: Callable[[], Iterator[Message]], *, what: str) -> None:
    """Post every message of a blocking iterator to `node`, from a thread."""

    def work() -> None:
        for message in events():
            node.post_message(message)

    node.run_worker(work, name=what, thread=True, exit_on_error=False)


class Asking:
    """A screen's side of `consult`: its troubles become notices. The house and the signs are the app's."""

    @property
    def hosting(self) -> HouseApp:
        return cast("HouseApp", cast("Widget", self).app)

    @property
    def house(self) -> House:
        return self.hosting.house

    @property
    def glyphs(self) -> Glyphs:
        return self.hosting.glyphs

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            self.troubled(trouble_of(event.worker.name, event.worker.error))

    def troubled(self, trouble: Trouble) -> None:
        self.hosting.tell_trouble(trouble)


class Card(Asking, ModalScreen[str | None]):
    """A modal over the screens. Escape closes it and changes nothing."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", key_display="Esc")]


class Room(Asking, Screen[None]):
    """One of the six screens, or a page that one of them opened."""

    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    NAME: ClassVar[str] = ""
    _focused_before: Widget | None = None

    def compose(self) -> ComposeResult:
        yield TitleBar()
        yield TabBar(self.NAME)
        yield from self.compose_body()
        yield Footer()
        yield Static(id="too-small")

    def compose_body(self) -> ComposeResult:
        yield from ()

    def check_message_enabled(self, message: Message) -> bool:
        """A worker that ends while the app closes finds no widgets to show it on."""
        late = isinstance(message, FromWorker) and self.hosting.leaving
        return not late and super().check_message_enabled(message)

    def on_mount(self) -> None:
        self.hosting.pulse_signal.subscribe(self, self._pulse)
        if self.hosting.pulse is not None:
            self._pulse(self.hosting.pulse)

    def on_resize(self) -> None:
        """A terminal too small for a table gets a sentence instead of a broken one."""
        width, height = self.app.size
        words = (
            f"This terminal is {width}x{height}.\n\nspotwarden needs {CROWDED_WIDTH}x{CROWDED_HEIGHT} or more: "
            'make it larger, or ask without screens:\n\nspotwarden chat -p "..."\n\nCtrl+Q quits. Nothing is lost.'
        )
        self.query_one("#too-small", Static).update(plain(words, lines=True))
        if too_small(self.app.size):
            self._focused_before = self.focused or self._focused_before
            self.set_focus(None)  # nothing takes keys that nobody sees
        elif self._focused_before is not None:
            self.set_focus(self._focused_before)
            self._focused_before = None
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What cannot be seen is not acted on."""
        return not too_small(self.app.size) and super().check_action(action, parameters)

    def _pulse(self, pulse: Pulse) -> None:
        self.query_one(TitleBar).show(pulse.title, simulated=pulse.simulated, halted=pulse.halted)
        self.query_one(TabBar).show(len(pulse.pending), bad=bool(pulse.open_intents))
        self.on_pulse(pulse)

    def on_pulse(self, pulse: Pulse) -> None:
        """How the house stands now."""
