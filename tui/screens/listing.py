"""A table that is read again now and then, with all of the row at the cursor below it: jobs, volumes."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import DataTable, Static

from tui.messages import Trouble
from tui.safe_text import fit
from tui.screens.room import Room
from tui.widgets.table import Table


class Listing(Room):
    """THINGS and THING name it, and the widgets: #jobs-head, #jobs, #job-words, #jobs-foot."""

    THINGS: ClassVar[str]
    THING: ClassVar[str]
    READ_SECONDS: ClassVar[float]
    """between readings while it is looked at"""

    def compose_body(self) -> ComposeResult:
        yield Static(id=f"{self.THINGS}-head", classes="head", markup=False)
        yield Table(id=self.THINGS)
        yield from self.compose_beside()
        with VerticalScroll(id=self.THING):
            yield Static(id=f"{self.THING}-words", markup=False)
        yield Static(id=f"{self.THINGS}-foot", classes="foot", markup=False)

    def compose_beside(self) -> Iterable[Widget]:
        """What stands between the table and the row's own words."""
        return ()

    def on_mount(self) -> None:
        self.say(f"reading the {self.THINGS} ...")
        super().on_mount()
        self.query_one(Table).focus()
        self.set_interval(self.READ_SECONDS, self._read_again)

    # asking

    @abstractmethod
    def read(self) -> None:
        """Ask the house; the answer comes as a message."""

    @property
    @abstractmethod
    def was_read(self) -> bool: ...

    def on_screen_resume(self) -> None:
        """It was just opened, or somebody came back to it."""
        self.read()

    def _read_again(self) -> None:
        if self.is_current:
            self.read()

    def action_refresh(self) -> None:
        self.read()
        self.hosting.tell(f"Reading the {self.THINGS} again.")

    def troubled(self, trouble: Trouble) -> None:
        super().troubled(trouble)
        if not self.was_read:
            self.say(f"The {self.THINGS} could not be read. r tries again.")

    # showing

    @abstractmethod
    def show(self) -> None:
        """The table, the head, the foot, and what is at the cursor."""

    @abstractmethod
    def show_row(self) -> None:
        """What stands at the cursor, whole."""

    @on(DataTable.RowHighlighted)
    def _moved(self) -> None:
        self.show_row()

    def on_resize(self) -> None:
        super().on_resize()
        self.show()

    @property
    def room(self) -> int:
        """Columns for a line of the head or the foot."""
        return max(self.app.size.width - 2, 20)

    def say(self, words: str) -> None:
        self.head([Content.styled(words, "$muted")])

    def head(self, lines: Iterable[Content]) -> None:
        self.query_one(f"#{self.THINGS}-head", Static).update(Content("\n").join(lines))

    def foot(self, *lines: str) -> None:
        fitted = "\n".join(fit(line, self.room).rstrip() for line in lines)
        self.query_one(f"#{self.THINGS}-foot", Static).update(Content.styled(fitted, "$muted"))

    def row_words(self, lines: Iterable[Content]) -> None:
        self.query_one(f"#{self.THING}-words", Static).update(Content("\n").join(lines))
