"""The lines of a conversation: what was asked, what the tools did, what was answered, what came of it."""

import json
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from agent.events import ToolRan, ToolStarted
from policies.records import Decision, Proposal
from tools.records import Outcome, Record
from tui.safe_text import inert_markdown, plain, safe_markdown, safe_text
from tui.widgets.glyphs import usd
from tui.widgets.title import glyphs_of

MAX_RESULT_LINES = 60
MAX_ITEMS = 6


class Question(Static):
    """What the person asked."""

    def __init__(self, text: str) -> None:
        super().__init__(plain(text, limit=4000, lines=True), markup=False)


class Prose(Markdown):
    """The assistant's words as they stream in: Markdown that cannot act."""

    def __init__(self) -> None:
        super().__init__(parser_factory=inert_markdown, open_links=False)
        self._words: list[str] = []
        self._stream: MarkdownStream | None = None

    def on_mount(self) -> None:
        self.BULLETS = list(glyphs_of(self).bullets)

    @property
    def words(self) -> str:
        return "".join(self._words)

    async def add(self, text: str) -> None:
        piece = safe_markdown(text)
        self._words.append(piece)
        if self._stream is None:
            self._stream = Markdown.get_stream(self)
        await self._stream.write(piece)

    async def finish(self) -> None:
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None


class ToolLine(Vertical, can_focus=True):
    """A tool call: running, then ✓ or ✗ with its seconds; Enter shows the whole result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "expand", "Result", key_display="Enter")]

    def __init__(self, started: ToolStarted) -> None:
        super().__init__()
        self.started = started
        self.ran: ToolRan | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="call", markup=False)
        detail = Static(classes="detail", markup=False)
        detail.display = False
        yield detail

    def on_mount(self) -> None:
        self._show()

    def finish(self, ran: ToolRan) -> None:
        self.ran = ran
        self._show()

    def action_expand(self) -> None:
        if self.ran is not None:
            detail = self.query_one(".detail", Static)
            detail.update(plain(_whole(self.ran), limit=20_000, lines=True))
            detail.display = not detail.display

    def on_click(self) -> None:
        self.action_expand()

    def _show(self) -> None:
        glyphs = glyphs_of(self)
        name = safe_text(self.started.tool, limit=60)
        values = safe_text(", ".join(_short(v) for v in self.started.arguments.values() if v is not None), limit=90)
        called = Content.assemble(Content.styled(name, "bold"), f" {values}" if values else "")
        if self.ran is None:
            mark, rest = Content.styled(f"{glyphs.running} ", "$accent"), Content.styled("  running", "$muted")
        else:
            good = self.ran.ok
            mark = Content.styled(f"{glyphs.ok if good else glyphs.bad} ", "$success" if good else "$error")
            words = "" if good else "failed: "
            rest = Content.assemble(
                Content.styled(f"  {self.ran.seconds:.1f} s  ", "$muted"),
                plain(words + self.ran.summary, "" if good else "$error"),
            )
        self.query_one(".call", Static).update(Content.assemble(mark, called, rest))


def _short(value: object) -> str:
    """A list by its first two."""
    if isinstance(value, list | tuple):
        more = f" +{len(value) - 2}" if len(value) > 2 else ""
        return "+".join(str(v) for v in value[:2]) + more
    return str(value)


def _whole(ran: ToolRan) -> str:
    if not isinstance(ran.result, Record):
        return safe_text(ran.summary, limit=4000, lines=True)
    lines = json.dumps(ran.result.model_dump(mode="json"), indent=2, ensure_ascii=False).splitlines()
    if len(lines) > MAX_RESULT_LINES:
        lines = [*lines[:MAX_RESULT_LINES], f"... {len(lines) - MAX_RESULT_LINES} more lines"]
    return "\n".join(lines)


class ProposalLine(Static, can_focus=True):
    """A change that was drawn up, with its verdict; Enter opens the card."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open", key_display="Enter")]

    class Opened(Message):
        def __init__(self, line: "ProposalLine") -> None:
            super().__init__()
            self.line = line

    def __init__(self, proposal: Proposal, decision: Decision) -> None:
        super().__init__(markup=False)
        self.proposal = proposal
        self.decision = decision

    def on_mount(self) -> None:
        verdict = self.decision.verdict
        style = {"allow": "$success", "ask": "$warning", "deny": "$error"}[verdict]
        reason = f": {self.decision.reasons[0]}" if self.decision.reasons else ""
        self.update(
            Content.assemble(
                Content.styled("PROPOSAL  ", "bold $accent"),
                plain(self.proposal.title, "bold"),
                f"  {usd(self.proposal.preview.added_cost_usd_per_day, sign=True)}/day\n",
                Content.styled("policy    ", "$muted"),
                Content.styled(verdict.upper(), f"bold {style}"),
                plain(reason),
                Content.styled("  (Enter opens it)", "$muted"),
            )
        )

    def action_open(self) -> None:
        self.post_message(self.Opened(self))

    def on_click(self) -> None:
        self.action_open()


