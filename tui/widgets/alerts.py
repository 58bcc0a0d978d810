"""What the monitor finds wrong, in few words: for a column, a line, a panel."""

from collections.abc import Sequence

from textual.content import Content

from tools.records import Alert, Watch
from tui.safe_text import fit, safe_text
from tui.widgets.table import Words

_SHORT = {
    "price": "price",
    "risk": "risk",
    "interruptions": "taken",
    "capacity": "capacity",
    "concentration": "one pool",
    "blind": "nobody watches",
}


def open_alerts(watch: Watch | None) -> tuple[Alert, ...]:
    """Critical first, then the newest; that nobody watches comes last: it stands as long as no daemon runs."""
    found = [a for a in watch.alerts if a.cleared_at is None] if watch else []
    return tuple(sorted(found, key=lambda a: (a.kind == "blind", a.severity != "critical")))


def alerts_of(watch: Watch | None, fleet: str) -> tuple[Alert, ...]:
    """Open ones of a fleet, by its label, and of the pools that it was last seen in."""
    pools = {label for s in (watch.fleets if watch else ()) if s.fleet.label == fleet for label in s.pools}
    return tuple(a for a in open_alerts(watch) if a.subject == fleet or a.subject in pools)


def alert_words(watch: Watch | None, fleet: str) -> Words:
    """For a column of ten: «! one pool», «! 2 alerts», «-»; «..» while nobody has looked yet."""
    if watch is None:
        return Words("..", "secondary")
    found = alerts_of(watch, fleet)
    if not found:
        return Words("-")
    words = _SHORT[found[0].kind] if len(found) == 1 else f"{len(found)} alerts"
    return Words(f"! {words}", _ink(found))


def alert_short(watch: Watch | None, alert: Alert, room: int) -> Content:
    """! ml-train: one pool"""
    names = {s.fleet.label: s.name for s in watch.fleets} if watch else {}
    words = f"! {safe_text(names.get(alert.subject, alert.subject), limit=100)}"
    what = f": {_SHORT[alert.kind]}"
    return Content.styled(fit(words, max(room - len(what), 8)).rstrip() + what, f"${_ink([alert])}")


def alert_line(alerts: Sequence[Alert], room: int) -> Content:
    """The first alert whole where it fits, and how many more there are."""
    more = f" (+{len(alerts) - 1} more)" if len(alerts) > 1 else ""
    text = fit(f"! {safe_text(alerts[0].message, limit=200)}", max(room - len(more), 8)).rstrip() + more
    return Content.styled(text, f"${_ink(alerts)}")


def _ink(alerts: Sequence[Alert]) -> str:
    return "error" if alerts[0].severity == "critical" else "warning"
