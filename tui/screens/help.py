"""The help card: every key on one page."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.screens.room import Card

_KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "everywhere",
        (
            ("1 2 3 4 5 6", "Chat, Fleets, Approvals, Audit, Jobs, Volumes"),
            ("j  e", "Jobs, Volumes: where no words are typed"),
            ("?", "this page"),
            ("Ctrl+P", "every command by name"),
            ("Ctrl+T", "dark or light"),
            ("F8", "stop all changes, or lift the stop (asks first)"),
            ("Tab", "next thing that takes keys"),
            ("c", "copy what the cursor is on"),
            ("q", "quit (Ctrl+Q anywhere; Ctrl+C twice)"),
        ),
    ),
    (
        "chat",
        (
            ("Enter", "ask; on a tool line its result, on a proposal its card"),
            ("Up / Down", "what you asked before / suggestions"),
            ("PgUp / PgDn", "scroll the conversation"),
            ("Esc", "stop the running answer"),
            ("blank first", "to begin a question with 1-6 or ?"),
        ),
    ),
    (
        "approval card",
        (
            ("Enter, n, ㅜ", "deny"),
            ("y, ㅛ", "approve once what is shown, and nothing else"),
            ("d, ㅇ", "the whole diff and every instance"),
            ("w, ㅈ", "why: every clause, the proposer's words, the evidence"),
            ("Esc", "leave it pending"),
        ),
    ),
    (
        "one fleet",
        (
            ("p", "prices of its pools, what EC2 took marked"),
            ("f", "risk: how likely each pool is interrupted, 90 % intervals"),
            ("w", "choice: its pools side by side, and why"),
            ("h", "changes: what was done to it, and what came of it"),
            ("u", "set a change back: the selected one, or the newest"),
        ),
    ),
    (
        "tables",
        (
            ("Enter", "open the row; on an orphan volume or snapshot draw up its deletion"),
            ("r", "read again"),
            ("v", "audit: verify the chain now"),
        ),
    ),
)


class HelpCard(Card):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,q", "dismiss(None)", "Close", show=False)]

    def compose(self) -> ComposeResult:
        lines: list[Content] = []
        for head, keys in _KEYS:
            lines.append(Content.styled(head, "bold $primary"))
            lines += [Content.assemble(Content.styled(f"  {k:<14}", "bold"), words) for k, words in keys]
            lines.append(Content(""))
        with VerticalScroll(classes="card help"):
            yield Static(Content("\n").join(lines[:-1]), markup=False)
            yield Static(Content.styled("Esc closes", "$muted"), markup=False)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
