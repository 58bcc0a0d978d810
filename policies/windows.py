"""When a window is open. Local times become instants once a day; an ambiguous one is read both ways.

Where a wall-clock time comes twice or never (daylight saving), both readings count: a window that allows opens
at the later and closes at the earlier one; a freeze begins at the earlier and ends at the later one.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from policies.parts import Window
from policies.units import clock_time, date_range

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[float, float]


def opening(window: Window, *, timezone: str) -> Callable[[datetime], bool]:
    """A function of an aware moment: is it inside? Spans are worked out once for each UTC date.

    timezone  of the document, for a window that names none
    """
    zone = ZoneInfo(window.timezone or timezone)
    frozen = window.deny is not None
    known: dict[date, tuple[Span, ...]] = {}

    def is_inside(now: datetime) -> bool:
        day = now.astimezone(UTC).date()
        spans = known.get(day)
        if spans is None:
            if len(known) >= 64:
                known.clear()
            spans = known[day] = spans_around(window, day, zone, widest=frozen)
        moment = now.timestamp()
        return any(start <= moment < end for start, end in spans)

    return is_inside


def spans_around(window: Window, day: date, zone: ZoneInfo, *, widest: bool) -> tuple[Span, ...]:
    """The window's spans, as epoch seconds, that may touch a UTC date.

    widest  True: read an ambiguous end so that the span is longest (a freeze); False: shortest
    """
    nearby = (day + timedelta(days=n) for n in (-2, -1, 0, 1))
    found = (_span(window, d, zone, widest=widest) for d in nearby if _starts_on(window, d))
    return tuple(s for s in found if s[0] < s[1])


def _starts_on(window: Window, day: date) -> bool:
    if window.days and _DAYS[day.weekday()] not in window.days:
        return False
    ranges = [date_range(text) for text in window.dates]
    return not ranges or any(first <= day <= last for first, last in ranges)


def _span(window: Window, day: date, zone: ZoneInfo, *, widest: bool) -> Span:
    next_day = day + timedelta(days=1)
    if window.from_ is None or window.to is None:
        starts, ends = _readings(day, "00:00", zone), _readings(next_day, "00:00", zone)
    else:
        crosses = window.to == "24:00" or window.to < window.from_
        starts, ends = _readings(day, window.from_, zone), _readings(next_day if crosses else day, window.to, zone)
    return (min(starts), max(ends)) if widest else (max(starts), min(ends))


def _readings(day: date, text: str, zone: ZoneInfo) -> tuple[float, float]:
    wall = datetime.combine(day, clock_time(text), tzinfo=zone)
    return wall.timestamp(), wall.replace(fold=1).timestamp()
