"""Work queues beside the jobs: a line each, the worst first."""

from collections.abc import Iterator, Sequence

from textual.content import Content

from tools.records import QueuesReport, QueueState
from tui.safe_text import fit, safe_text
from tui.widgets.glyphs import Glyphs, short_length

_NAME = 16
_WORST = {"$error": 0, "$warning": 1}


def queue_panel(report: QueuesReport, *, glyphs: Glyphs, room: int, most: int) -> Content:
    """At most `most` queues, `room` columns wide."""
    told = [(_ink(q), q) for q in report.queues]
    ranked = sorted(told, key=lambda one: _WORST.get(one[0], 2))
    lines = [_line(state, ink, glyphs, room) for ink, state in ranked[:most]]
    if len(ranked) > most:
        lines.append(Content.styled(f"and {len(ranked) - most} more queues: spotwarden queues", "$muted"))
    return Content("\n").join([Content.styled("QUEUES", "bold $primary"), *lines])


def _line(state: QueueState, ink: str, glyphs: Glyphs, room: int) -> Content:
    dot = f" {glyphs.dot} "
    name = fit(safe_text(state.name, limit=120), _NAME)
    words = fit(dot.join(_words(state)), max(room - _NAME - 1, 10)).rstrip()
    return Content.assemble(Content.styled(f"{name} ", "bold"), Content.styled(words, ink))


def _words(state: QueueState) -> Iterator[str]:
    if state.trouble is not None:
        yield f"NOT READ: {safe_text(state.trouble, limit=300)}"
        return
    yield f"{_count(state.waiting)} waiting"
    oldest = state.oldest_in_flight_seconds
    yield f"{_count(state.in_flight)} in flight" + ("" if oldest is None else f", oldest {short_length(oldest)}")
    yield f"{_count(state.dead)} {'DEAD' if state.dead else 'dead'}"
    if state.workers is not None:
        yield f"{state.workers:,} worker{'' if state.workers == 1 else 's'}"
    yield from (f"! {safe_text(w, limit=300)}" for w in _others(state.warnings, state))


def _others(warnings: Sequence[str], state: QueueState) -> Sequence[str]:
    """Without the one that only counts the dead, which are counted already."""
    return [w for w in warnings if not (state.dead and "dead item" in w)]


def _ink(state: QueueState) -> str:
    if state.trouble is not None or state.dead:
        return "$error"
    return "$warning" if state.warnings else "$foreground"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
