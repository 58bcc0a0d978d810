"""Values with units, as people write them in policies: durations, money, percent, times of day, dates."""
# ruff: noqa: TRY004 - pydantic turns a ValueError into a finding, and lets a TypeError through

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer

from tools.records import UtcTime, utc_text

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
PERIOD_SECONDS = {"hour": 3_600, "day": 86_400, "week": 604_800, "month": 2_592_000}
"""a month is a sliding window of 30 days"""

_DURATION = re.compile(r"([1-9][0-9]{0,6})(s|m|h|d|w)")
_MONEY = re.compile(r"(?:(USD) ?)?(-?[0-9]{1,12}(?:\.[0-9]{1,6})?)(?: ?(USD))?")
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_DATES = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:/([0-9]{4}-[0-9]{2}-[0-9]{2}))?")


def duration_seconds(text: str) -> int:
    """«30m» → 1800. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("not a duration: a whole number and a unit, such as 30m, 2h, 7d")
    return int(found[1]) * SECONDS[found[2]]


def _duration(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str):
        raise ValueError("a duration carries its unit: 30m, 2h, 7d")
    duration_seconds(value)
    return value


def _money(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not money: give an amount such as 50 or 50 USD")
    found = _MONEY.fullmatch(format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value))
    if found is None or (found[1] and found[3]):
        raise ValueError("not money in USD: give an amount such as 50 or 50 USD")
    return Decimal(found[2])


def _percent(value: Any) -> float:
    if isinstance(value, str) and value.endswith("%"):
        value = float(value[:-1])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a percentage: give 0 to 100")
    return float(value)


def _time_of_day(value: Any) -> str:
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        raise ValueError('not a time of day: quote it, such as "01:00"')
    return value


def minutes_of_day(text: str) -> int:
    """«01:30» → 90; «24:00» → 1440."""
    return int(text[:2]) * 60 + int(text[3:])


def clock_time(text: str) -> time:
    return time(int(text[:2]) % 24, int(text[3:]))


def date_range(text: str) -> tuple[date, date]:
    """«2026-11-26/2026-11-30», both ends included; one date alone is itself. Raises ValueError."""
    found = _DATES.fullmatch(text)
    if found is None:
        raise ValueError("not dates: give 2026-11-26 or 2026-11-26/2026-11-30")
    first = date.fromisoformat(found[1])
    last = date.fromisoformat(found[2]) if found[2] else first
    if last < first:
        raise ValueError("the last date is before the first")
    return first, last


def _dates(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('not dates: quote them, such as "2026-11-26/2026-11-30"')
    date_range(value)
    return value


def _zone(value: Any) -> str:
    try:
        ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("not a time zone: give an IANA name, such as Asia/Seoul or UTC") from None
    except KeyError:
        raise ValueError(f"no time zone is called {value!r}: give an IANA name, such as Asia/Seoul or UTC") from None
    return str(value)


def _moment(value: Any) -> Any:
    from datetime import datetime

    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError('not a time: quote it, such as "2027-01-01T00:00:00Z"')
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError('not a time: give UTC, such as "2027-01-01T00:00:00Z"') from None


Duration = Annotated[str, BeforeValidator(_duration)]
Usd = Annotated[
    Decimal,
    Field(allow_inf_nan=False),
    BeforeValidator(_money),
    PlainSerializer(lambda v: format(v, "f"), when_used="json"),
]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), BeforeValidator(_percent)]
TimeOfDay = Annotated[str, BeforeValidator(_time_of_day)]
Dates = Annotated[str, BeforeValidator(_dates)]
Zone = Annotated[str, BeforeValidator(_zone)]
Moment = Annotated[UtcTime, BeforeValidator(_moment)]

__all__ = [
    "PERIOD_SECONDS",
    "Dates",
    "Duration",
    "Moment",
    "Percent",
    "TimeOfDay",
    "Usd",
    "Zone",
    "clock_time",
    "date_range",
    "duration_seconds",
    "minutes_of_day",
    "utc_text",
]
