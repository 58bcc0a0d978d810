"""Queues of spot workers as lines for a plain terminal."""

from collections.abc import Iterator

from tools.figures import length
from tools.records import QueuesReport, QueueState
from tui.output import table
from tui.safe_text import safe_text

_LONGEST = 500


def queues_table(report: QueuesReport) -> Iterator[str]:
    """One row a queue, then what is wrong with one."""
    rows = [
        (q.name, _count(q.waiting), _count(q.in_flight), _oldest(q), _count(q.dead), _count(q.done), _count(q.workers))
        for q in report.queues
    ]
    header = ("queue", "waiting", "in flight", "oldest", "dead", "done", "workers")
    yield table(header, rows, right=frozenset(range(1, len(header))))
    for state in report.queues:
        yield from _troubles(state, f"{safe_text(state.name, limit=120)}: ")
    yield f"as of {report.as_of:%Y-%m-%dT%H:%M:%SZ}, from {report.source}"


def queue_lines(state: QueueState) -> Iterator[str]:
    """One queue, whole."""
    rows = (
        ("queue", state.name),
        ("server", state.server),
        ("waiting", _count(state.waiting)),
        ("in flight", _count(state.in_flight)),
        ("oldest", _oldest(state)),
        ("dead", _count(state.dead)),
        ("done", _count(state.done)),
        ("workers", _count(state.workers)),
    )
    for what, told in rows:
        yield f"{what:<10} {safe_text(told, limit=_LONGEST)}"
    yield from _troubles(state, "")


def _troubles(state: QueueState, who: str) -> Iterator[str]:
    if state.trouble is not None:
        yield f"! {who}not read: {safe_text(state.trouble, limit=_LONGEST)}"
    for warning in state.warnings:
        yield f"! {who}{safe_text(warning, limit=_LONGEST)}"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _oldest(state: QueueState) -> str:
    if state.oldest_in_flight_seconds is not None:
        return length(state.oldest_in_flight_seconds)
    return "-" if state.in_flight == 0 else "unknown"
