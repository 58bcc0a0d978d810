"""Screen 1: ask, watch the tools work, read the answer, answer what it asks."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from agent.events import Event
from tools.errors import NotFound
from tui import messages
from tui.house import House
from tui.messages import Pulse, Told, telling
from tui.safe_text import safe_text
from tui.screens.room import Room, consult, stream, trouble_of
from tui.widgets.aftercare import VerificationLine, fleet_of
from tui.widgets.prompt import Prompt
from tui.widgets.side_panel import SidePanel
from tui.widgets.talk import (
    SUGGESTIONS,
    NoticeLine,
    OutcomeLine,
    ProposalLine,
    Prose,
    Question,
    Suggestion,
    ToolLine,
    Welcome,
)

_ANSWERING = "The answer"
_ENDS = {
    "answered": "",
    "waiting": "waits for your answer to the proposal (3 opens it again)",
    "cancelled": "stopped",
    "limit": "a limit stopped it",
    "failed": "failed",
}


class ChatScreen(Room):
    NAME = "chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop", "Stop answer", key_display="Esc"),
        Binding("c", "copy", "Copy answer"),
        Binding("pageup", "scroll(-1)", "Page up", show=False),
        Binding("pagedown", "scroll(1)", "Page down", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.running = False
        self.waiting_for: str | None = None
        """the proposal that the session waits for"""
        self._needed: messages.ApprovalNeeded | None = None
        self._prose: Prose | None = None
        self._tools: dict[str, ToolLine] = {}
        self._last_words = ""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="chat"):
            with Vertical(id="conversation"):
                with VerticalScroll(id="talk", can_focus=False):
                    yield Welcome()
                yield Static(id="status", markup=False)
                yield Prompt(SUGGESTIONS)
            yield SidePanel()

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one(Prompt).focus()

    def on_pulse(self, pulse: Pulse) -> None:
        self.query_one(SidePanel).show(pulse)
        for welcome in self.query(Welcome):
            welcome.show(simulated=pulse.simulated, state=open_state(pulse))
        watched = {w.proposal_id: w for w in pulse.watched}
        for line in self.query(VerificationLine):
            if line.proposal_id in watched:
                line.show(watched[line.proposal_id], pulse.at)

    # asking

    @on(Prompt.Asked)
    def _asked(self, message: Prompt.Asked) -> None:
        if self.ask(message.text):
            self.query_one(Prompt).taken()

    @on(Suggestion.Taken)
    def _taken(self, message: Suggestion.Taken) -> None:
        if self.ask(message.text):
            self.query_one(Prompt).remember(message.text)
            self.query_one(Prompt).focus()

    def ask(self, text: str) -> bool:
        """Start an answer; False when one is running."""
        if self.running:
            self.hosting.tell("Still answering: Esc stops it.", warn=True)
            return False
        self.waiting_for = self._needed = None
        self._say(Question(text))
        self._run(lambda: self.house.session().ask(text))
        return True

    def answer(self, proposal_id: str, answer: Literal["approve", "deny"]) -> None:
        """Give the waiting session the person's word, and show what comes of it."""
        self.waiting_for = self._needed = None
        person = self.house.person
        self._run(lambda: self.house.session().answer(proposal_id, answer, by=person))

    def go_on(self) -> None:
        """After a kill: let the session say what was open, and go on with it."""
        if not self.running:
            self._run(lambda: self.house.session().resume())

    def action_stop(self) -> None:
        if self.running:
            consult(self, partial(_cancel, self), what="Stopping", once=True)
            self._status("stopping ...")
        else:
            self.query_one(Prompt).focus()

    def action_scroll(self, pages: int) -> None:
        talk = self.query_one("#talk", VerticalScroll)
        talk.scroll_relative(y=pages * max(1, talk.size.height - 2), animate=False)

    def leave(self) -> None:
        """The app closes: a running answer must not hold it."""
        if self.running:
            self.house.session().cancel()

    def action_copy(self) -> None:
        if self._last_words:
            self.hosting.copy_out(self._last_words, what="the last answer")
        else:
            self.hosting.tell("There is no answer to copy yet.", warn=True)

    def _run(self, events: Callable[[], Iterator[Event]]) -> None:
        self.running = True
        self._status("answering ...  Esc stops it")

        def told() -> Iterator[Told]:
            for event in events():
                yield telling(event)

        stream(self, told, what=_ANSWERING)

    # the stream

    async def on_said(self, message: messages.Said) -> None:
        if self._prose is None:
            self._prose = Prose()
            await self._mount(self._prose)
        await self._prose.add(message.event.text)

    async def on_tool_started(self, message: messages.ToolStarted) -> None:
        await self._close_prose()
        line = self._tools[message.event.call_id] = ToolLine(message.event)
        await self._mount(line)

    def on_tool_ran(self, message: messages.ToolRan) -> None:
        line = self._tools.get(message.event.call_id)
        if line is not None:
            line.finish(message.event)

    async def on_proposed(self, message: messages.Proposed) -> None:
        await self._close_prose()
        await self._mount(ProposalLine(message.event.proposal, message.event.decision))
        self.hosting.look()

    def on_approval_needed(self, message: messages.ApprovalNeeded) -> None:
        self._needed = message
        self.waiting_for = message.event.proposal.proposal_id

    async def on_acted(self, message: messages.Acted) -> None:
        await self._close_prose()
        await self._mount(OutcomeLine(message.event.outcome))
        await self._mount(VerificationLine(message.event.proposal_id))
        self.hosting.followed.add(message.event.proposal_id)
        self.hosting.look()

    def on_spent(self, message: messages.Spent) -> None:
        self.query_one(SidePanel).spent(message.event)

    async def on_finished(self, message: messages.Finished) -> None:
        event = message.event
        await self._end(_ENDS[event.status])
        if event.status in {"limit", "failed", "cancelled"}:
            self._say(NoticeLine(event.status.upper(), event.message or _ENDS[event.status], event.hint))
        if event.status == "waiting" and self._needed is not None:
            needed = self._needed.event
            self.hosting.review(needed.proposal, needed.decision, status="pending", expires_at=needed.expires_at)

    @on(ProposalLine.Opened)
    def _open(self, message: ProposalLine.Opened) -> None:
        """The line knows what was proposed; the house knows what became of it since."""
        proposal_id = message.line.proposal.proposal_id
        consult(self, lambda: _find(self.house, proposal_id), what="Opening the proposal", once=True)

    @on(messages.ProposalFound)
    def _found(self, message: messages.ProposalFound) -> None:
        saved = message.saved
        self.hosting.review(saved.proposal, saved.decision, status=saved.status, expires_at=messages.expiry(saved))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A stream that broke, or ended without saying so, must not leave the prompt waiting."""
        if event.worker.name == _ANSWERING and event.state is WorkerState.ERROR:
            trouble = trouble_of(_ANSWERING, event.worker.error)
            self._say(NoticeLine("FAILED", trouble.message, trouble.hint))
        elif event.worker.name != _ANSWERING:
            super().on_worker_state_changed(event)
        if event.worker.name == _ANSWERING and event.worker.is_finished:
            self.call_later(self._end_if_running)

    async def _end_if_running(self) -> None:
        if self.running:
            await self._end("")

    async def _end(self, words: str) -> None:
        await self._close_prose()
        self._tools.clear()
        self.running = False
        self._status(words)
        self.hosting.look()

    async def _close_prose(self) -> None:
        if self._prose is not None:
            await self._prose.finish()
            self._last_words = self._prose.words
            self._prose = None

    async def _mount(self, widget: Widget) -> None:
        talk = self.query_one("#talk", VerticalScroll)
        if talk.is_attached:
            talk.anchor()
            await talk.mount(widget)

    def _say(self, widget: Widget) -> None:
        talk = self.query_one("#talk", VerticalScroll)
        if talk.is_attached:
            talk.anchor()
            talk.mount(widget)

    def _status(self, words: str) -> None:
        self.query_one("#status", Static).update(Content.styled(words, "$muted"))


def _cancel(screen: ChatScreen) -> None:
    screen.house.session().cancel()


def _find(house: House, proposal_id: str) -> messages.ProposalFound:
    saved = next((s for s in house.proposals() if s.proposal.proposal_id == proposal_id), None)
    if saved is None:
        raise NotFound(f"proposal {proposal_id} is not among the newest in the journal", hint="look on screen 4, Audit")
    return messages.ProposalFound(saved)


def open_state(pulse: Pulse) -> tuple[tuple[str, str], ...]:
    """What was left open, most urgent first: told on the first screen, also after a crash."""
    told: list[tuple[str, str]] = []
    if pulse.halted:
        told.append(("HALTED    the kill switch is on: nothing is changed until F8 lifts it", "bold $error"))
    for left in pulse.open_intents[:3]:
        action = left.intent.permit.action
        what = f"{', '.join(action.types)} on {safe_text(action.fleet.label, limit=60)}"
        told.append((f"UNKNOWN   {what}: it may have happened. It is never sent again unseen.", "bold $error"))
    if len(pulse.open_intents) > 3:
        told.append((f"UNKNOWN   and {len(pulse.open_intents) - 3} more actions without an outcome", "bold $error"))
    for watch in reversed(pulse.escalated[-3:]):
        words = f"ESCALATED {fleet_of(watch)}: {watch.proposal_id} failed its verification: {watch.told}"
        told.append((words, "bold $error"))
    if pulse.pending:
        count = len(pulse.pending)
        words = "proposal waits" if count == 1 else "proposals wait"
        told.append((f"WAITING   {count} {words} for your answer: key 3", "$warning"))
    return tuple(told)
