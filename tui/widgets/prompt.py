"""Where a person asks: history with the up key, suggestions with the down key, and screen keys while it is empty."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

MAX_QUESTION = 8_000
_SCREENS = ("chat", "fleets", "approvals", "audit", "jobs", "volumes")
_SCREEN_KEYS = {**{str(n): f"go('{name}')" for n, name in enumerate(_SCREENS, 1)}, "?": "help"}


class Prompt(Input):
    """One line. While it is empty, 1-6 and ? are keys, not text: a blank first makes them text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "older", "History", key_display="Up"),
        Binding("down", "newer", "Suggestions", key_display="Down"),
    ]

    class Asked(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, suggestions: Sequence[str]) -> None:
        super().__init__(
            placeholder="Ask about money, risk or a change (Down: suggestions, ?: keys)",
            max_length=MAX_QUESTION,
            id="prompt",
        )
        self._asked: list[str] = []
        self._suggestions = tuple(suggestions)
        self._place = 0
        """0 = what is being written, above 0 = that many questions back, below 0 = that many suggestions on"""
        self._draft = ""

    async def _on_key(self, event: events.Key) -> None:
        if not self.value and event.character in _SCREEN_KEYS:
            event.stop()
            event.prevent_default()
            await self.app.run_action(_SCREEN_KEYS[event.character])
            return
        await super()._on_key(event)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        text = self.value.strip()
        if text:
            self.post_message(self.Asked(text))

    def taken(self) -> None:
        """The question was accepted: remember it and start anew."""
        text = self.value.strip()
        if text and (not self._asked or self._asked[-1] != text):
            self._asked.append(text)
        self._place = 0
        self.value = ""

    def remember(self, text: str) -> None:
        self._asked.append(text)

    def action_older(self) -> None:
        self._move(1)

    def action_newer(self) -> None:
        self._move(-1)

    def _move(self, by: int) -> None:
        place = max(-len(self._suggestions), min(len(self._asked), self._place + by))
        if self._place == 0:
            self._draft = self.value
        self._place = place
        if place > 0:
            self.value = self._asked[-place]
        else:
            self.value = self._suggestions[-place - 1] if place < 0 else self._draft
        self.cursor_position = len(self.value)