class OutcomeLine(Static):
    """What became of an action: one word first, so that it reads without colour."""

    STYLES: ClassVar[dict[str, str]] = {
        "done": "$success",
        "already": "$success",
        "refused": "$warning",
        "failed": "$error",
        "unknown": "$error",
    }

    def __init__(self, outcome: Outcome) -> None:
        style = self.STYLES.get(outcome.status, "$warning")
        words = Content.styled(f"{outcome.status.upper():<9} ", f"bold {style}")
        lines = [Content.assemble(words, plain(outcome.message, limit=1000, lines=True))]
        lost = [item for item in outcome.items if not item.ok]
        for item in lost[:MAX_ITEMS]:
            why = f"{item.code} {item.message}".strip() or "not seen"
            lines.append(plain(f"  - {item.item}: did not happen: {why}", "$warning", limit=200))
        if len(lost) > MAX_ITEMS:
            lines.append(plain(f"  - and {len(lost) - MAX_ITEMS} more: key 4 shows each", "$warning"))
        super().__init__(Content("\n").join(lines), markup=False)


class NoticeLine(Static):
    """A stop, a limit or a failure, with the way out beside it."""

    def __init__(self, head: str, message: str, hint: str) -> None:
        pieces: list[Content | str] = [
            Content.styled(f"{head}  ", "bold $warning"),
            plain(message, limit=1000, lines=True),
        ]
        if hint:
            pieces += ["\n", Content.styled("way out  ", "$muted"), plain(hint, limit=600, lines=True)]
        super().__init__(Content.assemble(*pieces), markup=False)


class Suggestion(Static, can_focus=True):
    """A question to start with: Enter or a click asks it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "Ask this", key_display="Enter")]

    class Taken(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, text: str) -> None:
        super().__init__(markup=False)
        self.text = text

    def on_mount(self) -> None:
        mark = Content.styled(f"{glyphs_of(self).prompt} ", "$accent")
        self.update(Content.assemble(mark, plain(self.text)))

    def action_take(self) -> None:
        self.post_message(self.Taken(self.text))

    def on_click(self) -> None:
        self.action_take()


SUGGESTIONS: tuple[str, ...] = (
    "Where is the money going?",
    "Why is ml-train risky, and what should I change?",
    "What did you do last night, and who approved it?",
    "지금 돈이 어디에 쓰이고 있어?",
    "ml-train은 왜 위험하고 뭘 바꾸면 좋아?",
    "어젯밤에 무엇을 했고 누가 승인했어?",
)


class Welcome(Widget):
    """The first screen: what this is, what is open, what to ask."""

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                Content.styled("spotwarden", "bold $primary"),
                " watches spot fleets, finds money and risk, proposes changes.\n"
                "Nothing changes without a policy or your yes; the audit log proves it.",
            ),
            markup=False,
        )
        demo = Static(id="demo", markup=False)
        demo.display = False
        yield demo
        state = Static(id="state", markup=False)
        state.display = False
        yield state
        yield Static(Content.styled("Ask, in English or Korean:", "$muted"), classes="ask", markup=False)
        for text in SUGGESTIONS:
            yield Suggestion(text)

    def show(self, *, simulated: bool, state: tuple[tuple[str, str], ...]) -> None:
        """state: (words, style) a line, most urgent first; empty when there is nothing to tell."""
        demo = self.query_one("#demo", Static)
        demo.display = simulated
        demo.update(
            Content.assemble(
                Content.styled("DEMO  ", "bold $accent"),
                "simulated AWS account on this machine: costs nothing, sends nothing.",
            )
        )
        told = self.query_one("#state", Static)
        told.display = bool(state)
        told.update(Content("\n").join(plain(words, style) for words, style in state))
