"""The two lines on top: whose account this is, and which screens there are."""

from typing import ClassVar, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget

from tui.safe_text import fit, safe_text
from tui.widgets.glyphs import ASCII, Glyphs


def glyphs_of(widget: Widget) -> Glyphs:
    """The app's signs; a widget outside our app gets the ASCII ones."""
    return cast("Glyphs", getattr(widget.app, "glyphs", ASCII))


ROOMY = 100
"""columns from which flags are written out"""


class TitleBar(Widget):
    """account · region · mode · model on the left, flags on the right; the model is cut first."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: tuple[str, ...] = ()
        self._simulated = self._halted = False

    def show(self, title: str, *, simulated: bool, halted: bool) -> None:
        self._parts = tuple(title.split(" · "))
        self._simulated, self._halted = simulated, halted
        self.refresh()

    def _flags(self) -> list[tuple[str, str]]:
        flags = []
        if self._simulated:
            words = " DEMO simulated account " if self.size.width >= ROOMY else " DEMO "
            flags.append((words, "bold $background on $accent"))
        if self._halted:
            flags.append((" HALTED ", "bold $background on $error"))
        return flags

    def render(self) -> Content:
        flags = Content(" ").join(Content.styled(text, style) for text, style in self._flags())
        glyphs = glyphs_of(self)
        room = self.size.width - flags.cell_length - 13
        told = safe_text(f" {glyphs.dot} ".join(self._parts), limit=300)
        if cell_len(told) > room and len(self._parts) > 1:
            told = fit(told, max(room, 0))
        return Content.assemble(
            Content.styled(" spotwarden ", "bold $primary"),
            Content.styled(fit(told, max(room, 0)), "$muted"),
            " ",
            flags,
        )


class TabBar(Widget):
    """The six screens by their keys; what waits on them is counted here. Names are shortened before they are cut."""

    TABS: ClassVar[tuple[tuple[str, str, str, str], ...]] = (
        ("1", "chat", "Chat", "Chat"),
        ("2", "fleets", "Fleets", "Fleets"),
        ("3", "approvals", "Approvals", "Appr"),
        ("4", "audit", "Audit", "Aud"),
        ("5", "jobs", "Jobs", "Jobs"),
        ("6", "volumes", "Volumes", "Vol"),
    )
    """key, screen, name, short name"""

    def __init__(self, current: str) -> None:
        super().__init__()
        self.current = current
        self._pending = 0
        self._bad = False
        self._spans: list[tuple[int, int, str]] = []

    def show(self, pending: int, *, bad: bool) -> None:
        self._pending, self._bad = pending, bad
        self.refresh()

    def render(self) -> Content:
        pieces: list[Content] = [Content(" ")]
        self._spans, column = [], 1
        for words, mode in self._labels():
            style = "bold $background on $primary" if mode == self.current else "$muted"
            pieces += [Content.styled(words, style), Content(" ")]
            self._spans.append((column, column + len(words), mode))
            column += len(words) + 1
        return Content.assemble(*pieces)

    def _labels(self) -> list[tuple[str, str]]:
        """(words, screen) of every tab: whole names where they fit, else short ones."""
        for short in (False, True):
            told = [
                (f" {key} {brief if short else name}{self._count(mode)} ", mode) for key, mode, name, brief in self.TABS
            ]
            if sum(len(words) + 1 for words, _ in told) < self.size.width:
                break
        return told

    def _count(self, mode: str) -> str:
        if mode == "approvals" and self._pending:
            return f" ({self._pending})"
        return " !" if mode == "audit" and self._bad else ""

    async def on_click(self, event: events.Click) -> None:
        for first, last, mode in self._spans:
            if first <= event.x < last:
                await self.app.run_action(f"go('{mode}')")
