"""The kill switch asks once: y does it, everything else leaves it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tui.screens.room import Card

_STOP = (
    "STOP ALL CHANGES?",
    (
        "From now on nothing is changed: not by you here, not by the daemon, not by a reflex. "
        "What AWS was already asked is not taken back. Reading, answering and the audit log go on."
    ),
    "y  stop        Esc, n, Enter  leave everything as it is",
)
_LIFT = (
    "LIFT THE STOP?",
    "Changes that the policy allows become possible again, also those of the daemon and of reflexes.",
    "y  lift it     Esc, n, Enter  stay halted",
)


class HaltCard(Card):
    """Dismisses with «yes» or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,ㅛ", "dismiss('yes')", "Yes", key_display="y"),
        Binding("n,ㅜ,enter,f8", "dismiss(None)", "No", key_display="n"),
    ]

    def __init__(self, *, halted: bool) -> None:
        super().__init__()
        self._words = _LIFT if halted else _STOP

    def compose(self) -> ComposeResult:
        title, words, keys = self._words
        with Vertical(classes="card halt"):
            yield Static(Content.styled(title, "bold $error"), markup=False)
            yield Static(Content(words), markup=False)
            yield Static(Content.styled(keys, "$muted"), markup=False)
