"""What became of a change, in words: while it is watched, and how it ended."""

from datetime import datetime, timedelta

from textual.content import Content
from textual.widgets import Static

from agent.journal.watches import WatchedChange
from tui.safe_text import fit, plain, safe_text
from tui.widgets.table import Words

_ENDS = {
    "passed": ("VERIFIED", "success"),
    "rolled-back": ("SET BACK", "warning"),
    "escalated": ("ESCALATED", "error"),
    "failed": ("FAILED", "error"),
}
_NOT_SEEN = "what it did is not seen yet"


def fleet_of(watch: WatchedChange) -> str:
    """The fleet's name or id, out of its label."""
    return safe_text(watch.fleet.partition("/")[2] or watch.fleet, limit=60)


def stands(watch: WatchedChange) -> tuple[str, str]:
    """One word for it, and its colour."""
    if watch.status in _ENDS:
        return _ENDS[watch.status]
    if watch.status == "watching":
        health = watch.verdict.health if watch.verdict else "unknown"
        return ("SETTLING", "warning") if health == "settling" else ("WATCHING", "secondary")
    return ("NOT MADE", "secondary")


def elapsed(watch: WatchedChange, now: datetime) -> str:
    """«3 of 20 min»; never beyond the end, as time over it is told by the word."""
    if watch.changed_at is None or watch.until is None:
        return "not begun"
    minute = timedelta(minutes=1)
    whole = (watch.until - watch.changed_at) // minute
    return f"{min(max((now - watch.changed_at) // minute, 0), whole)} of {whole} min"


def reasons(watch: WatchedChange) -> str:
    """How it ended; while it lasts, what is seen."""
    if watch.status == "failed":
        return f"{watch.told}; being {'set back' if watch.on_fail == 'rollback' else 'told to a person'}"
    if watch.told:
        return watch.told
    return "; ".join(watch.verdict.reasons) if watch.verdict else _NOT_SEEN


def watch_line(watch: WatchedChange, now: datetime) -> Content:
    """WATCHING  3 of 20 min: capacity: 12 of 12 in service; cost: ..."""
    word, ink = stands(watch)
    rest = reasons(watch)
    if watch.status == "watching":
        rest = f"{elapsed(watch, now)}: {rest}"
    return Content.assemble(Content.styled(f"{word:<9} ", f"bold ${ink}"), plain(rest, limit=1000))


def watch_words(watch: WatchedChange | None, now: datetime) -> Words:
    """For a column of 12."""
    if watch is None:
        return Words("not watched", "secondary")
    word, ink = stands(watch)
    return Words(elapsed(watch, now) if watch.status == "watching" else word.lower(), ink)


def watch_short(watch: WatchedChange, now: datetime, room: int) -> Content:
    """ml-train  3 of 20 min"""
    word, ink = stands(watch)
    what = f" {elapsed(watch, now)}" if watch.status == "watching" else f" {word.lower()}"
    return Content.assemble(fit(fleet_of(watch), max(room - len(what), 8)), Content.styled(what, f"${ink}"))


def escalated_line(found: tuple[WatchedChange, ...], room: int) -> Content:
    """The newest change that a person must look at, and how many more there are."""
    newest, more = found[-1], f" (+{len(found) - 1} more)" if len(found) > 1 else ""
    words = f"! {fleet_of(newest)}: {newest.proposal_id} failed and is not set back: {newest.told}"
    return Content.styled(fit(safe_text(words, limit=300), max(room - len(more), 8)).rstrip() + more, "bold $error")


class VerificationLine(Static):
    """Under an outcome: the watch of that change, as it stands. Nothing is seen of it where nobody wanted one."""

    def __init__(self, proposal_id: str) -> None:
        super().__init__(markup=False)
        self.proposal_id = proposal_id
        self.display = False

    def show(self, watch: WatchedChange, now: datetime) -> None:
        if watch.status not in {"armed", "void"}:
            self.display = True
            self.update(watch_line(watch, now))
