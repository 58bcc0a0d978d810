"""The approval card: what would be done, to what, for how much, at which risk, and who says it may.

Deny has the focus and Enter denies; only `y` approves, and only after the card has been quiet for a moment:
keys typed before a person saw it must not answer it.
"""

from datetime import datetime
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import Button, Input, Static

from policies.records import Decision, Proposal
from tui.safe_text import plain, safe_text
from tui.screens.approvals import left
from tui.screens.room import CROWDED_HEIGHT, CROWDED_WIDTH, Card, too_small
from tui.widgets import card_words

NAME_NEEDED_ABOVE = 0.2
"""share of the fleet's instances that would be replaced"""
_WIDEST, _SHARE = 96, 0.96
"""columns, and of the terminal, as app.tcss has it"""
_BESIDE_BODY = 5
"""columns of border, padding and scroll bar"""
_AROUND_BODY = 9
"""rows of border, title, expiry, hint and buttons, with the blank rows between; narrow ones wrap more"""


class ApprovalCard(Card):
    """Dismisses with «approve», «deny», or None: left as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,ㅛ", "approve", "Approve", key_display="y"),
        Binding("n,ㅜ", "deny", "Deny", key_display="n"),
        Binding("d,ㅇ", "detail('diff')", "Whole diff", key_display="d"),
        Binding("w,ㅈ", "detail('why')", "Why", key_display="w"),
        Binding("c", "copy", "Copy"),
        Binding("up", "scroll(-1)", "Up", show=False),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("pageup", "scroll(-8)", "Up", show=False),
        Binding("pagedown,space", "scroll(8)", "Down", show=False),
        Binding("escape", "leave", "Leave it", key_display="Esc"),
    ]

    def __init__(self, proposal: Proposal, decision: Decision, *, status: str, expires_at: datetime) -> None:
        super().__init__()
        self.proposal = proposal
        self.decision = decision
        self.status = status
        self.expires_at = expires_at
        self.armed = False
        self._timer: Timer | None = None
        self._name_given = False
        self._shown: dict[str, bool] = {"diff": False, "why": False}

    @property
    def answerable(self) -> bool:
        return self.status == "pending" and self.decision.verdict != "deny" and not self.expired

    @property
    def expired(self) -> bool:
        return self.hosting.now() >= self.expires_at

    @property
    def name_needed(self) -> bool:
        preview = self.proposal.preview
        if not preview.replaced_instances:
            return False
        return len(preview.replaced_instances) > NAME_NEEDED_ABOVE * preview.instances_total

    def compose(self) -> ComposeResult:
        with Vertical(classes="card approval"):
            yield Static(id="card-title", markup=False)
            yield Static(id="card-expiry", markup=False)
            with VerticalScroll(id="card-body", can_focus=False):
                yield Static(id="card-words", markup=False)
            yield Input(id="card-name", placeholder="")
            yield Static(id="card-hint", markup=False)
            with Horizontal(id="card-buttons"):
                yield Button("n  Deny", id="deny", variant="error")
                yield Button("y  Approve", id="approve")
                yield Button("Esc  Leave it", id="leave")
        yield Static(id="too-small")

    def on_mount(self) -> None:
        self.app.clear_notifications()  # no notice may cover what is to be approved
        self.query_one("#card-name", Input).display = False
        self._show()
        self._tick()
        self.set_interval(1.0, self._tick)
        self.query_one("#deny", Button).focus()
        self._hush()

    def on_resize(self) -> None:
        self._show()
        self._leave_room()
        words = f"The card needs {CROWDED_WIDTH}x{CROWDED_HEIGHT}: make the terminal larger. Esc leaves the proposal."
        self.query_one("#too-small", Static).update(plain(words))

    def _leave_room(self) -> None:
        """The words scroll; the answers and the hint are always in sight."""
        taken = (
            _AROUND_BODY
            + (3 if self.app.size.width < 80 else 0)
            + (3 if self.query_one("#card-name", Input).display else 0)
        )
        self.query_one("#card-body", VerticalScroll).styles.max_height = max(3, self.app.size.height - taken)

    # typed-ahead keys

    def _hush(self) -> None:
        """Not armed until no key came for a moment."""
        self.armed = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(self.hosting.quiet_seconds, self._arm)

    def _arm(self) -> None:
        self.armed = True
        self._hint()

    def _ready(self) -> bool:
        if not self.armed:
            self._hush()
        return self.armed

    def on_key(self) -> None:
        """A key that means nothing here: still somebody typing."""
        self._ready()

    # what it says

    def _show(self) -> None:
        glyphs, words = self.glyphs, card_words
        self.query_one("#card-title", Static).update(words.title(self.proposal, self.decision, self.status))
        body = words.body(
            self.proposal,
            self.decision,
            glyphs=glyphs,
            whole_diff=self._shown["diff"],
            why=self._shown["why"],
            width=max(min(_WIDEST, int(self.app.size.width * _SHARE)) - _BESIDE_BODY, 20),
        )
        self.query_one("#card-words", Static).update(body)
        self.query_one("#approve", Button).display = self.answerable
        self._hint()

    def _tick(self) -> None:
        until = left(self.expires_at, self.hosting.now())
        if self.status != "pending":
            line = plain(f"{self.status}: nothing to answer", "$muted")
        elif self.expired:
            line = plain("EXPIRED: an unanswered proposal is a no. Ask again for a fresh one.", "bold $error")
        else:
            line = plain(f"expires in {until}, then it is a no", "$muted")
        self.query_one("#card-expiry", Static).update(line)
        self.query_one("#approve", Button).display = self.answerable

    def _hint(self, words: str = "") -> None:
        if not words and not self.armed:
            words = "one moment: keys typed before this card are ignored"
        elif not words and self.status == "pending" and self.decision.verdict == "deny":
            words = "the policy denies this: a person cannot approve it here"
        elif not words and self.name_needed and not self._name_given and self.answerable:
            words = f"y asks for the fleet's name: more than {NAME_NEEDED_ABOVE:.0%} of it would be replaced"
        elif not words:
            first = "Enter denies" if self.answerable else "Esc closes"
            words = f"{first}, d whole diff, w why, c copies, Up and Down scroll"
        self.query_one("#card-hint", Static).update(plain(words, "$muted"))

    # answers

    def action_approve(self) -> None:
        if not self._ready():
            return
        if too_small(self.app.size):
            return  # nobody approves what cannot be seen
        if not self.answerable:
            self._hint("this one cannot be approved any more" if self.expired else "")
            return
        if self.name_needed and not self._name_given:
            self._ask_name()
            return
        self.dismiss("approve")

    def action_deny(self) -> None:
        if self._ready() and not too_small(self.app.size):
            self.dismiss("deny" if self.status == "pending" else None)

    def action_leave(self) -> None:
        if self._ready():
            self.dismiss(None)

    def action_detail(self, which: str) -> None:
        if not self._ready():
            return
        self._shown[which] = not self._shown[which]
        self._show()
        body = self.query_one("#card-body", VerticalScroll)
        body.focus() if self._shown[which] else self.query_one("#deny", Button).focus()

    def action_scroll(self, rows: int) -> None:
        self.query_one("#card-body", VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_copy(self) -> None:
        self.hosting.copy_out(self.proposal.canonical(), what="the proposal as JSON")

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        """Buttons are for the mouse and for Enter on Deny; Enter on another button still never approves."""
        event.stop()
        if event.button.id == "deny":
            self.action_deny()
        elif event.button.id == "leave":
            self.action_leave()

    @on(events.Click, "#approve")
    def _clicked(self) -> None:
        self.action_approve()

    # the name

    @property
    def _typed_name(self) -> str:
        return safe_text(self.proposal.fleet.fleet_id)

    def _ask_name(self) -> None:
        field = self.query_one("#card-name", Input)
        field.display = True
        self._leave_room()
        field.placeholder = f"type the fleet's name to approve: {self._typed_name}"
        field.focus()
        self._hint(f"type {self._typed_name}, then y approves. Esc leaves it.")

    @on(Input.Changed, "#card-name")
    def _typed(self, event: Input.Changed) -> None:
        if event.value == self._typed_name and not self._name_given:
            self._name_given = True
            event.input.disabled = True
            self.query_one("#deny", Button).focus()
            self._hush()  # a key typed in one breath with the name must not approve
            self._hint("the name is right: y approves, Enter denies")

    @on(Input.Submitted, "#card-name")
    def _entered(self) -> None:
        self._hint("that is not the fleet's name: nothing was approved")
